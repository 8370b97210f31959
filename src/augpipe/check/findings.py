"""What can be wrong with a dataset, and the report of what is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding.

    Attributes:
        severity: an error spoils training or its score; a warning is worth a look.
        means: what is wrong, for people.
        remedy: what to do.
    """

    severity: Severity
    means: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    "missing": Kind("error", "There is no such file", "restore it, or remove its row"),
    "unreadable": Kind("error", "Damaged, cut short, or no picture", "fetch it again or drop it"),
    "annotation": Kind("error", "Annotations contradict the picture", "mend or drop the row"),
    "box": Kind("error", "Boxes are empty or leave the picture", 'mend, or on_invalid="drop"'),
    "mask": Kind("error", "Masks without a pixel", "mend or drop the object"),
    "unlabelled": Kind("error", "No label", "label it, or remove it"),
    "conflict": Kind("error", "Same picture, different classes", "keep one of the labels"),
    "leak": Kind("error", "Same picture in training and validation", "remove it from one side"),
    "near_leak": Kind(
        "warning", "Nearly the same in training and validation", "look, and keep it on one side"
    ),
    "duplicate": Kind("warning", "Same picture more than once", "keep one"),
    "near_duplicate": Kind("warning", "Nearly the same picture", "look, and keep one"),
    "suspicious": Kind("warning", "Unusual", "look at it"),
    "empty": Kind("warning", "No object in the picture", "fine if it is meant as background"),
    "class": Kind("warning", "Classes that are rare or empty", "balance them, or collect more"),
}
"""Every kind of finding, the gravest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row, or a file that no row names.

    Attributes:
        part: "train" or "val".
        where: how errors name it.
        row: its number in the dataset; None where it is no row.
    """

    part: str
    where: str
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        kind: a key of `KINDS`.
        message: the short fact.
        places: the rows that it is about.
    """

    kind: str
    message: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class PartSummary:
    """One dataset as a whole.

    Attributes:
        name: "train" or "val".
        rows: how many.
        objects: how many; None where it has no boxes.
        classes: how many rows, or objects, each class has, by its name.
        sizes: how many readable pictures have each (height, width), the most frequent first.
    """

    name: str
    rows: int
    objects: int | None
    classes: Mapping[str, int]
    sizes: Mapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what was found, the gravest first."""

    parts: tuple[PartSummary, ...]
    findings: tuple[Finding, ...]

    def by_kind(self) -> Iterator[tuple[str, list[Finding]]]:
        """The kinds of which there are findings, in the order of `KINDS`."""
        for kind in KINDS:
            if found := [finding for finding in self.findings if finding.kind == kind]:
                yield kind, found

    def count(self, severity: Severity) -> int:
        """How many findings are of this severity."""
        return sum(KINDS[finding.kind].severity == severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Plain values: `parts`, `summary` by kind, and all `findings`."""
        return {
            "parts": [_part(part) for part in self.parts],
            "summary": {kind: len(found) for kind, found in self.by_kind()},
            "findings": [_finding(finding) for finding in self.findings],
        }


def gravest_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """In the order of `KINDS`; within a kind, as they were."""
    order = {kind: number for number, kind in enumerate(KINDS)}
    return tuple(sorted(findings, key=lambda finding: order[finding.kind]))


def _part(part: PartSummary) -> dict[str, Any]:
    return {
        "name": part.name,
        "rows": part.rows,
        "objects": part.objects,
        "classes": dict(part.classes),
        "sizes": [
            {"height": height, "width": width, "count": count}
            for (height, width), count in part.sizes.items()
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": KINDS[finding.kind].severity,
        "message": finding.message,
        "places": [
            {"part": place.part, "row": place.row, "where": place.where} for place in finding.places
        ],
    }
