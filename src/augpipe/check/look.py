"""Each row opened, decoded, looked at and forgotten; what is kept of it is about 220 bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from augpipe.check.findings import Finding, Place
from augpipe.check.hashes import THUMBNAIL, perceptual_hash, thumbnail
from augpipe.data.dataset import ImageDataset
from augpipe.data.decode import EncodedImage
from augpipe.data.files import FileDataset
from augpipe.data.sample import Row, Targets
from augpipe.data.threads import by_threads
from augpipe.errors import DataError, DecodeError

_ROWS_A_TASK = 32
# What is hashed is decoded no smaller than this, where the file can be decoded small.
_DECODED_SIDE = 64
_TINY, _LONG = 16, 8.0
_FLAT = 2.0
# How much of a picture's foot decoders paint in one grey where a file was cut, and saved again.
_CUT_SHARE = 0.1
_SUFFIX = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "PNG": {".png"},
    "WEBP": {".webp"},
    "BMP": {".bmp"},
    "TIFF": {".tif", ".tiff"},
    "GIF": {".gif"},
}


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What is kept of N rows.

    Attributes:
        hashes: (N,) uint64, perceptual.
        thumbnails: (N, 8, 8, 3) uint8.
        contents: (N,) uint64, a hash of the file's bytes, or of the pixels where there is no file.
        sizes: (N, 2) height and width; 0 where the row cannot be read.
        comparable: (N,) bool; not what cannot be read, or shows one colour all over.
        objects: (C,) how many objects each class has.
        findings: about single rows, in their order.
    """

    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]
    contents: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    comparable: NDArray[np.bool_]
    objects: NDArray[np.int64]
    findings: list[Finding]

    @classmethod
    def empty(cls, rows: int, classes: int) -> Looks:
        """Before anything was looked at."""
        return cls(
            np.zeros(rows, np.uint64),
            np.zeros((rows, THUMBNAIL, THUMBNAIL, 3), np.uint8),
            np.zeros(rows, np.uint64),
            np.zeros((rows, 2), np.int64),
            np.zeros(rows, bool),
            np.zeros(classes, np.int64),
            [],
        )


def look_at_all(
    dataset: ImageDataset,
    part: str,
    *,
    threads: int | None = None,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Looks:
    """Look at every row of a dataset.

    Args:
        dataset: which one.
        part: what the report calls it.
        threads: how many decode at once; by default one for each processor.
        on_rows: told, now and then, how many more rows are done.
    """
    looks = Looks.empty(len(dataset), len(dataset.classes))

    def look(rows: range) -> tuple[int, list[Finding], NDArray[np.int64]]:
        findings: list[Finding] = []
        objects = np.zeros_like(looks.objects)
        for row in rows:
            findings += _look(dataset, row, part, looks, objects)
        return len(rows), findings, objects

    looked = by_threads(look, len(dataset), at_once=_ROWS_A_TASK, threads=threads)
    for done, findings, objects in looked:
        looks.findings.extend(findings)
        looks.objects[:] += objects
        on_rows(done)
    return looks


def _look(
    dataset: ImageDataset, index: int, part: str, looks: Looks, objects: NDArray[np.int64]
) -> list[Finding]:
    place = Place(part, dataset.where(index), index)
    try:
        row = dataset.row(index)
        image = row.source.decode(_scale(row.source.size)).image
    except DataError as error:
        return [Finding(_kind_of(error, dataset, index), _without(error, place.where), (place,))]
    looks.sizes[index] = row.source.size
    looks.hashes[index] = perceptual_hash(image)
    looks.thumbnails[index] = thumbnail(image)
    looks.contents[index] = _content(row, image)
    looks.comparable[index] = image.std(axis=(0, 1)).max() > _FLAT
    if row.targets.box_labels is not None:
        objects += np.bincount(row.targets.box_labels, minlength=len(objects))
    return [
        *(Finding("suspicious", fact, (place,)) for fact in _oddities(row, image)),
        *(Finding(kind, fact, (place,)) for kind, fact in _of_objects(row.targets)),
    ]


def _scale(size: tuple[int, int]) -> int:
    """The smallest decode that still shows enough; all of the file is read all the same."""
    return max((s for s in (1, 2, 4, 8) if min(size) >= s * _DECODED_SIDE), default=1)


def _kind_of(error: DataError, dataset: ImageDataset, index: int) -> str:
    if isinstance(error, DecodeError):
        return "unreadable"
    if isinstance(dataset, FileDataset) and not Path(dataset.path(index)).exists():
        return "missing"
    return "annotation"


def _without(error: DataError, where: str) -> str:
    """The message without the place, which findings name on their own."""
    return str(error).removeprefix(where).lstrip(": ")


def _content(row: Row, image: NDArray[np.uint8]) -> np.uint64:
    source = row.source
    data = source.data if isinstance(source, EncodedImage) else np.ascontiguousarray(image).data
    return np.uint64(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big"))


def _oddities(row: Row, image: NDArray[np.uint8]) -> list[str]:
    height, width = row.source.size
    facts = []
    if min(height, width) < _TINY:
        facts.append(f"tiny: {height} high, {width} wide")
    elif max(height, width) > _LONG * min(height, width):
        facts.append(f"long and narrow: {height} high, {width} wide")
    if image.std(axis=(0, 1)).max() <= _FLAT:
        facts.append("one colour all over")
    elif (share := _grey_foot(image)) >= _CUT_SHARE:
        facts.append(f"the lower {share:.0%} is one grey, as of a cut file saved again")
    if isinstance(row.source, EncodedImage):
        facts += _misnamed(row.source)
    return facts


def _grey_foot(image: NDArray[np.uint8]) -> float:
    """The share of rows at the foot that are the grey which decoders paint: 127 to 129."""
    grey = np.all(np.abs(image.astype(np.int16) - 128) <= 1, axis=(1, 2))
    return int(np.argmin(grey[::-1])) / len(image)


def _misnamed(source: EncodedImage) -> list[str]:
    suffix, kind = PurePath(source.path.rstrip(")")).suffix.lower(), source.header.format
    known = set().union(*_SUFFIX.values())
    if suffix in known and suffix not in _SUFFIX.get(kind, known):
        return [f"is a {kind}, though its name ends in {suffix}"]
    return []


def _of_objects(targets: Targets) -> list[tuple[str, str]]:
    facts = []
    if targets.boxes is not None and not len(targets.boxes):
        facts.append(("empty", "no object"))
    if targets.masks is not None and targets.masks.ndim == 3:
        bare = np.flatnonzero(~targets.masks.any(axis=(1, 2))).tolist()
        facts += [("mask", f"mask {number} has no pixel") for number in bare]
    return facts
