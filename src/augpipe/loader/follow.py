"""Boxes, masks and keypoints of a loader's batch follow the ops that act on batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from augpipe.boxes import BoxFormat, from_xyxy, to_xyxy
from augpipe.data.sample import Targets
from augpipe.execute.torch.targets import move
from augpipe.loader.batch import Batch, tensors_of
from augpipe.plan import Plan


def follow(
    plan: Plan, batch: Batch, masks: Sequence[Tensor] | None, format: BoxFormat
) -> dict[str, Any]:
    """What becomes of them.

    Args:
        plan: for the whole batch.
        batch: on the CPU, where boxes and keypoints are moved: no device is waited for.
        masks: those of the batch, where its pictures are.
        format: how its boxes are written.

    Returns:
        Fields of `Batch`: the masks where they were, all else on the CPU.

    Raises:
        TargetError: a step has no rule for a target that is present.
    """
    (before, *_), (after, *_) = plan.size.tolist(), plan.out_size.tolist()
    given = [_of_row(batch, row, format, before) for row in range(len(batch))]
    moved, kept = move(plan, given, masks)
    boxes = [None if t.boxes is None else from_xyxy(t.boxes, format, after) for t in moved]
    return {
        **tensors_of(boxes, [own.box_labels for own in moved], [own.keypoints for own in moved]),
        "masks": None if kept is None else tuple(kept),
    }


def targets_of(batch: Batch, row: int, format: BoxFormat) -> Targets:
    """What is known about one picture of a batch, as samples have it."""
    objects = _of_row(batch, row, format, tuple(batch.images.shape[-2:]))
    label = None if batch.labels is None else batch.labels[row].cpu()
    masks = None if batch.masks is None else batch.masks[row].cpu().numpy()
    return replace(
        objects,
        label=None if label is None else label.numpy() if label.ndim else int(label),
        masks=masks.astype(np.int32) if masks is not None and masks.ndim == 2 else masks,
    )


def _of_row(batch: Batch, row: int, format: BoxFormat, size: Any) -> Targets:
    """The objects of one picture, without masks."""

    def own(name: str) -> Any:
        values = getattr(batch, name)
        return None if values is None else values[row].cpu().numpy()

    boxes, keypoints = own("boxes"), own("keypoints")
    return Targets(
        boxes=None if boxes is None else to_xyxy(boxes, format, size),
        box_labels=own("box_labels"),
        keypoints=None if keypoints is None else keypoints.astype(np.float64),
        mirrored_keypoints=own("mirrored_keypoints"),
    )
