"""A loader's batches as values that can be compared."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from augpipe import Batch


def stream(batches: Iterable[Batch]) -> list[tuple[int, int, int, bytes]]:
    """For each sample in order: epoch, row, label and pixels."""
    return [
        (batch.epoch, int(row), int(label), image.numpy().tobytes())
        for batch in batches
        for row, label, image in zip(
            batch.index, torch.as_tensor(batch.labels), batch.images, strict=True
        )
    ]
