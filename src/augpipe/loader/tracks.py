"""A sample on its way, step by step; and the pictures that it is mixed with, on theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from augpipe.boxes import AS_INSIDE
from augpipe.data.orientation import upright
from augpipe.data.sample import Picture, Sample
from augpipe.execute.cv2 import image as cv2_image
from augpipe.loader.keyed import KeyedDataset, Opened, RowError
from augpipe.loader.order import Key
from augpipe.plan import Kernel, Mix, Plan, Step


@dataclass(frozen=True)
class Stage:
    """A sample after one step.

    Attributes:
        kind: of step: warp, recolor, lookup, mix, branch, or a kernel by its name; "" before the
            first one.
        ops: the slots of the ops that the step carries out.
        sample: what it is then; its record is that of these ops.
    """

    kind: str
    ops: tuple[str, ...]
    sample: Sample

    @classmethod
    def after(cls, step: Step, sample: Sample) -> Self:
        """The sample as a step left it."""
        kind = step.name.replace("_", " ") if isinstance(step, Kernel) else type(step).__name__
        return cls(kind.lower(), step.ops, sample)


@dataclass(frozen=True)
class Track:
    """The way of one picture, until it is done or mixed with others.

    Attributes:
        path: under which its ops draw: "" for the sample itself, "mixup#0/1/" for the first partner
            of a mixup; "batch" for what is done on batches, "mate" for a partner there.
        rows: of the dataset, that the picture is made of; None where one is not needed.
        stages: first the picture in the file, unless it was mixed of the tracks before.
    """

    path: str
    rows: tuple[int | None, ...]
    stages: tuple[Stage, ...]


def tracks_of(keyed: KeyedDataset, key: Key, percentile: float | None = None) -> list[Track]:
    """A sample's tracks, those that are mixed before what they make; without what batches do.

    Raises:
        DataError: a bad row.
    """
    try:
        team = keyed.open(key, keyed.numbers([key], percentile)[0])
        plan = keyed.plans([team], [key], percentile)[0]
        pictures = keyed.decode([plan], 0, team, whole=True)
        originals = [None if one is None else _original(one) for one in team]
    except RowError as bad_row:
        raise bad_row.named() from bad_row.error
    rows = [None if one is None else one.number for one in team]
    records = {entry["op"]: entry for entry in plan.params(0)}
    return list(_Walk(rows, originals, pictures, records).tracks(plan))


def _original(one: Opened) -> Sample:
    picture = one.decode(1, None)
    return Sample(upright(picture.decoded, one.size), picture.targets)


@dataclass(frozen=True)
class _Walk:
    """Through a plan and the plans of its parts.

    Attributes:
        rows: for each leaf of the plan, the row of the dataset.
        originals: as they are in the files.
        pictures: as the plan wants them decoded.
        records: what was drawn, by slot.
    """

    rows: Sequence[int | None]
    originals: Sequence[Sample | None]
    pictures: Sequence[Picture | None]
    records: Mapping[str, dict[str, Any]]

    def tracks(self, plan: Plan, path: str = "") -> Iterator[Track]:
        """Those of the plan's parts that are needed, and then its own."""
        parts = _parts(plan)
        each = len(self.rows) // max(1, len(parts))
        for number, part in enumerate(parts):
            own = self._leaves(slice(number * each, (number + 1) * each))
            if own.pictures[0] is not None:
                below = f"{path}{plan.steps[0].ops[0]}/{number}/" if number else path
                yield from own.tracks(part, below)
        yield Track(path, tuple(self.rows), tuple(self._stages(plan, path)))

    def _leaves(self, which: slice) -> _Walk:
        own = self.rows[which], self.originals[which], self.pictures[which]
        return _Walk(*own, self.records)

    def _stages(self, plan: Plan, path: str) -> Iterator[Stage]:
        if not _parts(plan) and self.originals[0] is not None:
            yield Stage("", (), self.originals[0])
        for count, step in enumerate(plan.steps, 1):
            # Which objects are kept is decided in the end.
            boxes = plan.boxes if count == len(plan.steps) else AS_INSIDE
            begun = replace(plan, steps=plan.steps[:count], boxes=boxes)
            sample = cv2_image.run(begun, 0, self.pictures)
            yield Stage.after(step, replace(sample, record=self._record(step, path)))

    def _record(self, step: Step, path: str) -> tuple[dict[str, Any], ...]:
        return tuple(entry for op in step.ops if (entry := self._entry(op, path)))

    def _entry(self, op: str, path: str) -> dict[str, Any] | None:
        """What an op drew; one after a mix, carried out on its parts, drew for the whole."""
        if path + op in self.records or not path:
            return self.records.get(path + op)
        return self._entry(op, "/".join([*path.split("/")[:-3], ""]))


def _parts(plan: Plan) -> tuple[Plan, ...]:
    first = plan.steps[0] if plan.steps else None
    return first.parts if isinstance(first, Mix) else ()
