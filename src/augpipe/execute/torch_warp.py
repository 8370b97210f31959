"""A batch through one warp, with torch: crop, shrink or sample (see `execute.warp`)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import PlanError
from augpipe.execute import warp
from augpipe.execute.torch_types import like, upload
from augpipe.plan import Border, Floats, Warp
from augpipe.shrink import shrink_factors

_PADDING = {"constant": "zeros", "replicate": "border", "reflect": "reflection"}


def run_warp(step: Warp, pixels: Tensor) -> Tensor:
    """The warped (B, 3, h, w) batch; float32 where it was interpolated."""
    out = int(step.size[0, 0]), int(step.size[0, 1])
    if np.ptp(step.size, axis=0).any():
        raise PlanError(
            "pictures of one batch must come out in one size; resize to [height, width]"
        )
    source = pixels.shape[2], pixels.shape[3]
    crops = [warp.as_crop(matrix, out, source) for matrix in step.matrix]
    exact = [crop for crop in crops if crop and crop.size == out]
    if len(exact) == len(crops):
        return torch.stack([_take(image, crop) for image, crop in zip(pixels, exact, strict=True)])
    insets = _insets(step, out, source)
    leaves = [warp.leaves(matrix, out, source) for matrix in step.matrix]
    free = np.array([away and not inset for away, inset in zip(leaves, insets, strict=True)])
    if step.interpolation == "nearest":
        sampled = _sample(step, pixels, step.matrix, free, "nearest")
    else:
        sampled = _sample_shrunk(step, pixels, free)
    return _fill_around(step, sampled, insets)


def _insets(step: Warp, out: warp.Size, source: warp.Size) -> list[warp.Rectangle | None]:
    """For each row, what the picture fills of the output; None where sampling does the border."""
    if not step.border or step.border.mode != "constant":
        return [None] * len(step.matrix)
    return [warp.as_inset(matrix, out, source) for matrix in step.matrix]


def _take(image: Tensor, crop: warp.Crop) -> Tensor:
    part = image[:, crop.top : crop.bottom, crop.left : crop.right]
    part = part.transpose(1, 2) if crop.transpose else part
    flips = [axis for axis, flip in ((1, crop.flip_y), (2, crop.flip_x)) if flip]
    return part.flip(flips)


def _sample_shrunk(step: Warp, pixels: Tensor, free: NDArray[np.bool_]) -> Tensor:
    """Sample bilinearly; rows that skip pixels are shrunk first, each by its own factor."""
    factors = shrink_factors(step.matrix, step.size)
    levels, level_of = np.unique(factors, axis=0, return_inverse=True)
    result = pixels.new_empty((len(pixels), 3, *step.size[0].tolist()), dtype=torch.float32)
    for number, factor in enumerate(levels):
        rows = np.flatnonzero(level_of.ravel() == number)
        where = torch.from_numpy(rows).to(pixels.device, non_blocking=True)
        small = _shrink(pixels[where], factor)
        matrix = np.stack([warp.after_shrink(row, factor) for row in step.matrix[rows]])
        result[where] = _sample(step, small, matrix, free[rows], "bilinear")
    return result


def _shrink(pixels: Tensor, factor: NDArray[np.int64]) -> Tensor:
    """Area means over cells of `factor`; what is missing of the last cells repeats the edge."""
    fy, fx = int(factor[0]), int(factor[1])
    if fy == fx == 1:
        return pixels
    below, beside = -pixels.shape[2] % fy, -pixels.shape[3] % fx
    padded = F.pad(pixels.float(), (0, beside, 0, below), mode="replicate")
    return like(pixels, F.avg_pool2d(padded, (fy, fx)))


def _sample(
    step: Warp, pixels: Tensor, matrix: Floats, free: NDArray[np.bool_], mode: str
) -> Tensor:
    border = step.border or Border("replicate")
    fill = upload(np.array(border.fill), pixels)[:, None, None]
    out = int(step.size[0, 0]), int(step.size[0, 1])
    grid = _grid(matrix, out, pixels) + (warp.NEAREST_NUDGE if mode == "nearest" else 0)
    extent = np.array([pixels.shape[3], pixels.shape[2]])
    grid = _within_edges(grid, free, extent)
    sampled = F.grid_sample(
        pixels - fill,
        2 * grid / upload(extent, pixels) - 1,
        mode=mode,
        padding_mode=_PADDING[border.mode],
        align_corners=False,
    )
    return sampled + fill


def _within_edges(grid: Tensor, free: NDArray[np.bool_], extent: NDArray[np.int64]) -> Tensor:
    """Let edge pixels reach as far as sampling looks, in rows whose border is not to be seen."""
    low = np.where(free[:, None], -np.inf, 0.5) * np.ones((1, 2))
    high = np.where(free[:, None], np.inf, extent - 0.5)
    return grid.maximum(upload(low, grid)[:, None, None]).minimum(upload(high, grid)[:, None, None])


def _fill_around(step: Warp, sampled: Tensor, insets: list[warp.Rectangle | None]) -> Tensor:
    """Fill what lies beside the rectangles, in the rows that have one."""
    if not step.border or not any(insets):
        return sampled
    whole = warp.Rectangle(0, 0, sampled.shape[2], sampled.shape[3])
    rectangles = np.array([inset or whole for inset in insets])
    top, left, bottom, right = upload(rectangles.T, sampled)[:, :, None, None]
    y = torch.arange(sampled.shape[2], device=sampled.device)[:, None]
    x = torch.arange(sampled.shape[3], device=sampled.device)
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    fill = upload(np.array(step.border.fill), sampled)[:, None, None]
    return torch.where(inside[:, None], sampled, fill)


def _grid(matrix: Floats, out: warp.Size, like: Tensor) -> Tensor:
    """(B, h, w, 2): the input coordinates of the centres of all output pixels."""
    y = torch.arange(out[0], device=like.device, dtype=torch.float32) + 0.5
    x = torch.arange(out[1], device=like.device, dtype=torch.float32) + 0.5
    m = upload(matrix, like)[:, None, None]
    points = x[:, None] * m[..., 0] + y[:, None, None] * m[..., 1] + m[..., 2]
    return points[..., :2] / points[..., 2:].clamp(min=warp.HORIZON)
