"""Carry out a plan on a whole batch, with torch, on any device.

The same plan, the same decisions (`execute.warp`) and the same rounding after every step as
`cv2_image`; pixels differ by the tolerances in `tests/cases.py`. All parameters are computed on
the host in float64, so the device is never waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import PlanError, suggest, within
from augpipe.execute import warp
from augpipe.plan import Border, Floats, Plan, Recolor, Step, Warp, needs_mean, shrink_factors

Values = Mapping[str, NDArray[Any]]

_PADDING = {"constant": "zeros", "replicate": "border", "reflect": "reflection"}


@torch.no_grad()
def run(plan: Plan, images: Tensor) -> Tensor:
    """Augment a batch.

    Args:
        plan: a plan of B rows, all of the batch's height and width.
        images: (B, 3, H, W), uint8, or float32 if already normalised.

    Returns:
        (B, 3, H', W') on the same device; uint8 in gives uint8 out unless `normalize` takes part.

    Raises:
        PlanError: another number of rows or another size than planned, or sizes that differ.
    """
    _check(plan, images)
    for step in plan.steps:
        with within(" + ".join(step.ops)):
            images = _apply(step, images)
    return images


def _check(plan: Plan, images: Tensor) -> None:
    given, planned = tuple(images.shape), (len(plan), 3, *plan.size[0].tolist())
    if given != planned or np.ptp(plan.size, axis=0).any():
        raise PlanError(f"the plan is for pictures of shape {planned}, the batch has {given}")
    if images.dtype not in (torch.uint8, torch.float32):
        raise PlanError(f"pictures must be uint8 or float32, not {images.dtype}")


def _apply(step: Step, pixels: Tensor) -> Tensor:
    """The step's result; uint8 stays uint8 after every step but `normalize`."""
    if isinstance(step, Warp):
        return _like(pixels, _warp(step, pixels))
    if isinstance(step, Recolor):
        return _like(pixels, _recolor(step, pixels))
    if step.name not in KERNELS:
        raise PlanError(f"torch has no kernel {step.name!r}; {suggest(step.name, KERNELS)}")
    return KERNELS[step.name](pixels, step.params)


def _like(pixels: Tensor, done: Tensor) -> Tensor:
    """What was computed in float32, in the type of the pixels it was computed from."""
    return done if done.dtype == pixels.dtype else done.round_().clamp_(0, 255).to(torch.uint8)


def _upload(values: NDArray[Any], like: Tensor) -> Tensor:
    host = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    if like.is_cuda:
        host = host.pin_memory()
    return host.to(like.device, non_blocking=True)


def _warp(step: Warp, pixels: Tensor) -> Tensor:
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
    if step.interpolation == "nearest":
        return _sample(step, pixels, step.matrix, out, "nearest")
    return _sample_shrunk(step, pixels, out)


def _take(image: Tensor, crop: warp.Crop) -> Tensor:
    part = image[:, crop.top : crop.bottom, crop.left : crop.right]
    part = part.transpose(1, 2) if crop.transpose else part
    flips = [axis for axis, flip in ((1, crop.flip_y), (2, crop.flip_x)) if flip]
    return part.flip(flips)


def _sample_shrunk(step: Warp, pixels: Tensor, out: warp.Size) -> Tensor:
    """Sample bilinearly; rows that skip pixels are shrunk first, each by its own factor."""
    factors = shrink_factors(step.matrix, step.size)
    levels, level_of = np.unique(factors, axis=0, return_inverse=True)
    result = pixels.new_empty((len(pixels), 3, *out), dtype=torch.float32)
    for number, factor in enumerate(levels):
        rows = np.flatnonzero(level_of.ravel() == number)
        where = torch.from_numpy(rows).to(pixels.device, non_blocking=True)
        small = _shrink(pixels[where], factor)
        matrix = np.stack([warp.after_shrink(row, factor) for row in step.matrix[rows]])
        result[where] = _sample(step, small, matrix, out, "bilinear")
    return result


def _shrink(pixels: Tensor, factor: NDArray[np.int64]) -> Tensor:
    """Area means over cells of `factor`; what is missing of the last cells repeats the edge."""
    fy, fx = int(factor[0]), int(factor[1])
    if fy == fx == 1:
        return pixels
    below, beside = -pixels.shape[2] % fy, -pixels.shape[3] % fx
    padded = F.pad(pixels.float(), (0, beside, 0, below), mode="replicate")
    return _like(pixels, F.avg_pool2d(padded, (fy, fx)))


def _sample(step: Warp, pixels: Tensor, matrix: Floats, out: warp.Size, mode: str) -> Tensor:
    source = pixels.shape[2], pixels.shape[3]
    border = step.border or Border("replicate")
    fill = _upload(np.array(border.fill), pixels)[:, None, None]
    grid = _grid(matrix, out, pixels) + (warp.NEAREST_NUDGE if mode == "nearest" else 0)
    grid = _within_edges(grid, [warp.leaves(row, out, source) for row in matrix], source)
    extent = _upload(np.array(source[::-1]), pixels)
    sampled = F.grid_sample(
        pixels - fill,
        2 * grid / extent - 1,
        mode=mode,
        padding_mode=_PADDING[border.mode],
        align_corners=False,
    )
    return sampled + fill


