"""With whom a sample shares its batch, as far as that shows in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from augpipe.loader.order import Key, KeySampler
from augpipe.plan import Mix, Plan, Step
from augpipe.rows import take_rows


class Batches(NamedTuple):
    """How keys are dealt out to batches.

    Attributes:
        keys: of one rank.
        size: of a batch.
        drop_last: whether a last batch that is not full is left out.
    """

    keys: KeySampler
    size: int
    drop_last: bool

    def of(self, key: Key) -> list[Key]:
        """The batch that a key is in; it alone, where its epoch does not show it."""
        place = self.keys.place_of(key)
        if place is None:
            return [key]
        first = place - place % self.size
        batch = list(islice(self.keys.keys(key.epoch, first * self.keys.world_size), self.size))
        return [key] if self.drop_last and len(batch) < self.size else batch


@dataclass(frozen=True)
class Mates:
    """A batch of which only some samples are made: one, and those that it is mixed with.

    Attributes:
        batch: the keys of the whole batch.
        places: those that are made, as places in the batch, ascending.
        at: which of these is the one.
    """

    batch: Sequence[Key]
    places: NDArray[np.int64]
    at: int

    @classmethod
    def everyone(cls, key: Key, batch: Sequence[Key]) -> Self:
        """A key, and all of its batch."""
        return cls(batch, np.arange(len(batch)), batch.index(key))

    def needed_by(self, plan: Plan) -> Self:
        """Only those that show in the one, by a plan for the whole batch."""
        own = int(self.places[self.at])
        needed = {own}
        for step in reversed(plan.steps):
            if isinstance(step, Mix):
                needed |= set(_partners(step, needed))
        places = np.array(sorted(needed), np.int64)
        return replace(self, places=places, at=int(np.searchsorted(places, own)))

    @property
    def keys(self) -> list[Key]:
        """Of the samples that are made."""
        return [self.batch[place] for place in self.places]

    @property
    def rows(self) -> list[int]:
        """Their rows of the dataset, that of the one first."""
        rows = [key.row for key in self.keys]
        return [rows.pop(self.at), *rows]

    @property
    def provenance(self) -> dict[str, Any]:
        """The whole batch, as `Pipeline.plan` takes it."""
        epoch, row, repeat = np.array(self.batch, np.int64).T
        return {"epoch": epoch, "index": row, "repeat": repeat}

    def share(self, plan: Plan) -> Plan:
        """Of a plan for the whole batch, what is done to those that are made."""
        if len(self.places) == len(plan):
            return plan
        record = tuple((slot, self._taken(params)) for slot, params in plan.record)
        steps = tuple(self._step(step) for step in plan.steps)
        return replace(plan, size=plan.size[self.places], steps=steps, record=record)

    def _step(self, step: Step) -> Step:
        taken = take_rows(step, self.places)
        if not isinstance(taken, Mix):
            return taken
        params = self._taken(taken.params)
        mates = np.searchsorted(self.places, params["partner"]).clip(max=len(self.places) - 1)
        # A mate may have a partner that nobody sees, and has itself instead.
        made = self.places[mates] == params["partner"]
        params["partner"] = np.where(made, mates, np.arange(len(mates)))
        return replace(taken, params=params)

    def _taken(self, params: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {name: value[self.places] for name, value in params.items()}


def _partners(mix: Mix, places: set[int]) -> list[int]:
    """Of these places of a batch, the partners that are to be seen."""
    partner, needed = mix.params["partner"], mix.needed
    return [int(partner[own]) for own in places if needed is None or needed[own, 1]]
