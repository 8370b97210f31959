"""The loader: torch's DataLoader, with a stream that depends on seed and data and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast
from weakref import finalize

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Sample, spatial_in
from augpipe.errors import DataError, RecipeError, StateError, TargetError
from augpipe.execute import torch_batch
from augpipe.execute.torch_mix import mix_labels
from augpipe.loader.batch import Batch, collate
from augpipe.loader.config import LoaderConfig
from augpipe.loader.device import find_device
from augpipe.loader.fetch import BadRow, Fetched, KeyedDataset
from augpipe.loader.order import Key, KeySampler
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from augpipe.rows import moves_pixels

STATE_VERSION = 1
_MAX_WORKERS = 8


class Loader(DataLoader[Batch]):
    """Batches of augmented samples; see `augpipe.build_loader` for the arguments.

    One `for` is one epoch, and the next `for` is the next epoch. Workers are asked for keys, which
    carry the epoch, so they hold no random state: there is nothing to seed, nothing to save, and
    nothing that goes stale in a worker that lives on.

    Attributes:
        errors: the bad rows met so far, each once, if `on_error` is not "raise".
    """

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
        self.pipeline, self.seed, self.max_errors = pipeline, config.seed, config.max_errors
        self.device = None if device is None else find_device(device)
        self.errors: list[BadRow] = []
        self._at, self._interrupted = (epoch, 0), False
        workers = _choose_workers(dataset) if config.num_workers is None else config.num_workers
        options: dict[str, Any] = {
            "pin_memory": self.device is not None and self.device.type == "cuda",
            "persistent_workers": workers > 0,
            # torch draws a seed for its workers; from here, so that iterating changes no global.
            "generator": torch.Generator().manual_seed(config.seed % 2**63),
        }
        user_init = dataloader_kwargs.pop("worker_init_fn", None)
        _refuse(dataloader_kwargs)
        super().__init__(
            cast(Any, KeyedDataset(dataset, pipeline, config.seed, config.on_error)),
            batch_size=config.batch_size,
            sampler=cast(
                Any,
                KeySampler(
                    len(dataset),
                    seed=config.seed,
                    shuffle=shuffle,
                    drop_last=config.drop_last,
                    rank=rank,
                    world_size=world_size,
                ),
            ),
            num_workers=workers,
            drop_last=config.drop_last,
            collate_fn=cast(Any, _as_fetched),
            worker_init_fn=partial(_init_worker, user_init),
            **(options | dataloader_kwargs),
        )

    @property
    def source(self) -> ImageDataset:
        """The dataset that the rows come from, not augmented."""
        return self._keyed.source

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
        fetched = cast(Iterator[Fetched], super().__iter__())
        run = self._run(fetched, epoch, position)
        # Were workers collected as part of a cycle, their pipes might be closed before they are
        # told to stop (a hang, or a stranger's file closed). What finalize holds is no garbage.
        finalize(self if self.persistent_workers else run, _let_go, fetched)
        return run

    def _run(self, fetched: Iterator[Fetched], epoch: int, position: int) -> Iterator[Batch]:
        stride = cast(int, self.batch_size) * self._keys.world_size
        for one in fetched:
            if one.error:
                raise one.error
            self._note(one.bad_rows)
            position = min(position + stride, self._keys.total)
            self._at = (epoch, position)
            if one.batch is not None:
                yield self._finish(one.batch)
        self._at, self._interrupted = (epoch + 1, 0), False

    def _finish(self, batch: Batch, percentile: float | None = None) -> Batch:
        """What is done where the model is: the copy, and the ops that act on batches."""
        if self.device is not None:
            batch = batch.to(self.device, non_blocking=True)
        if self.pipeline.batch is None:
            return batch
        if batch.images.ndim == 5:
            return replace(batch, images=self._finish_views(batch, percentile))
        plan = self._batch_plan(batch, self.pipeline.batch, percentile)
        _refuse_to_leave_behind(batch, plan)
        images, labels = torch_batch.run(plan, batch.images), batch.labels
        if labels is not None and self.pipeline.batch.mixes_labels:
            labels = mix_labels(plan, labels, len(self.source.classes))
        return replace(batch, images=images, labels=labels)

    def _finish_views(self, batch: Batch, percentile: float | None) -> Tensor:
        """(B, views, 3, H, W): each view by draws of its own."""
        own, done = cast(Pipeline, self.pipeline.batch), []
        for view, images in enumerate(batch.images.unbind(1)):
            plan = self._batch_plan(replace(batch, images=images), own, percentile, view)
            done.append(torch_batch.run(plan, images))
        return torch.stack(done, dim=1)

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
        if position >= self._keys.total:
            epoch, position = epoch + 1, 0
        return {
            "version": STATE_VERSION,
            "seed": self.seed,
            "epoch": epoch,
            "position": position,
            "dataset": self._keyed.fingerprint,
            "pipeline": self.pipeline.fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next `for` continue from there.

        Raises:
            StateError: the state belongs to another dataset, pipeline or seed.
        """
        own = self.state_dict()
        for what in ("version", "seed", "dataset", "pipeline"):
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
            The sample, with the record of every op's parameters.

        Raises:
            DataError: no such row, or a bad one.
        """
        if not 0 <= index < len(self._keyed):
            raise DataError(f"no row {index}: the dataset has rows 0 to {len(self._keyed) - 1}")
        sample = self._keyed.sample(Key(epoch, index, repeat), percentile)
        if self.pipeline.batch is None:
            return sample
        batch = collate([sample], self._keyed.where, **_provenance(epoch, index, repeat))
        plan = self._batch_plan(batch, self.pipeline.batch, percentile)
        images = self._finish(batch, percentile).images[0].movedim(-3, -1).cpu().numpy()
        record = plan.params(0)
        if not sample.views:
            return Sample(images, sample.targets, sample.record + record)
        views = tuple(replace(v, image=i) for v, i in zip(sample.views, images, strict=True))
        return replace(views[0], record=sample.record + record, views=views)

    def _batch_plan(
        self, batch: Batch, pipeline: Pipeline, percentile: float | None = None, view: int = 0
    ) -> Plan:
        return pipeline.plan(
            batch.images.shape[-2:],
            seed=self.seed,
            epoch=batch.epoch,
            index=batch.index.numpy(),
            repeat=batch.repeat.numpy(),
            percentile=percentile,
            view=view,
        )


def _refuse_to_leave_behind(batch: Batch, plan: Plan) -> None:
    """Ops on whole batches move pixels only: boxes, masks and keypoints would stay behind."""
    present = spatial_in(batch)
    movers = [step for step in plan.steps if moves_pixels(step)]
    if present and movers:
        raise TargetError(
            f"{' + '.join(movers[0].ops)} moves pixels, and on whole batches {present[0]} do not "
            "follow; move the op from batch to the ops for each picture"
        )


def _provenance(epoch: int, index: int, repeat: int) -> dict[str, Any]:
    return {"epoch": epoch, "index": torch.tensor([index]), "repeat": torch.tensor([repeat])}


def _refuse(dataloader_kwargs: dict[str, Any]) -> None:
    reasons = {
        "sampler": "the order is drawn from seed and epoch; use shuffle",
        "batch_sampler": "the order is drawn from seed and epoch; use shuffle and batch_size",
        "collate_fn": "workers return whole batches; change the dataset's targets instead",
    }
    for name in dataloader_kwargs.keys() & reasons.keys():
        raise RecipeError(f"build_loader takes no {name}: {reasons[name]}")


def _let_go(fetched: Iterator[Fetched]) -> None:
    """Held until its owner is gone; torch then stops the workers as the last reference dies."""


def _as_fetched(fetched: Fetched) -> Fetched:
    """Torch calls this to collate; the workers have done it."""
    return fetched


def _choose_workers(dataset: ImageDataset) -> int:
    """As many as there are processors, up to a limit; none where there is nothing to decode."""
    if dataset.in_memory:
        return 0
    # Only Linux tells which processors are ours.
    ours = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(ours, _MAX_WORKERS)


def _init_worker(user_init: Callable[[int], None] | None, worker: int) -> None:
    # One thread for each worker: the workers are the parallelism (torch sees to its own threads).
    cv2.setNumThreads(0)
    if user_init is not None:
        user_init(worker)
