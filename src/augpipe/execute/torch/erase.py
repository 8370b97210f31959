"""Blots on a batch, with torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.execute.field import normal_quantiles, to_index, to_level
from augpipe.execute.torch.noise import field, words_of
from augpipe.execute.torch.stage import Kind, Run, Stage, acting
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values, floats, spread


def _erase(values: Values, given: Given) -> Stage:
    return _blots(_one_color, values, given, _color(values, given))


def _color(values: Values, given: Given) -> dict[str, NDArray[np.float32]]:
    """What is put in, (B, 3): a whole level, unless pixels are normalised."""
    value = values["value"]
    return floats(value=value if given.floating else np.rint(value).clip(0, 255))


def _erase_random(values: Values, given: Given) -> Stage:
    arrays = {"words": words_of(values["seed"])}
    if given.floating:
        return _blots(_normal, values, given, arrays, {"quantiles": normal_quantiles()})
    return _blots(_uniform, values, given, arrays)


def _blots(
    content: Run,
    values: Values,
    given: Given,
    arrays: Mapping[str, NDArray[Any]],
    shared: Mapping[str, NDArray[Any]] | None = None,
) -> Stage:
    """Put the content into the boxes of each row."""
    boxes = values["boxes"]
    x0, y0, x1, y1 = np.moveaxis(boxes, 2, 0)
    hit = ((x1 > x0) & (y1 > y0)).any(axis=1)
    every = {"boxes": np.asarray(boxes, np.int32), **arrays}
    options = content, given.floating
    return Stage(_inside, every, shared or {}, options, acting(hit), _cut_in, floats=True)


def _inside(pixels: Tensor, tensors: Tensors, content: Run, _: bool) -> Tensor:
    holes = _holes(pixels, tensors["boxes"])
    return torch.where(holes[:, None], content(pixels, tensors), pixels)


def _cut_in(pixels: Tensor, tensors: Tensors, _: Kind, content: Run, floating: bool) -> Tensor:
    """The same where the host can read the boxes: only they are written."""
    # Levels that are floats were made on the way here: nobody else has them.
    own = pixels.is_floating_point() and not floating
    blotted = pixels if own else pixels.clone()
    filled = content(pixels, tensors).expand_as(pixels)
    for row, boxes in enumerate(tensors["boxes"].tolist()):
        for x0, y0, x1, y1 in boxes:
            blotted[row, :, y0:y1, x0:x1] = filled[row, :, y0:y1, x0:x1]
    return blotted


def _one_color(pixels: Tensor, tensors: Tensors) -> Tensor:
    return spread(tensors["value"], 2).to(pixels.dtype)


def _uniform(pixels: Tensor, tensors: Tensors) -> Tensor:
    level: Tensor = to_level(field(pixels, tensors["words"]))
    return level.to(pixels.dtype)


def _normal(pixels: Tensor, tensors: Tensors) -> Tensor:
    index: Tensor = to_index(field(pixels, tensors["words"]))
    return tensors["quantiles"][index]


def _holes(pixels: Tensor, boxes: Tensor) -> Tensor:
    """(B, H, W): whether a pixel lies in any of the row's boxes."""
    y, x = (torch.arange(extent, device=pixels.device)[:, None] for extent in pixels.shape[2:])
    left, top, right, bottom = boxes[:, None].unbind(dim=3)
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    # How many boxes cover a pixel: small whole numbers, which add up exactly in any order.
    return torch.bmm(rows.float(), columns.float().mT) > 0


def _erase_grid(values: Values, given: Given) -> Stage:
    top, left = values["offset"].T
    arrays = floats(unit=values["unit"], hole=values["hole"], top=top, left=left)
    return Stage(
        _grid,
        {**arrays, **_color(values, given)},
        kinds=acting(values["hole"]),
    )


def _grid(pixels: Tensor, tensors: Tensors) -> Tensor:
    unit, hole, top, left = (spread(tensors[name], 1) for name in ("unit", "hole", "top", "left"))
    y, x = (torch.arange(extent, device=pixels.device) for extent in pixels.shape[2:])
    rows, columns = (y - top).remainder(unit) < hole, (x - left).remainder(unit) < hole
    holes = rows[:, :, None] & columns[:, None]
    return torch.where(holes[:, None], _one_color(pixels, tensors), pixels)


KERNELS: Kernels = {"erase": _erase, "erase_grid": _erase_grid, "erase_random": _erase_random}
