"""What all parts of the torch executor need: its types, and the way to the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# A kernel's parameters, (B, ...) each, on the host.
Values = Mapping[str, NDArray[Any]]

Kernels = dict[str, Callable[[Tensor, Values], Tensor]]


def like(pixels: Tensor, done: Tensor) -> Tensor:
    """What was computed in float32, in the type of the pixels it was computed from."""
    return done if done.dtype == pixels.dtype else done.round_().clamp_(0, 255).to(torch.uint8)


def upload(values: NDArray[Any], near: Tensor) -> Tensor:
    """Parameters as float32 on the device of `near`, without waiting for it."""
    host = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    if near.is_cuda:
        host = host.pin_memory()
    return host.to(near.device, non_blocking=True)
