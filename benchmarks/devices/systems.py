"""Who augments batches on a device."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from augpipe import Pipeline
from augpipe.execute import batch
from augpipe.execute.torch import batch as torch_batch
from augpipe.plan import Plan
from devices.tasks import MEAN, STD, TASKS

# Plans that are made before anything is measured take turns.
_PLANNED = 8

Augment = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
        task: its name in `TASKS`.
        size: height and width of the pictures.
        batch_size: pictures in a batch.
        dtype: of normalised pixels.
    """

    task: str
    size: int
    batch_size: int
    dtype: torch.dtype


@dataclass(frozen=True)
class System:
    """Whoever does it.

    Attributes:
        make: from the work to a function from (B, 3, H, W) uint8 to pictures.
        says: what is not equal to the others.
        package: the distribution that has to be installed.
        planned: like `make`, all parameters being drawn before.
        device: where alone it runs; "" is anywhere.
    """

    make: Callable[[Work], Augment]
    says: str
    package: str = "augpipe"
    planned: Callable[[Work], Augment] | None = None
    device: str = ""


def _ours(run: Callable[..., Tensor], work: Work) -> Augment:
    """A plan for every batch, as the loader makes it."""
    plan, how, epochs = _planner(work), _how(work), itertools.count()
    return lambda images: run(plan(next(epochs)), images, **how)


def _planned(run: Callable[..., Tensor], work: Work) -> Augment:
    plans = itertools.cycle([_planner(work)(epoch) for epoch in range(_PLANNED)])
    how = _how(work)
    return lambda images: run(next(plans), images, **how)


def _planner(work: Work) -> Callable[[int], Plan]:
    pipeline = Pipeline(TASKS[work.task].ours(work.size))
    index = np.arange(work.batch_size)
    return lambda epoch: pipeline.plan((work.size, work.size), epoch=epoch, index=index)


def _how(work: Work) -> dict[str, Any]:
    return {"dtype": work.dtype} if TASKS[work.task].floats else {}


def _run_triton(plan: Plan, images: Tensor, **how: Any) -> Tensor:
    from augpipe.execute.triton import batch as triton_batch  # not everywhere

    return triton_batch.run(plan, images, **how)


def _ours_by(run: Callable[..., Tensor], says: str, device: str = "") -> System:
    return System(partial(_ours, run), says, planned=partial(_planned, run), device=device)


def _torchvision(work: Work) -> Augment:
    task = TASKS[work.task]
    last = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)] if task.floats else []
    compose = v2.Compose([*task.torchvision(work.size), *last])
    return _converted(compose, work) if task.floats else compose


def _kornia(work: Work) -> Augment:
    from kornia import augmentation  # has to be installed

    task = TASKS[work.task]
    last = [augmentation.Normalize(MEAN, STD)] if task.floats else []
    chain = nn.Sequential(*task.kornia(augmentation, work.size), *last)
    return _converted(lambda images: chain(images.float() / 255), work)


def _kornia_compiled(work: Work) -> Augment:
    return torch.compile(_kornia(work))


def _converted(augment: Augment, work: Work) -> Augment:
    return lambda images: augment(images).to(work.dtype)


SYSTEMS = {
    "augpipe": _ours_by(batch.run, "whichever executor it chooses; plans on the processor"),
    "augpipe, torch": _ours_by(torch_batch.run, "its reference executor", "cuda"),
    "augpipe, compiled": _ours_by(partial(torch_batch.run, compiled=True), "by torch.compile"),
    "augpipe, Triton": _ours_by(_run_triton, "its fused kernels", "cuda"),
    "torchvision": System(_torchvision, "v2; one draw for the whole batch", "torchvision"),
    "kornia": System(_kornia, "floats in and out, converted before", "kornia"),
    "kornia, compiled": System(_kornia_compiled, "the same by torch.compile", "kornia"),
}

# What the others are compared with.
REFERENCE = "augpipe"
