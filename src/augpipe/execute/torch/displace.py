"""Elastic and grid distortions of a batch, with torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.execute.lattice import amplitude_of, centres, grid_places, spacing_of
from augpipe.execute.torch.lattice import Extent, lattice_of, smooth_field
from augpipe.execute.torch.stage import Stage
from augpipe.execute.torch.types import Given, Kernels, Tensors, Values, floats, like, spread
from augpipe.execute.warp import NEAREST_NUDGE


def _elastic(values: Values, given: Given) -> Stage:
    height, width = given.size
    arrays, extent = lattice_of(values["seed"], spacing_of(values["sigma"]), given.size)
    own = floats(amplitude=amplitude_of(values["deviation"]), fill=values["fill"])
    return Stage(
        _shift,
        {**arrays, **own},
        floats(x=centres(width), y=centres(height)),
        options=(extent, bool(values["nearest"][0])),
    )


def _shift(pixels: Tensor, tensors: Tensors, extent: Extent, nearest: bool) -> Tensor:
    field = smooth_field(tensors, extent) * spread(tensors["amplitude"], 2)
    x = field[:, 0] + tensors["x"]
    y = field[:, 1] + tensors["y"][:, None]
    fill = spread(tensors["fill"], 2)
    return like(pixels, _sample(pixels - fill, x, y, nearest, "zeros") + fill)


def _grid_distortion(values: Values, given: Given) -> Stage:
    height, width = given.size
    x, y = grid_places(values["steps_x"], width), grid_places(values["steps_y"], height)
    return Stage(_regrid, floats(x=x, y=y), options=(bool(values["nearest"][0]),))


def _regrid(pixels: Tensor, tensors: Tensors, nearest: bool) -> Tensor:
    shape = (len(pixels), *pixels.shape[2:])
    x, y = tensors["x"][:, None].expand(shape), tensors["y"][:, :, None].expand(shape)
    return like(pixels, _sample(pixels.float(), x, y, nearest, "border"))


def _sample(pixels: Tensor, x: Tensor, y: Tensor, nearest: bool, padding: str) -> Tensor:
    nudge = NEAREST_NUDGE if nearest else 0
    places = zip((x, y), (pixels.shape[3], pixels.shape[2]), strict=True)
    return F.grid_sample(
        pixels,
        torch.stack([2 * (place + nudge) / extent - 1 for place, extent in places], dim=-1),
        mode="nearest" if nearest else "bilinear",
        padding_mode=padding,
        align_corners=False,
    )


KERNELS: Kernels = {"elastic": _elastic, "grid_distortion": _grid_distortion}
