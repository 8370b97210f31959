"""Ops that blot parts of the picture out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from augpipe.ops.base import Op, between, register
from augpipe.ops.noise import SEED_DRAWS, field_seed
from augpipe.ops.rectangle import DRAWS, draw_rectangles, first_fit
from augpipe.plan import Floats, Kernel, Params
from augpipe.schema import Fraction, PositiveRange, Probability, Rgb, ShareRange, Side, ordered

MAX_HOLES = 64


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError("the range should be written as [low, high]")
    return value


Holes = Annotated[int, Field(ge=1, le=MAX_HOLES)]
HolesRange = Annotated[tuple[Holes, Holes], AfterValidator(ordered)]


@register
class RandomErasing(Op):
    """Fill a random rectangle (Zhong et al., "Random erasing data augmentation", 2017).

    torchvision's RandomErasing: the aspect is drawn uniformly in its logarithm, ten rectangles are
    drawn and the first that fits is taken; if none does, nothing is erased.

    Attributes:
        p: probability.
        scale: the rectangle's share of the picture's area.
        ratio: the rectangle's width over its height.
        value: grey or RGB; 0 to 255, or in normalised units after `normalize`. "random" gives each
            pixel and channel its own: uniformly 0 to 255, or after `normalize` standard normal.
    """

    p: Probability = 0.5
    scale: ShareRange = (0.02, 0.33)
    ratio: PositiveRange = (0.3, 3.3)
    value: Rgb | Literal["random"] = (0.0, 0.0, 0.0)
    draws = DRAWS + SEED_DRAWS
    identity = {"area": 0.0, "ratio": 1.0, "place": 0.0, "seed": 0.0}
    after_normalize = True

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Area and aspect of ten tries (B, 10), and where it lies (B, 2), 0 to 1 of the room.

        And the seed (B, 2) of what a random value looks like.
        """
        rectangles = draw_rectangles(u[:, :DRAWS], self.scale, self.ratio)
        return {**rectangles, "seed": field_seed(u[:, DRAWS:])}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """A half-open rectangle of whole pixels; an empty one where nothing is erased."""
        hole, fits = first_fit(params["area"], params["ratio"], size)
        hole = np.where(fits[:, None], hole, 0).astype(np.int64)
        corner = np.floor(params["place"][:, ::-1] * (size - hole + 1)).astype(np.int64)
        top_left, bottom_right = corner[:, ::-1], (corner + hole)[:, ::-1]
        boxes = np.concatenate([top_left, bottom_right], axis=1)[:, None]
        if self.value == "random":
            return Kernel("erase_random", {"boxes": boxes, "seed": params["seed"]})
        return _erase(boxes, self.value)


@register
class Cutout(Op):
    """Blot out squares (DeVries & Taylor, "Improved regularization with Cutout", 2017).

    As published, the centre is any pixel with equal probability and the square is clipped at the
    border, so that on average less than its area is lost. Deviation: 0 is black, not the mean;
    for the paper's, put `cutout` behind `normalize`.

    Attributes:
        n_holes: how many squares, 1 to 64; they may overlap.
        length: the squares' side in pixels; the paper's are for pictures of 32 x 32.
        fill: grey or RGB; 0 to 255, or in normalised units after `normalize`.
        p: probability.
    """

    n_holes: Holes = 1
    length: Side = 16
    fill: Rgb = (0.0, 0.0, 0.0)
    p: Probability = 1.0
    draws = 2 * MAX_HOLES
    identity = {"length_px": 0, "centre": 0.0}
    after_normalize = True

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The side in pixels, and the centres (B, n, 2): y and x, 0 to 1 of the picture."""
        centre = u[:, : 2 * self.n_holes].reshape(len(u), self.n_holes, 2)
        return {"length_px": np.full(len(u), self.length), "centre": centre}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Squares about a pixel each, clipped."""
        length = params["length_px"].astype(np.int64)[:, None, None]
        first = np.floor(params["centre"] * size[:, None]).astype(np.int64) - length // 2
        return _erase(_boxes(first, first + length, size), self.fill)


