"""From what a user has to a dataset: paths by what lies there, objects by what they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset

from augpipe.data.arrays import ArrayDataset, is_array_inside
from augpipe.data.coco import CocoDataset
from augpipe.data.dataset import ImageDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.idx import IdxDataset, is_idx
from augpipe.data.mapped import MappedDataset
from augpipe.data.paths import existing
from augpipe.data.table import TableDataset
from augpipe.data.voc import VocDataset
from augpipe.data.yolo import YoloDataset
from augpipe.errors import DataError, suggest

_BY_SUFFIX: dict[str, Callable[..., ImageDataset]] = {
    ".csv": TableDataset,
    ".tsv": TableDataset,
    ".parquet": TableDataset,
    ".pq": TableDataset,
    ".json": CocoDataset,
    ".yaml": YoloDataset,
    ".yml": YoloDataset,
}


def open_dataset(data: Any) -> ImageDataset:
    """Make a dataset of `data`.

    Args:
        data: a folder of class folders, of Pascal VOC (Annotations/ and JPEGImages/) or of YOLO
            (data.yaml, or images/ and labels/); a .csv, .tsv or .parquet file, COCO's .json,
            YOLO's .yaml, or MNIST's images-idx3-ubyte; a dictionary of such a `path` and keyword
            options of its dataset, as recipes spell it (with `table` for `path` where `path` is to
            name the column of paths); an array of images or a pair of images and labels; a
            torchvision dataset; any other map-style dataset; or an `ImageDataset`, which is
            returned as it is.

    Raises:
        DataError: nothing is there, or it is of no such kind, or an option is not known.
    """
    if isinstance(data, ImageDataset):
        return data
    if isinstance(data, str | Path):
        return _open_path(data, {})
    if isinstance(data, Mapping):
        return _open_mapping(data)
    if isinstance(data, np.ndarray | torch.Tensor):
        return ArrayDataset(data)
    if _is_pair_of_arrays(data):
        return ArrayDataset(*data)
    return _open_object(data)


def _open_path(path: str | Path, options: Mapping[str, Any]) -> ImageDataset:
    path = existing(path)
    kind = _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)
    if kind is None:
        raise DataError(
            f"{path} is no dataset by its suffix; expected a folder, or a file "
            f"ending in {', '.join(_BY_SUFFIX)} or -idx3-ubyte"
        )
    known = list(inspect.signature(kind).parameters)[1:]
    for option in options:
        if option not in known:
            raise DataError(f"{path}: unknown option {option!r}; {suggest(str(option), known)}")
    return kind(path, **options)


def known_options() -> list[str]:
    """What recipes may say beside a path, for any dataset that lies in files; sorted."""
    kinds: set[Callable[..., ImageDataset]] = {
        FolderDataset,
        IdxDataset,
        VocDataset,
        *_BY_SUFFIX.values(),
    }
    return sorted({name for kind in kinds for name in [*inspect.signature(kind).parameters][1:]})


def _kind_of_file(file: Path) -> Callable[..., ImageDataset] | None:
    return IdxDataset if is_idx(file) else _BY_SUFFIX.get(file.suffix.lower())


def _kind_of_folder(folder: Path) -> Callable[..., ImageDataset]:
    """By what lies in it: folders named as Pascal VOC's and YOLO's are, or else classes."""
    names = {entry.name for entry in folder.iterdir()}
    if {"Annotations", "JPEGImages"} <= names:
        return VocDataset
    if "data.yaml" in names or {"images", "labels"} <= names:
        return YoloDataset
    return FolderDataset


def _open_mapping(data: Mapping[str, Any]) -> ImageDataset:
    options = dict(data)
    place = "table" if "table" in options else "path"
    if place not in options:
        raise DataError(
            f"data has no 'path' among its keys {', '.join(map(str, data)) or '(none)'}"
        )
    return _open_path(options.pop(place), options)


def _is_pair_of_arrays(data: Any) -> bool:
    return (
        isinstance(data, tuple)
        and len(data) == 2
        and isinstance(data[0], np.ndarray | torch.Tensor)
    )


def _open_object(data: Any) -> ImageDataset:
    kind = type(data)
    if isinstance(data, IterableDataset):
        raise DataError(
            f"{kind.__name__} is an IterableDataset: shuffling, resuming and replaying need access "
            "to any item by number; give it `__getitem__` and `__len__`, or list its files in a CSV"
        )
    if is_array_inside(data):
        return ArrayDataset.from_torchvision(data)
    if hasattr(kind, "__getitem__") and hasattr(kind, "__len__"):
        return MappedDataset(data)
    raise DataError(
        f"a {kind.__name__} is no dataset; expected a path, arrays, or an object with "
        "`__getitem__` and `__len__`"
    )
