"""AutoAugment: policies that were searched for, once for each of three datasets."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from augpipe.ops.auto import RAND_SPACE, Auto
from augpipe.ops.auto_space import magnitudes
from augpipe.ops.base import register
from augpipe.plan import Floats

_BINS = 10

# Of each of two transforms: name, probability, and which of ten magnitudes; 25 pairs for each
# dataset, from the paper's appendix A.
_IMAGENET = """
    posterize 0.4 8  rotate 0.6 9
    solarize 0.6 5  auto_contrast 0.6 0
    equalize 0.8 0  equalize 0.6 0
    posterize 0.6 7  posterize 0.6 6
    equalize 0.4 0  solarize 0.2 4
    equalize 0.4 0  rotate 0.8 8
    solarize 0.6 3  equalize 0.6 0
    posterize 0.8 5  equalize 1 0
    rotate 0.2 3  solarize 0.6 8
    equalize 0.6 0  posterize 0.4 6
    rotate 0.8 8  color 0.4 0
    rotate 0.4 9  equalize 0.6 0
    equalize 0 0  equalize 0.8 0
    invert 0.6 0  equalize 1 0
    color 0.6 4  contrast 1 8
    rotate 0.8 8  color 1 2
    color 0.8 8  solarize 0.8 7
    sharpness 0.4 7  invert 0.6 0
    shear_x 0.6 5  equalize 1 0
    color 0.4 0  equalize 0.6 0
    equalize 0.4 0  solarize 0.2 4
    solarize 0.6 5  auto_contrast 0.6 0
    invert 0.6 0  equalize 1 0
    color 0.6 4  contrast 1 8
    equalize 0.8 0  equalize 0.6 0
"""

_CIFAR10 = """
    invert 0.1 0  contrast 0.2 6
    rotate 0.7 2  translate_x 0.3 9
    sharpness 0.8 1  sharpness 0.9 3
    shear_y 0.5 8  translate_y 0.7 9
    auto_contrast 0.5 0  equalize 0.9 0
    shear_y 0.2 7  posterize 0.3 7
    color 0.4 3  brightness 0.6 7
    sharpness 0.3 9  brightness 0.7 9
    equalize 0.6 0  equalize 0.5 0
    contrast 0.6 7  sharpness 0.6 5
    color 0.7 7  translate_x 0.5 8
    equalize 0.3 0  auto_contrast 0.4 0
    translate_y 0.4 3  sharpness 0.2 6
    brightness 0.9 6  color 0.2 8
    solarize 0.5 2  invert 0 0
    equalize 0.2 0  auto_contrast 0.6 0
    equalize 0.2 0  equalize 0.6 0
    color 0.9 9  equalize 0.6 0
    auto_contrast 0.8 0  solarize 0.2 8
    brightness 0.1 3  color 0.7 0
    solarize 0.4 5  auto_contrast 0.9 0
    translate_y 0.9 9  translate_y 0.7 9
    auto_contrast 0.9 0  solarize 0.8 3
    equalize 0.8 0  invert 0.1 0
    translate_y 0.7 9  auto_contrast 0.9 0
"""

_SVHN = """
    shear_x 0.9 4  invert 0.2 0
    shear_y 0.9 8  invert 0.7 0
    equalize 0.6 0  solarize 0.6 6
    invert 0.9 0  equalize 0.6 0
    equalize 0.6 0  rotate 0.9 3
    shear_x 0.9 4  auto_contrast 0.8 0
    shear_y 0.9 8  invert 0.4 0
    shear_y 0.9 5  solarize 0.2 6
    invert 0.9 0  auto_contrast 0.8 0
    equalize 0.6 0  rotate 0.9 3
    shear_x 0.9 4  solarize 0.3 3
    shear_y 0.8 8  invert 0.7 0
    equalize 0.9 0  translate_y 0.6 6
    invert 0.9 0  equalize 0.6 0
    contrast 0.3 3  rotate 0.8 4
    invert 0.8 0  translate_y 0 2
    shear_y 0.7 6  solarize 0.4 8
    invert 0.6 0  rotate 0.8 4
    shear_y 0.3 7  translate_x 0.9 3
    shear_x 0.1 6  invert 0.6 0
    solarize 0.7 2  translate_y 0.6 7
    shear_y 0.8 4  invert 0.8 0
    shear_x 0.7 9  translate_y 0.8 3
    shear_y 0.8 5  auto_contrast 0.7 0
    shear_x 0.7 2  invert 0.1 0
"""


def _read(table: str) -> tuple[NDArray[np.str_], Floats, Floats]:
    """Names, probabilities and numbers of magnitudes, (25, 2) each."""
    cells = np.array(table.split()).reshape(-1, 2, 3)
    return cells[..., 0], cells[..., 1].astype(np.float64), cells[..., 2].astype(np.float64)


_POLICIES = {"imagenet": _read(_IMAGENET), "cifar10": _read(_CIFAR10), "svhn": _read(_SVHN)}


@register
class AutoAugment(Auto):
    """One of 25 pairs of transforms that were found by search. torchvision's AutoAugment.

    Cubuk et al., "AutoAugment: Learning augmentation strategies from data", 2018. Each transform of
    a pair acts with a probability of its own.

    Attributes:
        policy: the dataset that the pairs were found on: imagenet, cifar10 or svhn.
        interpolation: nearest or bilinear.
        fill: grey or RGB that moved pictures leave behind, 0 to 255.
        p: probability that anything is done.
    """

    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet"
    draws = 5

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The two transforms' names and magnitudes, (B, 2) each."""
        names, probability, number = _POLICIES[self.policy]
        pair = (u[:, 0] * len(names)).astype(np.int64)
        transform = np.where(u[:, 1:3] < probability[pair], names[pair], "identity")
        strength = magnitudes(RAND_SPACE, transform, number[pair], _BINS, u[:, 3:])
        return {"transform": transform, "magnitude": strength}
