"""For your own tests: that a loader keeps its promise, and that executors agree on your ops."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from hashlib import sha256
from itertools import islice, zip_longest
from multiprocessing import get_all_start_methods, get_context

import numpy as np
import torch
from numpy.typing import NDArray

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.torch import batch as torch_batch
from augpipe.loader.batch import Batch
from augpipe.loader.loader import Loader
from augpipe.ops.base import OpLike
from augpipe.pipeline import Pipeline


def samples_of(batches: Iterable[Batch]) -> list[str]:
    """Each sample in order as SHA-256 over its epoch, row, pixels and targets, in hexadecimal.

    Two loaders that show the same give the same, whatever their batch sizes.
    """
    return [digest for batch in batches for digest in _digests(batch)]


def _digests(batch: Batch) -> Iterator[str]:
    columns = [getattr(batch, field.name) for field in fields(batch) if field.name != "epoch"]
    for number in range(len(batch)):
        own = [column[number] for column in columns if column is not None]
        digest = sha256(str(batch.epoch).encode())
        for tensor in own:
            digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        yield digest.hexdigest()


def assert_resumes_everywhere(
    make_loader: Callable[[], Loader],
    epochs: int = 1,
    *,
    make_other: Callable[[], Loader] | None = None,
    fresh_processes: bool = False,
) -> None:
    """Save a loader's state before and after every batch, load it, and compare all that follows.

    Each loader that resumes is itself saved after its first batch, and another one goes on.

    Args:
        make_loader: makes the loader, always the same one.
        epochs: how many epochs to go through.
        make_other: makes the loaders that resume, if they are to have other workers, or another
            batch size.
        fresh_processes: resume each time in a process of its own, which knows nothing but the
            state; what makes the loaders has to stand at the top of a module.

    Raises:
        AssertionError: what follows differs, names the epoch and the sample; or a state is no
            JSON of less than a kilobyte.
    """
    loader = make_loader()
    whole: list[str] = []
    states = [(0, _as_json(loader))]
    for _ in range(epochs):
        for batch in loader:
            whole += _digests(batch)
            states.append((len(whole), _as_json(loader)))
        states.append((len(whole), _as_json(loader)))
    end = loader.epoch
    resume = partial(_what_follows, make_other or make_loader, end=end)
    texts = [text for _, text in states]
    for (count, text), followed in zip(states, _each(resume, texts, fresh_processes), strict=True):
        for offset, (theirs, ours) in enumerate(zip_longest(whole[count:], followed)):
            if theirs != ours:
                raise AssertionError(
                    f"resumed from {text}, {offset} samples were as before, and the next was not"
                )


def _as_json(loader: Loader) -> str:
    text = json.dumps(loader.state_dict())
    if len(text) >= 1000:
        raise AssertionError(f"the state is long: {text}")
    return text


def _each(
    work: Callable[[str], list[str]], texts: Sequence[str], fresh_processes: bool
) -> Iterable[list[str]]:
    if not fresh_processes:
        return map(work, texts)
    context = get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        return [*processes.map(work, texts)]


def _what_follows(make_loader: Callable[[], Loader], text: str, *, end: int) -> list[str]:
    """All samples up to an epoch, by one loader for the first batch and another for the rest."""
    loader = make_loader()
    loader.load_state_dict(json.loads(text))
    followed = []
    if loader.epoch < end:
        followed = samples_of(islice(loader, 1))
        text = _as_json(loader)
        loader = make_loader()
        loader.load_state_dict(json.loads(text))
    while loader.epoch < end:
        followed += samples_of(loader)
    return followed


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
