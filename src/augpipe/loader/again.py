"""A sample that training has seen, made again, with what the rest of its batch did to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from augpipe.data.sample import Sample
from augpipe.loader.batch import Batch
from augpipe.loader.finish import Finish
from augpipe.loader.follow import targets_of
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.mates import Batches, Mates
from augpipe.loader.order import Key
from augpipe.loader.resident import Resident
from augpipe.loader.tracks import Stage, Track, tracks_of
from augpipe.plan import Plan


class Again:
    """Makes samples of a loader again, one at a time.

    Args:
        keyed: makes samples by key.
        batches: in which of them a sample is.
        finish: what is done to batches.
        resident: where pictures are kept on a device.
    """

    def __init__(
        self, keyed: KeyedDataset, batches: Batches, finish: Finish, resident: Resident | None
    ) -> None:
        self._keyed, self._batches = keyed, batches
        self._finish, self._resident = finish, resident
        self._later, self._format = keyed.pipeline.batch, keyed.pipeline.boxes.format

    def sample(self, key: Key, percentile: float | None = None) -> Sample:
        """As `Loader.replay` says.

        Raises:
            DataError: a bad row.
        """
        sample = self._keyed.sample(key, percentile)
        if not self._finish.parts:
            return sample
        mates, host = self._batch(key, sample, percentile)
        begun = self._resident.gather(mates.keys) if self._resident else host
        done = self._finish(begun, percentile, mates)
        pixels = _pixels(done.images[mates.at])
        records = [
            view.record + self._record(mates, host, percentile, number)
            for number, view in enumerate(sample.views or [sample])
        ]
        if not sample.views:
            return Sample(pixels, targets_of(done, mates.at, self._format), records[0])
        views = zip(sample.views, pixels, records, strict=True)
        done_views = tuple(replace(v, image=image, record=record) for v, image, record in views)
        return replace(done_views[0], views=done_views)

    def tracks(self, key: Key, percentile: float | None = None) -> list[Track]:
        """As `Loader.stages` says; of several views, the first.

        Raises:
            DataError: a bad row.
        """
        own = tracks_of(self._keyed, key, percentile)
        if self._later is None or self._keyed.pipeline.views > 1:
            return own
        mates, host = self._batch(key, self._keyed.sample(key, percentile), percentile)
        others = [
            Track("mate", (mate.row,), (Stage("", (), _of_batch(host, place, self._format)),))
            for place, mate in enumerate(mates.keys)
            if place != mates.at
        ]
        plan = self._finish.plan(self._later, host.images.shape[-2:], mates, percentile)
        return [*own, *others, self._on_batch(mates, host, plan)]

    def _on_batch(self, mates: Mates, host: Batch, plan: Plan) -> Track:
        """The sample after each step on its batch."""
        records = {entry["op"]: entry for entry in plan.params(mates.at)}
        stages = []
        for count, step in enumerate(plan.steps, 1):
            done = self._finish.apply(replace(plan, steps=plan.steps[:count]), host, host)
            sample = _of_batch(done, mates.at, self._format)
            record = tuple(records[op] for op in step.ops)
            stages.append(Stage.after(step, replace(sample, record=record)))
        return Track("batch", tuple(mates.rows), tuple(stages))

    def _batch(self, key: Key, sample: Sample, percentile: float | None) -> tuple[Mates, Batch]:
        """Who has to be made so that a sample can be, and all of them as a batch on the CPU."""
        mates = Mates.everyone(key, [key])
        if self._later is not None and any(op.partners for op in self._later):
            mates = Mates.everyone(key, self._batches.of(key))
            plan = self._finish.plan(self._later, sample.image.shape[:2], mates, percentile)
            mates = mates.needed_by(plan)
        keys = mates.keys
        samples = [sample if k == key else self._keyed.sample(k, percentile) for k in keys]
        return mates, self._keyed.collate(keys, samples)

    def _record(
        self, mates: Mates, host: Batch, percentile: float | None, view: int
    ) -> tuple[dict[str, Any], ...]:
        """What batches drew for the sample; where they mix, with the rows that took part."""
        if self._later is None:
            return ()
        plan = self._finish.plan(self._later, host.images.shape[-2:], mates, percentile, view)
        own = plan.params(mates.at)
        mixed = len(mates.places) > 1
        return ({"op": "batch", "rows": mates.rows}, *own) if mixed else own


def _of_batch(batch: Batch, place: int, format: Any) -> Sample:
    return Sample(_pixels(batch.images[place]), targets_of(batch, place, format))


def _pixels(image: Tensor) -> NDArray[Any]:
    """(..., 3, H, W) as samples have it, (..., H, W, 3)."""
    pixels = image.movedim(-3, -1).cpu()
    # NumPy has no bfloat16.
    return (pixels.float() if pixels.is_floating_point() else pixels).numpy()
