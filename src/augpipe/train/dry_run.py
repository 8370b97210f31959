"""What a run would do, found out without doing it: nothing is trained, nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from augpipe.loader.device import describe, find_device
from augpipe.train.batches import Loader, common_classes, first_batch, pair
from augpipe.train.config import TrainConfig
from augpipe.train.learner import Learner
from augpipe.train.schedule import Clock, lr_factor
from augpipe.train.score import evaluating
from augpipe.train.seed import seed_torch
from augpipe.train.trainer import clock_of

_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 60


def dry_run(
    config: TrainConfig, train_loader: Loader, val_loader: Loader, *, seed: int, device: str = "cpu"
) -> list[str]:
    """Build everything, load one batch and pass it through the model.

    Args:
        config: the recipe's `train:` section.
        train_loader: batches to learn from.
        val_loader: batches to be judged by.
        seed: of the initial weights.
        device: `cpu`, `cuda` or `cuda:N`.

    Returns:
        Lines of text: model, parameter groups, steps, learning rate, one batch's shapes.

    Raises:
        AugpipeError: whatever would stop the run before its first step.
    """
    where = find_device(device)
    classes = common_classes(train_loader, val_loader)
    seed_torch(seed)
    clock = clock_of(config, train_loader)
    learner = Learner(config, train_loader, clock, where)
    return [
        f"model       {config.model.name}, {len(classes)} classes, {config.precision} on "
        f"{describe(where)}",
        *_groups(learner),
        f"steps       {clock.steps_per_epoch} in an epoch, {clock.total_steps} in "
        f"{config.epochs} epochs; {len(val_loader)} batches of validation",
        *_curve(config, learner.peak, clock),
        *_first_batch(learner, train_loader, where),
    ]


def _groups(learner: Learner) -> Iterator[str]:
    every = sum(parameter.numel() for parameter in learner.model.parameters())
    trained = sum(p.numel() for p in learner.model.parameters() if p.requires_grad)
    yield f"parameters  {every:,}, of which {trained:,} are trained"
    for group in learner.optimizer.param_groups:
        count = sum(parameter.numel() for parameter in group["params"])
        yield (
            f"  group     {count:,} in {len(group['params'])} tensors: "
            f"lr {group['initial_lr']:g}, weight decay {group['weight_decay']:g}"
        )


def _curve(config: TrainConfig, peak: float, clock: Clock) -> Iterator[str]:
    """The learning rate over the run, one bar for a stretch of steps, and its landmarks."""
    steps = range(clock.total_steps)
    rates = [peak * lr_factor(config.schedule, step, clock) for step in steps]
    yield f"lr          {sparkline(rates)}"
    top = max(steps, key=rates.__getitem__)
    landmarks = f"{rates[0]:.3g} at first, {rates[top]:.3g} at step {top}, {rates[-1]:.3g} at last"
    yield f"            {landmarks}"


def sparkline(values: Sequence[float], columns: int = _COLUMNS) -> str:
    """Values as bars, the means of equal stretches of them; the lowest bar is 0."""
    columns = min(columns, len(values))
    edges = [len(values) * column // columns for column in range(columns + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    top = max(means) or 1.0
    return "".join(_BARS[min(round(mean / top * 7), 7)] for mean in means)


def _first_batch(learner: Learner, loader: Loader, device: torch.device) -> Iterator[str]:
    images, labels, _ = pair(first_batch(loader), device, learner.layout)
    yield f"images      {_shape(images)}, {images.amin():.3g} to {images.amax():.3g}"
    yield f"labels      {_shape(labels)}"
    single = images if images.ndim == 4 else images[:, 0]
    with evaluating(learner.model), torch.inference_mode(), learner.precision.autocast():
        yield f"logits      {_shape(learner.model(single))}"


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
