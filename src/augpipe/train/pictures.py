"""The first training batch as a picture: what the model sees, not what the recipe meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from augpipe.train.atomic import replacing

_MOST = 32
_COLUMNS = 8

Statistics = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation of each channel, of pictures in [0, 1]."""


def draw_batch(
    images: Tensor, labels: Tensor, classes: Sequence[str], path: Path, statistics: Statistics
) -> None:
    """Draw up to 32 samples of a batch with the names of their classes.

    Args:
        images: (B, 3, H, W) float32, normalised; or (B, views, 3, H, W), of which the first view.
        labels: (B,) int64 classes, or (B, C) distributions, of which the two likeliest are named.
        classes: their names.
        path: the PNG file to replace.
        statistics: what the images were normalised with.
    """
    # Imported here because matplotlib takes longer to import than all of augpipe.
    from matplotlib.figure import Figure

    shown = _restored(images[:_MOST], statistics).numpy()
    rows = -(-len(shown) // _COLUMNS)
    figure = Figure(figsize=(1.5 * _COLUMNS, 1.75 * rows), dpi=120, layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, label in zip(grid.flat, shown, labels[:_MOST].cpu(), strict=False):
        axes.imshow(image)
        axes.set_title(_name(label, classes), fontsize=8)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _restored(images: Tensor, statistics: Statistics) -> Tensor:
    """(B, H, W, 3) float32 in [0, 1]."""
    images = images.cpu() if images.ndim == 4 else images[:, 0].cpu()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in statistics)
    return (images * std + mean).clamp(0, 1).movedim(1, 3)


def _name(label: Tensor, classes: Sequence[str]) -> str:
    if label.ndim == 0:
        return classes[int(label)]
    shares, likeliest = label.topk(min(2, len(label)))
    return "\n".join(
        f"{classes[index]} {share:.0%}"
        for share, index in zip(shares.tolist(), likeliest.tolist(), strict=True)
        if share > 0
    )
