"""Any dataset with `__len__` and `__getitem__`, taken as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Subset

from augpipe.boxes import AS_INSIDE, BoxParams
from augpipe.data.dataset import ImageDataset
from augpipe.data.decode import open_image
from augpipe.data.paths import read_file
from augpipe.data.pixels import WHITE, Color, PixelSource
from augpipe.data.sample import Row, Source
from augpipe.data.targets import read_targets
from augpipe.errors import DataError, within
from augpipe.generators import Generator, held_by


class MappedDataset(ImageDataset):
    """The items of a map-style dataset.

    An item is an image, a pair of an image and a target, or a dictionary with the key `image` and
    those of a target. The image is a PIL picture, a uint8 array of (H, W) or (H, W, C), or a uint8
    tensor of (C, H, W); what a target may be, `targets.read_targets` says. Or it is a file, as the
    `bytes` or the `path` of a dictionary: so Hugging Face's datasets have it that were told
    `cast_column("image", Image(decode=False))`, and no more of it is decoded than will be seen.

    Items are fetched when their row is opened, with whatever that costs. Should it draw from global
    generators, as transforms of torchvision do, or from one that it holds, a loader seeds these.

    Args:
        dataset: anything with `__len__` and `__getitem__` of 0 to len - 1.
        background: RGB behind transparent pixels.
        boxes: how its boxes are written, and what to do with invalid ones.
    """

    draws = True

    def __init__(
        self, dataset: Any, *, background: Color = WHITE, boxes: BoxParams = AS_INSIDE
    ) -> None:
        self.dataset = dataset
        self.background = background
        self.boxes = boxes
        names = getattr(dataset, "classes", None) or getattr(_label_feature(dataset), "names", None)
        self.classes = tuple(map(str, names or ()))

    def __len__(self) -> int:
        return len(self.dataset)

    def row(self, index: int) -> Row:
        """Fetch item `index`."""
        with within(self.where(index)):
            image, target = _image_and_target(_fetch(self.dataset, index))
            source = _source(image, self.background)
            return Row(source, read_targets(target, source.size, self.boxes))

    @cached_property
    def generators(self) -> list[Generator]:
        """Those that the dataset holds."""
        return held_by(self.dataset)

    def where(self, index: int) -> str:
        """The item, and the type of the dataset."""
        return f"item {index} of {type(self.dataset).__name__}"

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) the dataset's `targets` or `labels`, as torchvision names them, if it has them.

        Or, as Hugging Face's datasets have them, its column `label`.

        Of a torch `Subset`, those of its items. Classes that a `target_transform` changes are not
        known.
        """
        return _known_labels(self.dataset)

    @cached_property
    def fingerprint(self) -> str:
        """Of the dataset's type, length and classes: more of it cannot be known without reading."""
        kind = type(self.dataset)
        known = (kind.__module__, kind.__qualname__, len(self), self.classes)
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


def _known_labels(dataset: Any) -> NDArray[np.int64] | None:
    if isinstance(dataset, Subset):
        labels = _known_labels(dataset.dataset)
        return None if labels is None else labels[np.asarray(dataset.indices)]
    if getattr(dataset, "target_transform", None) is not None:
        return None
    if _label_feature(dataset) is not None:
        return _classes(list(dataset["label"]), len(dataset))
    return _classes(getattr(dataset, "targets", getattr(dataset, "labels", None)), len(dataset))


def _label_feature(dataset: Any) -> Any:
    """What a Hugging Face dataset says of its column `label`; None if it is none, or has none."""
    features = getattr(dataset, "features", None)
    return features.get("label") if isinstance(features, Mapping) else None


def _classes(values: Any, count: int) -> NDArray[np.int64] | None:
    """What may be anything, if it is as many classes."""
    if not isinstance(values, list | tuple | np.ndarray | torch.Tensor) or len(values) != count:
        return None
    try:
        labels = np.asarray(values)
    except ValueError:  # targets of several objects each
        return None
    return labels.astype(np.int64) if labels.ndim == 1 and labels.dtype.kind in "iu" else None


def _fetch(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except Exception as error:  # it is somebody else's code
        raise DataError(f"{type(error).__name__}: {error}") from error


def _image_and_target(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        if "image" not in item:
            raise DataError(f"has no 'image' among its keys {', '.join(map(str, item))}")
        rest = {key: value for key, value in item.items() if key != "image"}
        return item["image"], rest
    if isinstance(item, tuple | list):
        if len(item) != 2:
            raise DataError(f"is a {type(item).__name__} of {len(item)}; expected (image, target)")
        return item[0], item[1]
    return item, None


def _source(image: Any, background: Color) -> Source:
    if not isinstance(image, Mapping):
        return PixelSource(_pixels(image), background)
    path, data = image.get("path"), image.get("bytes")
    if data is None and path is not None:
        data = read_file(path)
    if data is None:
        raise DataError("its image has neither bytes nor a path")
    return open_image(data, path or "its image", background=background)


def _pixels(image: Any) -> NDArray[Any]:
    """The image as `to_rgb8` takes it."""
    if isinstance(image, Image.Image):
        return _pil_pixels(image)
    pixels = image
    if isinstance(image, torch.Tensor) and image.ndim == 3:
        pixels = image.detach().cpu().numpy().transpose(1, 2, 0)
    if (
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] <= 4))
    ):
        return pixels
    raise DataError(
        f"its image is {_described(image)}; expected a PIL picture, a uint8 array of (H, W) or "
        "(H, W, C) or a uint8 tensor of (C, H, W): remove transforms that make floats of it"
    )


def _pil_pixels(image: Image.Image) -> NDArray[Any]:
    if image.mode in ("L", "LA", "RGB", "RGBA", "I;16"):
        return np.asarray(image)
    if image.mode in ("I", "F"):
        raise DataError(f"its image has {image.mode!r} pixels, whose range is not known")
    return np.asarray(image.convert("RGBA"))


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor | np.ndarray):
        return f"a {type(value).__name__} of {value.dtype}, shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
