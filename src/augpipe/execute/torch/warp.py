"""A batch through one warp, with torch: crop, shrink or sample (see `execute.warp`).

On a CPU each row goes the shortest way: slices where they do, else torch's own sampling, of what
was shrunk by the row's own factor. Elsewhere, and compiled, all rows go one way (`torch_sample`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import PlanError
from augpipe.execute.decide import Decisions, decide
from augpipe.execute.torch.sample import sample
from augpipe.execute.torch.stage import Kind, Stage, kinds_of
from augpipe.execute.torch.types import Given, Tensors, floats, like, spread
from augpipe.execute.warp import HORIZON, NEAREST_NUDGE, Size
from augpipe.plan import Border, BorderMode, Warp
from augpipe.shrink import shrink_factors

_PADDING = {"constant": "zeros", "replicate": "border", "reflect": "reflection"}


class Sight(NamedTuple):
    """How a row is sampled on the host.

    Attributes:
        fy, fx: by how much it is shrunk before.
        flat: whether the warp is affine.
        inset: whether the picture fills whole pixels of the output, with fill around them.
        free: whether sampling sees what lies beyond the edges.
    """

    fy: int
    fx: int
    flat: bool
    inset: bool
    free: bool


def warp(step: Warp, given: Given) -> tuple[Stage, ...]:
    """One warp of a batch: a stage, or one that shrinks and one that samples.

    Raises:
        PlanError: the pictures come out in different sizes.
    """
    if np.ptp(step.size, axis=0).any():
        raise PlanError(
            "pictures of one batch must come out in one size; resize to [height, width]"
        )
    out = int(step.size[0, 0]), int(step.size[0, 1])
    nearest, border = step.interpolation == "nearest", step.border or Border("replicate")
    made = decide(step.matrix, out, given.size)
    bilinear = step.interpolation == "bilinear"
    factor = shrink_factors(step.matrix, step.size) if not nearest else np.ones_like(step.size)
    options = (out, nearest, border.mode)
    arrays = _arrays(step, made, factor, given.size, border)
    if not given.fixed:
        kinds = _kinds(step, made, factor, given.size)
        return (Stage(None, arrays, options=options, kinds=kinds, alike=_alike),)
    sampling = Stage(sample, arrays, options=options)
    return (_shrink_in_place(factor), sampling) if bilinear else (sampling,)


def _arrays(
    step: Warp, made: Decisions, factor: NDArray[np.int64], source: Size, border: Border
) -> dict[str, NDArray[Any]]:
    """What sampling needs of each row; see `torch_sample.sample`."""
    inset = made.has_inset & (border.mode == "constant") & (step.border is not None)
    free = made.leaves & ~inset
    scale = np.concatenate([factor[:, ::-1], np.ones((len(factor), 1))], axis=1)
    extent = -(-np.array(source) // factor)[:, ::-1]
    whole = np.array([0, 0, *step.size[0]])
    return floats(
        matrix=step.matrix / scale[:, :, None],
        extent=extent,
        low=np.where(free[:, None], -np.inf, 0.5) * np.ones((1, 2)),
        high=np.where(free[:, None], np.inf, extent - 0.5),
        inset=np.where(inset[:, None], made.inset, whole),
        fill=np.tile(border.fill, (len(factor), 1)),
    )


def _kinds(step: Warp, made: Decisions, factor: NDArray[np.int64], source: Size) -> list[Kind]:
    """How each row goes, on the host: cropped, or sampled."""
    flat = np.all(step.matrix[:, 2, :2] == 0, axis=1)
    bordered = step.border is not None and step.border.mode == "constant"
    inset = made.has_inset & bordered
    sampled = kinds_of(factor, flat, inset, made.leaves & ~inset)
    cropped = kinds_of(made.crop, made.transpose, made.flip_y, made.flip_x)
    still = (0, 0, *source, 0, 0, 0)
    return [
        (None if crop == still else crop) if exact else free
        for exact, crop, free in zip(made.exact.tolist(), cropped, sampled, strict=True)
    ]


def _alike(
    pixels: Tensor,
    tensors: Tensors,
    kind: tuple[int, ...],
    out: Size,
    nearest: bool,
    mode: BorderMode,
) -> Tensor:
    """Rows of one kind."""
    if len(kind) > len(Sight._fields):
        return _crop(pixels, *kind)
    sight = Sight._make(kind)
    small = _shrink(pixels, sight.fy, sight.fx)
    sampled = _sample(small, tensors, out, nearest, mode, sight)
    return like(pixels, _fill_around(sampled, tensors) if sight.inset else sampled)


def _crop(
    pixels: Tensor,
    top: int,
    left: int,
    bottom: int,
    right: int,
    transpose: int,
    flip_y: int,
    flip_x: int,
) -> Tensor:
    part = pixels[:, :, top:bottom, left:right]
    part = part.transpose(2, 3) if transpose else part
    return part.flip([axis for axis, flip in ((2, flip_y), (3, flip_x)) if flip])


def _shrink_in_place(factor: NDArray[np.int64]) -> Stage:
    """Shrink each row by its own factors, into the corner of a picture of the same size."""
    kinds = kinds_of(factor)
    own: list[Kind] = [None if kind == (1, 1) else kind for kind in kinds]
    return Stage(None, kinds=own, alike=_into_corner, fixed=False)


def _into_corner(pixels: Tensor, _: Tensors, factor: tuple[int, int]) -> Tensor:
    small = _shrink(pixels, *factor)
    corner = pixels.clone()
    corner[:, :, : small.shape[2], : small.shape[3]] = small
    return corner


def _shrink(pixels: Tensor, fy: int, fx: int) -> Tensor:
    """Area means over cells of those factors; what the last cells lack repeats the edge."""
    if fy == fx == 1:
        return pixels
    below, beside = -pixels.shape[2] % fy, -pixels.shape[3] % fx
    padded = F.pad(pixels.float(), (0, beside, 0, below), mode="replicate")
    return like(pixels, F.avg_pool2d(padded, (fy, fx)))


def _sample(
    pixels: Tensor, tensors: Tensors, out: Size, nearest: bool, mode: BorderMode, sight: Sight
) -> Tensor:
    """Torch's own sampling, of pictures that fill the tensor."""
    fill = spread(tensors["fill"], 2)
    sampled = F.grid_sample(
        pixels.float() - fill,
        _places(tensors["matrix"], pixels, out, NEAREST_NUDGE if nearest else 0, sight),
        mode="nearest" if nearest else "bilinear",
        padding_mode=_PADDING[mode],
        align_corners=False,
    )
    return sampled.add_(fill)


