"""`build_loader`: how the parts are wired, on one page. Read this first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from augpipe.data.open import open_dataset
from augpipe.errors import RecipeError
from augpipe.loader.config import FloatType, LoaderConfig, OnError, Sampling
from augpipe.loader.loader import Loader
from augpipe.ops.base import OpLike
from augpipe.pipeline import Pipeline
from augpipe.recipe import load_pipeline
from augpipe.schema import check


def build_loader(
    data: Any,
    pipeline: str | Path | Pipeline | Iterable[OpLike] | None = None,
    *,
    batch_size: int = 64,
    shuffle: bool = True,
    sampling: Sampling | Mapping[str, Any] | None = None,
    cache: str | Path | None = None,
    seed: int = 0,
    num_workers: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | FloatType | None = None,
    channels_last: bool = False,
    drop_last: bool = False,
    epoch: int = 0,
    on_error: OnError = "raise",
    max_errors: int = 100,
    rank: int | None = None,
    world_size: int | None = None,
    **dataloader_kwargs: Any,
) -> Loader:
    """Make a loader: rows -> order -> keys -> plan -> decode -> execute -> batch -> device.

    Args:
        data: a folder of class folders, a .csv or .parquet file, a dictionary of a path and its
            options, a pair of arrays, a torchvision dataset, or any map-style dataset
            (`augpipe.data.open.open_dataset`).
        pipeline: a shipped recipe's name or a recipe file (with "#val" behind it for its
            validation part), a `Pipeline`, or a list of ops; None decodes only.
        batch_size: samples in a batch of one rank.
        shuffle: whether each epoch has an order of its own, drawn from seed and epoch. Ranks then
            get equally many samples, for training: some rows are shown again where ranks do not
            divide them, or left out with `drop_last`. Otherwise rows come in order, each once
            whatever the number of ranks, for evaluation.
        sampling: which rows an epoch shows, and how often, if not each once: `{"balanced": True}`,
            `{"weights": array or column}`, `{"replacement": True}`, `{"repeats": 3}`,
            `{"rows": array or slice}`, `{"length": 10_000}`, or several (`config.Sampling`).
        cache: keep decoded pictures, which changes no pixel: "ram" for all workers of this loader,
            "disk" or a folder for later runs too; `loader.cache` says how large it is. A file that
            has changed is decoded again. "device" keeps pictures of one size where the model is, as
            the ops left them that draw nothing; all other ops run there, on whole batches.
        seed: 0 to 2**64 - 1, for the order and for all ops.
        num_workers: worker processes; None chooses by processors and data. It changes no pixel.
            With `cache="device"` they fill the cache, and end.
        device: where batches are copied and the batch ops run; None leaves them on the CPU. On a
            GPU that happens one batch ahead, beside what the model computes.
        dtype: what normalised pixels are handed over as: "float16", "bfloat16", or "float32", which
            None stands for.
        channels_last: whether pictures are handed over with the colours of a pixel side by side,
            as `torch.channels_last`; the shape stays.
        drop_last: whether to leave out a last batch that is not full.
        epoch: the first epoch.
        on_error: what to do with a row that cannot be read. "raise" names it; "skip" leaves it
            out; "replace" puts another row in its place, always the same one for the same key.
        max_errors: how many bad rows to get over before raising after all.
        rank: which part of the global order; None asks torch.distributed, or is 0.
        world_size: of how many; None asks torch.distributed, or is 1.
        **dataloader_kwargs: for `torch.utils.data.DataLoader`, such as `prefetch_factor`.

    Returns:
        A `torch.utils.data.DataLoader` of `Batch`es.

    Raises:
        DataError: the data is missing or wrong.
        RecipeError: the pipeline or an argument is wrong.
    """
    rank, world_size = _place(rank, world_size)
    return Loader(
        open_dataset(data),
        load_pipeline(pipeline),
        check(
            LoaderConfig,
            {
                "batch_size": batch_size,
                "num_workers": num_workers,
                "seed": seed,
                "drop_last": drop_last,
                "sampling": {} if sampling is None else sampling,
                "cache": cache,
                "dtype": dtype,
                "channels_last": channels_last,
                "on_error": on_error,
                "max_errors": max_errors,
            },
        ),
        shuffle=shuffle,
        device=device,
        epoch=epoch,
        rank=rank,
        world_size=world_size,
        **dataloader_kwargs,
    )


def _place(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Which part of the global order, of how many."""
    if rank is None and world_size is None and dist.is_available() and dist.is_initialized():
        rank, world_size = dist.get_rank(), dist.get_world_size()
    rank, world_size = rank or 0, world_size or 1
    if not 0 <= rank < world_size:
        raise RecipeError(f"rank {rank} is not one of 0 to {world_size - 1}, the ranks there are")
    return rank, world_size
