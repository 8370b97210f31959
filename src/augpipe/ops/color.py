"""Brightness, contrast, saturation and hue: one at a time, or together; and `normalize`.

What is affine in RGB is a matrix and fuses; the hue is not, and is a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from augpipe.ops.base import Op, between, register
from augpipe.plan import Floats, Kernel, Params, Recolor, Step
from augpipe.recolor import IDENTITY_RECOLOR, compose_recolor
from augpipe.schema import FactorRange, Positive, Probability, SymmetricRange

# ITU-R BT.601, as torchvision and Pillow turn RGB to grey.
LUMA = np.array([0.299, 0.587, 0.114])


def _within_half(value: tuple[float, float]) -> tuple[float, float]:
    if not -0.5 <= value[0] <= value[1] <= 0.5:
        raise ValueError("hue is a shift in turns, between -0.5 and 0.5")
    return value


HueRange = Annotated[SymmetricRange, AfterValidator(_within_half)]


# (3, 7) colour maps over (rgb, mean rgb, 1).
BLACK = np.zeros((3, 7))
OWN_GREY = np.hstack([np.tile(LUMA, (3, 1)), np.zeros((3, 4))])
MEAN_GREY = np.hstack([np.zeros((3, 3)), np.tile(LUMA, (3, 1)), np.zeros((3, 1))])


def blend(share: Floats, other: Floats) -> Floats:
    """(B, 3, 7): `share` (B,) of the picture, and 1 - `share` of `other`."""
    share = share[:, None, None]
    return share * IDENTITY_RECOLOR + (1 - share) * other


class _Blend(Op):
    """What brightness, contrast and saturation share: a factor times the picture, and a rest.

    Attributes:
        rest: the (3, 7) colour map that factor 0 leaves.
    """

    factor: FactorRange = (0.6, 1.4)
    p: Probability = 1.0
    draws = 1
    identity = {"factor": 1.0}
    rest: ClassVar[Floats]

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The factor."""
        return {"factor": between(u[:, 0], self.factor)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """The factor times the picture, and what remains of one times the rest."""
        return Recolor(blend(params["factor"], self.rest))


@register
class Brightness(_Blend):
    """Multiply by a factor. torchvision's adjust_brightness.

    Attributes:
        factor: range of the factor, 0 is black; a number a means [max(0, 1 - a), 1 + a].
        p: probability.
    """

    rest = BLACK


@register
class Contrast(_Blend):
    """Scale what differs from the picture's own mean grey. torchvision's adjust_contrast.

    Deviation: the mean is not rounded to a whole level.

    Attributes:
        factor: range of the factor, 0 is grey all over; a number a means [max(0, 1 - a), 1 + a].
        p: probability.
    """

    rest = MEAN_GREY


@register
class Saturation(_Blend):
    """Scale what differs from each pixel's own grey. torchvision's adjust_saturation.

    Attributes:
        factor: range of the factor, 0 is black and white; a number a means [max(0, 1 - a), 1 + a].
        p: probability.
    """

    rest = OWN_GREY


@register
class Hue(Op):
    """Turn the hue. torchvision's adjust_hue.

    Deviation: computed on fractions instead of 8-bit hues; white and grey stay what they are.

    Attributes:
        shift: range of the shift in turns, within [-0.5, 0.5]; a number a means [-a, a].
        p: probability.
    """

    shift: HueRange = (-0.1, 0.1)
    p: Probability = 1.0
    draws = 1
    identity = {"shift": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The shift in turns."""
        return {"shift": between(u[:, 0], self.shift)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Not affine in RGB: a kernel."""
        return _turn_hue(params["shift"])


def _turn_hue(shift: Floats) -> Kernel:
    still = np.ones(len(shift))
    return Kernel("hsv", {"hue": shift, "saturation": still, "value": still})


@register
class HSV(Op):
    """Shift the hue, scale saturation and value. YOLO's HSV augmentation.

    Deviation: white and grey stay what they are (their saturation is zero, whatever scales it),
    and the hue is shifted in turns instead of multiplied.

    Attributes:
        hue: range of the shift in turns, within [-0.5, 0.5]; a number a means [-a, a].
        saturation: range of the factor; a number a means [1 - a, 1 + a].
        value: range of the factor; a number a means [1 - a, 1 + a].
        p: probability.
    """

    hue: HueRange = (-0.015, 0.015)
    saturation: FactorRange = (0.3, 1.7)
    value: FactorRange = (0.6, 1.4)
    p: Probability = 1.0
    draws = 3
    identity = {"hue": 0.0, "saturation": 1.0, "value": 1.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Hue in turns, and two factors."""
        ranges = {"hue": self.hue, "saturation": self.saturation, "value": self.value}
        return {name: between(u[:, i], limits) for i, (name, limits) in enumerate(ranges.items())}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Not affine in RGB: a kernel."""
        return Kernel("hsv", params)


@register
class ColorJitter(Op):
    """Brightness, contrast, saturation and hue in random order. torchvision's ColorJitter.

    Contrast is about the picture's own mean grey at that point of the chain. Deviation: values are
    rounded and clamped once for each step, not after each of the four.

    Attributes:
        brightness: range of the factor; a number a means [max(0, 1 - a), 1 + a].
        contrast: range of the factor, likewise.
        saturation: range of the factor, likewise.
        hue: range of the shift in turns, within [-0.5, 0.5]; a number a means [-a, a].
        p: probability.
    """

    brightness: FactorRange = (1.0, 1.0)
    contrast: FactorRange = (1.0, 1.0)
    saturation: FactorRange = (1.0, 1.0)
    hue: HueRange = (0.0, 0.0)
    p: Probability = 1.0
    draws = 8
    identity = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0, "order": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Three factors and a hue (B,), and the order of the four (B, 4)."""
        return {
            "brightness": between(u[:, 0], self.brightness),
            "contrast": between(u[:, 1], self.contrast),
            "saturation": between(u[:, 2], self.saturation),
            "hue": between(u[:, 3], self.hue),
            "order": np.argsort(u[:, 4:8], axis=1),
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Step | Sequence[Step]:
        """One matrix; or one before the hue and one after it, where the hue changes."""
        links = np.stack(
            [
                blend(params["brightness"], BLACK),
                blend(params["contrast"], MEAN_GREY),
                blend(params["saturation"], OWN_GREY),
            ]
        )
        order = params["order"].astype(np.int64)
        is_hue = order == 3
        factors = np.take_along_axis(order, np.argsort(is_hue, axis=1, kind="stable")[:, :3], 1)
        if self.hue == (0.0, 0.0):
            return Recolor(_composed(links, factors, np.ones(factors.shape, bool)))
        before_hue = np.arange(3) < np.argmax(is_hue, axis=1)[:, None]
        return (
            Recolor(_composed(links, factors, before_hue)),
            _turn_hue(params["hue"]),
            Recolor(_composed(links, factors, ~before_hue)),
        )


def _composed(links: Floats, order: NDArray[np.int64], takes_part: NDArray[np.bool_]) -> Floats:
    """(B, 3, 7): for each row, those of its (3, B, 3, 7) links that take part, in its order."""
    chosen = links[order.T, np.arange(len(order))]
    chain = np.where(takes_part.T[:, :, None, None], chosen, IDENTITY_RECOLOR)
    return reduce(compose_recolor, chain)


@register
class Normalize(Op):
    """Scale to [0, 1], subtract the mean, divide by the standard deviation; the output is float32.

    Comes last: only ops that act on normalised pixels may follow it.

    Attributes:
        mean: RGB, of pixels scaled to [0, 1].
        std: RGB, likewise; above zero.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    ends_in_float = True

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The only step that leaves uint8."""
        rows = len(size)
        return Kernel(
            "normalize",
            {"mean": np.tile(self.mean, (rows, 1)), "std": np.tile(self.std, (rows, 1))},
        )
