"""How far a picture may be shrunk before it is sampled: so it is decoded, and so it is warped."""

from __future__ import annotations

from math import frexp, sqrt

import numpy as np
from numpy.typing import NDArray

# Without this hair, a factor of exactly two would depend on the last bit of a cosine.
_SLACK = 1 + 1e-9


def shrink_factors(matrix: NDArray[np.float64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    """By which powers of two a picture may be shrunk before it is sampled through `matrix`.

    Bilinear sampling reads two pixels along each axis, so it skips none as long as an output pixel
    covers less than two. The factor leaves between one and two; it is judged at the centre of the
    output, for each axis of the input alone.

    Args:
        matrix: (B, 3, 3), output to input coordinates.
        size: (B, 2), the output's height and width.

    Returns:
        (B, 2) int64 powers of two, for height and width of the input.
    """
    centre = np.stack([size[:, 1] / 2, size[:, 0] / 2, np.ones(len(size))], axis=1)
    x, y, w = (matrix @ centre[:, :, None])[:, :, 0].T
    # The derivative of (x / w, y / w) along the output's axes; w is 1 unless there is perspective.
    jacobian = matrix[:, :2, :2] - np.stack([x / w, y / w], 1)[:, :, None] * matrix[:, 2:, :2]
    covered = np.linalg.norm(jacobian, axis=2)[:, ::-1] / np.abs(w)[:, None]
    exponents = np.frexp(np.maximum(covered * _SLACK, 1.0))[1]
    return np.asarray(1 << exponents.astype(np.int64) - 1)


def shrink_factor(matrix: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, int]:
    """`shrink_factors` of one matrix."""
    rows = matrix.tolist()
    if rows[2][:2] != [0.0, 0.0]:
        height, width = shrink_factors(matrix[None], np.array([size]))[0].tolist()
        return height, width
    x, y = (max(sqrt(a * a + b * b) / abs(rows[2][2]) * _SLACK, 1.0) for a, b, _ in rows[:2])
    return 1 << frexp(y)[1] - 1, 1 << frexp(x)[1] - 1
