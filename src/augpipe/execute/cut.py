"""The region that a plan looks at, cut out of what was decoded.

OpenCV rounds coordinates to a few bits, so a warp of a region is not, to the last bit, that of the
whole picture. Hence every picture is cut, whoever decoded it, and how much of it: what a sample
looks like does not depend on the decoder.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from numpy.typing import NDArray

from augpipe.data.sample import Decoded
from augpipe.errors import PlanError
from augpipe.plan import Plan


def cut_to_region(decoded: Decoded, plan: Plan, row: int) -> Decoded:
    """What the row of the plan looks at, as a view.

    Args:
        decoded: the whole picture of `plan.size`, or a part that covers `plan.sight.regions[row]`.
        plan: a plan of B rows that mixes no pictures.
        row: which of them.

    Raises:
        PlanError: the region was not decoded.
    """
    sight = plan.sight
    region = sight.regions[row]
    if region is None:
        return decoded
    image, matrix = decoded
    top, left, bottom, right = region
    (extent_y, extent_x), (factor_y, factor_x) = plan.size[row].tolist(), sight.shrink[row].tolist()
    (xx, xy, x0), (yx, yy, y0), _ = matrix.tolist()
    of_y, of_x = (top, bottom, extent_y, factor_y), (left, right, extent_x, factor_x)
    if xx == 0:  # the file lies on its side
        xx, yy, of_x, of_y = xy, yx, of_y, of_x
    start_y, stop_y = _along(yy, y0, *of_y)
    start_x, stop_x = _along(xx, x0, *of_x)
    height, width = image.shape[:2]
    if start_y == start_x == 0 and stop_y == height and stop_x == width:
        return decoded
    if start_y < 0 or start_x < 0 or stop_y > height or stop_x > width:
        raise PlanError(f"was decoded to {height} x {width} pixels, without all of {region}")
    matrix = matrix.copy()
    matrix[0, 2] = x0 - start_x
    matrix[1, 2] = y0 - start_y
    return Decoded(image[start_y:stop_y, start_x:stop_x], matrix)


def cut_full_size(decoded: Decoded, plan: Plan, row: int) -> NDArray[Any] | None:
    """The same of pixels that are upright and of full size; None if they are not, or not all there.

    Args:
        decoded: a picture or a part of it.
        plan: a plan of B rows that mixes no pictures.
        row: which of them.
    """
    image, matrix = decoded
    (xx, xy, across), (yx, yy, down), _ = matrix.tolist()
    if (xx, xy, yx, yy) != (1, 0, 0, 1) or across % 1 or down % 1:
        return None
    top, left, bottom, right = plan.sight.regions[row] or (0, 0, *plan.size[row].tolist())
    rows, columns = (top + int(down), bottom + int(down)), (left + int(across), right + int(across))
    if min(rows[0], columns[0]) < 0 or rows[1] > image.shape[0] or columns[1] > image.shape[1]:
        return None
    return image[slice(*rows), slice(*columns)]


def _along(
    scale: float, offset: float, low: int, high: int, extent: int, factor: int
) -> tuple[int, int]:
    """Where an interval of an axis of the upright picture begins and ends in the decoded one.

    Area means are taken from the stored picture's origin on, so the interval loses what is not
    whole cells there; except that the picture's own edge is kept.

    Args:
        scale: from the upright picture to the decoded one; negative where it is mirrored.
        offset: the upright picture's origin in the decoded one.
        low: where the interval begins.
        high: where it ends.
        extent: where the upright picture ends.
        factor: how many full-size pixels the warp's area means take in.
    """
    if scale < 0:
        low, high, scale, offset = extent - high, extent - low, -scale, offset + extent * scale
    cell = max(factor * scale, 1)
    start = ceil(low * scale / cell) * cell
    stop = high * scale // cell * cell if high < extent else ceil(extent * scale)
    return int(start + offset), int(stop + offset)
