"""What a converted pipeline does to a picture is what the library itself does."""

from __future__ import annotations

import json

import albumentations as A  # noqa: N812 (as everybody writes it)
import numpy as np
import pytest
import torch
import yaml
from torchvision import transforms as v1
from torchvision.transforms import v2

from augpipe.convert import convert
from augpipe.recipe import Recipe
from encoded import smooth

IMAGE = smooth(90, 120)
# Levels, on average: geometry differs in interpolation, codecs and blurs in rounding.
EXACT, ROUNDED, SAMPLED = 0.0, 1.0, 1.5

ALBUMENTATIONS = [
    (A.HorizontalFlip(p=1), EXACT),
    (A.VerticalFlip(p=1), EXACT),
    (A.InvertImg(p=1), EXACT),
    (A.ToGray(p=1), ROUNDED),
    (A.Solarize((0.3, 0.3), p=1), ROUNDED),
    (A.Posterize((3, 3), p=1), EXACT),
    (A.MedianBlur((5, 5), p=1), EXACT),
    (A.GaussianBlur(blur_limit=0, sigma_limit=(2, 2), p=1), ROUNDED),
    (A.CenterCrop(40, 50), EXACT),
    (A.PadIfNeeded(130, 131, border_mode=1), EXACT),
    (A.PadIfNeeded(130, 131, fill=(9, 8, 7)), EXACT),
    (A.Resize(45, 60), SAMPLED),
    (A.SmallestMaxSize(60), SAMPLED),
    (A.LongestMaxSize(60), SAMPLED),
    (A.Rotate((30, 30), p=1), SAMPLED),
    (A.Rotate((-70, -70), border_mode=1, p=1), SAMPLED),
    (A.Affine(rotate=(20, 20), scale=(0.8, 0.8), p=1), SAMPLED),
    (A.ColorJitter((1.3, 1.3), (1, 1), (1, 1), (0, 0), p=1), ROUNDED),
    (A.ColorJitter((1, 1), (0.5, 0.5), (1, 1), (0, 0), p=1), ROUNDED),
    (A.ColorJitter((1, 1), (1, 1), (0.5, 0.5), (0, 0), p=1), ROUNDED),
    (A.ColorJitter((1, 1), (1, 1), (1, 1), (0.1, 0.1), p=1), SAMPLED),
]

TORCHVISION = [
    (v2.RandomHorizontalFlip(1), EXACT),
    (v2.RandomVerticalFlip(1), EXACT),
    (v2.RandomGrayscale(1), ROUNDED),
    (v2.RandomInvert(1), EXACT),
    (v2.RandomEqualize(1), EXACT),
    (v2.RandomPosterize(3, 1), EXACT),
    (v2.RandomSolarize(90, 1), EXACT),
    (v2.RandomAdjustSharpness(2, 1), ROUNDED),
    (v2.Grayscale(3), ROUNDED),
    (v2.Resize(45), ROUNDED),
    (v2.Resize((40, 70)), ROUNDED),
    (v2.CenterCrop((30, 50)), EXACT),
    (v2.Pad((1, 2, 3, 4), fill=9), EXACT),
    (v2.Pad(5, padding_mode="edge"), EXACT),
    (v2.RandomRotation((30, 30)), SAMPLED),
    (v2.RandomRotation((30, 30), v2.InterpolationMode.BILINEAR), ROUNDED),
    (v2.RandomAffine((20, 20), scale=(0.8, 0.8), shear=(10, 10)), SAMPLED),
    (v2.GaussianBlur(13, (2, 2)), ROUNDED),
    (v2.ColorJitter((1.3, 1.3)), ROUNDED),
    (v2.ColorJitter(contrast=(0.5, 0.5)), ROUNDED),
    (v1.RandomRotation((30, 30)), SAMPLED),
    (v1.Resize(45), ROUNDED),
]


def run(conversion, image=IMAGE) -> np.ndarray:
    recipe = Recipe.parse(yaml.safe_load(conversion.to_yaml()))
    return recipe.ops("train")(image, seed=0, epoch=0, index=0).image