@register
class CoarseDropout(Op):
    """Blot out rectangles that lie inside of the picture. albumentations' CoarseDropout.

    Attributes:
        num_holes_range: how many, 1 to 64; both ends are drawn, and they may overlap.
        hole_height_range: range of the height as a fraction of the picture's.
        hole_width_range: range of the width as a fraction of the picture's.
        fill: grey or RGB; 0 to 255, or in normalised units after `normalize`.
        p: probability.
    """

    num_holes_range: HolesRange = (1, 2)
    hole_height_range: ShareRange = (0.1, 0.2)
    hole_width_range: ShareRange = (0.1, 0.2)
    fill: Rgb = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = 1 + 4 * MAX_HOLES
    identity = {"count": 0, "height": 0.0, "width": 0.0, "place": 0.0}
    after_normalize = True

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """How many, and for the most there can be: height, width (B, n), place (B, n, 2)."""
        fewest, most = self.num_holes_range
        each = u[:, 1 : 1 + 4 * most].reshape(len(u), most, 4)
        return {
            "count": np.floor(between(u[:, 0], (fewest, most + 1))).astype(np.int64),
            "height": between(each[:, :, 0], self.hole_height_range),
            "width": between(each[:, :, 1], self.hole_width_range),
            "place": each[:, :, 2:],
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Rectangles of whole pixels; those beyond the count are empty."""
        size = size[:, None]
        extent = np.round(np.stack([params["height"], params["width"]], axis=2) * size)
        extent = np.clip(extent, 1, size).astype(np.int64)
        first = np.floor(params["place"] * (size - extent + 1)).astype(np.int64)
        taken = np.arange(first.shape[1]) < params["count"][:, None]
        return _erase(_boxes(first, first + extent * taken[:, :, None], size[:, 0]), self.fill)


def _boxes(
    first: NDArray[np.int64], end: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(B, n, 4) half-open boxes x0, y0, x1, y1 from (B, n, 2) y and x, clipped at the border."""
    corners = [np.clip(corner, 0, size[:, None])[:, :, ::-1] for corner in (first, end)]
    return np.concatenate(corners, axis=2)


def _erase(boxes: NDArray[np.int64], fill: tuple[float, float, float]) -> Kernel:
    return Kernel("erase", {"boxes": boxes, "value": np.tile(fill, (len(boxes), 1))})


@register
class GridMask(Op):
    """Blot out the squares of a grid (Chen et al., "GridMask data augmentation", 2020).

    Deviation: the grid is not turned, and its unit is relative, so that it suits pictures of any
    size: the paper's 96 to 224 pixels of 224 are the default.

    Attributes:
        unit: range of the distance between two squares, as a fraction of the shorter side.
        ratio: the share of the unit that is *kept* between two squares, the paper's r. In
            albumentations' GridDropout `ratio` is the share that is lost.
        fill: grey or RGB; 0 to 255, or in normalised units after `normalize`.
        p: probability.
    """

    unit: ShareRange = (96 / 224, 1.0)
    ratio: Fraction = 0.6
    fill: Rgb = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = 3
    identity = {"unit": 1.0, "ratio": 1.0, "offset": 0.0}
    after_normalize = True

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Unit, ratio (B,), and where the grid begins (B, 2): y and x, 0 to 1 of the unit."""
        return {
            "unit": between(u[:, 0], self.unit),
            "ratio": np.full(len(u), self.ratio),
            "offset": u[:, 1:],
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """A grid of whole pixels that has no end: it is counted modulo its unit."""
        unit = np.maximum(np.round(params["unit"] * size.min(axis=1)), 1).astype(np.int64)
        return Kernel(
            "erase_grid",
            {
                "unit": unit,
                "hole": np.round((1 - params["ratio"]) * unit).astype(np.int64),
                "offset": np.floor(params["offset"] * unit[:, None]).astype(np.int64),
                "value": np.tile(self.fill, (len(size), 1)),
            },
        )
