"""One picture or mask through one warp, with OpenCV: crop, shrink, sample (`execute.warp`)."""

from __future__ import annotations

import cv2
import numpy as np

from augpipe.execute import warp
from augpipe.execute.cv2.types import Image
from augpipe.plan import Border, Floats, Interpolation
from augpipe.shrink import shrink_factor

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
        return cut(image, crop)
    outside = border if border and warp.leaves(matrix, out, image.shape[:2]) else None
    if outside and outside.mode == "constant":
        inset = warp.as_inset(matrix, out, image.shape[:2])
        if inset:
            return _fill_around(image, matrix, out, inset, interpolation, outside)
    if interpolation == "nearest":
        return _interpolate(image, matrix, out, interpolation, outside)
    factor = shrink_factor(matrix, out)
    if factor != (1, 1):
        image, matrix = _shrink(image, matrix, factor)
        crop = warp.as_crop(matrix, out, image.shape[:2])
    if crop and stays_within(crop, out, image.shape[:2]):
        return scaled(image, crop, out)
    return _interpolate(image, matrix, out, interpolation or "bilinear", outside)


def cut(image: Image, crop: warp.Crop) -> Image:
    """`crop.take`; NumPy is slow to copy what is mirrored or transposed, OpenCV is not."""
    return _turned(image[crop.top : crop.bottom, crop.left : crop.right], crop)


def scaled(image: Image, crop: warp.Crop, out: warp.Size) -> Image:
    """The crop scaled to size `out`, as if there were nothing beyond it."""
    height, width = out[::-1] if crop.transpose else out
    part = image[crop.top : crop.bottom, crop.left : crop.right]
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
    return _turned(np.asarray(small), crop)


def _turned(part: Image, crop: warp.Crop) -> Image:
    part = cv2.transpose(part) if crop.transpose else part
    if crop.flip_y or crop.flip_x:
        part = cv2.flip(part, -1 if crop.flip_y and crop.flip_x else int(crop.flip_x))
    return np.asarray(part)


def _fill_around(
    image: Image,
    matrix: Floats,
    out: warp.Size,
    inset: warp.Rectangle,
    interpolation: Interpolation | None,
    border: Border,
) -> Image:
    """Sample where the picture lies, fill the rest."""
    top, left, bottom, right = inset
    if top >= bottom or left >= right:
        return framed(image[:1, :1], (out[0], 0, out[1], 0), border)[: out[0], : out[1]]
    inner = sample(image, inset.shift(matrix), inset.size, interpolation)
    return framed(inner, (top, out[0] - bottom, left, out[1] - right), border)


def framed(inner: Image, beside: tuple[int, int, int, int], border: Border) -> Image:
    """Wider by `beside`: above, below, left, right."""
    framed = cv2.copyMakeBorder(inner, *beside, cv2.BORDER_CONSTANT, value=border.fill)
    return np.asarray(framed)


def stays_within(crop: warp.Crop, out: warp.Size, source: warp.Size) -> bool:
    """Whether scaling the crop alone equals sampling the whole picture through the crop.

    It does where bilinear sampling looks at no pixel beyond the crop: the crop is not magnified,
    or there is nothing beyond. `cv2.resize` is two to three times as fast as `cv2.warpAffine`.
    """
    height, width = out[::-1] if crop.transpose else out
    down = crop.bottom - crop.top >= height or (crop.top == 0 and crop.bottom == source[0])
    return down and (
        crop.right - crop.left >= width or (crop.left == 0 and crop.right == source[1])
    )


def _shrink(image: Image, matrix: Floats, factor: tuple[int, int]) -> tuple[Image, Floats]:
    """Take area means where the warp would skip pixels; see `shrink_factors`."""
    height, width = image.shape[:2]
    below, beside = -height % factor[0], -width % factor[1]
    if below or beside:
        image = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    size = (width + beside) // factor[1], (height + below) // factor[0]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small), warp.after_shrink(matrix, factor)


# With up to so many input pixels for each of the output, a fourth channel pays.
_PAYS = 8


def _interpolate(
    image: Image,
    matrix: Floats,
    out: warp.Size,
    interpolation: Interpolation,
    border: Border | None,
) -> Image:
    """One sampling of the picture where it is."""
    if interpolation == "bilinear" and _wants_alpha(image, out):
        return _without_alpha(_sampled(_with_alpha(image), matrix, out, interpolation, border))
    return _sampled(image, matrix, out, interpolation, border)


def affine(image: Image, numbers: Floats, out: warp.Size) -> Image:
    """The same through a (2, 3) map between pixel numbers that stays in the picture."""
    if _wants_alpha(image, out):
        return _without_alpha(_affine(_with_alpha(image), numbers, out))
    return _affine(image, numbers, out)


def _affine(image: Image, numbers: Floats, out: warp.Size) -> Image:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, numbers, out[::-1], None, flags, cv2.BORDER_REPLICATE))


def _wants_alpha(image: Image, out: warp.Size) -> bool:
    """OpenCV samples four channels in half the time of three, and to the same bits."""
    pays = image.shape[0] * image.shape[1] <= _PAYS * out[0] * out[1]
    return pays and image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8


def _with_alpha(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA))


def _without_alpha(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGBA2RGB))


def _sampled(
    image: Image,
    matrix: Floats,
    out: warp.Size,
    interpolation: Interpolation,
    border: Border | None,
) -> Image:
    numbers = warp.to_pixel_numbers(matrix)
    if interpolation == "nearest":
        numbers[:2] += warp.NEAREST_NUDGE * numbers[2]
    border = border or Border("replicate")
    flags = _INTERPOLATIONS[interpolation] | cv2.WARP_INVERSE_MAP
    mode = _BORDERS[border.mode]
    if warp.meets_horizon(matrix, out):
        x, y = np.moveaxis(_places(numbers, out), -1, 0)
        how = _INTERPOLATIONS[interpolation]
        moved = cv2.remap(image, x, y, how, None, mode, border.fill)
    elif numbers[2, 0] or numbers[2, 1]:
        moved = cv2.warpPerspective(image, numbers, out[::-1], None, flags, mode, border.fill)
    else:
        moved = cv2.warpAffine(image, numbers[:2], out[::-1], None, flags, mode, border.fill)
    return np.asarray(moved)


def _places(numbers: Floats, out: warp.Size) -> Image:
    """(h, w, 2) float32: which pixel number each output pixel shows."""
    y, x = np.mgrid[0 : out[0], 0 : out[1]]
    return warp.project(numbers, np.stack([x, y, np.ones_like(x)], axis=-1)).astype(np.float32)
