"""A pipeline in values: what is decoded, the steps for each picture and for each batch, bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

import numpy as np
import torch

from augpipe.data.decode import decoder_name
from augpipe.data.jpeg import region_decoder
from augpipe.execute.triton.segments import cut, describe
from augpipe.explain.clock import Clock
from augpipe.explain.outline import Outline, Seconds, outline_of
from augpipe.loader.config import LoaderConfig
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan

# How many draws shares are counted in.
DRAWS = 256


@dataclass(frozen=True)
class Decoding:
    """What is decoded for one sample.

    Attributes:
        pictures: how many, on average: more than 1 where pictures are mixed.
        scales: in which share of the draws at which scale, 1 being full size.
        seen: which share of a picture's pixels is looked at, on average.
        regions: whether only that part of a JPEG is decoded here.
        runs_on: who decodes JPEGs.
        microseconds: for one sample, as JPEGs; None where it was not measured.
    """

    pictures: float
    scales: dict[int, float]
    seen: float
    regions: bool
    runs_on: str
    microseconds: float | None


@dataclass(frozen=True)
class Handed:
    """A batch's pictures.

    Attributes:
        shape: (B, 3, H, W), or (B, views, 3, H, W); of the largest picture.
        dtype: by its name in torch.
        bytes: of all of them.
    """

    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass(frozen=True)
class Account:
    """One part of a recipe.

    Attributes:
        views: how many pictures are made of each; the steps are those of one.
        decoding: what is decoded for them.
        worker: the steps for each picture.
        handed: the batch that comes of it.
        batch: the steps for that; None where there are none.
        device: where they are carried out.
        trained_on: the batch that comes of it at last.
    """

    views: int
    decoding: Decoding
    worker: Outline
    handed: Handed
    batch: Outline | None
    device: str
    trained_on: Handed


def account_of(
    pipeline: Pipeline,
    size: tuple[int, int],
    config: LoaderConfig,
    *,
    device: str = "cpu",
    clock: Clock | None = None,
) -> Account:
    """What is done to pictures of one size.

    Args:
        pipeline: by what.
        size: height and width of the pictures.
        config: how large batches are, and of which type.
        device: where batches are.
        clock: measures each step; None leaves times out.

    Raises:
        AugpipeError: the pipeline cannot be carried out on such pictures.
    """
    plan = pipeline.plan(size, index=np.arange(DRAWS))
    seconds = clock.worker(pipeline) if clock else None
    handed = _handed(pipeline, plan, config, _normalized(pipeline))
    later = pipeline.batch.plan(_pair(plan), index=np.arange(DRAWS)) if pipeline.batch else plan
    last = _normalized(pipeline) or _normalized(pipeline.batch)
    return Account(
        pipeline.views,
        _decoding(pipeline, plan, clock),
        outline_of(plan, seconds=seconds),
        handed,
        _batch(pipeline.batch, later, device, clock) if pipeline.batch else None,
        device,
        _handed(pipeline, later, config, last),
    )


def _normalized(pipeline: Pipeline | None) -> bool:
    """Whether floats come out."""
    return any(op.ends_in_float for op in pipeline or ())


def _pair(plan: Plan) -> tuple[int, int]:
    """Height and width of what comes out, of the first draw."""
    height, width = plan.out_size[0].tolist()
    return height, width


def _decoding(pipeline: Pipeline, plan: Plan, clock: Clock | None) -> Decoding:
    rows = pipeline.rows(1, index=np.arange(1000))
    pictures = float((rows >= 0).sum(axis=1).mean())
    scales = Counter(int(scale) for leaf in plan.leaves for scale in leaf.decode_scale)
    draws = scales.total()
    whole = region_decoder() is None
    return Decoding(
        pictures,
        {scale: scales[scale] / draws for scale in sorted(scales)},
        float(np.mean([_seen(leaf) for leaf in plan.leaves])),
        not whole,
        decoder_name().split()[0] if whole else "libjpeg",
        None if clock is None else 1e6 * pictures * clock.decode(plan.leaves),
    )


def _seen(leaf: Plan) -> float:
    """Which share of its pixels a picture's first step looks at."""
    every = [
        (region.bottom - region.top) * (region.right - region.left) / prod(size) if region else 1.0
        for region, size in zip(leaf.sight.regions, leaf.size.tolist(), strict=True)
    ]
    return float(np.mean(every))


def _batch(pipeline: Pipeline, plan: Plan, device: str, clock: Clock | None) -> Outline:
    """Its steps; on CUDA those that one kernel carries out have their time with the first."""
    height, width = plan.size[0].tolist()
    seconds: Seconds = clock.batch(pipeline, (height, width)) if clock else {}
    where = _kernels(plan) if device.startswith("cuda") else ["torch"] * len(plan.steps)
    return outline_of(plan, where, seconds)


def _kernels(plan: Plan) -> list[str]:
    """Of each step, in which of Triton's kernels it is, or that it is left to torch."""
    where: list[str] = []
    segments = zip(cut(plan.steps), describe(plan), strict=True)
    for number, (segment, (_, words)) in enumerate(segments, 1):
        name = segment.where if segment.where == "torch" else f"triton {number}"
        first = f"{name}{words.removeprefix('torch').removeprefix('triton')}"
        where += [first] + [name] * (len(segment.steps) - 1)
    return where


def _handed(pipeline: Pipeline, plan: Plan, config: LoaderConfig, floats: bool) -> Handed:
    dtype = (config.dtype or "float32") if floats else "uint8"
    views = [pipeline.views] if pipeline.views > 1 else []
    height, width = plan.out_size.max(axis=0).tolist()
    shape = (config.batch_size, *views, 3, height, width)
    return Handed(shape, dtype, prod(shape) * getattr(torch, dtype).itemsize)
