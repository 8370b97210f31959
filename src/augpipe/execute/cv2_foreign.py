"""Other people's transforms on one picture: whatever they are, they are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from augpipe.execute.cv2_types import Image, Kernels, Values


def _foreign(image: Image, values: Values) -> Image:
    call: Any = values["call"]
    return np.asarray(call(image, int(values["seed"])))


KERNELS: Kernels = {"foreign": _foreign}
