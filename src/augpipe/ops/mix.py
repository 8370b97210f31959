"""Ops that mix a sample with others.

Among the ops for each picture the partners are rows of the whole dataset, drawn from the sample's
key: before they are mixed they go through the ops that come before, with draws of their own. On
whole batches the partner is another row of the batch: there, and only there, a sample depends on
which others share its batch. In mode elem that is true of the partner alone: how much of it shows,
and where, is drawn from the sample's own key. In the modes pair and batch it is drawn from the key
of a pair's or the batch's first row, so that it depends on the order of the rows as well.

Labels become distributions over classes. Boxes, masks and keypoints of all pictures carry over.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augpipe.errors import RecipeError
from augpipe.ops.base import Op, beta, between, register
from augpipe.ops.matrix import identity, window
from augpipe.plan import Border, Floats, Mix, Params, Step, Warp
from augpipe.schema import Color, FractionRange, Probability, Side

Mode = Literal["elem", "pair", "batch"]
Concentration = Annotated[float, Field(gt=0)]
Sizes = NDArray[np.int64]
Mask = NDArray[np.bool_]


class MixOp(Op):
    """Abstract: makes one picture of a sample and its partners.

    Attributes:
        partners: how many partners each sample has.
    """

    partners: ClassVar[int] = 1
    mixes_labels: ClassVar[bool] = True

    @abstractmethod
    def needed(self, params: Params) -> NDArray[np.bool_]:
        """(B, 1 + partners): which pictures are to be seen; the sample's own first."""

    @abstractmethod
    def mix(self, params: Params, sizes: Sequence[Sizes]) -> tuple[Sequence[Warp | None], Mix]:
        """For pictures of (B, 2) sizes: how each is put into place, and how they are mixed."""

    def lower(self, params: Params, size: Sizes) -> Step | Sequence[Step]:
        """On whole batches; here, refused."""
        raise RecipeError(f"{self.name()} mixes rows of the dataset; move it from batch to the ops")


class _PairOp(MixOp):
    """Abstract: two pictures of one size; in the workers, or on whole batches."""

    mode: Mode = "elem"
    p: Probability = 1.0

    @abstractmethod
    def blend(self, params: Params, size: Sizes) -> dict[str, NDArray[Any]]:
        """What the executors need, and `weight`, the sample's own share of the label."""

    def needed(self, params: Params) -> NDArray[np.bool_]:
        """The partner is, unless the sample keeps all of its picture."""
        return np.stack([np.ones(len(params["lam"]), bool), params["lam"] < 1], axis=1)

    def mix(self, params: Params, sizes: Sequence[Sizes]) -> tuple[Sequence[Warp | None], Mix]:
        """The partner's picture over the sample's own."""
        if self.mode != "elem":
            raise RecipeError(f"mode {self.mode!r} shares draws within a batch; move it to batch")
        needed, (own, other) = self.needed(params), sizes
        if (needed[:, 1] & (own != other).any(axis=1)).any():
            raise RecipeError(
                "mixes pictures of one size, and they differ; put an op that fixes the size "
                "before it, such as random_resized_crop or letterbox"
            )
        return (None, None), _in_place(self, self.blend(params, own), own, needed=needed)

    def lower(self, params: Params, size: Sizes) -> Mix:
        """On whole batches: the next row is the partner, or in pairs the one counted from the end.

        In mode batch all rows have the first one's draws, in mode pair both of a pair the first's.
        A row that is left over is its own partner.
        """
        row = np.arange(len(size))
        whose = {"elem": row, "batch": 0 * row, "pair": np.minimum(row, row[::-1])}[self.mode]
        shared = {name: value[whose] for name, value in params.items()}
        partner = len(row) - 1 - row if self.mode == "pair" else np.roll(row, -1)
        needed = self.needed(shared)
        needed[:, 1] &= partner != row  # a row that is its own partner stays as it is
        return _in_place(self, self.blend(shared, size) | {"partner": partner}, size, needed=needed)


