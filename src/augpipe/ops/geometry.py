"""Ops that move pixels. Each is a matrix from output to input coordinates (see `augpipe.plan`)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator

from augpipe.errors import PlanError
from augpipe.ops.base import Op, between, register
from augpipe.ops.rectangle import DRAWS, draw_rectangles, first_fit
from augpipe.plan import Border, BorderMode, Floats, Interpolation, Params, Warp
from augpipe.schema import (
    Color,
    Fraction,
    PositiveRange,
    Probability,
    ShareRange,
    Side,
    SymmetricRange,
)

Shear = Annotated[
    tuple[float, float, float, float],
    BeforeValidator(lambda value: _shear(value)),
    AfterValidator(lambda value: _ordered_shear(value)),
]


@register
class HorizontalFlip(Op):
    """Mirror left and right. torchvision's RandomHorizontalFlip.

    Attributes:
        p: probability.
    """

    p: Probability = 0.5
    identity = {"flip": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to flip, always; `p` takes it back."""
        return {"flip": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Exact, and never leaves the picture."""
        return Warp(_mirror(params["flip"], size[:, 1], axis=0), size)


@register
class VerticalFlip(Op):
    """Mirror top and bottom. torchvision's RandomVerticalFlip.

    Attributes:
        p: probability.
    """

    p: Probability = 0.5
    identity = {"flip": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to flip, always; `p` takes it back."""
        return {"flip": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Exact, and never leaves the picture."""
        return Warp(_mirror(params["flip"], size[:, 0], axis=1), size)


@register
class Resize(Op):
    """Resize, with antialiasing. torchvision's Resize.

    Attributes:
        size: the shorter side in pixels, keeping the aspect; or [height, width].
        interpolation: bilinear or nearest.
    """

    size: Side | tuple[Side, Side]
    interpolation: Interpolation = "bilinear"

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Nothing is random."""
        return {}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """One scaling; the longer side is rounded down, as torchvision does."""
        if isinstance(self.size, tuple):
            out = np.broadcast_to(np.array(self.size), size.shape)
        else:
            out = size * self.size // size.min(axis=1, keepdims=True)
        return Warp(_window(np.zeros(size.shape), size, out), out, self.interpolation)


@register
class CenterCrop(Op):
    """Cut the middle out. torchvision's CenterCrop.

    Deviation: a picture smaller than the crop is an error instead of being padded.

    Attributes:
        size: the output's side in pixels, or [height, width].
    """

    size: Side | tuple[Side, Side]

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Nothing is random."""
        return {}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Whole pixels, so exact."""
        out = np.broadcast_to(np.array(self.size), size.shape)
        if small := [f"{h}x{w}" for h, w in size[np.any(size < out, axis=1)]]:
            raise PlanError(
                f"a picture of {small[0]} is smaller than the crop of {out[0, 0]}x{out[0, 1]}; "
                "put a resize before it"
            )
        return Warp(_window(np.round((size - out) / 2), out, out), out)


@register
class RandomResizedCrop(Op):
    """Crop a random area at a random aspect, and resize it. torchvision's RandomResizedCrop.

    Ten crops are drawn and the first that fits is taken; if none does, the largest central crop
    within `ratio` (Szegedy et al., "Going deeper with convolutions", 2015, section 6).

    Attributes:
        size: the output's side in pixels, or [height, width].
        scale: the crop's share of the picture's area.
        ratio: the crop's width over its height, drawn uniformly in its logarithm.
        interpolation: bilinear or nearest.
    """

    size: Side | tuple[Side, Side]
    scale: ShareRange = (0.08, 1.0)
    ratio: PositiveRange = (3 / 4, 4 / 3)
    interpolation: Interpolation = "bilinear"
    draws = DRAWS

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Area and aspect of ten tries (B, 10); where the crop lies (B, 2), 0 to 1 of the room."""
        return draw_rectangles(u, self.scale, self.ratio)

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """A crop at whole pixels, scaled to `size`."""
        crop, fits = first_fit(params["area"], params["ratio"], size)
        crop = np.where(fits[:, None], crop, self._central(size))
        place = np.floor(params["place"][:, ::-1] * (size - crop + 1))
        corner = np.where(fits[:, None], place, (size - crop) // 2)
        out = np.broadcast_to(np.array(self.size), size.shape)
        return Warp(_window(corner, crop, out), out, self.interpolation)

    def _central(self, size: NDArray[np.int64]) -> Floats:
        height, width = size.T.astype(np.float64)
        low, high = self.ratio
        return np.stack(
            [np.minimum(height, np.round(width / low)), np.minimum(width, np.round(height * high))],
            axis=1,
        )


@register
class Affine(Op):
    """Rotate, shift, scale and shear about the centre. torchvision's RandomAffine.

    Deviations: a positive angle turns counter-clockwise as seen; shifts are not rounded to whole
    pixels; bilinear by default.

    Attributes:
        degrees: range of the angle in degrees; a number a means [-a, a].
        translate: largest shift as fractions of width and height.
        scale: range of the scale.
        shear: range of the shear along x in degrees; a number a means [-a, a]; four numbers are
            the ranges along x and y.
        interpolation: bilinear or nearest.
        border: constant (shows `fill`), replicate or reflect.
        fill: grey or RGB, 0 to 255.
        p: probability.
    """

    degrees: SymmetricRange = (0.0, 0.0)
    translate: tuple[Fraction, Fraction] = (0.0, 0.0)
    scale: PositiveRange = (1.0, 1.0)
    shear: Shear = (0.0, 0.0, 0.0, 0.0)
    interpolation: Interpolation = "bilinear"
    border: BorderMode = "constant"
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 1.0
    draws = 6
    identity = {"angle_deg": 0.0, "shift": 0.0, "scale": 1.0, "shear_deg": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Angle and scale (B,); shift as fractions of width and height, and shear (B, 2)."""
        shift, shear = np.array(self.translate), np.array(self.shear)
        return {
            "angle_deg": between(u[:, 0], self.degrees),
            "shift": shift * (2 * u[:, 1:3] - 1),
            "scale": between(u[:, 3], self.scale),
            "shear_deg": shear[0::2] + (shear[1::2] - shear[0::2]) * u[:, 4:6],
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """The inverse of: to the centre, shear, scale, rotate, back and shift."""
        centre = size[:, ::-1] / 2
        forward = _linear(params["angle_deg"], params["scale"], params["shear_deg"])
        inverse = np.linalg.inv(forward)
        matrix = _eye(len(size))
        matrix[:, :2, :2] = inverse
        moved = centre + params["shift"] * size[:, ::-1]
        matrix[:, :2, 2] = centre - (inverse @ moved[:, :, None])[:, :, 0]
        return Warp(matrix, size, self.interpolation, Border(self.border, self.fill))


def _eye(rows: int) -> Floats:
    return np.tile(np.eye(3), (rows, 1, 1))


def _mirror(flip: NDArray[Any], extent: NDArray[np.int64], *, axis: int) -> Floats:
    matrix = _eye(len(flip))
    matrix[:, axis, axis] = 1 - 2 * flip
    matrix[:, axis, 2] = flip * extent
    return matrix


def _window(corner: NDArray[Any], crop: NDArray[Any], out: NDArray[np.int64]) -> Floats:
    """The crop of that corner (top, left) and size, scaled to `out`."""
    matrix = _eye(len(crop))
    matrix[:, [1, 0], [1, 0]] = crop / out
    matrix[:, [1, 0], [2, 2]] = corner
    return matrix


def _linear(angle_deg: Floats, scale: Floats, shear_deg: Floats) -> Floats:
    """(B, 2, 2), input to output, as torchvision composes it; the sign of the angle is ours."""
    angle = -np.deg2rad(angle_deg)
    shear_x, shear_y = np.deg2rad(shear_deg).T
    cos, sin = np.cos(angle - shear_y) / np.cos(shear_y), np.sin(angle - shear_y) / np.cos(shear_y)
    matrix = np.empty((len(angle), 2, 2))
    matrix[:, 0, 0], matrix[:, 0, 1] = cos, -cos * np.tan(shear_x) - np.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = sin, -sin * np.tan(shear_x) + np.cos(angle)
    return matrix * scale[:, None, None]


def _shear(value: Any) -> Any:
    if isinstance(value, int | float):
        return (-value, value, 0.0, 0.0)
    if isinstance(value, list | tuple) and len(value) == 2:
        return (*value, 0.0, 0.0)
    return value


def _ordered_shear(value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if value[0] > value[1] or value[2] > value[3]:
        raise ValueError("each range should be written as low, high")
    return value
