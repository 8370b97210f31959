"""Ops that blot parts of the picture out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.ops.base import Op, register
from augpipe.ops.rectangle import DRAWS, draw_rectangles, first_fit
from augpipe.plan import Floats, Kernel, Params
from augpipe.schema import PositiveRange, Probability, Rgb, ShareRange


@register
class RandomErasing(Op):
    """Fill a random rectangle (Zhong et al., "Random erasing data augmentation", 2017).

    torchvision's RandomErasing: the aspect is drawn uniformly in its logarithm, ten rectangles are
    drawn and the first that fits is taken; if none does, nothing is erased.

    Attributes:
        p: probability.
        scale: the rectangle's share of the picture's area.
        ratio: the rectangle's width over its height.
        value: grey or RGB; 0 to 255, or in normalised units after `normalize`.
    """

    p: Probability = 0.5
    scale: ShareRange = (0.02, 0.33)
    ratio: PositiveRange = (0.3, 3.3)
    value: Rgb = (0.0, 0.0, 0.0)
    draws = DRAWS
    identity = {"area": 0.0, "ratio": 1.0, "place": 0.0}
    after_normalize = True

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Area and aspect of ten tries (B, 10), and where it lies (B, 2), 0 to 1 of the room."""
        return draw_rectangles(u, self.scale, self.ratio)

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """A half-open rectangle of whole pixels; an empty one where nothing is erased."""
        hole, fits = first_fit(params["area"], params["ratio"], size)
        hole = np.where(fits[:, None], hole, 0).astype(np.int64)
        corner = np.floor(params["place"][:, ::-1] * (size - hole + 1)).astype(np.int64)
        top_left, bottom_right = corner[:, ::-1], (corner + hole)[:, ::-1]
        return Kernel(
            "erase",
            {
                "box": np.concatenate([top_left, bottom_right], axis=1),
                "value": np.tile(self.value, (len(size), 1)),
            },
        )
