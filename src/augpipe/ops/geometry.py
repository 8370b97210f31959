"""Ops that move pixels. Each is a matrix from output to input coordinates (see `augpipe.plan`)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from augpipe.ops.base import Op, between, register
from augpipe.ops.matrix import (
    about_centre,
    linear,
    mirror,
    onto_quad,
    quarter_turns,
    rotation,
    window,
)
from augpipe.plan import Border, BorderMode, Floats, Interpolation, Params, Warp
from augpipe.schema import (
    Color,
    Fraction,
    PositiveRange,
    Probability,
    Side,
    SymmetricRange,
)

_FourAngles = tuple[float, float, float, float]
Shear = Annotated[
    _FourAngles,
    BeforeValidator(
        lambda value: _shear(value),
        json_schema_input_type=float | tuple[float, float] | _FourAngles,
    ),
    AfterValidator(lambda value: _ordered_shear(value)),
]
ScaleOffsetRange = Annotated[SymmetricRange, AfterValidator(lambda value: _above_minus_one(value))]
QuarterTurns = Annotated[int, Field(ge=0, le=3)]


class _Flip(Op):
    """Abstract: mirror along one axis, 0 for x and 1 for y."""

    axis: ClassVar[int]

    p: Probability = 0.5
    identity = {"flip": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to flip, always; `p` takes it back."""
        return {"flip": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Exact, and never leaves the picture."""
        return Warp(mirror(params["flip"], size[:, 1 - self.axis], axis=self.axis), size)


@register
class HorizontalFlip(_Flip):
    """Mirror left and right. torchvision's RandomHorizontalFlip.

    Attributes:
        p: probability.
    """

    axis = 0


@register
class VerticalFlip(_Flip):
    """Mirror top and bottom. torchvision's RandomVerticalFlip.

    Attributes:
        p: probability.
    """

    axis = 1


@register
class Resize(Op):
    """Resize, with antialiasing. torchvision's Resize.

    Attributes:
        size: one side in pixels, keeping the aspect; or [height, width].
        side: which side a single `size` is, shorter or longer.
        max_size: where `size` is the shorter side, what the longer may be at most, in pixels; the
            picture becomes smaller where it would be more.
        interpolation: bilinear or nearest.
    """

    size: Side | tuple[Side, Side]
    side: Literal["shorter", "longer"] = "shorter"
    max_size: Side | None = None
    interpolation: Interpolation = "bilinear"

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """One scaling; the side that follows is rounded down, as torchvision does."""
        if isinstance(self.size, tuple):
            out = np.broadcast_to(np.array(self.size), size.shape)
        else:
            out = self._keep_aspect(self.size, size)
        return Warp(window(np.zeros(size.shape), size, out), out, self.interpolation)

    def _keep_aspect(self, target: int, size: NDArray[np.int64]) -> NDArray[np.int64]:
        given = size.min if self.side == "shorter" else size.max
        out = size * target // given(axis=1, keepdims=True)
        if self.max_size is not None:
            longer = out.max(axis=1, keepdims=True)
            out = np.where(longer > self.max_size, out * self.max_size // longer, out)
        return np.asarray(np.maximum(out, 1))

    @model_validator(mode="after")
    def _one_meaning(self) -> Resize:
        if isinstance(self.size, tuple) and (self.side != "shorter" or self.max_size):
            raise ValueError("[height, width] leaves nothing to `side` and `max_size`")
        if self.max_size and (self.side == "longer" or self.max_size <= np.max(self.size)):
            raise ValueError("`max_size` limits the longer side, so it is more than the shorter")
        return self


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
        forward = linear(params["angle_deg"], params["scale"], params["shear_deg"])
        matrix = about_centre(forward, params["shift"], size)
        return Warp(matrix, size, self.interpolation, Border(self.border, self.fill))


@register
class Rotate(Op):
    """Rotate about the centre. torchvision's RandomRotation, without `expand`.

    Deviation: bilinear by default.

    Attributes:
        degrees: range of the angle in degrees, counter-clockwise as seen; a number a means [-a, a].
        interpolation: bilinear or nearest.
        border: constant (shows `fill`), replicate or reflect.
        fill: grey or RGB, 0 to 255.
        p: probability.
    """

    degrees: SymmetricRange
    interpolation: Interpolation = "bilinear"
    border: BorderMode = "constant"
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 1.0
    draws = 1
    identity = {"angle_deg": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The angle in degrees (B,)."""
        return {"angle_deg": between(u[:, 0], self.degrees)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """The picture keeps its size; its corners may leave it."""
        forward = rotation(params["angle_deg"], np.ones(len(size)))
        matrix = about_centre(forward, np.zeros(size.shape), size)
        return Warp(matrix, size, self.interpolation, Border(self.border, self.fill))


@register
class Rotate90(Op):
    """Turn by right angles. albumentations' RandomRotate90.

    A picture that is not square lies on its side afterwards.

    Attributes:
        turns: how many quarter turns counter-clockwise, of which one is chosen.
        p: probability.
    """

    turns: Annotated[tuple[QuarterTurns, ...], Field(min_length=1)] = (0, 1, 2, 3)
    p: Probability = 1.0
    draws = 1
    identity = {"turns": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The number of quarter turns (B,)."""
        return {"turns": np.array(self.turns)[(u[:, 0] * len(self.turns)).astype(np.int64)]}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Exact, and never leaves the picture."""
        turns = params["turns"].astype(np.int64)
        out = np.where(turns[:, None] % 2 == 1, size[:, ::-1], size)
        return Warp(quarter_turns(turns, size), out)


@register
class ShiftScaleRotate(Op):
    """Shift, scale and rotate about the centre. albumentations' ShiftScaleRotate.

    Attributes:
        shift_limit: range of the shift along x and along y, drawn apart, as fractions of width and
            height; a number a means [-a, a].
        scale_limit: range of what is added to a scale of 1; a number a means [-a, a].
        rotate_limit: range of the angle in degrees, counter-clockwise as seen; a number a means
            [-a, a].
        interpolation: bilinear or nearest.
        border: constant (shows `fill`), replicate or reflect.
        fill: grey or RGB, 0 to 255.
        p: probability.
    """

    shift_limit: SymmetricRange = (-0.0625, 0.0625)
    scale_limit: ScaleOffsetRange = (-0.1, 0.1)
    rotate_limit: SymmetricRange = (-45.0, 45.0)
    interpolation: Interpolation = "bilinear"
    border: BorderMode = "constant"
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = 4
    identity = {"shift": 0.0, "scale": 1.0, "angle_deg": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Shift as fractions of width and height (B, 2); scale and angle (B,)."""
        return {
            "shift": between(u[:, :2], self.shift_limit),
            "scale": 1 + between(u[:, 2], self.scale_limit),
            "angle_deg": between(u[:, 3], self.rotate_limit),
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """An affine without shear."""
        forward = rotation(params["angle_deg"], params["scale"])
        matrix = about_centre(forward, params["shift"], size)
        return Warp(matrix, size, self.interpolation, Border(self.border, self.fill))


@register
class Perspective(Op):
    """See the picture from aside: its corners move inwards. torchvision's RandomPerspective.

    Deviations: corners are not rounded to whole pixels; no scale above 0.6, beyond which corners
    may cross a diagonal and the picture fold over.

    Attributes:
        distortion_scale: how far corners move at the most, as a share of half the width and height.
        interpolation: bilinear or nearest.
        border: constant (shows `fill`), replicate or reflect.
        fill: grey or RGB, 0 to 255.
        p: probability.
    """

    distortion_scale: Annotated[float, Field(ge=0, le=0.6)] = 0.5
    interpolation: Interpolation = "bilinear"
    border: BorderMode = "constant"
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = 8
    identity = {"inwards": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """How far each corner moves (B, 4, 2), clockwise, as fractions of width and height."""
        return {"inwards": self.distortion_scale / 2 * u.reshape(-1, 4, 2)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """The homography that puts the corners there."""
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        quad = corners + params["inwards"] * (1 - 2 * corners)
        matrix = onto_quad(quad * size[:, None, ::-1], size)
        return Warp(matrix, size, self.interpolation, Border(self.border, self.fill))


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


def _above_minus_one(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] <= -1:
        raise ValueError("a scale of 0 leaves nothing: more than -1")
    return value
