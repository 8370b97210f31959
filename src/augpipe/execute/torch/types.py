"""What all parts of the torch executor need: its types, and the way back to whole levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from augpipe.execute.torch.stage import Stage

# A kernel's parameters, (B, ...) each, on the host.
Values = Mapping[str, NDArray[Any]]

# What a stage needs of its rows, (B, ...) each, and of none, on the device.
Tensors = Mapping[str, Tensor]


class Given(NamedTuple):
    """The batch that a step is given, as far as the host knows it.

    Attributes:
        size: height and width.
        floating: whether the pixels are normalised floats, not levels.
        fixed: whether the stage must have a form that no parameter changes, to be compiled.
    """

    size: tuple[int, int]
    floating: bool
    fixed: bool


# The host's half of a step: from its parameters to a stage.
Lower = Callable[[Values, Given], "Stage"]
Kernels = dict[str, Lower]


def like(pixels: Tensor, done: Tensor) -> Tensor:
    """What was computed in float32 (and is overwritten), in the type of the pixels it came from."""
    if done.dtype == pixels.dtype:
        return done
    # In two steps: a processor has no instruction for one, and takes three times as long.
    return done.round_().clamp_(0, 255).to(torch.int16).to(torch.uint8)


def floats(**values: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    """Parameters as the device computes with them."""
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def spread(values: Tensor, axes: int) -> Tensor:
    """Parameters with so many more axes of one, to be broadcast over pixels."""
    return values[(..., *[None] * axes)]
