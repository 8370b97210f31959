"""Several processes that train one model, each on its share of every batch.

`torchrun` starts them and tells each its place by environment variables. Alone, everything here
does nothing, so that the rest of the trainer need not ask.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from augpipe.errors import RecipeError

T = TypeVar("T")


def rank() -> int:
    """Which of the processes this is, from 0."""
    return dist.get_rank() if _together() else 0


def count() -> int:
    """How many there are."""
    return dist.get_world_size() if _together() else 1


def leads() -> bool:
    """Whether this is the one that writes and speaks."""
    return rank() == 0


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Meet the other processes, if `torchrun` has started any, and part at the end.

    Args:
        device: `cpu`, where they talk by gloo, or `cuda`, where they do by nccl.

    Yields:
        The device of this process: each has a GPU of its own.
    """
    if "LOCAL_RANK" not in os.environ or not dist.is_available():
        yield device
        return
    on_gpus = device.startswith("cuda")
    if on_gpus:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def share(batch_size: int) -> int:
    """How many samples of a batch this process gets.

    Raises:
        RecipeError: the processes do not divide it.
    """
    if batch_size % count():
        raise RecipeError(
            f"loader.batch_size is {batch_size}, which {count()} processes cannot share equally; "
            f"take {batch_size - batch_size % count() or count()}"
        )
    return batch_size // count()


def wrapped(model: nn.Module) -> nn.Module:
    """A model whose backward pass averages gradients over processes; alone, the model itself.

    Statistics of norms are each process's own until `agree`.
    """
    if count() == 1:
        return model
    return DistributedDataParallel(model, broadcast_buffers=False)


def synchronised(model: nn.Module, device: torch.device) -> nn.Module:
    """The model with batch norms that take statistics over the batches of all processes.

    Raises:
        RecipeError: torch does that on GPUs only.
    """
    if device.type == "cpu":
        raise RecipeError("train.sync_batch_norm needs GPUs, as torch's SyncBatchNorm does")
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return converted


def total(number: Tensor) -> Tensor:
    """The sum of a number over all processes; a new tensor on its device."""
    if count() > 1:
        number = number.clone()
        dist.all_reduce(number)
    return number


def gathered(value: T) -> list[T]:
    """The value that each process has, in their order; anything that can be pickled."""
    if count() == 1:
        return [value]
    values: list[T] = [value] * count()
    dist.all_gather_object(values, value)
    return values


def from_leader(value: T) -> T:
    """The leader's value, everywhere."""
    values = [value]
    if count() > 1:
        dist.broadcast_object_list(values, src=0)
    return values[0]


@torch.no_grad()
def agree(model: nn.Module) -> None:
    """Give all processes the mean of their statistics of norms, before anyone evaluates."""
    for buffer in model.buffers() if count() > 1 else ():
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= count()


@torch.no_grad()
def follow_leader(model: nn.Module) -> None:
    """Give all processes the leader's weights."""
    for parameter in model.parameters() if count() > 1 else ():
        dist.broadcast(parameter.detach(), src=0)
