"""Both executors under one signature: a plan of B rows and one picture give B pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.torch import batch as torch_batch
from augpipe.plan import Plan

Pictures = NDArray[Any]
Executor = Callable[[Plan, Pictures], Pictures]


def on_cv2(plan: Plan, image: Pictures) -> Pictures:
    """(B, H, W, 3): one (H, W, 3) picture through every row of the plan, one at a time.

    Its partners, where the plan mixes any, are itself upside down, with one object.
    """
    given = [Picture(Decoded(image, np.eye(3)), Targets())]
    if len(plan.leaves) > 1:
        one = Targets(masks=np.indices(image.shape[:2]).sum(axis=0)[None] % 3 // 2)
        flipped = np.ascontiguousarray(image[::-1])
        given = [Picture(given[0].decoded, one)]
        given += [Picture(Decoded(flipped, np.eye(3)), one)] * (len(plan.leaves) - 1)
    return np.stack([cv2_image.run(plan, row, given).image for row in range(len(plan))])


def on_torch(plan: Plan, image: Pictures, device: str = "cpu") -> Pictures:
    """(B, H, W, 3): the same, as one batch."""
    batch = torch.from_numpy(np.repeat(image.transpose(2, 0, 1)[None], len(plan), axis=0))
    return torch_batch.run(plan, batch.to(device)).cpu().numpy().transpose(0, 2, 3, 1)


EXECUTORS: dict[str, Executor] = {"cv2": on_cv2, "torch": on_torch}


def distance(a: Pictures, b: Pictures) -> NDArray[np.float64]:
    """Absolute difference of pixels, free of the wrap-around of uint8."""
    return np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))
