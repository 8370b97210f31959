"""Ops that other libraries define alike, at the same parameters: how far their pixels differ.

What is compared where its op is tested (`test_geometry`, `test_color`, `test_tone`, `test_crop`,
...) is not repeated here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import albumentations as A  # noqa: N812 (its name everywhere)
import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from cases import CPU_ONLY, single
from executors import EXECUTORS, distance
from pictures import photo

Picture = np.ndarray
ROUNDING = 0.51


class Peer(NamedTuple):
    """Someone else's way to the same pixels.

    Attributes:
        name: our op.
        parameters: ours, of which nothing is left to chance.
        theirs: what they make of the picture, floats where that is possible.
        largest: bound of any difference, in levels of 255.
        mean: bound of the mean difference.
        why: where the difference comes from.
    """

    name: str
    parameters: dict[str, Any]
    theirs: Callable[[Picture], Any]
    largest: float = 0
    mean: float = 0
    why: str = "equal"


def by_torchvision(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Picture], Any]:
    """A function of float tensors, levels 0 to 255."""

    def theirs(picture: Picture) -> Picture:
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
        return function(pixels)[0].permute(1, 2, 0).numpy()

    return theirs


def by_albumentations(transform: A.BasicTransform) -> Callable[[Picture], Any]:
    return lambda picture: A.Compose([transform], seed=0)(image=picture)["image"]


def motion(length: int, angle: int) -> Callable[[Picture], Any]:
    """A straight line of whole pixels, through OpenCV's filter."""
    taps = np.full((1, length) if angle == 0 else (length, 1), 1 / length)
    return lambda picture: cv2.filter2D(
        picture.astype(np.float64), -1, taps, borderType=cv2.BORDER_REFLECT_101
    )


# Of its own ShiftScaleRotate, albumentations says to use this. It shifts by whole pixels.
MOVE = {"x": 0.08, "y": 0.08}
AFFINE = A.Affine(scale=1.3, translate_percent=MOVE, rotate=20, p=1)
TO_MEANS = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_NEAREST}
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

PEERS = [
    Peer(
        "resize",
        {"size": [150, 233]},
        by_torchvision(lambda x: F.resize(x, [150, 233], antialias=True)),
        0.75,
        0.3,
        "rounding; on its way up, OpenCV works in fixed point",
    ),
    Peer(
        "resize",
        {"size": [50, 40]},
        by_torchvision(lambda x: F.resize(x, [50, 40], antialias=True)),
        8,
        0.8,
        "a triangle there, an area mean and one interpolation here",
    ),
    Peer(
        "resize",
        {"size": [150, 233]},
        by_albumentations(A.Resize(150, 233)),
        1,
        0.15,
        "none with OpenCV; torch rounds once",
    ),
    Peer(
        "gaussian_blur",
        {"sigma": [1.5, 1.5]},
        by_torchvision(lambda x: F.gaussian_blur(x, [11, 11], [1.5, 1.5])),
        ROUNDING,
        0.3,
        "rounding",
    ),
    Peer(
        "gaussian_blur",
        {"sigma": [2, 2]},
        lambda x: cv2.GaussianBlur(x.astype(np.float64), (13, 13), 2),
        ROUNDING,
        0.3,
        "rounding",
    ),
    *(
        Peer(
            "motion_blur",
            {"length": [7, 7], "angle": [angle, angle], "p": 1},
            motion(7, angle),
            4,
            0.7,
            "our line begins and ends softly, half a pixel further",
        )
        for angle in (0, 90)
    ),
    *(
        Peer(
            "median_blur",
            {"kernel_size": [side, side], "p": 1},
            lambda x, side=side: cv2.medianBlur(x, side),
        )
        for side in (3, 5, 11)
    ),
    Peer(
        "median_blur", {"kernel_size": [5, 5], "p": 1}, by_albumentations(A.MedianBlur((5, 5), p=1))
    ),
    Peer(
        "normalize",
        {},
        by_torchvision(lambda x: F.normalize(x / 255, *IMAGENET)),
        1e-5,
        1e-5,
        "float32",
    ),
    Peer("normalize", {}, by_albumentations(A.Normalize()), 1e-5, 1e-5, "float32"),
    Peer("to_float", {}, by_albumentations(A.ToFloat(255)), 1e-6, 1e-6, "float32"),
    Peer(
        "shift_scale_rotate",
        {"shift_limit": [0.08, 0.08], "scale_limit": [0.3, 0.3], "rotate_limit": [20, 20], "p": 1},
        by_albumentations(AFFINE),
        1,
        0.001,
        "torch rounds apart from OpenCV",
    ),
    Peer("horizontal_flip", {"p": 1}, by_albumentations(A.HorizontalFlip(p=1))),
    Peer("vertical_flip", {"p": 1}, by_albumentations(A.VerticalFlip(p=1))),
    Peer("invert", {"p": 1}, by_albumentations(A.InvertImg(p=1))),
    Peer("posterize", {"bits": [3, 3], "p": 1}, by_albumentations(A.Posterize(num_bits=3, p=1))),
    Peer(
        "solarize",
        {"threshold": [0.5, 0.5], "p": 1},
        by_albumentations(A.Solarize(threshold_range=(128 / 255, 128 / 255), p=1)),
    ),
    Peer(
        "gamma",
        {"gamma": [0.6, 0.6]},
        by_albumentations(A.RandomGamma(gamma_limit=(60, 60), p=1)),
        1,
        0.6,
        "theirs cuts off",
    ),
    Peer(
        "auto_contrast",
        {"p": 1},
        by_albumentations(A.AutoContrast(method="pil", p=1)),
        1,
        0.6,
        "theirs rounds",
    ),
    Peer("grayscale", {"p": 1}, by_albumentations(A.ToGray(p=1)), 1, 0.3, "rounding"),
    Peer(
        "downscale",
        {"scale_range": [0.2, 0.2], "p": 1},
        by_albumentations(A.Downscale(scale_range=(0.2, 0.2), interpolation_pair=TO_MEANS, p=1)),
    ),
    Peer("center_crop", {"size": [41, 52]}, by_albumentations(A.CenterCrop(41, 52))),
    Peer(
        "pad",
        {"min_size": [101, 133], "fill": 9},
        by_albumentations(A.PadIfNeeded(101, 133, border_mode=cv2.BORDER_CONSTANT, fill=9)),
    ),
]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_pixels_equal_a_peers(peer, executor):
    if executor == "torch" and peer.name in CPU_ONLY:
        pytest.skip(f"torch has no {peer.name}: {CPU_ONLY[peer.name]}")
    picture = photo()
    plan = single(peer.name, peer.parameters).plan(picture.shape[:2])
    ours = EXECUTORS[executor](plan, picture)[0]
    apart = distance(ours, peer.theirs(picture))
    assert apart.shape == ours.shape
    assert apart.max() <= peer.largest
    assert apart.mean() <= peer.mean
