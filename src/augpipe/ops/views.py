"""Ops that make several pictures of one: for self-supervised training, and for evaluation.

What comes before is the same for all views; every op after it draws anew for each. A loader's
images are then (B, views, 3, H, W).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from augpipe.errors import PlanError
from augpipe.ops.base import Op, register
from augpipe.ops.matrix import mirror, window
from augpipe.plan import Params, Step, Warp
from augpipe.schema import Side


@register
class Views(Op):
    """Several views of each picture, for which all ops that follow draw anew (SimCLR, BYOL, DINO).

    Attributes:
        n: how many.
    """

    n: Annotated[int, Field(ge=1, le=64)] = 2

    @property
    def views(self) -> int:
        """As many as asked for."""
        return self.n

    def lower(self, params: Params, size: NDArray[np.int64]) -> tuple[Step, ...]:
        """Nothing: what differs is what follows."""
        return ()


class _Crops(Op):
    """Abstract: the corners and the centre.

    Attributes:
        size: side in pixels, or [height, width].
    """

    size: Side | tuple[Side, Side]

    # Along height and width, how much of the room beside the crop lies before it.
    places: ClassVar[NDArray[Any]] = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]])

    def crop(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """The crop of each row's view, in torchvision's order; its centre is rounded as there."""
        out = np.broadcast_to(np.array(self.size), size.shape)
        if (out > size).any():
            raise PlanError(
                f"a crop of {self.size} does not fit into {'x'.join(map(str, size.min(axis=0)))}; "
                "resize the pictures first"
            )
        corner = np.rint((size - out) * self.places[params["view"] % len(self.places)])
        return Warp(window(corner, out, out), out)


@register
class FiveCrop(_Crops):
    """The four corners and the centre, as five views. torchvision's FiveCrop.

    Attributes:
        size: side in pixels, or [height, width].
    """

    @property
    def views(self) -> int:
        """Five."""
        return 5

    def lower(self, params: Params, size: NDArray[np.int64]) -> Warp:
        """Exact."""
        return self.crop(params, size)


@register
class TenCrop(_Crops):
    """The crops of `five_crop`, and those of the mirrored picture. torchvision's TenCrop.

    Attributes:
        size: side in pixels, or [height, width].
        vertical_flip: whether the other five are of the picture upside down instead.
    """

    vertical_flip: bool = False

    @property
    def views(self) -> int:
        """Ten."""
        return 10

    def lower(self, params: Params, size: NDArray[np.int64]) -> tuple[Step, ...]:
        """Exact: mirror, then crop."""
        flipped = (params["view"] >= 5).astype(np.float64)
        axis = 1 if self.vertical_flip else 0
        mirrored = Warp(mirror(flipped, size[:, 1 - axis], axis=axis), size)
        return mirrored, self.crop(params, size)
