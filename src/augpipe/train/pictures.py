"""Training batches as pictures: what the model sees, not what the recipe meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from augpipe.preview.draw import name_label
from augpipe.train.atomic import replacing

_MOST = 32
_COLUMNS = 8
_INCHES = 1.5
# From one picture to the next, in its own height (with room for a name) and width.
_PITCH = (1.3, 1.05)

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
    rows, (height, width) = -(-len(shown) // _COLUMNS), shown.shape[1:3]
    high, wide = round(height * _PITCH[0]), round(width * _PITCH[1])
    sheet = np.ones((rows * high, _COLUMNS * wide, 3), np.float32)
    figure = Figure(figsize=(_INCHES * _COLUMNS, _INCHES * rows * high / wide), dpi=120)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    for place, (image, label) in enumerate(zip(shown, labels[:_MOST].cpu(), strict=True)):
        top, left = place // _COLUMNS * high + high - height, place % _COLUMNS * wide
        sheet[top : top + height, left : left + width] = image
        centre = (left + width / 2, top - 0.02 * height)
        axes.text(*centre, _name(label, classes), fontsize=8, ha="center", va="bottom")
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _restored(images: Tensor, statistics: Statistics) -> Tensor:
    """(B, H, W, 3) float32 in [0, 1]."""
    images = images.cpu() if images.ndim == 4 else images[:, 0].cpu()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in statistics)
    return (images * std + mean).clamp(0, 1).movedim(1, 3)


def _name(label: Tensor, classes: Sequence[str]) -> str:
    known = label.numpy() if label.ndim else int(label)
    return "\n".join(name_label(known, classes, most=2))
