"""What becomes of each transform, and what is said about it."""

from __future__ import annotations

import json

import albumentations as A  # noqa: N812 (as everybody writes it)
import pytest
import torch
import yaml
from torchvision import transforms as v1
from torchvision.transforms import v2

from augpipe.convert import convert
from augpipe.errors import DataError, RecipeError
from augpipe.recipe import Recipe


def as_it_is(image, **_):
    return image


def hows(conversion) -> list[str]:
    return [line.how for line in conversion.lines]


def parsed(conversion) -> dict:
    return yaml.safe_load(conversion.to_yaml())["pipeline"]


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_what_albumentations_saves_is_read(tmp_path, suffix):
    place = tmp_path / f"pipeline.{suffix}"
    A.save(A.Compose([A.HorizontalFlip(p=0.3), A.Normalize()]), place, data_format=suffix)
    assert parsed(convert(place)) == {
        "train": [{"horizontal_flip": {"p": 0.3}}],
        "normalize": "imagenet",
    }


def test_without_a_native_op_it_stays_what_it_was():
    conversion = convert(A.Compose([A.RandomBrightnessContrast(p=0.2)]))
    assert hows(conversion) == ["foreign"]
    (op,) = parsed(conversion)["train"]
    assert op["albumentations.RandomBrightnessContrast"]["p"] == 0.2
    assert "no native op has this meaning" in conversion.to_yaml()
    assert conversion.complete


