"""Looking at a model without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def buffers_restored(model: nn.Module) -> Iterator[None]:
    """Let batch norm see batches without learning from them: buffers are put back afterwards.

    In training mode a forward pass moves the running statistics, which should know real batches
    only: no adversarial ones, and no batch twice.
    """
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)
