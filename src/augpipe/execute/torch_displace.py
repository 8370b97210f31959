"""Elastic and grid distortions of a batch, with torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from augpipe.execute.lattice import (
    amplitude_of,
    centres,
    grid_places,
    spacing_of,
)
from augpipe.execute.torch_lattice import smooth_field
from augpipe.execute.torch_types import Kernels, Values, like, upload
from augpipe.execute.warp import NEAREST_NUDGE


def _elastic(pixels: Tensor, values: Values) -> Tensor:
    size = pixels.shape[2], pixels.shape[3]
    field = smooth_field(values["seed"], spacing_of(values["sigma"]), size, pixels)
    field = field * upload(amplitude_of(values["deviation"]), pixels)[:, :, None, None]
    x = field[:, 0] + upload(centres(size[1]), pixels)
    y = field[:, 1] + upload(centres(size[0]), pixels)[:, None]
    fill = upload(values["fill"], pixels)[:, :, None, None]
    grid = torch.stack([x, y], dim=-1)
    return like(pixels, _sample(pixels - fill, grid, values, "zeros") + fill)


def _grid_distortion(pixels: Tensor, values: Values) -> Tensor:
    height, width = pixels.shape[2:]
    x = upload(grid_places(values["steps_x"], width), pixels)[:, None].expand(-1, height, -1)
    y = upload(grid_places(values["steps_y"], height), pixels)[:, :, None].expand(-1, -1, width)
    return like(pixels, _sample(pixels.float(), torch.stack([x, y], dim=-1), values, "border"))


def _sample(pixels: Tensor, grid: Tensor, values: Values, padding: str) -> Tensor:
    nearest = bool(values["nearest"][0])
    extent = upload(np.array([pixels.shape[3], pixels.shape[2]]), pixels)
    return F.grid_sample(
        pixels,
        2 * (grid + (NEAREST_NUDGE if nearest else 0)) / extent - 1,
        mode="nearest" if nearest else "bilinear",
        padding_mode=padding,
        align_corners=False,
    )


KERNELS: Kernels = {"elastic": _elastic, "grid_distortion": _grid_distortion}
