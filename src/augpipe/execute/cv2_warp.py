"""One picture or mask through one warp, with OpenCV: crop, shrink, sample (`execute.warp`)."""

from __future__ import annotations

import cv2
import numpy as np

from augpipe.execute import warp
from augpipe.execute.cv2_types import Image
from augpipe.plan import Border, Floats, Interpolation, shrink_factors

_BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "replicate": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
}
_INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


def sample(
    image: Image,
    matrix: Floats,
    out: warp.Size,
    interpolation: Interpolation | None = None,
    border: Border | None = None,
) -> Image:
    """Warp one (H, W, C) or (H, W) picture to size `out`; may return a view."""
    crop = warp.as_crop(matrix, out, image.shape[:2])
    if crop and crop.size == out:
        return crop.take(image)
    outside = border if border and warp.leaves(matrix, out, image.shape[:2]) else None
    if interpolation == "nearest":
        return _interpolate(image, matrix, out, interpolation, outside)
    image, matrix = _shrink(image, matrix, out)
    crop = warp.as_crop(matrix, out, image.shape[:2])
    if crop and _stays_within(crop, out, image.shape[:2]):
        return np.asarray(cv2.resize(crop.take(image), out[::-1], interpolation=cv2.INTER_LINEAR))
    return _interpolate(image, matrix, out, interpolation or "bilinear", outside)


def _stays_within(crop: warp.Crop, out: warp.Size, source: warp.Size) -> bool:
    """Whether scaling the crop alone equals sampling the whole picture through the crop.

    It does where bilinear sampling looks at no pixel beyond the crop: the crop is not magnified,
    or there is nothing beyond. `cv2.resize` is two to three times as fast as `cv2.warpAffine`.
    """
    across = (crop.left, crop.right, source[1]), (crop.top, crop.bottom, source[0])
    extents = out if crop.transpose else out[::-1]
    return all(
        high - low >= extent or (low == 0 and high == end)
        for (low, high, end), extent in zip(across, extents, strict=True)
    )


def _shrink(image: Image, matrix: Floats, out: warp.Size) -> tuple[Image, Floats]:
    """Take area means where the warp would skip pixels; see `shrink_factors`."""
    if not matrix[2, :2].any() and np.abs(matrix[:2, :2]).sum(axis=1).max() < 1.999:
        return image, matrix  # a cheaper bound on the same norm, for most pictures
    factor = shrink_factors(matrix[None], np.array([out]))[0]
    if factor.max() == 1:
        return image, matrix
    height, width = image.shape[:2]
    below, beside = -height % int(factor[0]), -width % int(factor[1])
    if below or beside:
        image = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    size = (width + beside) // int(factor[1]), (height + below) // int(factor[0])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small), warp.after_shrink(matrix, factor)


def _interpolate(
    image: Image,
    matrix: Floats,
    out: warp.Size,
    interpolation: Interpolation,
    border: Border | None,
) -> Image:
    numbers = warp.to_pixel_numbers(matrix)
    if interpolation == "nearest":
        numbers[:2, 2] += warp.NEAREST_NUDGE
    border = border or Border("replicate")
    flags = _INTERPOLATIONS[interpolation] | cv2.WARP_INVERSE_MAP
    mode = _BORDERS[border.mode]
    if numbers[2, :2].any():
        moved = cv2.warpPerspective(image, numbers, out[::-1], None, flags, mode, border.fill)
    else:
        moved = cv2.warpAffine(image, numbers[:2], out[::-1], None, flags, mode, border.fill)
    return np.asarray(moved)
