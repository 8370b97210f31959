"""Pictures in the IDX files of MNIST, Fashion-MNIST, KMNIST and EMNIST, packed or not.

The format (http://yann.lecun.com/exdb/mnist): two bytes of zero, one for the type, one for the
number of axes, their lengths as 32-bit big-endian integers, and the numbers in C's order. Files of
pictures are named `...-images-idx3-ubyte`, those of their labels `...-labels-idx1-ubyte`.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from augpipe.data.arrays import ArrayDataset
from augpipe.data.paths import existing_file, read_file
from augpipe.data.room import free_memory
from augpipe.errors import DataError, within

_UINT8 = b"\0\0\x08"
_PACKED = b"\x1f\x8b"


class IdxDataset(ArrayDataset):
    """The pictures of one IDX file and the labels of another, in memory.

    `torchvision.datasets.FashionMNIST("data", download=True)` leaves such files in
    `data/FashionMNIST/raw`.

    Args:
        path: the file of pictures, (N, H, W) or (N, H, W, 3) unsigned bytes; may be gzipped.
        labels: that of the labels; by default the one that is named as MNIST's are.
        classes: the names of the classes; by default the numbers up to the largest label.

    Raises:
        DataError: a file is missing, is no IDX file of bytes, ends too early, or announces more
            than there is memory for.
    """

    def __init__(
        self, path: str | Path, labels: str | Path | None = None, classes: Sequence[str] = ()
    ) -> None:
        self.path = Path(path)
        beside = _beside(self.path) if labels is None else Path(labels)
        with within(f"{path} and {beside}"):
            super().__init__(_read(self.path), _read(beside), classes)

    def where(self, index: int) -> str:
        """The place in the file."""
        return f"{self.path}: picture {index}"


def is_idx(path: Path) -> bool:
    """Whether a file is named as IDX files of pictures are."""
    return path.name.removesuffix(".gz").endswith(("-idx3-ubyte", "-idx4-ubyte"))


def _beside(path: Path) -> Path:
    """The labels of the pictures in a file."""
    name = path.name
    for axes in ("images-idx3", "images-idx4"):
        name = name.replace(axes, "labels-idx1")
    if name == path.name:
        raise DataError(f"{path}: no images-idx3 in its name to tell that of its labels; give them")
    return path.with_name(name)


def _read(path: Path) -> NDArray[np.uint8]:
    content = read_file(existing_file(path))
    packed = content.startswith(_PACKED)
    stream = BytesIO(content)
    with within(str(path)):
        try:
            return _parsed(gzip.GzipFile(fileobj=stream) if packed else stream)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"cannot be unpacked: {error}") from error


def _parsed(stream: BinaryIO | gzip.GzipFile) -> NDArray[np.uint8]:
    """No more of the stream is read, and unpacked, than its head announces."""
    kind = stream.read(4)
    head = stream.read(4 * kind[3]) if kind.startswith(_UINT8) and len(kind) == 4 else b""
    if not head or len(head) < 4 * kind[3]:
        raise DataError("this is no IDX file of unsigned bytes")
    shape = tuple(np.frombuffer(head, ">u4").tolist())
    announced, free = math.prod(shape), free_memory()
    if announced > free:
        raise DataError(f"its head announces {shape} bytes, and {free:,} bytes of memory are free")
    content = stream.read(announced + 1)
    if len(content) != announced:
        follow = "more" if len(content) > announced else len(content)
        raise DataError(
            f"its head announces {shape} bytes, but {follow} follow; it is cut short or damaged: "
            "fetch it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)
