"""Elastic and grid distortions of one picture, with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from augpipe.execute.cv2.types import Image, Kernels, Values
from augpipe.execute.displace import places
from augpipe.execute.warp import NEAREST_NUDGE


def _elastic(image: Image, values: Values) -> Image:
    if not values["deviation"].any():
        return image
    fill = tuple(values["fill"].tolist())
    return _sample("elastic", image, values, cv2.BORDER_CONSTANT, fill)


def _grid_distortion(image: Image, values: Values) -> Image:
    if np.ptp(values["steps_x"]) == np.ptp(values["steps_y"]) == 0:
        return image
    return _sample("grid_distortion", image, values, cv2.BORDER_REPLICATE)


def _sample(
    name: str, image: Image, values: Values, border: int, fill: tuple[float, ...] = ()
) -> Image:
    nearest = bool(values["nearest"])
    shift = (NEAREST_NUDGE if nearest else 0) - 0.5  # from coordinates to OpenCV's pixel numbers
    x, y = (np.add(place, shift, out=place) for place in places(name, values, image.shape[:2]))
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(image, x, y, how, None, border, fill))


KERNELS: Kernels = {"elastic": _elastic, "grid_distortion": _grid_distortion}
