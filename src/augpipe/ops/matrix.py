"""Matrices that ops are made of: (B, 3, 3), from output to input coordinates (`augpipe.plan`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.plan import Floats


def identity(rows: int) -> Floats:
    """Nothing moves."""
    return np.eye(3)[None].repeat(rows, axis=0)


def mirror(flip: NDArray[Any], extent: NDArray[np.int64], *, axis: int) -> Floats:
    """Mirror along x (axis 0) or y (axis 1) where `flip` is 1."""
    matrix = identity(len(flip))
    matrix[:, axis, axis] = 1 - 2 * flip
    matrix[:, axis, 2] = flip * extent
    return matrix


def window(corner: NDArray[Any], crop: NDArray[Any], out: NDArray[np.int64]) -> Floats:
    """The crop of that corner (top, left) and size, scaled to `out`."""
    matrix = identity(len(crop))
    matrix[:, [1, 0], [1, 0]] = crop / out
    matrix[:, [1, 0], [2, 2]] = corner
    return matrix


def about_centre(forward: Floats, shift: Floats, size: NDArray[np.int64]) -> Floats:
    """Apply (B, 2, 2) input-to-output maps about the centre, then shift.

    Args:
        forward: the maps.
        shift: (B, 2), as fractions of width and height.
        size: (B, 2), the pictures' height and width.
    """
    centre = size[:, ::-1] / 2
    inverse = np.linalg.inv(forward)
    matrix = identity(len(size))
    matrix[:, :2, :2] = inverse
    moved = centre + shift * size[:, ::-1]
    matrix[:, :2, 2] = centre - (inverse @ moved[:, :, None])[:, :, 0]
    return matrix


def linear(angle_deg: Floats, scale: Floats, shear_deg: Floats) -> Floats:
    """(B, 2, 2), input to output, as torchvision composes it; the sign of the angle is ours."""
    angle = -np.deg2rad(angle_deg)
    shear_x, shear_y = np.deg2rad(shear_deg).T
    cos, sin = np.cos(angle - shear_y) / np.cos(shear_y), np.sin(angle - shear_y) / np.cos(shear_y)
    matrix = np.empty((len(angle), 2, 2))
    matrix[:, 0, 0], matrix[:, 0, 1] = cos, -cos * np.tan(shear_x) - np.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = sin, -sin * np.tan(shear_x) + np.cos(angle)
    return matrix * scale[:, None, None]


def rotation(angle_deg: Floats, scale: Floats) -> Floats:
    """(B, 2, 2), input to output; a positive angle turns counter-clockwise as seen."""
    return linear(angle_deg, scale, np.zeros((len(angle_deg), 2)))


def quarter_turns(turns: NDArray[np.int64], size: NDArray[np.int64]) -> Floats:
    """Turn by 0 to 3 right angles, counter-clockwise as seen; exact."""
    height, width = size.T
    cos, sin = np.array([1, 0, -1, 0])[turns], np.array([0, 1, 0, -1])[turns]
    matrix = identity(len(turns))
    matrix[:, 0] = np.stack([cos, -sin, width * np.isin(turns, (1, 2))], axis=1)
    matrix[:, 1] = np.stack([sin, cos, height * np.isin(turns, (2, 3))], axis=1)
    return matrix


def onto_quad(quad: Floats, size: NDArray[np.int64]) -> Floats:
    """Put the picture's corners on those of a convex quadrilateral; a homography.

    The map from the unit square is Heckbert's ("Fundamentals of texture mapping and image
    warping", 1989, section 2.2.3); it is inverted by its adjugate, so the picture's own corners
    give the identity to the bit. Divided by the determinant, it gives a positive w to all of the
    picture, which `execute.warp.project` relies on.

    Args:
        quad: (B, 4, 2) of (x, y), clockwise from where the top left corner goes.
        size: (B, 2), the pictures' height and width.
    """
    first, second, third, fourth = (quad[:, corner].T for corner in range(4))
    beside, below, excess = second - third, fourth - third, first - second + third - fourth
    area = _cross(beside, below)
    g, h = _cross(excess, below) / area, _cross(beside, excess) / area
    square = identity(len(quad))
    square[:, :2, 0] = (second - first + g * second).T
    square[:, :2, 1] = (fourth - first + h * fourth).T
    square[:, :2, 2] = first.T
    square[:, 2, 0], square[:, 2, 1] = g, h
    a, b, c = square[:, 0], square[:, 1], square[:, 2]
    adjugate = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=2)
    extent = np.concatenate([size[:, ::-1], np.ones((len(size), 1))], axis=1)
    determinant = np.sum(a * np.cross(b, c), axis=1)[:, None, None]
    return np.asarray(extent[:, :, None] * adjugate / determinant)


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[0] * b[1] - a[1] * b[0])
