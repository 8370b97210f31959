"""Ops that change the light in which a picture was taken. Each is one colour matrix, and fuses."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from augpipe.ops.base import Op, between, normal, register
from augpipe.plan import Floats, Params, Recolor
from augpipe.recolor import IDENTITY_RECOLOR
from augpipe.schema import NonNegative, Probability, ordered

# Principal components of the RGB values (0 to 1) of ImageNet's training set, one in each column,
# and the variances along them, as fb.resnet.torch publishes them.
_COMPONENTS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
_VARIANCES = np.array([0.2175, 0.0188, 0.0045])

# The temperature that changes nothing, about that of daylight.
_NEUTRAL_K = 6500.0

# CIE XYZ to linear sRGB (IEC 61966-2-1).
_TO_SRGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
# What pictures store is about this power of the light.
_ENCODING = 1 / 2.2


@register
class PcaLighting(Op):
    """Shift all pixels along the colours in which ImageNet varies (Krizhevsky et al. 2012, 4.1).

    Also known as AlexNet's colour augmentation, or FancyPCA.

    Attributes:
        std: standard deviation of the normal factors of the three components; AlexNet's is 0.1.
        p: probability.
    """

    std: NonNegative = 0.1
    p: Probability = 1.0
    draws = 3
    identity = {"alpha": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The factor of each component (B, 3)."""
        return {"alpha": self.std * normal(u)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """One offset for each channel."""
        matrix = np.tile(IDENTITY_RECOLOR, (len(size), 1, 1))
        matrix[:, :, 6] = ((params["alpha"] * _VARIANCES)[:, None] * _COMPONENTS).sum(axis=2)
        return Recolor(matrix)


Kelvin = Annotated[float, Field(ge=2000, le=15000)]


@register
class Planckian(Op):
    """Take the picture in warmer or colder light (Zini et al., "Planckian Jitter", 2022).

    The light of a black body has a colour for each temperature: Krystek's approximation of the
    Planckian locus (1985), in sRGB, relative to 6500 K. Red and blue are scaled and green stays
    (von Kries). Deviations: the colour is computed at any temperature instead of looked up at 25,
    and the temperature is drawn uniformly in its reciprocal, in which equal steps look equal.

    Attributes:
        temperature: range in kelvin, within [2000, 15000]; 6500 changes nothing, less is warmer.
        p: probability.
    """

    temperature: Annotated[tuple[Kelvin, Kelvin], AfterValidator(ordered)] = (3000, 15000)
    p: Probability = 1.0
    draws = 1
    identity = {"temperature_k": _NEUTRAL_K}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The temperature in kelvin."""
        low, high = self.temperature
        return {"temperature_k": 1 / between(u[:, 0], (1 / low, 1 / high))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """One gain for each channel."""
        gain = _light(params["temperature_k"]) / _light(np.array([_NEUTRAL_K]))
        gain = (gain / gain[:, 1:2]) ** _ENCODING
        return Recolor(gain[:, :, None] * IDENTITY_RECOLOR)


def _light(kelvin: Floats) -> Floats:
    """(B, 3): linear sRGB of a black body, of whatever brightness."""
    t = kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (
        1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2
    )
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (
        1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2
    )
    # From CIE 1960 (u, v) to XYZ, but for a common factor.
    xyz = np.stack([3 * u, 2 * v, 4 - u - 10 * v], axis=1)
    return np.asarray((xyz[:, None] * _TO_SRGB).sum(axis=2))
