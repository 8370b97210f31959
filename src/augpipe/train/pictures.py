"""Training batches as pictures: what the model sees, not what the recipe meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from augpipe.data.sample import Targets
from augpipe.preview.contact import draw_sheet
from augpipe.preview.draw import name_label
from augpipe.preview.sheet import Cell, Line, Sheet
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
    shown = _restored(images[:_MOST], statistics).numpy()
    cells = [
        Cell(image, Targets(), notes=_names(label, classes))
        for image, label in zip(shown, labels[:_MOST].cpu(), strict=True)
    ]
    lines = [
        Line(f"{first + 1} to {first + len(some)}", f"of {len(images)}", some)
        for first in range(0, len(cells), _COLUMNS)
        for some in (cells[first : first + _COLUMNS],)
    ]
    with replacing(path) as file:
        draw_sheet(Sheet("What the model is given", lines, classes)).save(file, format="png")


def _restored(images: Tensor, statistics: Statistics) -> Tensor:
    """(B, H, W, 3) uint8."""
    images = images.cpu() if images.ndim == 4 else images[:, 0].cpu()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in statistics)
    levels = (images * std + mean).mul(255).round().clamp(0, 255)
    return levels.movedim(1, 3).to(torch.uint8)


def _names(label: Tensor, classes: Sequence[str]) -> list[str]:
    return name_label(label.numpy() if label.ndim else int(label), classes, most=2)
