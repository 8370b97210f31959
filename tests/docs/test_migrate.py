"""What the tables say about other libraries is so: of them, of our ops, and of the converter."""

from __future__ import annotations

import importlib
import inspect
import re

import albumentations as A  # noqa: N812 (as everybody writes it)
import pytest
from albumentations.core.composition import BaseCompose
from albumentations.core.transforms_interface import BasicTransform
from torchvision.transforms import v2

from augpipe.adapters.libraries import import_library
from augpipe.convert import albumentations_ops, torchvision_ops
from augpipe.convert.fields import Fields
from augpipe.ops import find_op, list_ops
from counterparts import PAGES, Row, rows

ALBUMENTATIONS = {
    "Resize": A.Resize(9, 9),
    "SmallestMaxSize": A.SmallestMaxSize(9),
    "LongestMaxSize": A.LongestMaxSize(9),
    "CenterCrop": A.CenterCrop(9, 9),
    "RandomCrop": A.RandomCrop(9, 9, pad_if_needed=True),
    "RandomResizedCrop": A.RandomResizedCrop((9, 9)),
    "PadIfNeeded": A.PadIfNeeded(9, 9),
    "Affine": A.Affine(translate_percent=(-0.1, 0.1)),
}
TORCHVISION = {
    "Resize": v2.Resize(None, max_size=9),
    "CenterCrop": v2.CenterCrop(9),
    "RandomCrop": v2.RandomCrop(9, padding=1),
    "RandomResizedCrop": v2.RandomResizedCrop(9),
    "Pad": v2.Pad(1),
    "RandomRotation": v2.RandomRotation(9),
    "RandomAffine": v2.RandomAffine(9, (0.1, 0.1), (0.9, 1.1), 5),
    "RandomPosterize": v2.RandomPosterize(4),
    "RandomSolarize": v2.RandomSolarize(128),
    "RandomAdjustSharpness": v2.RandomAdjustSharpness(2),
    "ColorJitter": v2.ColorJitter(0.1, 0.1, 0.1, 0.1),
    "Grayscale": v2.Grayscale(3),
    "GaussianBlur": v2.GaussianBlur(9),
    "JPEG": v2.JPEG(50),
    "Normalize": v2.Normalize([0.5] * 3, [0.5] * 3),
}


class Watched(Fields):
    """Fields that remember which of them were asked for."""

    def __init__(self, values):
        super().__init__(values)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def require(self, name, *accepted):
        self.asked.add(name)
        super().require(name, *accepted)


def row_of(page: str, name: str) -> Row:
    (row,) = (row for row in rows() if row.page == page and name in row.theirs)
    return row


def mentioned(row: Row) -> set[str]:
    return set(row.their_parameters) | set(re.findall(r"`(\w+)`", row.remark))


def written(page: str, name: str) -> dict:
    """A transform's parameters, as the converter finds them."""
    if page == "albumentations":
        return A.to_dict(ALBUMENTATIONS.get(name) or getattr(A, name)())["transform"]
    return vars(TORCHVISION.get(name) or getattr(v2, name)())


@pytest.mark.filterwarnings("ignore:ShiftScaleRotate is a special case")
@pytest.mark.parametrize(
    ("page", "name", "make"),
    [
        (page, name, make)
        for page, native in (
            ("albumentations", albumentations_ops.NATIVE),
            ("torchvision", torchvision_ops.NATIVE),
        )
        for name, make in native.items()
    ],
)
def test_the_page_says_what_the_converter_does(page, name, make):
    fields, row = Watched(written(page, name)), row_of(page, name)
    ((op, spec),) = make(fields).items()
    assert row.ours == (op,)
    assert set(spec) <= row.our_parameters
    assert fields.asked <= mentioned(row)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.page}-{'-'.join(row.theirs)}")
def test_our_names_are_ops_and_their_parameters(row):
    assert row.theirs
    assert row.ours
    assert set(row.ours) <= set(list_ops())
    fields = {field for name in row.ours for field in find_op(name).model_fields}
    assert row.our_parameters <= fields


def library(page: str):
    if page == "kornia":
        reason = "kornia is not installed; its names on the page are not checked"
        return pytest.importorskip("kornia.augmentation", reason=reason)
    if page == "albumentations":
        return importlib.import_module(page)
    return import_library(page)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # imgaug's own
@pytest.mark.parametrize("page", ["albumentations", "torchvision", "imgaug", "kornia"])
def test_their_names_are_theirs(page):
    module = library(page)
    for row in rows():
        if row.page == page:
            signatures = [inspect.signature(getattr(module, name)) for name in row.theirs]
            known = {name for signature in signatures for name in signature.parameters}
            assert row.their_parameters <= known, row.theirs


def test_every_transform_of_albumentations_is_on_its_page():
    abstract = {"BasicTransform", "BaseCompose", "DualTransform", "ImageOnlyTransform"}
    kinds = BasicTransform | BaseCompose
    named = {n for n, one in vars(A).items() if inspect.isclass(one) and issubclass(one, kinds)}
    assert missing("albumentations", named - abstract - {"Transform3D"}) == set()


def test_every_transform_of_torchvision_is_on_its_page():
    named = {n for n, one in vars(v2).items() if inspect.isclass(one)}
    assert (
        missing("torchvision", named - {"AutoAugmentPolicy", "InterpolationMode", "Transform"})
        == set()
    )


def missing(page: str, names: set[str]) -> set[str]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return names - set(re.findall(r"`(\w+)`", text))