@pytest.mark.parametrize(
    "transform",
    [
        A.GaussianBlur(blur_limit=(3, 3)),
        A.Affine(shear=10),
        A.Affine(scale=(0.5, 1.5)),
        A.CoarseDropout(hole_height_range=(5, 8), hole_width_range=(5, 8)),
        A.Equalize("pil"),
        A.GaussNoise(noise_scale_factor=0.5),
        A.RandomGamma(),
        A.CLAHE(),
        A.ToGray(method="max"),
        A.Rotate(border_mode=3),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_a_setting_that_no_native_op_has_stays_foreign(transform):
    assert hows(convert(A.Compose([transform]))) == ["foreign"]


@pytest.mark.parametrize(
    "transform",
    [
        A.RandomSizedCrop((10, 20), (30, 30)),
        A.OneOf([A.Blur(), A.GaussianBlur()]),
        A.OneOf([A.HorizontalFlip(p=0.5), A.InvertImg(p=0.1)]),
        A.Lambda(image=as_it_is, name="mine"),
        v2.Lambda(lambda image: image),
        v2.RandomChoice([v2.RandomInvert(), v2.RandomGrayscale()], p=[0.9, 0.1]),
        v2.RandomShortestSize([30, 40]),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_what_a_recipe_cannot_say_is_left_out_and_said(transform):
    whole = (
        A.Compose([transform]) if isinstance(transform, A.BasicTransform | A.OneOf) else transform
    )
    conversion = convert(whole)
    assert hows(conversion) == ["left out"]
    assert not conversion.complete
    assert f"LEFT OUT: {type(transform).__name__}" in conversion.to_yaml()


def test_boxes_are_kept_as_they_are_meant():
    params = A.BboxParams("coco", label_fields=["l"], min_area=9, min_visibility=0.2, clip=True)
    conversion = convert(A.Compose([A.HorizontalFlip()], bbox_params=params))
    recipe = Recipe.parse(yaml.safe_load(conversion.to_yaml()))
    boxes = recipe.pipeline.boxes
    assert (boxes.format, boxes.min_area, boxes.min_visibility) == ("coco", 9, 0.2)
    assert boxes.on_invalid == "clip"


def test_a_torchvision_training_pipeline():
    conversion = convert(
        v2.Compose(
            [
                v2.ToImage(),
                v2.RandomResizedCrop(176),
                v2.RandomHorizontalFlip(),
                v2.TrivialAugmentWide(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
                v2.RandomErasing(0.1),
            ]
        )
    )
    assert conversion.complete
    assert parsed(conversion)["train"] == [
        {"random_resized_crop": {"size": [176, 176]}},
        "horizontal_flip",
        "trivial_augment_wide",
        {"normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}},
        {"random_erasing": {"p": 0.1}},
    ]


def test_pictures_end_as_floats_where_they_did():
    assert parsed(convert(v1.Compose([v1.RandomInvert(), v1.ToTensor()])))["train"] == [
        "invert",
        "to_float",
    ]
    normalized = [v1.ToTensor(), v1.Normalize((0.5,) * 3, (0.5,) * 3)]
    assert parsed(convert(v1.Compose(normalized))) == {"train": [], "normalize": "half"}


def test_groups_of_torchvision():
    found = parsed(
        convert(
            torch.nn.Sequential(
                v2.RandomApply([v2.ColorJitter(0.2), v2.RandomInvert()], p=0.3),
                v2.RandomChoice([v2.RandomInvert(), v2.RandomGrayscale()]),
                v2.RandomOrder([v2.RandomInvert(), v2.RandomGrayscale()]),
            )
        )
    )["train"]
    assert [next(iter(op)) for op in found] == ["sometimes", "one_of", "random_order"]
    assert found[0]["sometimes"]["p"] == 0.3


def test_mixing_goes_to_batches():
    found = parsed(convert(v2.Compose([v2.RandomInvert(), v2.MixUp(alpha=0.2, num_classes=9)])))
    assert found["batch"] == [{"mixup": {"alpha": 0.2, "mode": "batch"}}]


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomAffine(10, (0.1, 0.2), (0.9, 1.1), (1, 2, 3, 4), fill=(1, 2, 3)),
        v2.RandomPerspective(0.3, 0.4),
        v2.RandomCrop(32, padding=4, padding_mode="reflect"),
        v2.RandomCrop(32, pad_if_needed=True, fill=7),
        v2.RandomZoomOut(fill=3),
        v2.ElasticTransform(60.0, 6.0),
        v2.RandAugment(3, 7),
        v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
        v2.AugMix(2),
        v2.JPEG((30, 60)),
        v2.GaussianNoise(sigma=0.05),
        v2.RandomAutocontrast(),
        v2.RandomChannelPermutation(),
        v2.RandomErasing(value="random"),
        v2.Resize(None, max_size=50),
        v1.AutoAugment(),
        v1.RandAugment(),
        v1.ColorJitter(0.1, 0.2, 0.3, 0.4),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_these_have_a_native_op(transform):
    conversion = convert(transform)
    assert hows(conversion) == ["native"]
    Recipe.parse(yaml.safe_load(conversion.to_yaml()))


def test_fields_arrive_where_they_belong():
    (op,) = parsed(convert(v2.RandomAffine((-9, 5), (0.1, 0.2), (0.9, 1.1), (1, 2, 3, 4), fill=5)))[
        "train"
    ]
    assert op["affine"] == {
        "degrees": [-5, 9],
        "translate": [0.1, 0.2],
        "scale": [0.9, 1.1],
        "shear": [1, 2, 3, 4],
        "interpolation": "nearest",
        "fill": [5, 5, 5],
    }


def test_plain_values_are_json():
    found = json.loads(json.dumps(convert(A.Compose([A.HorizontalFlip(), A.Blur()])).as_json()))
    assert [one["how"] for one in found["transforms"]] == ["native", "foreign"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "holds no pipeline"),
        ({"transform": {"p": 1}}, "without __class_fullname__"),
        ("nothing", "neither a file"),
        ("augpipe.nowhere:x", "cannot import"),
        ("augpipe.errors:sugest", "did you mean 'suggest'"),
        ("augpipe.errors:suggest", "cannot be called"),
        ("augpipe.errors:AugpipeError", "expected a transform"),
    ],
)
def test_what_is_no_pipeline_is_an_error(source, message):
    with pytest.raises(RecipeError, match=message):
        convert(source)


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(DataError, match=r"nowhere\.json"):
        convert("nowhere.json")
