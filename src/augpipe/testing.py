"""For your own tests: that a loader keeps its promise, and that executors agree on your ops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute import cv2_image, torch_batch
from augpipe.loader.batch import Batch
from augpipe.loader.loader import Loader
from augpipe.ops.base import OpLike
from augpipe.pipeline import Pipeline


def assert_resumes_everywhere(make_loader: Callable[[], Loader], epochs: int = 1) -> None:
    """Save a loader's state after every batch, load it into a new loader, and compare what follows.

    Args:
        make_loader: makes the loader, always the same one.
        epochs: how many epochs to go through.

    Raises:
        AssertionError: what follows differs; names the epoch and the batch.
    """
    loader = make_loader()
    whole: list[Batch] = []
    states: list[dict[str, Any]] = []
    for _ in range(epochs):
        for batch in loader:
            whole.append(batch)
            states.append(loader.state_dict())
    resumed = make_loader()
    for number, state in enumerate(states[:-1]):
        resumed.load_state_dict(state)
        following = next(iter(resumed))
        if not _equal(following, whole[number + 1]):
            batch = whole[number]
            raise AssertionError(f"not resumed after batch {number} (epoch {batch.epoch})")


def _equal(one: Batch, other: Batch) -> bool:
    return (
        one.epoch == other.epoch
        and torch.equal(one.index, other.index)
        and torch.equal(one.images.cpu(), other.images.cpu())
    )


def assert_executors_agree(
    ops: Iterable[OpLike],
    images: Sequence[NDArray[np.uint8]],
    *,
    largest: float = 1.0,
    mean: float = 0.1,
    seed: int = 0,
) -> None:
    """Run ops with OpenCV, picture by picture, and with torch, as a batch, and compare pixels.

    Args:
        ops: the pipeline.
        images: (H, W, 3) uint8 each, of one size.
        largest: allowed difference of any value; levels of 255, or normalised units.
        mean: allowed difference on average.
        seed: 0 to 2**64 - 1.

    Raises:
        AssertionError: they differ by more; names the sizes of the differences.
    """
    stack = np.stack(images)
    pipeline = Pipeline(ops)
    plan = pipeline.plan(stack.shape[1:3], seed=seed, index=np.arange(len(stack)))
    pictures = [Picture(Decoded(image, np.eye(3)), Targets()) for image in stack]
    by_cv2 = [cv2_image.run(plan, b, [one]).image for b, one in enumerate(pictures)]
    by_torch = torch_batch.run(plan, torch.from_numpy(stack).permute(0, 3, 1, 2))
    ours, theirs = np.stack(by_cv2), by_torch.permute(0, 2, 3, 1).numpy()
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise AssertionError(f"{ours.shape} {ours.dtype} and {theirs.shape} {theirs.dtype}")
    difference = np.abs(ours.astype(np.float64) - theirs)
    if difference.max() > largest or difference.mean() > mean:
        raise AssertionError(
            f"{pipeline} differs by up to {difference.max():.3g} (allowed {largest:g}), "
            f"by {difference.mean():.3g} on average (allowed {mean:g})"
        )
