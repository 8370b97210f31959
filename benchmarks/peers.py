"""Each op beside what computes the same, or as nearly the same as the library has.

Parameters are fixed where they can be, so that results can be compared; where a library draws
them, or means something else by them, the row says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import albumentations as alb
import cv2
import torch
from torchvision.transforms import InterpolationMode, v2

Spec = Mapping[str, Any] | str

_BILINEAR = InterpolationMode.BILINEAR
_AREA_THEN_NEAREST = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_NEAREST}


class Peers(NamedTuple):
    """One op, and its peers.

    Attributes:
        ours: as a recipe spells it.
        albumentations: its transform, if it has one.
        torchvision: its transform, on tensors and on Pillow's pictures.
        drawn: what keeps results from being compared, or in what they differ.
    """

    ours: Spec
    albumentations: Any = None
    torchvision: Any = None
    drawn: str = ""


def _jitter(**factors: float) -> Peers:
    """One factor of the colour jitter."""
    ((name, value),) = factors.items()
    ours = {"hue": {"shift": [value, value]}} if name == "hue" else {name: {"factor": [value] * 2}}
    still = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
    return Peers(
        ours,
        alb.ColorJitter(**(still | {name: (value, value)}), p=1),
        v2.ColorJitter(**{name: (value, value)}),
    )


GEOMETRY = [
    Peers({"horizontal_flip": {"p": 1}}, alb.HorizontalFlip(p=1), v2.RandomHorizontalFlip(1)),
    Peers({"vertical_flip": {"p": 1}}, alb.VerticalFlip(p=1), v2.RandomVerticalFlip(1)),
    Peers("rotate90", alb.RandomRotate90(p=1), drawn="turns are drawn"),
    Peers({"resize": {"size": [300, 400]}}, alb.Resize(300, 400), v2.Resize((300, 400), _BILINEAR)),
    Peers(
        {"random_resized_crop": {"size": 224}},
        alb.RandomResizedCrop((224, 224)),
        v2.RandomResizedCrop(224),
        "crops are drawn; albumentations does not antialias",
    ),
    Peers({"center_crop": {"size": 224}}, alb.CenterCrop(224, 224), v2.CenterCrop(224)),
    Peers(
        {"random_crop": {"size": 224}},
        alb.RandomCrop(224, 224),
        v2.RandomCrop(224),
        "places are drawn",
    ),
    Peers({"pad": {"padding": 16}}, alb.Pad(16), v2.Pad(16)),
    Peers(
        {"rotate": {"degrees": [15, 15]}},
        alb.Rotate((15, 15), p=1),
        v2.RandomRotation((15, 15), _BILINEAR),
    ),
    Peers(
        {"affine": {"degrees": [15, 15], "scale": [0.9, 0.9]}},
        alb.Affine(scale=(0.9, 0.9), rotate=(15, 15), p=1),
        v2.RandomAffine((-15, -15), scale=(0.9, 0.9), interpolation=_BILINEAR),
    ),
    Peers(
        {"perspective": {"distortion_scale": 0.5, "p": 1}},
        alb.Perspective((0.05, 0.1), p=1),
        v2.RandomPerspective(0.5, 1),
        "corners are drawn, albumentations' nearer to the picture's",
    ),
    Peers(
        {"elastic": {"p": 1}},
        alb.ElasticTransform(alpha=50, sigma=5, p=1),
        v2.ElasticTransform(),
        "fields are drawn",
    ),
    Peers({"grid_distortion": {"p": 1}}, alb.GridDistortion(p=1), drawn="grids are drawn"),
]

COLOUR = [
    _jitter(brightness=1.3),
    _jitter(contrast=1.3),
    _jitter(saturation=1.3),
    _jitter(hue=0.1),
    Peers(
        {"color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}},
        alb.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=1),
        v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
        "factors are drawn",
    ),
    Peers({"grayscale": {"p": 1}}, alb.ToGray(p=1), v2.RandomGrayscale(1)),
    Peers(
        {"channel_shuffle": {"p": 1}},
        alb.ChannelShuffle(p=1),
        v2.RandomChannelPermutation(),
        "orders are drawn",
    ),
    Peers({"channel_drop": {"p": 1}}, alb.ChannelDropout(p=1), drawn="channels are drawn"),
    Peers({"invert": {"p": 1}}, alb.InvertImg(p=1), v2.RandomInvert(1)),
    Peers({"posterize": {"p": 1}}, alb.Posterize(4, p=1), v2.RandomPosterize(4, 1)),
    Peers({"solarize": {"p": 1}}, alb.Solarize((0.5, 0.5), p=1), v2.RandomSolarize(128, 1)),
    Peers(
        {"gamma": {"gamma": [1.5, 1.5]}},
        alb.RandomGamma((150, 150), p=1),
        partial(v2.functional.adjust_gamma, gamma=1.5),
    ),
    Peers({"tone_curve": {}}, alb.RandomToneCurve(p=1), drawn="curves are drawn"),
    Peers(
        {"auto_contrast": {"p": 1}}, alb.AutoContrast(method="pil", p=1), v2.RandomAutocontrast(1)
    ),
    Peers({"equalize": {"p": 1}}, alb.Equalize("pil", p=1), v2.RandomEqualize(1)),
    Peers(
        {"clahe": {"clip_limit": [2, 2], "p": 1}},
        alb.CLAHE((2, 2), p=1),
        drawn="albumentations' lightness is CIE L*, ours luma",
    ),
    Peers({"planckian": {}}, alb.PlanckianJitter(p=1), drawn="temperatures are drawn"),
    Peers(
        "normalize",
        alb.Normalize(),
        v2.Compose(
            [
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        ),
    ),
]

FILTERS = [
    Peers(
        {"gaussian_blur": {"sigma": [1.5, 1.5]}},
        alb.GaussianBlur((11, 11), (1.5, 1.5), p=1),
        v2.GaussianBlur(11, (1.5, 1.5)),
    ),
    Peers({"median_blur": {"kernel_size": [5, 5], "p": 1}}, alb.MedianBlur((5, 5), p=1)),
    Peers(
        {"motion_blur": {"length": [7, 7], "p": 1}},
        alb.MotionBlur((7, 7), allow_shifted=False, p=1),
        drawn="angles are drawn; albumentations' line is not anti-aliased",
    ),
    Peers(
        {"defocus": {"radius": [3, 3], "p": 1}},
        alb.Defocus((3, 3), p=1),
        drawn="albumentations blurs the disc's rim by an amount drawn",
    ),
    Peers(
        {"sharpen": {"sharpness_factor": [2, 2], "p": 1}},
        None,
        v2.RandomAdjustSharpness(2, 1),
    ),
    Peers(
        {"downscale": {"scale_range": [0.4, 0.4], "p": 1}},
        alb.Downscale((0.4, 0.4), _AREA_THEN_NEAREST, p=1),
    ),
    Peers(
        {"jpeg_compression": {"quality": [50, 50], "p": 1}},
        alb.ImageCompression("jpeg", (50, 50), p=1),
        v2.JPEG(50),
    ),
]

NOISE = [
    Peers(
        {"gaussian_noise": {"sigma": [0.05, 0.05], "p": 1}},
        alb.GaussNoise((0.05, 0.05), p=1),
        v2.GaussianNoise(sigma=0.05),
        "fields are drawn",
    ),
    Peers({"shot_noise": {"p": 1}}, alb.ShotNoise(p=1), drawn="albumentations' in linear light"),
    Peers({"salt_pepper": {"p": 1}}, alb.SaltAndPepper(p=1), drawn="fields are drawn"),
    Peers({"pixel_dropout": {"p": 1}}, alb.PixelDropout(p=1), drawn="fields are drawn"),
    Peers({"random_erasing": {"p": 1}}, alb.Erasing(p=1), v2.RandomErasing(1), "places are drawn"),
    Peers({"coarse_dropout": {"p": 1}}, alb.CoarseDropout(p=1), drawn="places are drawn"),
    Peers(
        {"grid_mask": {"unit": [0.3, 0.3], "ratio": 0.5, "p": 1}},
        alb.GridDropout(0.5, unit_size_range=(112, 113), p=1),
        drawn="places are drawn",
    ),
]

POLICIES = [
    Peers("rand_augment", None, v2.RandAugment(), "transforms are drawn"),
    Peers("trivial_augment_wide", None, v2.TrivialAugmentWide(), "transforms are drawn"),
    Peers("auto_augment", None, v2.AutoAugment(), "transforms are drawn"),
    Peers("aug_mix", None, v2.AugMix(), "transforms are drawn"),
]

ALL = [*GEOMETRY, *COLOUR, *FILTERS, *NOISE, *POLICIES]

_JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4}
_AFFINE = {"degrees": 20, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 10}

# The pipeline of the first table, as each library spells it.
PIPELINE = [
    {"random_resized_crop": {"size": 224}},
    "horizontal_flip",
    {"affine": _AFFINE},
    {"color_jitter": _JITTER},
    {"gaussian_blur": {"sigma": [0.1, 0.66]}},
    "normalize",
    {"random_erasing": {"p": 0.5}},
]

ALBUMENTATIONS_PIPELINE = alb.Compose(
    [
        alb.RandomResizedCrop((224, 224)),
        alb.HorizontalFlip(),
        alb.Affine((0.8, 1.2), (-0.1, 0.1), rotate=(-20, 20), shear={"x": (-10, 10)}, p=1),
        alb.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (0, 0), p=1),
        alb.GaussianBlur((5, 5), (0.1, 0.66), p=1),
        alb.Normalize(),
        alb.Erasing(p=0.5),
    ]
)

TORCHVISION_PIPELINE = v2.Compose(
    [
        v2.RandomResizedCrop(224),
        v2.RandomHorizontalFlip(),
        v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, _BILINEAR),
        v2.ColorJitter(0.4, 0.4, 0.4),
        v2.GaussianBlur(5, (0.1, 0.66)),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        v2.RandomErasing(0.5),
    ]
)
