"""Carry out stages on some rows of a batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from augpipe.errors import within
from augpipe.execute.torch.stage import Kind, Part, Parting, Rows, Stage, Upload, index
from augpipe.execute.torch.types import like, spread


def carry_out(parts: Iterable[Part], pixels: Tensor, loaded: Upload, rows: Rows) -> Tensor:
    """The pixels after all parts.

    Args:
        parts: stages, in order.
        pixels: (n, 3, H, W); never written to.
        loaded: the numbers of all parts.
        rows: which of the batch these are, by number.
    """
    for part in parts:
        with within(" + ".join(part.ops)):
            pixels = _through(part, pixels, loaded, rows)
    return pixels


def _through(part: Part, pixels: Tensor, loaded: Upload, rows: Rows) -> Tensor:
    if isinstance(part, Parting):
        return _part(part, pixels, loaded, rows)
    if part.kinds is None:
        return part.do(None, pixels, loaded.of(part, rows))
    return _by_kind(part, [part.kinds[row] for row in rows], pixels, loaded, rows)


def _by_kind(stage: Stage, kinds: list[Kind], pixels: Tensor, loaded: Upload, rows: Rows) -> Tensor:
    """Rows of one kind together; those of none stay as they are."""
    if len(set(kinds)) == 1:
        return pixels if kinds[0] is None else stage.do(kinds[0], pixels, loaded.of(stage, rows))
    taken, order = [], []
    for kind in dict.fromkeys(kinds):
        where = [place for place, other in enumerate(kinds) if other == kind]
        some = pixels[index(where, pixels.device)]
        if kind is not None:
            some = stage.do(kind, some, loaded.of(stage, [rows[place] for place in where]))
        taken.append(some)
        order += where
    back = np.argsort(order).tolist()
    return torch.cat(taken)[index(back, pixels.device)]


def _part(parting: Parting, pixels: Tensor, loaded: Upload, rows: Rows) -> Tensor:
    """The weighted sum of the ways that each row takes; a way is gone by its rows together."""
    weights = parting.weights[list(rows)]
    alone = np.flatnonzero((weights == 1).all(axis=0))
    if len(alone):
        return carry_out(parting.ways[alone[0]], pixels, loaded, rows)
    total = torch.zeros_like(pixels, dtype=torch.float32)
    shares = loaded.of(parting, rows)["weights"]
    for number, way in enumerate(parting.ways):
        where = np.flatnonzero(weights[:, number]).tolist()
        if where:
            at = index(where, pixels.device)
            some = carry_out(way, pixels[at], loaded, [rows[place] for place in where])
            total[at] += spread(shares[at, number], 3) * some
    return like(pixels, total)
