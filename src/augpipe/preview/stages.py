"""One sample after each step of its plan, and the pictures that it is mixed with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from augpipe.loader.loader import Loader
from augpipe.loader.tracks import Stage, Track
from augpipe.ops import Op
from augpipe.preview.draw import as_levels, name_label
from augpipe.preview.sheet import Cell, Line
from augpipe.preview.words import UNSEEN, describe, ops_by_slot


def stage_lines(
    loader: Loader, row: int, epoch: int, percentile: float | None = None, group: str = ""
) -> list[Line]:
    """A line for each picture until it is mixed with others, and for what becomes of it then.

    Args:
        loader: whose pipeline it is.
        row: of the dataset.
        epoch: which epoch.
        percentile: instead of what was drawn, put every draw there.
        group: what to call all these lines.

    Raises:
        DataError: no such row, or a bad one.
    """
    tracks = loader.stages(epoch, row, percentile=percentile)
    ops = ops_by_slot(loader.pipeline)
    lines = []
    for track in tracks:
        cells = list(_cells(track, loader, ops))
        if cells:
            lines.append(Line(_name(track), _note(track), cells, row, group))
    return lines


def _cells(track: Track, loader: Loader, ops: Mapping[str, Op]) -> Iterator[Cell]:
    """A cell for each step, and one for several in succession that carry out the same ops."""
    first = 1 if track.stages and track.stages[0].kind else 0
    seen = [
        numbered for numbered in enumerate(track.stages, first) if numbered[1].kind not in UNSEEN
    ]
    for _, steps in groupby(seen, key=lambda numbered: numbered[1].ops):
        numbers, stages = zip(*steps, strict=True)
        sample, kind = stages[-1].sample, stages[-1].kind
        yield Cell(
            as_levels(sample.image, ops.values()),
            sample.targets,
            title=_title(numbers, stages) if kind else _begin(track),
            notes=name_label(sample.label, loader.source.classes) if kind == "mix" else (),
            drawn=describe(map(_without_way, sample.record), ops, idle=True),
            record=sample.record,
            original=not kind,
        )


def _title(numbers: Sequence[int], stages: Sequence[Stage]) -> str:
    which = f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
    return f"{which} · {', '.join(stage.kind for stage in stages)}"


def _without_way(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a partner's op drew, as if it were the sample's own."""
    return {**entry, "op": entry["op"].rpartition("/")[2]}


def _begin(track: Track) -> str:
    return "as it comes in" if track.path == "mate" else "original"


def _name(track: Track) -> str:
    """Which picture it is: the sample, or a partner by number."""
    if track.path in ("batch", "mate"):
        return "on its batch" if track.path == "batch" else "batch partner"
    partners = re.findall(r"(\w[\w.]*)#\d+/(\d+)", track.path)
    return ", ".join(f"{op} {number}" for op, number in partners) or "sample"


def _note(track: Track) -> str:
    rows = [str(row) for row in track.rows if row is not None]
    return f"row {rows[0]}" if len(rows) == 1 else f"of {len(rows)} pictures"