def _places(matrix: Tensor, pixels: Tensor, out: Size, nudge: float, sight: Sight) -> Tensor:
    """(B, h, w, 2): where output pixels come from, as `grid_sample` counts: -1 to 1."""
    y = torch.arange(out[0], dtype=torch.float32)[:, None] + 0.5
    x = torch.arange(out[1], dtype=torch.float32) + 0.5
    m = spread(matrix, 2)
    places = matrix.new_empty((len(matrix), *out, 2))
    for axis, extent in enumerate((pixels.shape[3], pixels.shape[2])):
        scale = 2 / extent
        across, down = x * (m[:, axis, 0] * scale), y * (m[:, axis, 1] * scale)
        start = m[:, axis, 2] * scale
        if sight.flat:
            at = across + (down + (start + (nudge * scale - 1)))
        else:
            beyond = (x * m[:, 2, 0] + (y * m[:, 2, 1] + m[:, 2, 2])).clamp_(min=HORIZON)
            at = (across + (down + start)).div_(beyond).add_(nudge * scale - 1)
        # Edge pixels reach as far as sampling looks, where the border is not to be seen.
        places[..., axis] = at if sight.free else at.clamp_(1 / extent - 1, 1 - 1 / extent)
    return places


def _fill_around(sampled: Tensor, tensors: Tensors) -> Tensor:
    """Fill what lies beside the rectangles that the pictures fill."""
    framed = spread(tensors["fill"], 2).expand_as(sampled).clone()
    for row, (top, left, bottom, right) in enumerate(tensors["inset"].int().tolist()):
        framed[row, :, top:bottom, left:right] = sampled[row, :, top:bottom, left:right]
    return framed
