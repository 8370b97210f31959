"""Ops on tones: each channel's levels go through a table, drawn or measured on the picture."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field

from augpipe.ops.base import Op, between, normal, register
from augpipe.plan import Floats, Kernel, Lookup, Params
from augpipe.schema import Fraction, NonNegative, PositiveRange, Probability, ordered

_LEVELS = np.arange(256)


def _fixed(one: Any) -> BeforeValidator:
    """One such number stands for a range that holds nothing else."""
    return BeforeValidator(
        lambda value: (value, value) if isinstance(value, int | float) else value,
        json_schema_input_type=one | tuple[one, one],
    )


_Bits = Annotated[int, Field(ge=1, le=8)]
_Tiles = Annotated[int, Field(ge=1, le=64)]

BitsRange = Annotated[tuple[_Bits, _Bits], AfterValidator(ordered), _fixed(_Bits)]
FractionRange = Annotated[tuple[Fraction, Fraction], AfterValidator(ordered), _fixed(Fraction)]


def _lookup(table: NDArray[Any]) -> Lookup:
    """From levels (B, 256) for all channels, or (B, 3, 256), of any type; rounded and clamped."""
    table = table if table.ndim == 3 else table[:, None].repeat(3, axis=1)
    return Lookup(table.round().clip(0, 255).astype(np.uint8))


@register
class Gamma(Op):
    """Raise to a power, on a scale from 0 to 1. torchvision's adjust_gamma.

    albumentations' RandomGamma with `gamma_limit=(80, 125)`, which is in percent.

    Attributes:
        gamma: range of the exponent, in which its logarithm is uniform; above 1 is darker.
        p: probability.
    """

    gamma: PositiveRange = (0.8, 1.25)
    p: Probability = 1.0
    draws = 1
    identity = {"gamma": 1.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The exponent."""
        low, high = np.log(self.gamma)
        return {"gamma": np.exp(between(u[:, 0], (low, high)))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Lookup:
        """One table for all channels."""
        return _lookup(255 * (_LEVELS / 255) ** params["gamma"][:, None])


@register
class Posterize(Op):
    """Keep the leading bits of each level. torchvision's RandomPosterize.

    Attributes:
        bits: how many, 1 to 8, or their range; 8 changes nothing, fewer are stronger.
        p: probability.
    """

    bits: BitsRange = (4, 4)
    p: Probability = 0.5
    draws = 1
    identity = {"bits": 8.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """How many bits; larger draws are stronger, so keep fewer."""
        low, high = self.bits
        return {"bits": high - np.floor((high + 1 - low) * u[:, 0])}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Lookup:
        """Levels rounded down to a multiple of a power of two."""
        step = np.exp2(8 - params["bits"])[:, None]
        return _lookup(np.floor(_LEVELS / step) * step)


@register
class Solarize(Op):
    """Invert what is as bright as the threshold, or brighter. torchvision's RandomSolarize.

    Attributes:
        threshold: fraction of full scale, or its range; 0 inverts all, 1 only what is full.
        p: probability.
    """

    threshold: FractionRange = (0.5, 0.5)
    p: Probability = 0.5
    draws = 1
    # Above full scale: no level is as bright.
    identity = {"threshold": 2.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The threshold; larger draws are stronger, so it is lower."""
        low, high = self.threshold
        return {"threshold": between(u[:, 0], (high, low))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Lookup:
        """A table that turns round at the threshold."""
        bright = params["threshold"][:, None] <= _LEVELS / 255
        return _lookup(np.where(bright, 255 - _LEVELS, _LEVELS))


@register
class ToneCurve(Op):
    """Bend the tones along a smooth curve. albumentations' RandomToneCurve.

    Afifi and Brown, "What else can fool deep learning?", 2019, rendered photographs so.
    A cubic Bezier curve from black to white; the heights of its two inner points are normal about
    1/3 and 2/3, and cut off at 0 and 1, so the curve never falls. Deviation: albumentations has
    them about 1/4 and 3/4, where the curve changes the picture even without any bend.

    Attributes:
        scale: standard deviation of the bend, as a fraction of full scale.
        per_channel: draw a curve for each channel instead of one for all.
        p: probability.
    """

    scale: NonNegative = 0.1
    per_channel: bool = False
    p: Probability = 1.0
    draws = 6
    identity = {"bend": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """By how much each inner point of each channel's curve is moved (B, 3, 2)."""
        u = u.reshape(-1, 3, 2)
        return {"bend": self.scale * normal(u if self.per_channel else u[:, :1].repeat(3, axis=1))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Lookup:
        """One table for each channel."""
        heights = np.clip(params["bend"] + [1 / 3, 2 / 3], 0, 1)[..., None]
        t = _LEVELS / 255
        low, high = heights[:, :, 0] * 3 * t * (1 - t) ** 2, heights[:, :, 1] * 3 * t**2 * (1 - t)
        return _lookup(255 * (low + high + t**3))


@register
class AutoContrast(Op):
    """Stretch each channel from black to white. torchvision's RandomAutocontrast.

    Each channel's darkest level becomes 0 and its brightest 255; levels between are rounded down.
    A channel of one level stays.

    Attributes:
        p: probability.
    """

    p: Probability = 0.5
    identity = {"stretch": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to stretch, always; `p` takes it back."""
        return {"stretch": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Needs the picture's own levels."""
        return Kernel("auto_contrast", params)


@register
class Equalize(Op):
    """Make each channel's levels equally frequent. torchvision's RandomEqualize.

    Pillow's definition, in whole numbers.

    Attributes:
        p: probability.
    """

    p: Probability = 0.5
    identity = {"equalize": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to equalize, always; `p` takes it back."""
        return {"equalize": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Needs the picture's own levels."""
        return Kernel("equalize", params)


@register
class Clahe(Op):
    """Equalize the brightness of each part of the picture, within limits. albumentations' CLAHE.

    Zuiderveld, "Contrast limited adaptive histogram equalization", 1994; OpenCV's, on the luma.
    What the luma gains is added to all three channels, so grey stays grey. A picture that the
    tiles do not divide is reflected at its right and lower edge.

    Attributes:
        clip_limit: range of how frequent a level may be, in multiples of the mean frequency.
        tiles: how many parts, down and across.
        p: probability.
    """

    clip_limit: PositiveRange = (1.0, 4.0)
    tiles: tuple[_Tiles, _Tiles] = (8, 8)
    p: Probability = 0.5
    draws = 1
    # No limit of OpenCV's, for which it means none: nothing is done.
    identity = {"clip_limit": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The limit."""
        return {"clip_limit": between(u[:, 0], self.clip_limit)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Needs the picture's own levels, and where they are."""
        tiles = np.tile(self.tiles, (len(size), 1))
        return Kernel("clahe", {"clip_limit": params["clip_limit"], "tiles": tiles})
