"""Where a YOLO dataset's pictures, labels and names are: data.yaml, or the folders themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from augpipe.data.paths import existing, existing_folder, read_text, refuse_outside
from augpipe.errors import DataError, suggest, within

_SPLITS = ("train", "val", "test")
_MOST_KEYPOINTS = 1000


@dataclass(frozen=True)
class YoloConfig:
    """What there is to know before the first label is read.

    Attributes:
        place: how errors name the dataset.
        root: the folder that holds everything.
        images: the folder of the pictures, relative to `root`.
        names: the classes, if they are written down.
        kpt_shape: K keypoints of 2 or 3 numbers, if there are keypoints.
        flip_idx: (K,) where each keypoint goes in a mirror, if that is written down.
    """

    place: Path
    root: Path
    images: PurePosixPath
    names: tuple[str, ...] | None
    kpt_shape: tuple[int, int] | None = None
    flip_idx: NDArray[np.int64] | None = None

    def labels_of(self, picture: str) -> Path:
        """The label file of a picture; both lie in folders that differ by one name."""
        parts = list(self.images.parts)
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
        below = PurePosixPath(picture).relative_to(self.images).with_suffix(".txt")
        return self.root.joinpath(*parts) / below


def read_config(path: str | Path, split: str | None, root: str | Path | None) -> YoloConfig:
    """The configuration of a data.yaml or a folder.

    Raises:
        DataError: it is neither, or what it says is wrong.
    """
    place = existing(path)
    if place.is_dir() and (place / "data.yaml").exists():
        place = place / "data.yaml"
    with within(str(place)):
        config = _of_folder(place, split) if place.is_dir() else _of_yaml(place, split, root)
        if "images" not in config.images.parts:
            raise DataError(
                f"the pictures are in {config.images}, which has no folder images in its path, "
                "beside which labels could lie"
            )
        existing_folder(config.root / config.images)
    return config


def _of_folder(folder: Path, split: str | None) -> YoloConfig:
    options = ["images"] if split is None else [f"images/{split}", f"{split}/images"]
    images = next((option for option in options if (folder / option).is_dir()), options[0])
    names = folder / "classes.txt"
    lines = read_text(names).splitlines() if names.exists() else []
    found = tuple(line.strip() for line in lines if line.strip())
    return YoloConfig(folder, folder, PurePosixPath(images), found or None)


def _of_yaml(file: Path, split: str | None, root: str | Path | None) -> YoloConfig:
    document = _document(file)
    split = split or "train"
    if not isinstance(document.get(split), str):
        known = [name for name in _SPLITS if isinstance(document.get(name), str)]
        hint = suggest(split, known) if known else "it names no folder at all"
        raise DataError(f"has no folder of pictures for {split!r}; {hint}")
    base = file.parent / _inside(document, "path", file.parent) if root is None else Path(root)
    base = existing_folder(base)
    images = PurePosixPath(_inside(document, split, base))
    shape, flip = _keypoints(document)
    return YoloConfig(file, base, images, _names(document.get("names")), shape, flip)


def _document(file: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(read_text(file))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"is not YAML: {error}") from error
    if not isinstance(document, Mapping):
        raise DataError("is no mapping of YAML with names and folders")
    return document


def _inside(document: Mapping[str, Any], key: str, folder: Path) -> str:
    """The path under `key`, relative to `folder`."""
    path = document.get(key) or "."
    if not isinstance(path, str):
        raise DataError(f"{key} is {path!r:.60}, not a path")
    with within(key):
        return refuse_outside(path, folder)


def _names(names: Any) -> tuple[str, ...] | None:
    if isinstance(names, Mapping):
        if set(names) != set(range(len(names))):
            raise DataError(f"names are numbered {list(names)!r:.80}; expected 0, 1, 2, ...")
        names = [names[number] for number in range(len(names))]
    if names is not None and not isinstance(names, list):
        raise DataError(f"names are {names!r:.60}; expected a list, or a mapping from 0, 1, 2, ...")
    return None if names is None else tuple(map(str, names))


def _keypoints(
    document: Mapping[str, Any],
) -> tuple[tuple[int, int] | None, NDArray[np.int64] | None]:
    shape, flip = document.get("kpt_shape"), document.get("flip_idx")
    if shape is None:
        return None, None
    match shape:
        case [int(count), 2 | 3 as numbers] if 0 < count <= _MOST_KEYPOINTS:
            shape = count, numbers
        case _:
            raise DataError(f"kpt_shape is {shape!r:.60}; expected [keypoints, 2 or 3]")
    if flip is None:
        return shape, None
    if not isinstance(flip, list) or sorted(map(str, flip)) != sorted(map(str, range(count))):
        raise DataError(f"flip_idx is {flip!r:.60}; expected each of 0 to {count - 1} once")
    return shape, np.array(flip, np.int64)