def _within_edges(grid: Tensor, leaves: list[bool], source: warp.Size) -> Tensor:
    """Let edge pixels reach as far as sampling looks, in rows that never leave the picture."""
    free = np.array(leaves)[:, None]
    low = np.where(free, -np.inf, 0.5) * np.ones((1, 2))
    high = np.where(free, np.inf, np.array(source[::-1]) - 0.5)
    return grid.maximum(_upload(low, grid)[:, None, None]).minimum(
        _upload(high, grid)[:, None, None]
    )


def _grid(matrix: Floats, out: warp.Size, like: Tensor) -> Tensor:
    """(B, h, w, 2): the input coordinates of the centres of all output pixels."""
    y = torch.arange(out[0], device=like.device, dtype=torch.float32) + 0.5
    x = torch.arange(out[1], device=like.device, dtype=torch.float32) + 0.5
    m = _upload(matrix, like)[:, None, None]
    points = x[:, None] * m[..., 0] + y[:, None, None] * m[..., 1] + m[..., 2]
    return points[..., :2] / points[..., 2:]


def _recolor(step: Recolor, pixels: Tensor) -> Tensor:
    matrix = _upload(step.matrix, pixels)[..., None, None]
    total = 255 * matrix[:, :, 6]
    if needs_mean(step).any():
        # Whole numbers add up exactly, in whatever order a device adds them.
        kind = torch.int64 if pixels.dtype == torch.uint8 else torch.float32
        mean = pixels.sum(dim=(2, 3), keepdim=True, dtype=kind).float() / pixels[0, 0].numel()
        total = _accumulate(total, matrix[:, :, 3:6], mean)
    return _accumulate(total, matrix[:, :, :3], pixels.float())


def _accumulate(total: Tensor, matrix: Tensor, colors: Tensor) -> Tensor:
    """Total + matrix @ colors; one channel after the other, so that no row depends on others."""
    for channel in range(3):
        total = torch.addcmul(total, matrix[:, :, channel], colors[:, channel : channel + 1])
    return total


def _gaussian_blur(pixels: Tensor, values: Values) -> Tensor:
    """Two passes of weighted shifts; a convolution would let rows depend on the batch's size."""
    taps = _upload(values["taps"], pixels)[..., None, None, None]
    radius = taps.shape[1] // 2
    blurred = pixels.float()
    for axis in (2, 3):
        wide = _reflect(blurred, radius, axis)
        blurred = torch.zeros_like(blurred)
        for place in range(2 * radius + 1):
            blurred.addcmul_(taps[:, place], wide.narrow(axis, place, pixels.shape[axis]))
    return _like(pixels, blurred)


def _reflect(pixels: Tensor, radius: int, axis: int) -> Tensor:
    """Extend by reflection about the edge pixels' centres, as often as a small picture needs."""
    extent = pixels.shape[axis]
    at = torch.arange(-radius, extent + radius, device=pixels.device)
    period = max(2 * (extent - 1), 1)
    at = at.remainder(period)
    return pixels.index_select(axis, torch.minimum(at, period - at).clamp(max=extent - 1))


def _hsv(pixels: Tensor, values: Values) -> Tensor:
    hue, saturation, value = (
        _upload(values[name], pixels)[:, None, None] for name in ("hue", "saturation", "value")
    )
    rgb = pixels / 255
    high, low = rgb.amax(dim=1), rgb.amin(dim=1)
    chroma = high - low
    turns = _hue(rgb, high, chroma) + hue
    s = (chroma / high.clamp(min=1e-12) * saturation).clamp(max=1)
    v = (high * value).clamp(max=1)
    # Foley & van Dam, in the closed form of one function for all three channels.
    offsets = pixels.new_tensor([5.0, 3.0, 1.0])[:, None, None]
    k = (offsets + 6 * turns[:, None]).remainder(6)
    changed = v[:, None] * (1 - s[:, None] * torch.minimum(k, 4 - k).clamp(0, 1))
    still = (hue == 0) & (saturation == 1) & (value == 1)
    return torch.where(still[:, None], pixels, _like(pixels, 255 * changed))


def _hue(rgb: Tensor, high: Tensor, chroma: Tensor) -> Tensor:
    """Hue in turns; 0 for grey."""
    r, g, b = rgb.unbind(dim=1)
    c = chroma.clamp(min=1e-12)
    sextant = torch.where(
        high == r, (g - b) / c, torch.where(high == g, 2 + (b - r) / c, 4 + (r - g) / c)
    )
    return sextant / 6


def _erase(pixels: Tensor, values: Values) -> Tensor:
    left, top, right, bottom = _upload(values["box"].T, pixels)[:, :, None, None]
    y = torch.arange(pixels.shape[2], device=pixels.device)[None, :, None]
    x = torch.arange(pixels.shape[3], device=pixels.device)[None, None, :]
    hole = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    value = _upload(values["value"], pixels)[:, :, None, None]
    return torch.where(hole[:, None], _like(pixels, value), pixels)


def _normalize(pixels: Tensor, values: Values) -> Tensor:
    mean, std = values["mean"][:, :, None, None], values["std"][:, :, None, None]
    return (pixels * _upload(1 / (255 * std), pixels)).sub_(_upload(mean / std, pixels))


KERNELS: dict[str, Callable[[Tensor, Values], Tensor]] = {
    "erase": _erase,
    "gaussian_blur": _gaussian_blur,
    "hsv": _hsv,
    "normalize": _normalize,
}
