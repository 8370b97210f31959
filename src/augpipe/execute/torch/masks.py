"""Masks of a whole batch follow its plan, with torch, on their device.

Warps that follow one another are sampled once, to the nearest pixel, and show background outside of
the picture, as one picture's masks are (`execute.targets`). Which pixel each one shows is decided
for each picture, not for each of its masks, and as one picture's executor decides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from augpipe.errors import PlanError, TargetError
from augpipe.execute import displace, warp
from augpipe.execute.target_mix import NO_AVERAGE
from augpipe.plan import Floats, Kernel, Mix, Step, Warp
from augpipe.rows import moves_pixels, own_steps

Whole = NDArray[np.int64]
Bools = NDArray[np.bool_]

# How many pixels of masks are looked up at a time: what needs 16 bytes for each stays small.
_AT_ONCE = 2**22


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of B pictures.

    Attributes:
        planes: (M, H, W) whole numbers or booleans.
        picture: (M,), to which of the pictures each belongs; ascending.
        instances: whether each is an object's; else there is one of classes for each picture.
    """

    planes: Tensor
    picture: Whole
    instances: bool

    @classmethod
    def of(cls, masks: Sequence[Tensor]) -> Masks:
        """Of B pictures' masks: (N, H, W) each, or (H, W) each."""
        if masks[0].ndim == 2:
            return cls(torch.stack(list(masks)), np.arange(len(masks)), instances=False)
        counts = [len(own) for own in masks]
        return cls(torch.cat(list(masks)), np.arange(len(masks)).repeat(counts), instances=True)

    def apart(self, kept: Sequence[Whole | None]) -> list[Tensor]:
        """Each picture's own again; of its objects, those of these numbers, or all."""
        if not self.instances:
            return list(self.planes)
        each = self._numbers(len(kept))
        left = [all_ if own is None else all_[own] for all_, own in zip(each, kept, strict=True)]
        chosen = self.planes[sent(np.concatenate(left), self.planes)]
        return list(torch.split(chosen, [len(own) for own in left]))

    def through(self, steps: Sequence[Step], size: Whole) -> Masks:
        """After steps none of which mixes.

        Args:
            steps: of a plan.
            size: (B, 2), height and width of the pictures that come in.

        Raises:
            TargetError: one moves pixels and has no rule for masks.
        """
        routes = [_route(steps, row) for row in range(len(size))]
        kinds = [tuple(id(stop) * isinstance(stop, Kernel) for stop in route) for route in routes]
        done: Tensor | None = None
        for kind in dict.fromkeys(kinds):
            rows = np.array([row for row, other in enumerate(kinds) if other == kind])
            which = np.flatnonzero(np.isin(self.picture, rows))
            place = np.searchsorted(rows, self.picture[which])
            part = self.planes[sent(which, self.planes)]
            for stops in zip(*(routes[row] for row in rows), strict=True):
                part = _look_up(part, _sources(stops, rows, part), place)
            if done is None:
                done = part.new_empty((len(self.planes), *part.shape[1:]))
            done[sent(which, done)] = part
        return self if done is None else replace(self, planes=done)

    def mixed(self, step: Mix) -> Masks:
        """After the pictures were mixed: of objects, the picture's own come before its partner's.

        Raises:
            TargetError: the classes of two pictures would have to be averaged.
        """
        partner, needed = step.params["partner"], np.asarray(step.needed)[:, 1]
        inside = _inside(step, self.planes) if step.name == "cutmix" else None
        if not self.instances:
            if inside is None and needed.any():
                raise TargetError(NO_AVERAGE)
            others = self.planes[sent(partner, self.planes)]
            shown = self.planes if inside is None else torch.where(inside, others, self.planes)
            return replace(self, planes=shown)
        numbers, picture, own = self._joined(partner, needed)
        planes = self.planes[sent(numbers, self.planes)]
        if inside is not None:
            hidden = inside[sent(picture, planes)] == sent(own, planes)[:, None, None]
            planes.masked_fill_(hidden, 0)
        return Masks(planes, picture, instances=True)

    def _numbers(self, pictures: int) -> list[Whole]:
        """For each picture, the numbers of its masks."""
        bounds = np.searchsorted(self.picture, np.arange(pictures + 1))
        return [np.arange(*ends) for ends in pairwise(bounds)]

    def _joined(self, partner: Whole, needed: Bools) -> tuple[Whole, Whole, Bools]:
        """Which masks each picture has next: their numbers, whose they become, and were already."""
        each = self._numbers(len(partner))
        parts = [
            part
            for row, other in enumerate(partner)
            for part in (each[row], each[other] if needed[row] else each[row][:0])
        ]
        counts = np.array([len(part) for part in parts])
        place = np.arange(len(parts)).repeat(counts)
        return np.concatenate(parts), place // 2, place % 2 == 0


@dataclass(frozen=True, eq=False)
class _Warped:
    """All warps between two other steps, as one."""

    matrix: Floats
    size: warp.Size


