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

    @property
    def finish(self) -> Finish:
        """How a step that takes whole levels as floats too hands on what it computed."""
        if self.floating:
            return as_they_are
        return as_levels if self.fixed else as_whole


# What becomes of what a step computed in float32, which is overwritten: how it is handed on.
Finish = Callable[[Tensor], Tensor]

# The host's half of a step: from its parameters to a stage.
Lower = Callable[[Values, Given], "Stage"]
Kernels = dict[str, Lower]


def like(pixels: Tensor, done: Tensor) -> Tensor:
    """What was computed in float32 (and is overwritten), in the type of the pixels it came from."""
    return done if done.dtype == pixels.dtype else as_levels(done)


def as_they_are(done: Tensor) -> Tensor:
    """Normalised pixels, which no step rounds."""
    return done


def as_whole(done: Tensor) -> Tensor:
    """Whole levels that stay float32: a step that goes on in a processor's cache wants them so."""
    return done.round_().clamp_(0, 255)


def as_levels(done: Tensor) -> Tensor:
    """Whole levels as uint8."""
    return to_uint8(as_whole(done))


def to_uint8(whole: Tensor) -> Tensor:
    """Whole levels as uint8, if they are not."""
    # In two steps: a processor has no instruction for one, and takes three times as long.
    return whole if whole.dtype == torch.uint8 else whole.to(torch.int16).to(torch.uint8)


def floats(**values: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    """Parameters as the device computes with them."""
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def spread(values: Tensor, axes: int) -> Tensor:
    """Parameters with so many more axes of one, to be broadcast over pixels."""
    return values[(..., *[None] * axes)]
