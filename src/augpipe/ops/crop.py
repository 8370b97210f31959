"""Ops that move the frame: crops inside of the picture, and frames wider than it.

A frame that leaves the picture shows its border there. A crop before it in the same run of warps
moved the frame too, and cut nothing off: where the real picture goes on, that is what shows.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from augpipe.errors import PlanError
from augpipe.ops.base import Op, between, register
from augpipe.ops.matrix import window
from augpipe.ops.rectangle import DRAWS, draw_rectangles, first_fit
from augpipe.plan import Border, BorderMode, Floats, Interpolation, Params, Warp
from augpipe.schema import Color, PositiveRange, Probability, ShareRange, Side

_Pixels = Annotated[int, Field(ge=0, le=2**14)]

# Left, top, right, bottom.
_FourSides = tuple[_Pixels, _Pixels, _Pixels, _Pixels]
Padding = Annotated[
    _FourSides,
    BeforeValidator(
        lambda value: _four_sides(value),
        json_schema_input_type=_Pixels | tuple[_Pixels, _Pixels] | _FourSides,
    ),
]
WideningRange = Annotated[PositiveRange, AfterValidator(lambda value: _widening(value))]


@register
class CenterCrop(Op):
    """Cut the middle out. torchvision's CenterCrop.

    Deviation: a picture smaller than the crop is an error instead of being padded.

    Attributes:
        size: the output's side in pixels, or [height, width].
    """

    size: Side | tuple[Side, Side]

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Whole pixels, so exact."""
        out = np.broadcast_to(np.array(self.size), size.shape)
        _refuse_smaller(size, out, "put a resize before it")
        return Warp(window(np.round((size - out) / 2), out, out), out)


@register
class RandomCrop(Op):
    """Cut a window of fixed size out at a random place. torchvision's RandomCrop.

    Deviation: reflection repeats the edge pixel, which torchvision calls symmetric.

    Attributes:
        size: the output's side in pixels, or [height, width].
        padding: how far the window may leave the picture, in pixels: one number, [horizontal,
            vertical] or [left, top, right, bottom].
        pad_if_needed: let the window leave a picture that is smaller than it.
        border: what it sees there: constant (shows `fill`), replicate or reflect.
        fill: grey or RGB, 0 to 255.
    """

    size: Side | tuple[Side, Side]
    padding: Padding = (0, 0, 0, 0)
    pad_if_needed: bool = False
    border: BorderMode = "constant"
    fill: Color = (0.0, 0.0, 0.0)
    draws = 2

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Where the window lies (B, 2): x and y, 0 to 1 of the room."""
        return {"place": u}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Whole pixels, so exact."""
        out = np.broadcast_to(np.array(self.size), size.shape)
        left, top, right, bottom = self.padding
        before, around = np.array([top, left]), np.array([top + bottom, left + right])
        missing = np.maximum(out - size - around, 0)
        if not self.pad_if_needed:
            _refuse_smaller(size + around, out, "put a resize before it, or set pad_if_needed")
        room = size + around + 2 * missing - out
        corner = np.floor(params["place"][:, ::-1] * (room + 1)) - before - missing
        border = Border(self.border, self.fill) if around.any() or missing.any() else None
        return Warp(window(corner, out, out), out, border=border)


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
        return Warp(window(corner, crop, out), out, self.interpolation)

    def _central(self, size: NDArray[np.int64]) -> Floats:
        height, width = size.T.astype(np.float64)
        low, high = self.ratio
        crop = np.round(np.stack([width / low, height * high], axis=1))
        return np.clip(crop, 1, size)


@register
class Pad(Op):
    """Widen the picture. torchvision's Pad; with `min_size`, albumentations' PadIfNeeded.

    Deviation: reflection repeats the edge pixel, which torchvision calls symmetric.

    Attributes:
        padding: pixels to add: one number, [horizontal, vertical] or [left, top, right, bottom].
        min_size: what the output's sides must at least be in pixels, or [height, width]; what is
            still missing is added evenly, an odd pixel at the bottom and at the right.
        border: constant (shows `fill`), replicate or reflect.
        fill: grey or RGB, 0 to 255.
    """

    padding: Padding = (0, 0, 0, 0)
    min_size: Side | tuple[Side, Side] = 1
    border: BorderMode = "constant"
    fill: Color = (0.0, 0.0, 0.0)

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Whole pixels, so exact."""
        left, top, right, bottom = self.padding
        padded = size + np.array([top + bottom, left + right])
        out = np.maximum(padded, np.array(self.min_size))
        corner = -np.array([top, left]) - (out - padded) // 2
        return Warp(window(corner, out, out), out, border=Border(self.border, self.fill))

    @model_validator(mode="after")
    def _does_something(self) -> Pad:
        if not any(self.padding) and np.max(self.min_size) == 1:
            raise ValueError("nothing to add: set padding or min_size")
        return self


@register
class Letterbox(Op):
    """Fit the whole picture into a frame, keeping its aspect, with bars beside it. YOLO's way.

    Attributes:
        size: the output's side in pixels, or [height, width].
        scale_up: whether a picture smaller than the frame grows.
        interpolation: bilinear or nearest.
        fill: the bars' grey or RGB, 0 to 255.
    """

    size: Side | tuple[Side, Side]
    scale_up: bool = True
    interpolation: Interpolation = "bilinear"
    fill: Color = (114.0, 114.0, 114.0)

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """The picture in whole pixels, in the middle; an odd pixel at the bottom and the right."""
        out = np.broadcast_to(np.array(self.size), size.shape)
        ratio = (out / size).min(axis=1, keepdims=True)
        fitted = np.maximum(np.round(size * (ratio if self.scale_up else np.minimum(ratio, 1))), 1)
        scale = size / fitted
        matrix = window(-((out - fitted) // 2) * scale, out * scale, out)
        return Warp(matrix, out, self.interpolation, Border("constant", self.fill))


@register
class ZoomOut(Op):
    """Put the picture on a larger canvas (SSD, Liu et al. 2015, section 2.2).

    torchvision's RandomZoomOut. The canvas differs in size from picture to picture; a resize after
    it brings them to one, and is the same resampling.

    Attributes:
        side_range: range of the canvas' sides over the picture's; at least 1.
        fill: the canvas' grey or RGB, 0 to 255.
        p: probability.
    """

    side_range: WideningRange = (1.0, 4.0)
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = 3
    identity = {"side": 1.0, "place": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """How much longer the sides are (B,), and the place (B, 2): x and y, 0 to 1 of the room."""
        return {"side": between(u[:, 0], self.side_range), "place": u[:, 1:]}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Whole pixels, so exact."""
        out = np.floor(size * params["side"][:, None]).astype(np.int64)
        corner = -np.floor(params["place"][:, ::-1] * (out - size))
        return Warp(window(corner, out, out), out, border=Border("constant", self.fill))


def _refuse_smaller(size: NDArray[np.int64], out: NDArray[np.int64], remedy: str) -> None:
    if small := [f"{h}x{w}" for h, w in size[np.any(size < out, axis=1)]]:
        raise PlanError(
            f"a picture of {small[0]} is smaller than the crop of {out[0, 0]}x{out[0, 1]}; {remedy}"
        )


def _four_sides(value: Any) -> Any:
    if isinstance(value, int):
        return (value,) * 4
    if isinstance(value, list | tuple) and len(value) == 2:
        return (*value, *value)
    return value


def _widening(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] < 1:
        raise ValueError("the canvas should be no smaller than the picture: at least 1")
    return value