@register
class Mixup(_PairOp):
    """Average two pictures, and their labels alike. Zhang et al. 2018; torchvision's MixUp.

    x = lam x1 + (1 - lam) x2 with lam ~ Beta(alpha, alpha), drawn for each sample. With boxes,
    masks or keypoints both pictures keep all of theirs, as in YOLO's mixup (alpha 32 there).

    Attributes:
        alpha: of the Beta distribution; 0.2 is usual for ImageNet, 1 for CIFAR.
        mode: on whole batches: whether lam is drawn for each sample (elem), pair, or batch. timm's,
            whose rows of a pair are counted from both ends; in the other modes the partner is the
            next row, and the first row is the last one's.
        p: probability.
    """

    alpha: Concentration = 1.0
    draws = 2
    identity = {"lam": 1.0, "partner": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """How much is the sample's own, and which partner: a fraction of the dataset."""
        return {"lam": beta(u[:, 0], self.alpha, self.alpha), "partner": u[:, 1:]}

    def blend(self, params: Params, size: Sizes) -> dict[str, NDArray[Any]]:
        """The label is shared as the picture is."""
        return {"lam": params["lam"], "weight": params["lam"]}


@register
class Cutmix(_PairOp):
    """Put a rectangle of another picture into this one. Yun et al. 2019; torchvision's CutMix.

    The rectangle has the picture's aspect and its share 1 - lam of the area, lam ~ Beta(alpha,
    alpha); its centre is uniform in the picture, and it is cut off at the edges. Its edges are
    rounded to whole pixels.

    Attributes:
        alpha: of the Beta distribution.
        correct_lam: whether the label is the exact share of pixels, as published code has it; else
            lam as it was drawn.
        mode: on whole batches: whether the rectangle is drawn for each sample (elem), pair, or
            batch. timm's.
        p: probability.
    """

    alpha: Concentration = 1.0
    correct_lam: bool = True
    draws = 4
    identity = {"lam": 1.0, "centre": 0.0, "partner": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The share that is kept, the rectangle's centre as fractions, and which partner."""
        lam = beta(u[:, 0], self.alpha, self.alpha)
        return {"lam": lam, "centre": u[:, 1:3], "partner": u[:, 3:]}

    def blend(self, params: Params, size: Sizes) -> dict[str, NDArray[Any]]:
        """The rectangle x0, y0, x1, y1 in whole pixels."""
        limits = size[:, ::-1]
        half = np.sqrt(1 - params["lam"])[:, None] * limits / 2
        centre = params["centre"] * limits
        corners = np.concatenate([centre - half, centre + half], axis=1).round()
        rectangle = np.clip(corners, 0, np.tile(limits, 2)).astype(np.int64)
        area = np.prod(rectangle[:, 2:] - rectangle[:, :2], axis=1)
        exact = 1 - area / np.prod(size, axis=1)
        weight = exact if self.correct_lam else params["lam"]
        return {"rectangle": rectangle, "weight": weight}


@register
class Mosaic(MixOp):
    """Four pictures around a point, as YOLOv4 and its successors train with.

    Each picture is scaled to fit `size`. On a canvas of twice that size they are put against a
    common corner, and the window of `size` at the canvas's middle is shown. Warps that follow are
    carried out on the four pictures themselves as long as they ask for the same border (give
    them the same `fill`): the canvas never exists, and each picture is sampled once. A picture's
    pixels never show beyond its quadrant.

    Deviation: where `p` misses, the sample's picture alone is shown, in the middle (a letterbox).

    Attributes:
        size: output side in pixels, or [height, width].
        center_range: where the common corner lies, as fractions of the canvas.
        fill: gray or RGB, 0 to 255, between and around the pictures.
        p: probability.
    """

    size: Side | tuple[Side, Side]
    center_range: FractionRange = (0.25, 0.75)
    fill: Color = (114.0, 114.0, 114.0)
    p: Probability = 1.0
    partners = 3
    draws = 5
    identity = {"tiled": 0.0, "center": 0.5, "partner": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The common corner in the canvas, x and y, and which partners."""
        center = between(u[:, :2], self.center_range)
        return {"tiled": np.ones(len(u)), "center": center, "partner": u[:, 2:]}

    def needed(self, params: Params) -> NDArray[np.bool_]:
        """All four, or the sample's own alone."""
        tiled = params["tiled"] > 0
        return np.stack([np.ones_like(tiled), tiled, tiled, tiled], axis=1)

    def mix(self, params: Params, sizes: Sequence[Sizes]) -> tuple[Sequence[Warp | None], Mix]:
        """Scale and place each picture; each then shows in its own quadrant."""
        out = np.broadcast_to(np.array(self.size), sizes[0].shape)
        limits, tiled = out[:, ::-1], params["tiled"][:, None] > 0
        corner = np.where(tiled, (params["center"] * 2 - 0.5) * limits, limits).round()
        warps = [self._placed(n, size, out, corner, tiled) for n, size in enumerate(sizes)]
        mix = _in_place(self, {"corner": corner}, out, needed=self.needed(params), absorbs=True)
        return warps, mix

    def _placed(self, number: int, size: Sizes, out: Sizes, corner: Floats, tiled: Mask) -> Warp:
        """Picture 0 has its bottom right at the corner, 1 its bottom left, 2 its top right."""
        scaled = (size * (out / size).min(axis=1, keepdims=True)).round()
        fitted = np.maximum(scaled, 1).astype(np.int64)
        before = np.array([number < 2, number % 2 == 0])
        in_the_middle = np.floor((out - fitted) / 2)
        start = np.where(tiled, corner[:, ::-1] - before * fitted, in_the_middle)
        matrix = window(-start * (size / fitted), size, fitted)
        return Warp(matrix, out, "bilinear", Border("constant", self.fill))


@register
class CopyPaste(MixOp):
    """Paste objects of another picture onto this one. Ghiasi et al. 2021, "Simple Copy-Paste".

    Each object of the partner is pasted with probability `paste`, cut out along its instance mask;
    what it covers loses masks and boxes accordingly. The paper scales (0.1 to 2) and flips both
    pictures before: write those ops before this one. Needs instance masks.

    Attributes:
        paste: probability of each object.
        p: probability that any are pasted.
    """

    paste: Probability = 0.5
    p: Probability = 1.0
    mixes_labels = False
    draws = 2
    identity = {"paste": 0.0, "seed": 0.0, "partner": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The probability, a seed for the choice of objects, and which partner."""
        seed = np.floor(u[:, 0] * 2.0**32)
        return {"paste": np.full(len(u), self.paste), "seed": seed, "partner": u[:, 1:]}

    def needed(self, params: Params) -> NDArray[np.bool_]:
        """The partner is, where anything is pasted."""
        return np.stack([np.ones(len(params["paste"]), bool), params["paste"] > 0], axis=1)

    def mix(self, params: Params, sizes: Sequence[Sizes]) -> tuple[Sequence[Warp | None], Mix]:
        """The partner keeps its scale; its top left is put at the sample's."""
        values = {"paste": params["paste"], "seed": params["seed"]}
        own = sizes[0]
        matrix = identity(len(own))
        place = Warp(matrix, own, "bilinear", Border("constant"))
        return (None, place), _in_place(self, values, own, needed=self.needed(params))


def _in_place(op: MixOp, params: Params, size: Sizes, **fields: Any) -> Mix:
    return Mix(op.name(), params, size, identity(len(size)), **fields)
