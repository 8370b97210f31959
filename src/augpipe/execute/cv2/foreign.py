"""Other people's transforms on one picture, and on what lies in it: whatever they are, they run."""

from __future__ import annotations

from typing import Any

from augpipe.data.sample import Targets
from augpipe.execute.cv2.types import Image, Kernels, Values


def with_targets(image: Image, targets: Targets, values: Values) -> tuple[Image, Targets]:
    """The one kernel that moves pixels as it likes, and so has to move targets itself.

    Args:
        image: (H, W, 3) uint8.
        targets: in coordinates of `image`, boxes clipped to it.
        values: the bound `run` of an adapter, and a seed.

    Raises:
        TargetError: the transform has no rule for a target that is present.
        PlanError: the transform failed, or changed the picture's size or type.
    """
    call: Any = values["call"]
    moved: tuple[Image, Targets] = call(image, int(values["seed"]), targets)
    return moved


def _pixels(image: Image, values: Values) -> Image:
    return with_targets(image, Targets(), values)[0]


KERNELS: Kernels = {"foreign": _pixels}
