"""A batch through one warp, with torch: crop, shrink or sample (see `execute.warp`).

On a CPU each row goes the shortest way: slices where they do, else one axis after the other
(`upright`) where that does, else torch's own sampling; of what was shrunk by the row's own factor.
Elsewhere, and compiled, all rows go one way (`sample`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import PlanError
from augpipe.execute.decide import insets, leaving
from augpipe.execute.torch.cut import CUT, cut, cuts_of
from augpipe.execute.torch.sample import sample
from augpipe.execute.torch.stage import Kind, Stage, kinds_of
from augpipe.execute.torch.types import Finish, Given, Tensors, Values, floats, spread
from augpipe.execute.torch.upright import PAYS, resample, stands_upright, taps
from augpipe.execute.warp import HORIZON, NEAREST_NUDGE, Size
from augpipe.plan import Border, BorderMode, Floats, Warp
from augpipe.shrink import shrink_factors

_PADDING = {"constant": "zeros", "replicate": "border", "reflect": "reflection"}


class Sight(NamedTuple):
    """How a row is sampled on the host.

    Attributes:
        fy, fx: by how much it is shrunk before.
        flat: whether the warp is affine.
        inset: whether the picture fills whole pixels of the output, with fill around them.
        free: whether sampling sees what lies beyond the edges.
        upright: whether it goes along one axis after the other.
    """

    fy: int
    fx: int
    flat: bool
    inset: bool
    free: bool
    upright: bool


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
    edges = _edges(step, out, given.size)
    bilinear = step.interpolation == "bilinear"
    factor = shrink_factors(step.matrix, step.size) if not nearest else np.ones_like(step.size)
    options = (out, nearest, border.mode, given.finish)
    arrays = _arrays(step, edges, factor, border)
    if given.fixed:
        bounds = _bounds(edges, _extent(given.size, factor)[:, ::-1])
        sampling = Stage(sample, {**arrays, **bounds}, options=options)
        return (_shrink_in_place(factor, given), sampling) if bilinear else (sampling,)
    kinds, cuts = _kinds(step, edges, factor, out, given.size)
    sights = [kind for kind in kinds if isinstance(kind, Sight)]
    if any(sight.upright for sight in sights):
        arrays |= taps(_after_shrink(step.matrix, factor), out, _extent(given.size, factor))
    own = Stage(
        None, {**arrays, **cuts}, options=options, kinds=kinds, alike=_alike, floats=bool(sights)
    )
    return (own,)


class _Edges(NamedTuple):
    """Where the pictures' edges are to be seen.

    Attributes:
        free: (B,), whether a border shows that sampling has to look for.
        inset: (B,), whether the picture fills whole pixels of the output, with fill around them.
        filled: (B, 4) which ones: top, left, bottom, right; all of them where it does not.
    """

    free: NDArray[np.bool_]
    inset: NDArray[np.bool_]
    filled: NDArray[np.int64]


def _edges(step: Warp, out: Size, source: Size) -> _Edges:
    found = insets(step.matrix, out, source)
    inset = found.has_inset & (step.border is not None and step.border.mode == "constant")
    filled = np.where(inset[:, None], found.inset, (0, 0, *out))
    return _Edges(leaving(step.matrix, out, source) & ~inset, inset, filled)


def _arrays(
    step: Warp, edges: _Edges, factor: NDArray[np.int64], border: Border
) -> dict[str, NDArray[Any]]:
    """What sampling needs of each row."""
    return floats(
        matrix=_after_shrink(step.matrix, factor),
        inset=edges.filled,
        fill=np.tile(border.fill, (len(factor), 1)),
    )


def _bounds(edges: _Edges, extent: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """And in one form for all rows besides, of pictures of (B, 2) widths and heights."""
    free = edges.free[:, None]
    low, high = np.where(free, -np.inf, 0.5), np.where(free, np.inf, extent - 0.5)
    return floats(extent=extent, low=np.broadcast_to(low, extent.shape), high=high)


def _after_shrink(matrix: Floats, factor: NDArray[np.int64]) -> Floats:
    """The same maps into pictures that were shrunk by (B, 2) factors of height and width."""
    return matrix / np.insert(factor[:, ::-1], 2, 1, axis=1)[:, :, None]


def _extent(source: Size, factor: NDArray[np.int64]) -> NDArray[np.int64]:
    """(B, 2): height and width of a picture that was shrunk; what is left over is one pixel."""
    return -(-np.array(source) // factor)


def _kinds(
    step: Warp, edges: _Edges, factor: NDArray[np.int64], out: Size, source: Size
) -> tuple[list[Kind], Values]:
    """How each row goes, on the host: as it is, cut out, or sampled; and from where it is cut."""
    flat = np.all(step.matrix[:, 2, :2] == 0, axis=1)
    upright = stands_upright(step.matrix, out) & ~edges.free & (step.interpolation != "nearest")
    sights = np.column_stack([factor, flat, edges.inset, edges.free, upright])
    exact, cuts = cuts_of(step.matrix, edges.filled, source)
    still = exact & (cuts == (0, 0, *source, 0, 0, 0, 0, 0, *source)).all(axis=1)
    # Small pictures that are cut out, or stay, need not be parted: to copy those is less.
    still &= still.all() | ~exact.all() | (out[0] * out[1] >= PAYS)
    kinds: list[Kind] = [
        None if stays else CUT if cut else Sight(*sight)
        for stays, cut, sight in zip(still.tolist(), exact.tolist(), sights.tolist(), strict=True)
    ]
    return kinds, {"cut": cuts} if CUT in kinds else {}


def _alike(
    pixels: Tensor,
    tensors: Tensors,
    kind: Sight | str,
    out: Size,
    nearest: bool,
    mode: BorderMode,
    finish: Finish,
) -> Tensor:
    """Rows of one kind."""
    if not isinstance(kind, Sight):
        return cut(pixels, tensors["cut"], tensors["fill"], out, finish)
    small = _shrink(pixels, kind.fy, kind.fx, finish)
    if kind.upright:
        sampled = resample(small, tensors, out)
    else:
        sampled = _sample(small, tensors, out, nearest, mode, kind)
    return finish(_fill_around(sampled, tensors) if kind.inset else sampled)


def _shrink_in_place(factor: NDArray[np.int64], given: Given) -> Stage:
    """Shrink each row by its own factors, into the corner of a picture of the same size."""
    kinds = kinds_of(factor)
    own: list[Kind] = [None if kind == (1, 1) else kind for kind in kinds]
    return Stage(None, options=(given.finish,), kinds=own, alike=_into_corner, fixed=False)


def _into_corner(pixels: Tensor, _: Tensors, factor: tuple[int, int], finish: Finish) -> Tensor:
    small = _shrink(pixels, *factor, finish)
    corner = pixels.clone()
    corner[:, :, : small.shape[2], : small.shape[3]] = small
    return corner


def _shrink(pixels: Tensor, fy: int, fx: int, finish: Finish) -> Tensor:
    """Area means over cells of those factors; what the last cells lack repeats the edge."""
    if fy == fx == 1:
        return pixels
    below, beside = -pixels.shape[2] % fy, -pixels.shape[3] % fx
    padded = F.pad(pixels.float(), (0, beside, 0, below), mode="replicate")
    return finish(F.avg_pool2d(padded, (fy, fx)))


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
