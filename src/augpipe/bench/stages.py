"""The stages, each done as a worker or the training process does it, with a clock beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Decoded, Row, Source
from augpipe.loader.batch import Batch
from augpipe.loader.config import LoaderConfig
from augpipe.loader.fetch import fetch
from augpipe.loader.finish import Finish, Form
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.order import Key
from augpipe.loader.positions import nth
from augpipe.loader.sampling import chosen_rows
from augpipe.pipeline import Pipeline
from augpipe.region import Region

# A step of training on a batch that is where the model is.
Step = Callable[[Batch], None]


@dataclass
class _Clock:
    """Seconds in stages that lie inside of others, and what was decoded."""

    read: float = 0.0
    decode: float = 0.0
    collate_from: float | None = None
    pictures: int = 0
    bytes: int = 0
    buffers: dict[Any, NDArray[Any]] = field(default_factory=dict)

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """Memory that was used before, as workers have it; collating begins by asking for it."""
        self.collate_from = self.collate_from or time.perf_counter()
        key = (tuple(shape), np.dtype(dtype).str)
        if key not in self.buffers:
            self.buffers[key] = np.empty(shape, dtype)
        return self.buffers[key]


@dataclass(frozen=True, slots=True)
class _TimedSource:
    source: Source
    clock: _Clock

    @property
    def size(self) -> tuple[int, int]:
        return self.source.size

    def decode(self, scale: int = 1, region: Region | None = None) -> Decoded:
        begin = time.perf_counter()
        decoded = self.source.decode(scale, region)
        self.clock.decode += time.perf_counter() - begin
        self.clock.pictures += 1
        self.clock.bytes += decoded.image.nbytes
        return decoded


class _TimedDataset(ImageDataset):
    """A dataset that says how long it took to open rows and to decode them."""

    def __init__(self, source: ImageDataset, clock: _Clock) -> None:
        self._source, self._clock = source, clock
        self.classes = source.classes

    def __len__(self) -> int:
        return len(self._source)

    def row(self, index: int) -> Row:
        begin = time.perf_counter()
        row = self._source.row(index)
        self._clock.read += time.perf_counter() - begin
        return Row(_TimedSource(row.source, self._clock), row.targets)

    def where(self, index: int) -> str:
        return self._source.where(index)

    @property
    def fingerprint(self) -> str:
        return self._source.fingerprint


class Maker:
    """Makes batches as a worker does, of rows from all over a dataset.

    Args:
        source: the dataset.
        pipeline: what is done to its pictures.
        config: the size of a batch, the seed, and which rows may be shown.
        batches: how many batches there will be.
    """

    def __init__(
        self, source: ImageDataset, pipeline: Pipeline, config: LoaderConfig, batches: int
    ) -> None:
        self.clock = _Clock()
        rows = chosen_rows(config.sampling, len(source))
        timed = _TimedDataset(source, self.clock)
        self._keyed = KeyedDataset(timed, pipeline, config.seed, "raise", rows)
        total = batches * config.batch_size
        spread = nth(rows, np.arange(total) * len(rows) // total)
        self._keys = [Key(0, int(row), repeat) for repeat, row in enumerate(spread)]
        self._batches = batches

    def warm_up(self) -> None:
        """Read every file once, so that none comes from the disk later."""
        for key in self._keys:
            self._keyed.row(key.row)

    def make(self, number: int) -> tuple[Batch, dict[str, float]]:
        """Batch `number`, and the seconds that each stage took.

        Raises:
            AugpipeError: a row cannot be read, or the pipeline cannot be carried out on it.
        """
        clock = self.clock
        clock.read, clock.decode, clock.collate_from = 0.0, 0.0, None
        with one_thread():
            begin = time.perf_counter()
            fetched = fetch(self._keyed, self._keys[number :: self._batches], empty=clock.empty)
            end = time.perf_counter()
        if fetched.error:
            raise fetched.error
        collate_from = clock.collate_from or end
        laps = {
            "read": clock.read,
            "decode": clock.decode,
            "augment": collate_from - begin - clock.read - clock.decode,
            "collate": end - collate_from,
        }
        return cast(Batch, fetched.batch), laps  # no row is skipped


class Taker:
    """Takes batches as the training process does.

    Args:
        pipeline: whose batch ops.
        config: how pictures are handed over.
        classes: how many there are.
        device: where the model is.
        step: a step of training, if there is one.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        config: LoaderConfig,
        classes: int,
        device: torch.device,
        step: Step | None,
    ) -> None:
        settings: dict[str, Any] = {
            "seed": config.seed,
            "classes": classes,
            "boxes": pipeline.boxes.format,
        }
        self._device, form = device, Form.of(pipeline, config.dtype, config.channels_last)
        copy = Finish((), Form(), device=device, pin=device.type == "cuda", **settings)
        finish = Finish((pipeline.batch,), form, device=None, pin=False, **settings)
        self._stages: dict[str, Callable[[Batch], Batch | None]] = {
            **({"copy": copy} if device.type != "cpu" else {}),
            **({"batch": finish} if finish.parts else {}),
            **({"step": step} if step else {}),
        }

    def take(self, batch: Batch) -> dict[str, float]:
        """Take a batch through all stages; the seconds that each took."""
        laps = {}
        for name, stage in self._stages.items():
            begin = time.perf_counter()
            batch = stage(batch) or batch
            wait(self._device)
            laps[name] = time.perf_counter() - begin
        return laps


def wait(device: torch.device) -> None:
    """Until a GPU has done what it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@contextmanager
def one_thread() -> Iterator[None]:
    """As in a worker."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
