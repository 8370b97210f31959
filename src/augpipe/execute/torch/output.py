"""What comes out of a batch's last stage: its type, its memory, and where it is put."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from augpipe.errors import PlanError

# Makes a float32 tensor of a shape and any content.
Empty = Callable[[torch.Size], Tensor]

_DTYPES = (torch.uint8, torch.float16, torch.bfloat16, torch.float32)


class Output(NamedTuple):
    """How a batch is wanted; see `torch_batch.run`."""

    dtype: torch.dtype | None = None
    memory_format: torch.memory_format = torch.contiguous_format
    empty: Empty | None = None

    def dtype_of(self, pixels: torch.dtype) -> torch.dtype:
        """The type in which pixels of that type are handed over.

        Raises:
            PlanError: there is no such type, or it holds whole levels alone and they are not.
        """
        if self.dtype not in (None, *_DTYPES):
            names = ", ".join(str(dtype).removeprefix("torch.") for dtype in _DTYPES)
            raise PlanError(f"a batch cannot be {self.dtype}; choose one of {names}")
        if self.dtype == torch.uint8 != pixels:
            raise PlanError(
                "normalised pictures are no whole levels, so they cannot be torch.uint8; ask for a "
                "float type, or leave normalize out"
            )
        return self.dtype or pixels

    def of(self, pixels: Tensor) -> Tensor:
        """The batch as it is wanted; itself if it is so."""
        done = pixels.to(self.dtype_of(pixels.dtype))
        return done.contiguous(memory_format=self.memory_format)

    def like(self, shape: torch.Size, near: Tensor) -> Tensor:
        """Memory for a batch of that shape; `near` is what goes into it."""
        dtype = self.dtype_of(near.dtype)
        plain = dtype == torch.float32 and self.memory_format == torch.contiguous_format
        if self.empty and plain:
            return self.empty(shape)
        if near.device.type == "cpu":
            return _found(shape, dtype, self.memory_format)
        return torch.empty(shape, dtype=dtype, device=near.device, memory_format=self.memory_format)


def _found(shape: torch.Size, dtype: torch.dtype, memory_format: torch.memory_format) -> Tensor:
    """New memory of a CPU. NumPy asks for big pages, torch does not.

    To find them one small page at a time takes as long as a third of a recipe.
    """
    near = torch.empty(shape, dtype=dtype, device="meta", memory_format=memory_format)
    found = torch.from_numpy(np.empty(max(near.nbytes, dtype.itemsize), np.uint8)).view(dtype)
    return found.as_strided(shape, near.stride())


class Gathered:
    """A batch put together from its pieces."""

    def __init__(self, rows: int, output: Output) -> None:
        self._rows, self._output = rows, output
        self._done: Tensor | None = None

    def put(self, rows: range, piece: Tensor) -> None:
        """Put some rows where they belong."""
        if self._done is None:
            shape = torch.Size((self._rows, *piece.shape[1:]))
            self._done = self._output.like(shape, piece)
        self._done[rows.start : rows.stop] = piece

    @property
    def done(self) -> Tensor:
        """The batch, after all pieces."""
        if self._done is None:
            raise ValueError("nothing was put into this batch")
        return self._done


def format_of(images: Tensor) -> torch.memory_format:
    """How a batch lies in memory."""
    if images.is_contiguous() or not images.is_contiguous(memory_format=torch.channels_last):
        return torch.contiguous_format
    return torch.channels_last
