"""Random policies: transforms and magnitudes are drawn, each as likely as the others.

Each transform works on what the one before left, in 8 bits: two warps are two resamplings here, as
the papers and torchvision have it.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from augpipe.ops.auto_space import Style, apply, magnitudes, pick, space
from augpipe.ops.base import Op, beta, between, gamma, register
from augpipe.plan import Branch, Floats, Interpolation, Params, Step
from augpipe.schema import Color, NonNegativeRange, Positive, Probability

RAND_SPACE = space(
    shear=0.3, translate=("translate", 150 / 331), degrees=30, enhance=0.9, bits=(8, 4)
)
WIDE_SPACE = space(
    shear=0.99, translate=("translate_px", 32), degrees=135, enhance=0.99, bits=(8, 2)
)
MIX_SPACE = space(shear=0.3, translate=("translate", 1 / 3), degrees=30, enhance=0.9, bits=(4, 0))
MIX_BINS = 10

_ENHANCE = ("brightness", "color", "contrast", "sharpness")
_MAX_DEPTH = 3

Bins = Annotated[int, Field(ge=2)]
_Count = Annotated[int, Field(ge=1, le=16)]


class Auto(Op):
    """Abstract: transforms one after the other, drawn for each picture.

    Attributes:
        interpolation: nearest or bilinear.
        fill: grey or RGB that moved pictures leave behind, 0 to 255.
        p: probability that anything is done.
    """

    interpolation: Interpolation = "nearest"
    fill: Color = (0.0, 0.0, 0.0)
    p: Probability = 1.0
    identity = {"transform": "identity", "magnitude": 0.0}

    @property
    def style(self) -> Style:
        """How pixels are moved."""
        return Style(self.interpolation, self.fill)

    def lower(self, params: Params, size: NDArray[np.int64]) -> tuple[Branch, ...]:
        """A branch for each transform."""
        return apply(params["transform"], params["magnitude"], size, self.style)


@register
class RandAugment(Auto):
    """Some transforms of fourteen, all of one strength. torchvision's RandAugment.

    Cubuk et al., "RandAugment: Practical automated data augmentation", 2019. Identity is one of
    the transforms; the strength is `magnitude` of `num_magnitude_bins` - 1 parts of the strongest.
    Shears are slopes, translations fractions of width or height, `brightness`, `color`, `contrast`
    and `sharpness` what is added to a factor of 1.

    Attributes:
        num_ops: how many transforms, one after the other.
        magnitude: which of the magnitudes; 0 is the weakest.
        num_magnitude_bins: how many there are.
        interpolation: nearest or bilinear.
        fill: grey or RGB that moved pictures leave behind, 0 to 255.
        p: probability that anything is done.
    """

    num_ops: _Count = 2
    magnitude: Annotated[int, Field(ge=0)] = 9
    num_magnitude_bins: Bins = 31

    @property
    def draws(self) -> int:  # type: ignore[override]  # depends on their number here
        """A name and a sign for each transform."""
        return 2 * self.num_ops

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The transforms' names and magnitudes, (B, num_ops) each."""
        names, signs = u[:, : self.num_ops], u[:, self.num_ops :]
        transform = pick(("identity", *RAND_SPACE), names)
        number = np.full(transform.shape, float(self.magnitude))
        strength = magnitudes(RAND_SPACE, transform, number, self.num_magnitude_bins, signs)
        return {"transform": transform, "magnitude": strength}

    @model_validator(mode="after")
    def _within_bins(self) -> Self:
        if self.magnitude >= self.num_magnitude_bins:
            raise ValueError(
                f"magnitude should be below num_magnitude_bins, {self.num_magnitude_bins}"
            )
        return self


@register
class TrivialAugmentWide(Auto):
    """One transform of fourteen, of any strength. torchvision's TrivialAugmentWide.

    Müller and Hutter, "TrivialAugment: Tuning-free yet state-of-the-art data augmentation", 2021,
    with the wide ranges: up to 135 degrees, a slope of 0.99, 32 pixels, a factor of 1.99, 2 bits.

    Attributes:
        num_magnitude_bins: how many magnitudes there are.
        interpolation: nearest or bilinear.
        fill: grey or RGB that moved pictures leave behind, 0 to 255.
        p: probability that anything is done.
    """

    num_magnitude_bins: Bins = 31
    draws = 3

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The transform's name and magnitude, (B, 1) each."""
        transform = pick(("identity", *WIDE_SPACE), u[:, :1])
        number = np.floor(u[:, 1:2] * self.num_magnitude_bins)
        strength = magnitudes(WIDE_SPACE, transform, number, self.num_magnitude_bins, u[:, 2:])
        return {"transform": transform, "magnitude": strength}


