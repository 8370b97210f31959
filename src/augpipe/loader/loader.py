"""The loader: torch's DataLoader, with a stream that depends on seed and data and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from multiprocessing import get_context
from typing import Any, cast
from weakref import finalize

import torch
from torch.utils.data import BatchSampler, DataLoader

from augpipe.data.cached import CachedDataset
from augpipe.data.dataset import ImageDataset
from augpipe.data.room import processors
from augpipe.data.sample import Sample
from augpipe.errors import DataError, RecipeError, StateError
from augpipe.loader.again import Again
from augpipe.loader.batch import Batch
from augpipe.loader.config import ON_DEVICE, LoaderConfig
from augpipe.loader.device import find_device
from augpipe.loader.feed import Feed, Flow, Hold, InProcess, InWorkers
from augpipe.loader.fetch import BadRow
from augpipe.loader.finish import Finish, Form
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.mates import Batches
from augpipe.loader.order import Key, KeySampler
from augpipe.loader.positions import Rows
from augpipe.loader.resident import Resident, fill
from augpipe.loader.sampling import chosen_rows, make_order
from augpipe.loader.side import Ahead, CudaSide, Side
from augpipe.loader.tracks import Track
from augpipe.pipeline import Pipeline
from augpipe.rng import MAX_EPOCH

STATE_VERSION = 1
_MAX_WORKERS = 8

# Whose Trainer is likely to have asked.
_LIGHTNING = ", and in Lightning use_distributed_sampler=False"

# How long one row may take before its worker is taken to hang; `timeout` says otherwise.
_ROW_SECONDS = 300


class Loader(DataLoader[Batch]):
    """Batches of augmented samples; see `augpipe.build_loader` for the arguments.

    One `for` is one epoch, and the next `for` is the next epoch. Workers are asked for keys, which
    carry the epoch, so they hold no random state: there is nothing to seed, nothing to save, and
    nothing that goes stale in a worker that lives on.

    Attributes:
        errors: the bad rows met so far, each once, if `on_error` is not "raise".
    """

    # By these, Accelerate's `prepare` takes the loader as it is, and saves its state along with all
    # others; it would put a loader of its own around the dataset, which knows nothing of keys.
    _is_accelerate_prepared = True
    use_stateful_dataloader = True

    def __init__(
        self,
        dataset: ImageDataset,
        pipeline: Pipeline,
        config: LoaderConfig,
        *,
        shuffle: bool,
        device: torch.device | str | None,
        epoch: int,
        rank: int,
        world_size: int,
        **dataloader_kwargs: Any,
    ) -> None:
        if config.cache == ON_DEVICE and device is None:
            raise RecipeError("cache='device' keeps pictures where the model is; give a device")
        if config.cache is not None and config.cache != ON_DEVICE:
            dataset = CachedDataset(dataset, config.cache)
        self._form = Form.of(pipeline, config.dtype, config.channels_last)
        self.pipeline, self.seed, self.max_errors = pipeline, config.seed, config.max_errors
        self.device = None if device is None else find_device(device)
        self.errors: list[BadRow] = []
        self._at, self._interrupted = (epoch, 0), False
        workers = _choose_workers(dataset) if config.num_workers is None else config.num_workers
        _refuse(dataloader_kwargs)
        options: dict[str, Any] = {
            "pin_memory": self.device is not None and self.device.type == "cuda",
            "persistent_workers": workers > 0,
            "timeout": _ROW_SECONDS,
        }
        rows = chosen_rows(config.sampling, len(dataset))
        keyed = KeyedDataset(dataset, pipeline, config.seed, config.on_error, rows)
        sampler = _make_sampler(dataset, config, shuffle, rank, world_size)
        super().__init__(
            cast(Any, keyed),
            batch_size=config.batch_size,
            sampler=cast(Any, sampler),
            num_workers=workers,
            drop_last=config.drop_last,
            **(options | dataloader_kwargs),
        )
        self._end = self._keys.total
        self._going_on: tuple[tuple[int, int], Flow] | None = None
        self._resident = self._kept(rows) if config.cache == ON_DEVICE else None
        self._feed: Feed = self._resident or self._make_feed(keyed, self.persistent_workers)
        self._finish = self._make_finish()
        # Garbage is collected in any order; what finalize holds is none until this is called.
        finalize(self, self._feed.close)

    def _make_finish(self) -> Finish:
        later = self._resident.later if self._resident else None
        return Finish(
            parts=(later, self.pipeline.batch),
            form=self._form,
            seed=self.seed,
            classes=len(self.source.classes),
            boxes=self.pipeline.boxes.format,
            device=self.device,
            pin=self.pin_memory and not self._resident,
        )

    def _kept(self, rows: Rows) -> Resident:
        """All pictures, on the device; workers end when they are read."""
        feed = partial(self._make_feed, persistent=False)
        return fill(self._keyed, rows, cast(torch.device, self.device), feed)

    @property
    def source(self) -> ImageDataset:
        """The dataset that the rows come from, not augmented."""
        return self._keyed.source

    @property
    def cache(self) -> CachedDataset | Resident | None:
        """The pictures that are kept; `describe()` tells where and how many."""
        return self.source if isinstance(self.source, CachedDataset) else self._resident

    @property
    def epoch(self) -> int:
        """The epoch that is running, or else the one that the next `for` will run."""
        return self._at[0]

    def set_epoch(self, epoch: int) -> None:
        """Let the next `for` run that epoch; from its beginning, unless it is the current one."""
        if epoch != self.epoch or self._interrupted:
            self._at, self._interrupted = (epoch, 0), False

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # ours carries a position
        """Run one epoch; after an early `break`, the next one starts afresh."""
        epoch, position = (self.epoch + 1, 0) if self._interrupted else self._at
        self._at, self._interrupted = (epoch, position), True
        self._keys.start(epoch, position)
        self._end = self._keys.total
        hold = Hold(self._flow_from(epoch, position))
        run = self._run(hold, epoch, position, self._end)
        finalize(run, hold.let_go).atexit = False
        return run

    def _flow_from(self, epoch: int, position: int) -> Flow:
        """Batches from there on; workers may have begun them at the end of the epoch before."""
        going_on, self._going_on = self._going_on, None
        if going_on and going_on[0] == (epoch, position):
            return going_on[1]
        if going_on:
            going_on[1].close()
        return self._feed.run(self._batches(epoch, position))

    def _batches(self, epoch: int, position: int) -> Iterator[list[Key]]:
        """What is left of the epoch, and where workers may go on, the epochs that follow it."""
        size = cast(int, self.batch_size)
        while True:
            keys = cast(Any, self._keys.keys(epoch, position))
            yield from cast(Any, BatchSampler(keys, size, self.drop_last))
            epoch, position = epoch + 1, 0
            if not self._goes_on or epoch > MAX_EPOCH:
                return

    @property
    def _goes_on(self) -> bool:
        """Whether workers begin the next epoch when one ends: in training it follows."""
        return self.persistent_workers and self._keys.equal_shares and len(self) > 0

    def _make_feed(self, keyed: KeyedDataset, persistent: bool) -> Feed:
        if not self.num_workers:
            return InProcess(keyed)
        return InWorkers(
            keyed,
            workers=self.num_workers,
            context=self.multiprocessing_context or get_context(),
            prefetch=cast(int, self.prefetch_factor),
            persistent=persistent,
            deadline=self.timeout,
            init=self.worker_init_fn,
        )

    def _run(self, hold: Hold, epoch: int, position: int, end: int) -> Iterator[Batch]:
        stride = cast(int, self.batch_size) * self._keys.world_size
        for one, take in Ahead(hold.flow, self._count(position), self._finish, self._side):
            if one.error:
                raise one.error
            self._note(one.bad_rows)
            position = min(position + stride, end)
            self._at = (epoch, position)
            if take:
                yield take()
        self._at, self._interrupted = (epoch + 1, 0), False
        if not self._goes_on:
            hold.flow.close()
            return
        if self._going_on:  # of an iterator that was beside this one
            self._going_on[1].close()
        hold.goes_on, self._going_on = True, (self._at, hold.flow)

    def _count(self, position: int) -> int:
        """How many batches there are from there to the end of an epoch."""
        batches, rest = divmod(self._keys.left(position), cast(int, self.batch_size))
        return batches + (rest > 0 and not self.drop_last)

    @cached_property
    def _side(self) -> Side | None:
        """Where batches are finished ahead of time, on a GPU."""
        return CudaSide(self.device) if self.device and self.device.type == "cuda" else None

    def _note(self, bad_rows: tuple[BadRow, ...]) -> None:
        known = {bad.row: bad for bad in self.errors}
        for bad in bad_rows:
            known.setdefault(bad.row, bad)
        self.errors[:] = known.values()
        if len(self.errors) > self.max_errors:
            raise DataError(
                f"{len(self.errors)} bad rows, more than max_errors={self.max_errors}; "
                f"the last: {self.errors[-1].message}"
            )

    @property
    def _keys(self) -> KeySampler:
        return cast(KeySampler, self.sampler)

    @property
    def _keyed(self) -> KeyedDataset:
        return cast(KeyedDataset, self.dataset)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands: after the last batch that was handed over. Plain values.

        Loading it under another number of workers or ranks, or another batch size, continues the
        same stream.
        """
        epoch, position = self._at
        if position >= self._end:
            epoch, position = epoch + 1, 0
        return {
            "version": STATE_VERSION,
            "seed": self.seed,
            "epoch": epoch,
            "position": position,
            "dataset": self._keyed.fingerprint,
            "sampling": self._keys.fingerprint,
            "pipeline": self.pipeline.fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next `for` continue from there.

        Raises:
            StateError: the state belongs to another dataset, pipeline or seed.
        """
        own = self.state_dict()
        for what in ("version", "seed", "dataset", "sampling", "pipeline"):
            if state.get(what) != own[what]:
                raise StateError(
                    f"the loader state was saved with {what} {state.get(what)!r}, this loader has "
                    f"{own[what]!r}; build the loader as it was when the state was saved, or start "
                    "afresh without loading it"
                )
        self._at, self._interrupted = (int(state["epoch"]), int(state["position"])), False

    def replay(
        self, epoch: int, index: int, *, repeat: int = 0, percentile: float | None = None
    ) -> Sample:
        """The sample of a row as training saw it in that epoch, ops that act on batches included.

        Args:
            epoch: which epoch.
            index: which row of the dataset.
            repeat: how often that epoch had shown the row before.
            percentile: instead of what was drawn, put every draw there; see `Pipeline.plan`.

        Returns:
            The sample, with the record of every op's parameters. Where ops on batches mix samples,
            it has the partners that it has in this loader's batches of that epoch.

        Raises:
            DataError: no such row, or a bad one.
        """
        return self._again.sample(self._key(epoch, index, repeat), percentile)

    def stages(
        self, epoch: int, index: int, *, repeat: int = 0, percentile: float | None = None
    ) -> list[Track]:
        """The same sample after each step of its plan, and so the pictures that it is mixed with.

        Args:
            epoch: which epoch.
            index: which row of the dataset.
            repeat: how often that epoch had shown the row before.
            percentile: instead of what was drawn, put every draw there; see `Pipeline.plan`.

        Raises:
            DataError: no such row, or a bad one.
        """
        return self._again.tracks(self._key(epoch, index, repeat), percentile)

    def _key(self, epoch: int, index: int, repeat: int) -> Key:
        if not 0 <= index < len(self._keyed):
            raise DataError(f"no row {index}: the dataset has rows 0 to {len(self._keyed) - 1}")
        return Key(epoch, index, repeat)

    @cached_property
    def _again(self) -> Again:
        batches = Batches(self._keys, cast(int, self.batch_size), self.drop_last)
        return Again(self._keyed, batches, self._finish, self._resident)


def _make_sampler(
    dataset: ImageDataset, config: LoaderConfig, shuffle: bool, rank: int, world_size: int
) -> KeySampler:
    return KeySampler(
        make_order(dataset, config.sampling, shuffle=shuffle),
        seed=config.seed,
        equal_shares=shuffle,
        drop_last=config.drop_last,
        rank=rank,
        world_size=world_size,
    )


def _refuse(dataloader_kwargs: dict[str, Any]) -> None:
    reasons = {
        "sampler": f"the order is drawn from seed and epoch; use shuffle{_LIGHTNING}",
        "batch_sampler": f"the order is drawn from seed and epoch; use shuffle{_LIGHTNING}",
        "collate_fn": "workers return whole batches; change the dataset's targets instead",
        "generator": "all that is random is drawn from seed and epoch; use seed",
        "in_order": "batches come in the order that seed and epoch give",
    }
    for name in dataloader_kwargs.keys() & reasons.keys():
        raise RecipeError(f"build_loader takes no {name}: {reasons[name]}")


def _choose_workers(dataset: ImageDataset) -> int:
    """As many as there are processors, up to a limit; none where there is nothing to decode."""
    if dataset.in_memory:
        return 0
    return min(processors(), _MAX_WORKERS)
