"""Pictures that are there more than once: within a dataset, and in two that must not overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from augpipe.check.findings import Finding, Place
from augpipe.check.hashes import groups_of_alike
from augpipe.check.look import Looks
from augpipe.data.dataset import ImageDataset

Rows = NDArray[np.int64]
# A row of one of the datasets: the dataset's name, and the row's number in it.
_Row = tuple[str, int]


def overlaps(
    datasets: Mapping[str, ImageDataset], looks: Mapping[str, Looks], distance: int
) -> list[Finding]:
    """Leaks, duplicates and conflicting labels among the rows of all datasets.

    Args:
        datasets: by the name of their part.
        looks: likewise.
        distance: see `hashes.groups_of_alike`.
    """
    rows: list[_Row] = [
        (name, int(row)) for name in datasets for row in np.flatnonzero(looks[name].comparable)
    ]
    if not rows:
        return []
    column = {
        field: np.concatenate(
            [getattr(looks[name], field)[looks[name].comparable] for name in datasets]
        )
        for field in ("contents", "hashes", "thumbnails")
    }
    exact = _groups_of_equal(column["contents"])
    same = np.arange(len(rows))
    for group in exact:
        same[group] = group[0]
    alike = groups_of_alike(column["hashes"], column["thumbnails"], distance)
    near = [group for group in alike if len(set(same[group].tolist())) > 1]
    return [
        *(finding for group in exact for finding in _equal([rows[at] for at in group], datasets)),
        *(_alike([rows[at] for at in group], datasets) for group in near),
    ]


def _groups_of_equal(contents: NDArray[np.uint64]) -> list[list[int]]:
    order = np.argsort(contents, kind="stable")
    starts = np.flatnonzero(np.diff(contents[order])) + 1
    return sorted(group.tolist() for group in np.split(order, starts) if len(group) > 1)


def _equal(rows: Sequence[_Row], datasets: Mapping[str, ImageDataset]) -> list[Finding]:
    places = _places(rows, datasets)
    kind = "leak" if _in_two_parts(rows) else "duplicate"
    findings = [Finding(kind, f"{len(rows)} times the same file", places)]
    names = _class_names(rows, datasets)
    if len(names) > 1:
        findings.append(Finding("conflict", f"is labelled {' and '.join(names)}", places))
    return findings


def _alike(rows: Sequence[_Row], datasets: Mapping[str, ImageDataset]) -> Finding:
    kind = "near_leak" if _in_two_parts(rows) else "near_duplicate"
    names = _class_names(rows, datasets)
    labels = f", labelled {' and '.join(names)}" if len(names) > 1 else ""
    return Finding(kind, f"{len(rows)} nearly the same{labels}", _places(rows, datasets))


def _in_two_parts(rows: Sequence[_Row]) -> bool:
    return len({part for part, _ in rows}) > 1


def _places(rows: Sequence[_Row], datasets: Mapping[str, ImageDataset]) -> tuple[Place, ...]:
    return tuple(Place(part, datasets[part].where(row), row) for part, row in rows)


def _class_names(rows: Sequence[_Row], datasets: Mapping[str, ImageDataset]) -> list[str]:
    """The classes that the rows are labelled with, each once."""
    found = set()
    for part, row in rows:
        labels, classes = datasets[part].labels, datasets[part].classes
        if labels is not None and classes:
            found.add(classes[labels[row]])
    return sorted(found)
