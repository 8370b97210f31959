"""How a loader is asked for what the doctor wants to see, with its own workers and settings.

in order                    one row again and again
a DataLoader    its first rows              a DataLoader like it, whose sampler says 0, 0, 0, …
augpipe's       its own stream              the same loader, on a dataset that is all one row
anything else   its own stream              cannot be asked
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Row
from augpipe.doctor.fingerprint import fingerprints
from augpipe.generators import Generator
from augpipe.loader.keyed import KeyedDataset
from augpipe.loader.loader import Loader
from augpipe.loader.resident import Resident

# Small, so that few samples are many batches, and every worker makes some.
BATCH = 4

_OWN = (
    *("num_workers", "collate_fn", "timeout", "worker_init_fn", "generator"),
    *("multiprocessing_context", "prefetch_factor", "persistent_workers"),
)


class OneRow(ImageDataset):
    """A dataset of which every row is the first."""

    draws = True

    def __init__(self, source: ImageDataset) -> None:
        self.source, self.classes = source, source.classes

    def __len__(self) -> int:
        return len(self.source)

    def row(self, index: int) -> Row:
        """The first row, whichever was asked for."""
        return self.source.row(0)

    def where(self, index: int) -> str:
        """The first row's name."""
        return self.source.where(0)

    @property
    def fingerprint(self) -> str:
        """The source's."""
        return self.source.fingerprint

    @property
    def generators(self) -> Sequence[Generator]:
        """The source's."""
        return self.source.generators


def has_rows(loader: Any) -> bool:
    """Whether it is a DataLoader whose dataset is asked for rows by number."""
    if not isinstance(loader, DataLoader) or isinstance(loader, Loader):
        return False
    if isinstance(loader.dataset, IterableDataset) or not hasattr(loader.dataset, "__len__"):
        return False
    first = next(iter(loader.batch_sampler or loader.sampler), 0)
    return isinstance(first[0] if isinstance(first, list) else first, int)


def _of_rows(loader: DataLoader[Any], rows: Sequence[int]) -> DataLoader[Any]:
    """A loader of these rows in this order, and otherwise like another one."""
    own: dict[str, Any] = {name: getattr(loader, name) for name in _OWN}
    size = None if loader.batch_sampler is None else min(_size(loader) or BATCH, BATCH)
    return DataLoader(loader.dataset, batch_size=size, sampler=rows, **own)


def in_order(loader: Any, count: int, different: int | None = None) -> Any:
    """A loader of the first rows in order; the loader itself, where it has a stream of its own.

    Args:
        loader: whose.
        count: how many samples.
        different: after how many rows to begin again.
    """
    if not has_rows(loader):
        return loader
    rows = min(different or count, len(loader.dataset))
    return _of_rows(loader, [number % rows for number in range(count)])


def same_row(loader: Any, count: int) -> Any | None:
    """A loader of one row again and again; None where that cannot be asked of it."""
    if has_rows(loader):
        return _of_rows(loader, [0] * count)
    keyed = getattr(loader, "dataset", None)
    if not isinstance(keyed, KeyedDataset) or isinstance(loader.cache, Resident):
        return None
    keyed.source = OneRow(keyed.source)
    return loader


def shown(loader: Any, epoch: int, count: int) -> list[str]:
    """The fingerprints of the first `count` samples of an epoch."""
    start_epoch(loader, epoch)
    return list(islice(_samples(loader), count))


def _samples(loader: Any) -> Iterator[str]:
    for batch in loader:
        yield from fingerprints(batch, _size(loader))


def start_epoch(loader: Any, epoch: int) -> None:
    """Say which epoch it is to all that want to know, as a training loop does."""
    for part in (loader, getattr(loader, "sampler", None), getattr(loader, "dataset", None)):
        if callable(set_epoch := getattr(part, "set_epoch", None)):
            set_epoch(epoch)


def _size(loader: Any) -> int | None:
    """The samples in a batch; None if it does not say."""
    batches = getattr(loader, "batch_sampler", None)
    size = getattr(loader, "batch_size", None) or getattr(batches, "batch_size", None)
    return size if isinstance(size, int) else None
