"""Data that lies on the device: small pictures, with no worker and no copy in any epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from augpipe.data.dataset import ImageDataset
from augpipe.data.room import free_memory
from augpipe.data.sample import spatial_in
from augpipe.errors import AugpipeError, DataError, PlanError, TargetError, within
from augpipe.loader.batch import Batch
from augpipe.loader.config import OnError
from augpipe.loader.feed import Batches, Feed, Flow, Made
from augpipe.loader.fetch import BadRow, Fetched, no_stand_in, stand_ins
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.once import split
from augpipe.loader.order import Key
from augpipe.loader.permutation import Indices
from augpipe.loader.positions import Rows, nth
from augpipe.pipeline import Pipeline

# How many rows are opened at a time when the data is read.
_CHUNK = 256


class Resident:
    """Pictures of one size as one tensor, and batches that are gathered from it.

    Args:
        feed: makes pictures as they are kept; bad rows are left out, or come as errors.
        keyed: the dataset that keys are asked of.
        rows: those that are kept.
        later: what is left to do to them on batches.
        device: where.

    Raises:
        DataError: a bad row, or not enough memory, or the dataset draws what its rows are.
        PlanError: the pictures come in several sizes.
        TargetError: there are targets besides labels.

    Attributes:
        images: (N, 3, H, W) uint8.
        labels: (N,) int64, or (N, C) float32, if there are any.
        later: what is left to do on batches.
    """

    def __init__(
        self,
        feed: Feed,
        keyed: KeyedDataset,
        rows: Rows,
        later: Pipeline,
        device: torch.device,
    ) -> None:
        self.images: Tensor = torch.empty((0, 3, 0, 0), dtype=torch.uint8)
        self.labels: Tensor | None = None
        self.later = later
        self._keyed, self._device, self._room, self._count = keyed, device, len(rows), 0
        self._place = np.full(len(keyed), -1, np.int64)  # of each row, among those kept
        self._bad: dict[int, BadRow] = {}
        chosen = nth(rows, np.arange(len(rows)))
        with within("cache='device'"):
            _refuse_draws(keyed.source)
            self._read(feed, [chosen[n : n + _CHUNK] for n in range(0, len(chosen), _CHUNK)])

    def _read(self, feed: Feed, chunks: Sequence[Indices]) -> None:
        flow = feed.run(iter([[Key(0, row) for row in chunk.tolist()] for chunk in chunks]))
        try:
            for _ in chunks:
                fetched = next(flow)
                if fetched.error:
                    raise _explained(fetched.error)
                self._bad |= {bad.row: bad for bad in fetched.bad_rows}
                if fetched.batch is not None:
                    self._keep(fetched.batch)
        finally:
            flow.close()

    def _keep(self, batch: Batch) -> None:
        """Put pictures behind those that are there."""
        if not self._count:
            self._make_room(batch)
        if batch.images.shape[1:] != self.images.shape[1:]:
            sizes = [f"{t.shape[-2]}x{t.shape[-1]}" for t in (self.images, batch.images)]
            raise _explained(PlanError(f"pictures come out as {sizes[0]}, and as {sizes[1]}"))
        place = slice(self._count, self._count + len(batch))
        self._place[batch.index.numpy()] = np.arange(place.start, place.stop)
        self.images[place] = batch.images.to(self._device)
        if self.labels is not None and batch.labels is not None:
            self.labels[place] = batch.labels.to(self._device)
        self._count = place.stop

    def _make_room(self, batch: Batch) -> None:
        """Memory for pictures like these."""
        if present := spatial_in(batch):
            raise TargetError(
                f"keeps pictures and labels, and these have {present[0]} too; use cache='ram'"
            )
        height, width = batch.images.shape[-2:]
        needed, free = self._room * batch.images[0].nbytes, _free(self._device)
        if needed > free:
            raise DataError(
                f"{self._room:,} pictures of {height}x{width} take {needed / 1e9:,.1f} GB, and "
                f"{self._device} has {free / 1e9:,.1f} GB to spare; resize them to less, or use "
                "cache='ram'"
            )
        self.images = batch.images.new_empty(
            (self._room, *batch.images.shape[1:]), device=self._device
        )
        if batch.labels is not None:
            self.labels = batch.labels.new_empty(
                (self._room, *batch.labels.shape[1:]), device=self._device
            )

    def run(self, batches: Batches) -> Flow:
        """The batches of these keys."""
        return Made(map(self.fetch, batches), ready=True)

    def close(self) -> None:
        """There is nothing to end."""

    def fetch(self, keys: Sequence[Key]) -> Fetched:
        """The batch of these keys, which are of one epoch; on the device but for provenance."""
        bad: list[BadRow] = []
        try:
            with within(f"epoch {keys[0].epoch}"):
                shown = [one for key in keys for one in self._shown(key, bad)]
        except DataError as error:
            return Fetched(error=error)
        return Fetched(self.gather(shown) if shown else None, tuple(bad))

    def _shown(self, key: Key, bad: list[BadRow]) -> Iterator[Key]:
        """The key, or what `on_error` puts in the place of a bad row."""
        if key.row not in self._bad:
            yield key
            return
        bad.append(self._bad[key.row])
        if self._keyed.on_error == "skip":
            return
        for row in stand_ins(self._keyed, key):
            if row not in self._bad:
                yield key._replace(row=row)
                return
            bad.append(self._bad[row])
        raise no_stand_in(key, bad[-1])

    def gather(self, keys: Sequence[Key]) -> Batch:
        """The batch of these keys, whose rows are kept.

        Raises:
            DataError: one is not.
        """
        _, row, repeat = torch.tensor(keys).T.contiguous()
        place = torch.from_numpy(self._place[row.numpy()])
        if place.min() < 0:
            lost = row[place.argmin()]
            raise DataError(f"row {lost} is not kept: it is bad, or sampling does not choose it")
        if self._device.type == "cuda":
            place = place.pin_memory()
        place = place.to(self._device, non_blocking=True)
        labels = None if self.labels is None else self.labels[place]
        return Batch(self.images[place], row, repeat, keys[0].epoch, labels)

    @property
    def nbytes(self) -> int:
        """How many bytes the pictures take."""
        return self.images.nbytes

    def estimate(self) -> int:
        """The same: all pictures are there."""
        return self.nbytes

    def describe(self) -> str:
        """Where the pictures are and how many, in a line."""
        height, width = self.images.shape[-2:]
        return (
            f"cache: {self.nbytes / 1e6:,.0f} MB of {self._count:,} of {len(self._keyed):,} "
            f"pictures, {height}x{width}, on {self._device}"
        )


def fill(
    keyed: KeyedDataset, rows: Rows, device: torch.device, make_feed: Callable[[KeyedDataset], Feed]
) -> Resident:
    """Keep a dataset's pictures on a device.

    Args:
        keyed: the dataset, with the whole pipeline.
        rows: those that may be shown.
        device: where.
        make_feed: makes what reads a dataset.

    Raises:
        RecipeError: the pipeline cannot be split.
        AugpipeError: as `Resident` says.
    """
    once, later = split(keyed.pipeline, _a_size(keyed, rows))
    on_error: OnError = "raise" if keyed.on_error == "raise" else "skip"
    feed = make_feed(KeyedDataset(keyed.source, once, keyed.seed, on_error, rows))
    try:
        return Resident(feed, keyed, rows, later, device)
    finally:
        feed.close()


def _a_size(keyed: KeyedDataset, rows: Rows) -> tuple[int, int]:
    """Of the first picture that can be opened."""
    for row in rows:
        try:
            return keyed.row(int(row)).source.size
        except DataError:
            continue  # what is to be done about it is known when all are read
    return (1, 1)


def _refuse_draws(source: ImageDataset) -> None:
    if source.draws:
        raise DataError(
            f"what {type(source).__name__} returns may be drawn anew each time; move what is drawn "
            "into the pipeline, or leave cache out"
        )


def _explained(error: AugpipeError) -> AugpipeError:
    """With what to do about pictures of several sizes, here."""
    if type(error) is not PlanError:
        return error
    return PlanError(
        f"{error}; pictures are kept as the first ops left them, those that draw nothing: let "
        "these end in one size, and put `barrier` behind them"
    )


def _free(device: torch.device) -> int:
    """Bytes of memory to spare."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_memory()
