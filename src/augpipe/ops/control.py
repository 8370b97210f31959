"""Ops that steer the others: where fusion is cut, and where pixels become floats."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from augpipe.ops.base import Op, register
from augpipe.ops.color import Normalize
from augpipe.plan import Kernel, Params


@register
class Barrier(Op):
    """Cut fusion here: what stands before is carried out before what stands behind.

    A crop followed by a barrier and a rotation shows black corners, because the rotation sees the
    crop alone.
    """

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """A pass that does nothing, and fuses with nothing."""
        return Kernel("barrier", {})


@register
class ToFloat(Op):
    """Scale to float32 in [0, 1]. torchvision's ToDtype with scale. Comes last, like normalize.

    Attributes:
        mean: what `normalize` would call it; always 0.
        std: likewise; always 1.
    """

    mean: ClassVar[tuple[float, float, float]] = (0.0, 0.0, 0.0)
    std: ClassVar[tuple[float, float, float]] = (1.0, 1.0, 1.0)
    ends_in_float = True

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Normalisation by nothing."""
        return Normalize(mean=self.mean, std=self.std).lower(params, size)