@register
class ThreeAugment(Op):
    """Grey, solarized or blurred, each as likely as the others. DeiT III's 3-Augment.

    Touvron, Cord and Jégou, "DeiT III: Revenge of the ViT", 2022. The flip and the colour jitter
    that the paper adds are ops of their own: `horizontal_flip`, and `color_jitter` with 0.3.

    Attributes:
        sigma: range of the blur's standard deviation in pixels.
        threshold: the level, 0 to 255, from which on solarize inverts.
        p: probability that anything is done.
    """

    sigma: NonNegativeRange = (0.1, 2.0)
    threshold: Annotated[float, Field(ge=0, le=255)] = 128.0
    p: Probability = 1.0
    draws = 2
    identity = {"transform": "identity", "magnitude": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The transform's name and magnitude, (B, 1) each."""
        transform = pick(("grayscale", "solarize", "gaussian_blur"), u[:, :1])
        sigma = between(u[:, 1:], self.sigma)
        strength = np.select(
            [transform == "solarize", transform == "gaussian_blur"], [self.threshold / 255, sigma]
        )
        return {"transform": transform, "magnitude": strength}

    def lower(self, params: Params, size: NDArray[np.int64]) -> tuple[Branch, ...]:
        """One branch."""
        return apply(params["transform"], params["magnitude"], size, Style("nearest", (0, 0, 0)))


@register
class AugMix(Auto):
    """Blend the picture with chains of transforms of it. torchvision's AugMix.

    Hendrycks et al., "AugMix: A simple data processing method to improve robustness and
    uncertainty", 2019. The chains' shares are Dirichlet, the share of all chains is beta, all with
    `alpha`. Deviations: the blend is rounded once, where torchvision cuts off; posterize keeps one
    bit at the least, where torchvision's turns black at severities 9 and 10.

    Attributes:
        severity: how strong at the most: magnitudes are drawn from so many of 10.
        mixture_width: how many chains.
        chain_depth: how many transforms each chain has; -1 draws 1 to 3.
        alpha: of the beta and the Dirichlet distribution; larger is closer to equal shares.
        all_ops: whether brightness, color, contrast and sharpness take part.
        interpolation: nearest or bilinear.
        fill: grey or RGB that moved pictures leave behind, 0 to 255.
        p: probability that anything is done.
    """

    severity: Annotated[int, Field(ge=1, le=MIX_BINS)] = 3
    mixture_width: _Count = 3
    chain_depth: _Count | Annotated[int, Field(ge=-1, le=-1)] = -1
    alpha: Positive = 1.0
    all_ops: bool = True
    interpolation: Interpolation = "bilinear"
    identity = {"share": 0.0, "chains": 0.0, "transform": "identity", "magnitude": 0.0}

    @property
    def _depth(self) -> int:
        return _MAX_DEPTH if self.chain_depth < 0 else self.chain_depth

    @property
    def draws(self) -> int:  # type: ignore[override]  # depends on width and depth here
        """The share, and for each chain its share, its depth, and three for each transform."""
        return 1 + self.mixture_width * (2 + 3 * self._depth)

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """What the chains have in the blend (B,), and each of them in that (B, width).

        Also their transforms and magnitudes, (B, width, depth) each.
        """
        chains = u[:, 1:].reshape(len(u), self.mixture_width, 2 + 3 * self._depth)
        names, numbers, signs = np.split(chains[:, :, 2:], 3, axis=2)
        scales = {k: v for k, v in MIX_SPACE.items() if self.all_ops or k not in _ENHANCE}
        deep = (
            1 + np.floor(chains[:, :, 1:2] * self._depth) if self.chain_depth < 0 else self._depth
        )
        transform = np.where(np.arange(self._depth) < deep, pick(tuple(scales), names), "identity")
        number = np.floor(numbers * self.severity)
        return {
            "share": beta(u[:, 0], self.alpha, self.alpha),
            "chains": _dirichlet(chains[:, :, 0], self.alpha),
            "transform": transform,
            "magnitude": magnitudes(scales, transform, number, MIX_BINS, signs),
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> tuple[Branch, ...]:
        """One branch: the picture itself, and the chains."""
        share = params["share"][:, None]
        chains = zip(
            params["transform"].swapaxes(0, 1), params["magnitude"].swapaxes(0, 1), strict=True
        )
        ways: list[tuple[Step, ...]] = [apply(t, m, size, self.style) for t, m in chains]
        return (Branch(np.hstack([1 - share, share * params["chains"]]), ((), *ways)),)


def _dirichlet(u: Floats, alpha: float) -> Floats:
    """(B, n) uniforms as shares of n that sum to one, symmetric Dirichlet."""
    # Below it, a small alpha could give n zeros.
    parts = np.maximum(gamma(u, alpha), np.finfo(float).tiny)
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))
