"""Pictures decoded once: a dataset that keeps what another one decodes."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import imageio
import numpy as np
import PIL
import stringzilla
from numpy.typing import NDArray

from augpipe.data.dataset import ImageDataset
from augpipe.data.files import FileDataset
from augpipe.data.sample import Decoded, Row, Source
from augpipe.data.store import SCALES, Found, Stamp
from augpipe.data.stores import DiskStore, RamStore
from augpipe.errors import DataError, DecodeError
from augpipe.region import Region

# What is changed twice within a tick of the file system's clock looks unchanged. FAT's is the
# slowest: files younger than this are decoded each time.
_SETTLED = 2 * 10**9

_SAMPLED = 16


class CachedDataset(ImageDataset):
    """The rows of a dataset of files, whose pictures are decoded the first time they are asked for.

    What is kept is what the decoder returned, whole, at the scale that was asked for (JPEGs are
    decoded at 1/2, 1/4 and 1/8 where that is enough), so no pixel changes. All worker processes
    share it, however they are started; what one adds all find. A row that is found costs one look
    at its file's time and size, and nothing is read, decoded or copied; if either has changed, the
    picture is decoded again, and the old one takes its room until the cache is gone.

    A dataset without files is refused: in memory there is nothing to save, and of what somebody
    else's code returns nobody knows when it changes.

    Args:
        source: the dataset.
        kept: "ram", for as long as this process and its workers live; a folder, whose cache later
            runs find again, as do others that run at the same time (on one machine); or "disk" for
            the folder `default_folder` says.
        max_bytes: how large it may become. By default half of the memory that is free, or what is
            there already and half of what is free on the disk. Once it is full, that is logged,
            and other pictures are decoded each time.

    Raises:
        DataError: the dataset has no files, or the folder cannot be used, or `max_bytes` has no
            room for any picture.

    Attributes:
        source: the dataset.
        store: the pictures.
    """

    def __init__(
        self, source: ImageDataset, kept: str | Path = "ram", *, max_bytes: int | None = None
    ) -> None:
        if not isinstance(source, FileDataset):
            raise DataError(
                f"there is no cache for a {type(source).__name__}, whose pictures are not files "
                "that could be asked whether they changed; leave cache out"
            )
        self.source: FileDataset = source
        self.classes = source.classes
        if kept == "ram":
            self.store: RamStore | DiskStore = RamStore(len(source), max_bytes)
        else:
            folder = default_folder(source) if kept == "disk" else Path(kept).expanduser()
            self.store = DiskStore(folder.resolve(), _key(source), len(source), max_bytes)
        self.store.reset()

    def __len__(self) -> int:
        return len(self.source)

    def row(self, index: int) -> Row:
        """Open row `index`: its file is read only if its picture is not at hand."""
        stamp = _stamp(self.source.path(index))
        if stamp is None:
            return self.source.row(index)
        found = self.store.find_any(index, stamp)
        if found is None:
            row = self.source.row(index)
            return Row(_CachedSource(self, index, stamp, row.source.size, row.source), row.targets)
        source = _CachedSource(self, index, stamp, found.size, found=found)
        return Row(source, self.source.targets(index, found.size))

    def where(self, index: int) -> str:
        """The source's name for the row."""
        return self.source.where(index)

    @property
    def fingerprint(self) -> str:
        """The source's."""
        return self.source.fingerprint

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The source's."""
        return self.source.labels

    def column(self, name: str) -> NDArray[np.float64]:
        """The source's."""
        return self.source.column(name)

    @property
    def nbytes(self) -> int:
        """How many bytes the pictures take."""
        return self.store.nbytes

    def describe(self) -> str:
        """Where the cache is and what it holds, in a line."""
        full = "; it is full, others are decoded each time" if self.store.full else ""
        count = f"{len(self.store):,} of {len(self):,} pictures"
        return f"cache: {self.nbytes / 1e6:,.0f} MB of {count} in {self.store.place}{full}"

    def estimate(self) -> int:
        """About how many bytes all pictures take at full size; less if they are decoded smaller.

        From the headers of a few rows, evenly apart.
        """
        rows = range(0, len(self), -(-len(self) // _SAMPLED))
        sizes = [self.source.row(row).source.size for row in rows]
        return 3 * len(self) * sum(height * width for height, width in sizes) // len(sizes)

    def open_again(self, index: int, size: tuple[int, int]) -> Source:
        """The source's picture, of which a plan has been made as of `size`.

        Raises:
            DataError: it has become another one since.
        """
        source = self.source.row(index).source
        if source.size != size:
            raise DataError(f"{self.where(index)}: the file changed while it was being read")
        return source


@dataclass(frozen=True, slots=True, eq=False)
class _CachedSource:
    """A picture that may be in the cache, and is added to it when it is decoded.

    Attributes:
        cache: where it belongs.
        index: its row.
        stamp: of its file, from before that was read.
        size: (height, width) of the upright, full-size picture.
        opened: the picture in its file, if that has been read.
        found: the picture at some scale, if it has been looked for.
    """

    cache: CachedDataset
    index: int
    stamp: Stamp
    size: tuple[int, int]
    opened: Source | None = None
    found: Found | None = None

    def decode(self, scale: int = 1, region: Region | None = None) -> Decoded:
        """The whole picture out of the cache; read-only."""
        store = self.cache.store
        found = self._kept(scale)
        if found:
            return store.pixels(found)
        source = self.opened or self.cache.open_again(self.index, self.size)
        if store.full:
            return source.decode(scale, region)
        try:
            decoded = source.decode(scale)
        except DecodeError:
            if region is None:
                raise
            return source.decode(scale, region)  # which may lie where the file is not damaged
        store.add(self.index, scale, self.stamp, self.size, decoded)
        return decoded

    def _kept(self, scale: int) -> Found | None:
        if self.found and self.found.scale == scale:
            return self.found
        return self.cache.store.find(self.index, scale, self.stamp) if scale in SCALES else None


def default_folder(source: ImageDataset) -> Path:
    """Where this user's caches of a dataset belong on this system."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "augpipe" / source.fingerprint


def _stamp(path: str) -> Stamp | None:
    """None if the file cannot be asked, or is too young for its time to tell all."""
    try:
        status = os.stat(path)  # noqa: PTH116 (Path takes longer than the call)
    except OSError:
        return None
    if 0 <= time.time_ns() - status.st_mtime_ns < _SETTLED:
        return None
    return status.st_mtime_ns, status.st_size


def _key(source: FileDataset) -> str:
    """32 hexadecimal digits of all that pixels depend on besides the files' contents.

    The place is among it, since two folders may hold other files of the same names, times and
    sizes; and so is who decodes, since every version of a decoder may round in its own way.
    """
    kind = type(source)
    known = (
        *(f"{kind.__module__}.{kind.__qualname__}", source.fingerprint, len(source)),
        *(os.fspath(source.root.resolve()), source.background, sys.byteorder),
        *(version("simplejpeg"), cv2.__version__, PIL.__version__, imageio.__version__),
        *(stringzilla.__version__, version("augpipe")),
    )
    return hashlib.sha256(repr(known).encode()).hexdigest()[:32]
