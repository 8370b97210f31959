"""Ops that disturb each pixel on its own, and what cameras and codecs do to pictures."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from augpipe.ops.base import Op, between, register
from augpipe.plan import Floats, Kernel, Params
from augpipe.schema import Fraction, FractionRange, NonNegativeRange, Probability, Rgb, ordered

SEED_DRAWS = 2

_LEVELS = np.arange(256) / 255
_AS_IT_IS = 101


_Quality = Annotated[int, Field(ge=1, le=100)]
QualityRange = Annotated[tuple[_Quality, _Quality], AfterValidator(ordered)]


def field_seed(u: Floats) -> NDArray[np.int64]:
    """(B, 2) uniforms to the two words of 32 bits that name a random field."""
    return np.floor(u * 2.0**32).astype(np.int64)


@register
class GaussianNoise(Op):
    """Add normal noise, in each pixel its own. torchvision's GaussianNoise.

    Deviation: `sigma` is a range, and the mean is zero.

    Attributes:
        sigma: range of the standard deviation, as a fraction of full scale.
        per_channel: whether each channel has its own noise; if not, the noise is grey.
        p: probability.
    """

    sigma: NonNegativeRange = (0.02, 0.1)
    per_channel: bool = True
    p: Probability = 0.5
    draws = 1 + SEED_DRAWS
    identity = {"sigma": 0.0, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The standard deviation, and the field's seed (B, 2)."""
        return {"sigma": between(u[:, 0], self.sigma), "seed": field_seed(u[:, 1:])}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The same deviation for all levels."""
        deviation = np.tile(255 * params["sigma"][:, None], (1, 256))
        return _noise(deviation, params["seed"], self.per_channel)


@register
class ShotNoise(Op):
    """Noise of counted photons: its variance grows with the light. albumentations' ShotNoise.

    The Poisson law is taken as a normal one of the same variance (Foi et al., "Practical
    Poissonian-Gaussian noise modeling", 2008). Deviation: in the picture's own values, not in
    linear light.

    Attributes:
        scale: range of the reciprocal of the number of photons in a white pixel: a level x, 0 to
            1, gets the standard deviation sqrt(scale * x).
        per_channel: whether each channel has its own noise.
        p: probability.
    """

    scale: NonNegativeRange = (0.001, 0.02)
    per_channel: bool = True
    p: Probability = 0.5
    draws = 1 + SEED_DRAWS
    identity = {"scale": 0.0, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The scale, and the field's seed (B, 2)."""
        return {"scale": between(u[:, 0], self.scale), "seed": field_seed(u[:, 1:])}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """To each level its deviation."""
        deviation = 255 * np.sqrt(params["scale"][:, None] * _LEVELS)
        return _noise(deviation, params["seed"], self.per_channel)


def _noise(deviation: Floats, seed: NDArray[Any], per_channel: bool) -> Kernel:
    """Normal noise whose (B, 256) deviation, in levels, depends on the level."""
    own = np.full(len(seed), per_channel)
    return Kernel("noise", {"deviation": deviation, "seed": seed, "per_channel": own})


@register
class SaltPepper(Op):
    """Turn single pixels white or black. albumentations' SaltAndPepper.

    Attributes:
        amount: range of the share of pixels that are hit.
        salt_vs_pepper: range of the share of white ones among them.
        p: probability.
    """

    amount: FractionRange = (0.01, 0.06)
    salt_vs_pepper: FractionRange = (0.4, 0.6)
    p: Probability = 0.5
    draws = 2 + SEED_DRAWS
    identity = {"amount": 0.0, "salt": 0.5, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The share hit, the share of white ones among them, and the field's seed (B, 2)."""
        return {
            "amount": between(u[:, 0], self.amount),
            "salt": between(u[:, 1], self.salt_vs_pepper),
            "seed": field_seed(u[:, 2:]),
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """White below the first limit, black below the second."""
        salt = params["amount"] * params["salt"]
        colors = [(255.0, 255.0, 255.0), (0.0, 0.0, 0.0)]
        return _specks(np.stack([salt, params["amount"]], axis=1), colors, params["seed"], False)


@register
class PixelDropout(Op):
    """Blot single pixels out. albumentations' PixelDropout.

    Attributes:
        dropout_prob: probability of each pixel.
        per_channel: whether each channel is decided on its own.
        drop_value: grey or RGB; 0 to 255, or in normalised units after `normalize`.
        p: probability.
    """

    dropout_prob: Fraction = 0.01
    per_channel: bool = False
    drop_value: Rgb = (0.0, 0.0, 0.0)
    p: Probability = 0.5
    draws = SEED_DRAWS
    identity = {"dropout_prob": 0.0, "seed": 0.0}
    after_normalize = True

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The probability, which is no random one, and the field's seed (B, 2)."""
        return {"dropout_prob": np.full(len(u), self.dropout_prob), "seed": field_seed(u)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """One colour; the second limit leaves no room for another."""
        limits = np.tile(params["dropout_prob"][:, None], (1, 2))
        return _specks(limits, [self.drop_value] * 2, params["seed"], self.per_channel)


def _specks(
    limits: Floats,
    colors: list[tuple[float, float, float]],
    seed: NDArray[Any],
    per_channel: bool,
) -> Kernel:
    """Two colours for the pixels whose random number lies below the two (B, 2) limits."""
    rows = len(limits)
    return Kernel(
        "specks",
        {
            "limits": limits,
            "colors": np.tile(colors, (rows, 1, 1)),
            "seed": seed,
            "per_channel": np.full(rows, per_channel),
        },
    )


@register
class JpegCompression(Op):
    """Store as JPEG, with halved colour, and read again. albumentations' ImageCompression.

    Attributes:
        quality: range of the quality, 1 to 100, in whole numbers; both ends are drawn.
        p: probability.
    """

    quality: QualityRange = (30, 95)
    p: Probability = 0.5
    draws = 1
    identity = {"quality": _AS_IT_IS}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The quality; above 100 the picture stays as it is."""
        low, high = self.quality
        return {"quality": np.floor(between(u[:, 0], (low, high + 1))).astype(np.int64)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """A codec, which no matrix is."""
        return Kernel("jpeg_compression", params)