def named(pairs):
    return [pytest.param(*pair, id=f"{n}-{type(pair[0]).__name__}") for n, pair in enumerate(pairs)]


@pytest.mark.parametrize(("transform", "limit"), named(ALBUMENTATIONS))
def test_albumentations(transform, limit):
    expected = transform(image=IMAGE)["image"]
    conversion = convert(json.loads(json.dumps(A.to_dict(A.Compose([transform])))))
    assert [line.how for line in conversion.lines] == ["native"]
    assert_same(run(conversion), expected, limit)


@pytest.mark.parametrize(("transform", "limit"), named(TORCHVISION))
def test_torchvision(transform, limit):
    expected = transform(torch.from_numpy(IMAGE).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    conversion = convert(transform)
    assert [line.how for line in conversion.lines] == ["native"]
    assert_same(run(conversion), expected, limit)


def assert_same(found, expected, limit):
    assert found.shape == expected.shape
    inside = (slice(4, -4), slice(4, -4)) if limit else ()  # where borders are not at stake
    difference = np.abs(found.astype(float) - expected)[inside]
    assert difference.mean() <= limit


@pytest.mark.filterwarnings("ignore:ShiftScaleRotate is a special case")
def test_shift_scale_rotate():
    transform = A.ShiftScaleRotate((0.1, 0.1), (0.2, 0.2), (15, 15), p=1)
    assert_same(run(convert(A.Compose([transform]))), transform(image=IMAGE)["image"], SAMPLED)


def test_jpeg_compression():
    transform = A.ImageCompression(quality_range=(40, 40), p=1)
    swapped = transform(image=np.ascontiguousarray(IMAGE[..., ::-1]))["image"][..., ::-1]
    assert_same(run(convert(A.Compose([transform]))), swapped, SAMPLED)


def draws(transform, count):
    transform.set_random_seed(7)
    return [transform(image=IMAGE)["image"] for _ in range(count)]


def own_draws(transform, count):
    pipeline = Recipe.parse(yaml.safe_load(convert(transform).to_yaml())).ops("train")
    return [pipeline(IMAGE, seed=0, epoch=0, index=i).image for i in range(count)]


@pytest.mark.parametrize(
    "transform",
    [
        A.GaussNoise(std_range=(0.1, 0.2), p=0.7),
        A.SaltAndPepper((0.1, 0.3), (0.2, 0.3), p=0.7),
        A.PixelDropout(0.2, drop_value=50, p=0.7),
        A.CoarseDropout((2, 5), (0.1, 0.3), (0.2, 0.4), fill=77, p=0.7),
        A.ChannelShuffle(p=1),
        A.ChannelDropout(p=0.7),
        A.ColorJitter(0.4, 0.4, 0.4, 0.0, p=0.7),
        A.RandomRotate90(p=0.7),
        A.OneOf([A.HorizontalFlip(p=0.3), A.InvertImg(p=0.3)], p=0.7),
        A.SomeOf([A.HorizontalFlip(p=0.5), A.InvertImg(p=0.5), A.VerticalFlip(p=0.5)], n=2, p=0.9),
        A.Compose([A.HorizontalFlip(p=0.8), A.InvertImg(p=0.8)], p=0.5),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_albumentations_draws_as_often_and_as_strong(transform):
    whole = A.Compose([transform])
    theirs, ours = (
        np.sort([change(image) for image in many])
        for many in (draws(whole, 400), own_draws(whole, 400))
    )
    # The largest gap of two samples' distribution functions; 0.14 happens once in a thousand.
    everything = np.concatenate([theirs, ours])
    gaps = [np.searchsorted(one, everything + 0.3, "right") / len(one) for one in (theirs, ours)]
    assert np.abs(gaps[0] - gaps[1]).max() < 0.14


def change(image) -> float:
    """How far a drawn picture is from the original; one that lies on its side is far."""
    return np.abs(image.astype(float) - IMAGE).mean() if image.shape == IMAGE.shape else 999.0