def _route(steps: Iterable[Step], row: int) -> list[_Warped | Kernel]:
    """What one picture's masks go through."""
    route: list[_Warped | Kernel] = []
    for step in own_steps(steps, row):
        if isinstance(step, Warp):
            size = int(step.size[row, 0]), int(step.size[row, 1])
            matrix = step.matrix[row]
            if route and isinstance(last := route[-1], _Warped):
                matrix = last.matrix @ matrix
                route.pop()
            route.append(_Warped(matrix, size))
        elif isinstance(step, Kernel) and displace.knows(step.name):
            route.append(step)
        elif moves_pixels(step, row):
            raise TargetError(
                f"{' + '.join(step.ops)} moves pixels and has no rule for masks; "
                "leave the op out, or train without that target"
            )
    return route


def _sources(stops: Sequence[_Warped | Kernel], rows: Whole, planes: Tensor) -> Tensor:
    """(R, h, w) int64: which pixel of its plane each pixel of R pictures shows; -1 is outside.

    Args:
        stops: the same of R routes; one displacement, or a warp for each.
        rows: (R,), which of a plan's rows those are.
        planes: (M, H, W).
    """
    source = planes.shape[1], planes.shape[2]
    first = stops[0]
    if isinstance(first, Kernel):
        return sent(np.stack([_displaced(first, row, source) for row in rows]), planes)
    warps = [stop for stop in stops if isinstance(stop, _Warped)]
    if any(stop.size != first.size for stop in warps):
        raise PlanError("pictures of one batch must come out in one size; end with a resize")
    return _warped(np.stack([stop.matrix for stop in warps]), first.size, source, planes.device)


def _displaced(step: Kernel, row: int, size: warp.Size) -> Whole:
    values = {name: value[row] for name, value in step.params.items()}
    height, width = size
    x, y = (
        np.floor(place + warp.NEAREST_NUDGE).astype(np.int64)
        for place in displace.places(step.name, values, size)
    )
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.where(inside, y * width + x, -1)


def _warped(matrix: Floats, out: warp.Size, source: warp.Size, device: torch.device) -> Tensor:
    """For (R, 3, 3) matrices.

    Where the picture fills a rectangle of whole pixels, and else where it is not left, its edge
    pixels reach as far as rounding does.
    """
    insets = [warp.as_inset(one, out, source) for one in matrix]
    leaves = [warp.leaves(one, out, source) for one in matrix]
    whole = warp.Rectangle(0, 0, *out)
    shown = np.array(
        [inset if away and inset else whole for inset, away in zip(insets, leaves, strict=True)]
    )
    free = [away and not inset for inset, away in zip(insets, leaves, strict=True)]
    y = torch.arange(out[0], device=device)[:, None]
    x = torch.arange(out[1], device=device)
    m = sent(matrix.astype(np.float32), device)[:, None, None]
    points = (x + 0.5)[:, None] * m[..., 0] + (y + 0.5)[..., None] * m[..., 1] + m[..., 2]
    pixel = points[..., :2] / points[..., 2:].clamp(min=warp.HORIZON) + warp.NEAREST_NUDGE
    pixel = pixel.floor().clamp(-1, max(source))
    column, row = pixel.to(torch.int64).unbind(-1)
    outside = (column < 0) | (column >= source[1]) | (row < 0) | (row >= source[0])
    top, left, bottom, right = sent(shown.T, device)[:, :, None, None]
    beside = (x < left) | (x >= right) | (y < top) | (y >= bottom)
    hidden = beside | (outside & sent(np.array(free), device)[:, None, None])
    flat = row.clamp(0, source[0] - 1) * source[1] + column.clamp(0, source[1] - 1)
    return flat.masked_fill_(hidden, -1)


def _look_up(planes: Tensor, index: Tensor, place: Whole) -> Tensor:
    """(M, h, w): what (M, H, W) planes show at (R, h, w) pixels, by the picture's `place`."""
    shape, flat, index = index.shape[1:], planes.flatten(1), index.flatten(1)
    outside = index < 0
    index = index.clamp(min=0)
    done = planes.new_empty((len(planes), index.shape[1]))
    each = max(_AT_ONCE // index.shape[1], 1)
    for start in range(0, len(planes), each):
        part = slice(start, start + each)
        picture = sent(place[part], planes)
        torch.gather(flat[part], 1, index[picture], out=done[part])
        done[part].masked_fill_(outside[picture], 0)
    return done.view(len(done), *shape)


def _inside(step: Mix, planes: Tensor) -> Tensor:
    """(B, H, W): where each picture shows its partner."""
    rectangle = sent(step.params["rectangle"].T, planes)[:, :, None, None]
    x0, y0, x1, y1 = rectangle
    x = torch.arange(planes.shape[2], device=planes.device)
    y = torch.arange(planes.shape[1], device=planes.device)[:, None]
    inside: Tensor = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return inside


def sent(values: NDArray[Any], near: Tensor | torch.device) -> Tensor:
    """An array in its own type on that device, without waiting for it."""
    device = near.device if isinstance(near, Tensor) else near
    host = torch.from_numpy(np.ascontiguousarray(values))
    return (host.pin_memory() if device.type == "cuda" else host).to(device, non_blocking=True)
