"""A dataset, and one that it must not overlap with, looked at as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import judge
from augpipe.check.duplicates import overlaps
from augpipe.check.findings import Finding, PartSummary, Place, Report, gravest_first
from augpipe.check.look import Looks, look_at_all
from augpipe.check.opening import Opened, open_tolerantly
from augpipe.data.dataset import ImageDataset
from augpipe.data.detection import DetectionDataset
from augpipe.errors import DataError, RecipeError

MAX_DISTANCE = 15

_RARE = 0.1


def check_datasets(
    train: Any,
    val: Any = None,
    *,
    distance: int = 4,
    threads: int | None = None,
    on_start: Callable[[int], None] = lambda rows: None,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Report:
    """Look for what is wrong with a dataset, and for pictures that it shares with another one.

    Args:
        train: what `open_dataset` takes.
        val: another one, whose pictures must not be among those of `train`; None for none.
        distance: 0 to 15, how many of 64 bits of their hashes may differ in pictures that count as
            nearly the same.
        threads: how many decode at once; by default one for each processor.
        on_start: told how many rows there are in all.
        on_rows: told, now and then, how many more rows are done.

    Raises:
        DataError: the data cannot be opened at all, or has no rows.
        RecipeError: an argument is out of range.
    """
    if not 0 <= distance <= MAX_DISTANCE:
        raise RecipeError(f"distance is {distance}; expected 0 to {MAX_DISTANCE} bits")
    given = {"train": train} | ({} if val is None else {"val": val})
    parts = {name: open_tolerantly(data, name) for name, data in given.items()}
    on_start(sum(len(part.dataset) for part in parts.values()))
    looks = {name: _looked_at(part, name, threads, on_rows) for name, part in parts.items()}
    datasets = {name: part.dataset for name, part in parts.items()}
    findings = [finding for part in parts.values() for finding in part.findings]
    findings += [finding for look in looks.values() for finding in look.findings]
    findings += [f for name, one in datasets.items() for f in _wrong_boxes(one, name)]
    findings += overlaps(datasets, looks, distance)
    summaries = tuple(_summary(name, datasets[name], looks[name]) for name in datasets)
    findings += [finding for one in summaries for finding in _unbalanced(one)]
    return Report(summaries, gravest_first(findings))


def _looked_at(
    part: Opened, name: str, threads: int | None, on_rows: Callable[[int], None]
) -> Looks:
    if not len(part.dataset):
        raise DataError(f"{name}: the dataset has no rows, and so nothing to check")
    return look_at_all(part.dataset, name, threads=threads, on_rows=on_rows)


def _wrong_boxes(dataset: ImageDataset, part: str) -> Iterator[Finding]:
    """One finding for each box that opening left out or cut."""
    if not isinstance(dataset, DetectionDataset):
        return
    for row, box, limit in zip(*dataset.invalid, strict=True):
        empty = bool(judge(box[None], limit[None], "raise", 0).empty[0])
        corners = ", ".join(f"{value:g}" for value in box)
        fault = "has no area" if empty else f"leaves the picture, {limit[0]:g} x {limit[1]:g}"
        place = Place(part, dataset.where(int(row)), int(row))
        yield Finding("box", f"box ({corners}) {fault}", (place,))


def _summary(name: str, dataset: ImageDataset, looks: Looks) -> PartSummary:
    sizes, counts = np.unique(looks.sizes[looks.sizes.all(axis=1)], axis=0, return_counts=True)
    often = np.argsort(-counts, kind="stable")
    detection = isinstance(dataset, DetectionDataset) or bool(looks.objects.any())
    return PartSummary(
        name,
        len(dataset),
        int(looks.objects.sum()) if detection else None,
        _named(dataset.classes, _class_counts(dataset, looks, detection)),
        {tuple(sizes[at].tolist()): int(counts[at]) for at in often.tolist()},
    )


def _class_counts(dataset: ImageDataset, looks: Looks, detection: bool) -> NDArray[np.int64]:
    if detection or dataset.labels is None:
        return looks.objects
    return np.bincount(dataset.labels, minlength=len(dataset.classes))


def _named(classes: tuple[str, ...], counts: NDArray[np.int64]) -> Mapping[str, int]:
    return dict(zip(classes, counts.tolist(), strict=True)) if counts.any() else {}


def _unbalanced(part: PartSummary) -> Iterator[Finding]:
    """Classes without rows, and those with less than a tenth of the most frequent one's."""
    if len(part.classes) == 1 and part.objects is None:
        (name,) = part.classes
        place = (Place(part.name, f"class {name!r}"),)
        yield Finding("class", "the only one; is the data a folder further down?", place)
    most = max(part.classes.values(), default=0)
    for name, count in part.classes.items():
        if count < _RARE * most:
            place = (Place(part.name, f"class {name!r}"),)
            yield Finding("class", f"{count:,} of it, {most:,} of the most frequent class", place)
