"""Ops that mix, swap, drop or negate channels. Each is one colour matrix, and fuses."""

from __future__ import annotations

from itertools import permutations
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from augpipe.ops.base import Op, between, register
from augpipe.ops.color import BLACK, OWN_GREY, blend
from augpipe.plan import Floats, Params, Recolor
from augpipe.recolor import IDENTITY_RECOLOR
from augpipe.schema import Level, NonNegativeRange, Probability, ordered

# (6, 3): which input channel each output channel shows; the first changes nothing.
_PERMUTATIONS = np.array(list(permutations(range(3))))

_WHITE = np.hstack([np.zeros((3, 6)), np.ones((3, 1))])
_NEGATIVE = _WHITE - IDENTITY_RECOLOR


_OneOrTwo = Annotated[int, Field(ge=1, le=2)]
_Numbers4 = tuple[float, float, float, float]
_Numbers3 = tuple[float, float, float]


@register
class Grayscale(Op):
    """Show the grey of each pixel in all three channels. torchvision's RandomGrayscale.

    Attributes:
        p: probability.
    """

    p: Probability = 0.1
    identity = {"grey": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to turn grey, always; `p` takes it back."""
        return {"grey": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """ITU-R BT.601 luma, as torchvision and Pillow weigh it."""
        return Recolor(blend(1 - params["grey"], OWN_GREY))


@register
class ChannelShuffle(Op):
    """Swap channels. torchvision's RandomChannelPermutation, albumentations' ChannelShuffle.

    Deviation: the order that changes nothing is not drawn, so that `p` says how often pictures
    change; `p: 0.8333` gives all six orders alike.

    Attributes:
        p: probability.
    """

    p: Probability = 0.5
    draws = 1
    identity = {"order": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Which of the orders of three in the order of a dictionary, 1 to 5; 0 is the first."""
        others = len(_PERMUTATIONS) - 1
        return {"order": 1 + np.floor(others * u[:, 0])}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """The identity with its rows in another order."""
        return Recolor(IDENTITY_RECOLOR[_PERMUTATIONS[params["order"].astype(np.int64)]])


@register
class ChannelDrop(Op):
    """Fill one or two channels. albumentations' ChannelDropout.

    Attributes:
        channels: range of how many channels are dropped, within [1, 2]; which is drawn.
        fill: what they show, 0 to 255.
        p: probability.
    """

    channels: Annotated[tuple[_OneOrTwo, _OneOrTwo], AfterValidator(ordered)] = (1, 1)
    fill: Level = 0.0
    p: Probability = 0.5
    draws = 4
    identity = {"dropped": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """For each channel, whether it is dropped (B, 3)."""
        low, high = self.channels
        count = low + np.floor((high + 1 - low) * u[:, 0])
        rank = np.argsort(np.argsort(u[:, 1:4], axis=1, kind="stable"), axis=1)
        return {"dropped": (rank < count[:, None]).astype(np.float64)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """Rows of the identity, or of the fill."""
        dropped = params["dropped"][:, :, None]
        return Recolor((1 - dropped) * IDENTITY_RECOLOR + dropped * self.fill / 255 * _WHITE)


@register
class Invert(Op):
    """Turn into the negative. torchvision's RandomInvert.

    Attributes:
        p: probability.
    """

    p: Probability = 0.5
    identity = {"invert": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Whether to invert, always; `p` takes it back."""
        return {"invert": np.ones(len(u))}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """255 minus each level."""
        return Recolor(blend(1 - params["invert"], _NEGATIVE))


@register
class ColorMatrix(Op):
    """Apply a colour matrix of your own, such as sepia or another camera's colours.

    The result is the picture and its image under the matrix, blended by the strength.

    Attributes:
        matrix: three rows, one for each output channel, of three weights of R, G and B; and,
            where given, an offset as a fraction of full scale (as in SVG's feColorMatrix).
        strength: range of the share of the matrix: 0 changes nothing, 1 is the matrix itself.
        p: probability.
    """

    matrix: tuple[_Numbers3, _Numbers3, _Numbers3] | tuple[_Numbers4, _Numbers4, _Numbers4]
    strength: NonNegativeRange = (1.0, 1.0)
    p: Probability = 1.0
    draws = 1
    identity = {"strength": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The share of the matrix."""
        return {"strength": between(u[:, 0], self.strength)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Recolor:
        """The identity and the matrix, blended."""
        matrix = np.array(self.matrix)
        target = BLACK.copy()
        target[:, :3], target[:, 6:] = matrix[:, :3], matrix[:, 3:] if matrix.shape[1] == 4 else 0
        return Recolor(blend(1 - params["strength"], target))
