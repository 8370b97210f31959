"""What the pictures show: grounds, glossy shapes, and a robot that has a left and a right."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from render import Color, Field, Grid, Picture, Points, cast_shadow, coverage, paint

SHAPES = ("circle", "square", "star", "triangle")
KEYPOINTS = ("head", "left_hand", "right_hand", "left_foot", "right_foot")


def hue(degrees: float, saturation: float = 0.72, value: float = 0.92) -> Color:
    """An RGB colour, 0..1."""
    hsv = np.array([[[degrees % 360, saturation, value]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64)


def blend(low: Color, high: Color, share: Field) -> Picture:
    """From one colour to another, by a field of 0..1."""
    return low + (high - low) * share[..., None]


def wood(rng: np.random.Generator, grid: Grid) -> Picture:
    """A table top: long grain, warped, and the gaps between the boards."""
    grain = grid.clouds(rng, (3, 1), 3)
    fibre = grid.clouds(rng, (grid.height // 3, 2), 2)
    across = grid.xy[..., 1] / grid.height
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (9 * grain + 3 * across))
    base = rng.uniform(18, 34)
    picture = blend(hue(base, 0.6, 0.42), hue(base + 4, 0.48, 0.74), 0.65 * rings + 0.35 * fibre)
    gap = np.abs((3 * across + rng.random()) % 1 - 0.5) * grid.height / 3
    return picture * (1 - 0.55 * np.clip(1.6 - gap, 0, 1))[..., None]


def meadow(rng: np.random.Generator, grid: Grid) -> Picture:
    """A sky with clouds over a hill."""
    down = grid.xy[..., 1] / grid.height
    sky = blend(hue(212, 0.62, 0.86), hue(205, 0.22, 0.97), np.clip(down * 1.7, 0, 1))
    cover = np.clip(2.6 * grid.clouds(rng, (3, 3), 5) - 1.25, 0, 1) * np.clip(1.3 - down, 0, 1)
    picture = sky + (0.98 - sky) * cover[..., None]
    across = grid.xy[..., 0] / grid.width
    crest = 0.56 + 0.06 * np.sin(2 * np.pi * (0.7 * across + rng.random()))
    grass = 0.6 * grid.clouds(rng, (6, 6), 4) + 0.4 * np.clip(2 - 2 * down, 0, 1)
    hill = blend(hue(118, 0.62, 0.34), hue(88, 0.6, 0.72), grass)
    alpha = coverage((crest - down) * grid.height)[..., None]
    return picture * (1 - alpha) + hill * alpha


def felt(rng: np.random.Generator, grid: Grid) -> Picture:
    """Soft cloth under a lamp: lit in one place, dark towards the corners."""
    base = rng.uniform(0, 360)
    folds = grid.clouds(rng, (3, 4), 4)
    picture = blend(hue(base, 0.5, 0.4), hue(base + 25, 0.34, 0.8), folds)
    lamp = np.array([grid.width, grid.height]) * rng.uniform(0.25, 0.6, 2)
    reach = np.hypot(grid.height, grid.width)
    return picture * (1.12 - 0.62 * (np.linalg.norm(grid.xy - lamp, axis=-1) / reach))[..., None]


def tiles(rng: np.random.Generator, grid: Grid) -> Picture:
    """A floor of glazed tiles, laid askew."""
    pitch, angle = rng.uniform(26, 36), rng.uniform(0.15, 1.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    u, v = np.moveaxis(grid.xy @ turn / pitch, -1, 0)
    base = rng.uniform(150, 260)
    light, dark = hue(base, 0.12, 0.92), hue(base + 12, 0.4, 0.6)
    check = (np.floor(u) + np.floor(v)) % 2
    picture = blend(light, dark, cv2.GaussianBlur(check, (0, 0), 0.7))
    edge = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v))) * pitch
    glaze = 0.88 + 0.2 * grid.clouds(rng, (2, 2), 3)
    return picture * (glaze * (1 - 0.35 * np.clip(1.7 - edge, 0, 1)))[..., None]


GROUNDS = (wood, felt, meadow, tiles)


def shape_field(name: str, grid: Grid, center: Points, radius: float, angle: float) -> Field:
    """The signed distance of one of `SHAPES` that fits into a circle of `radius`."""
    if name == "circle":
        return grid.disc(center, 0.88 * radius)
    count, dent = {"square": (4, 1.0), "triangle": (3, 1.0), "star": (10, 0.47)}[name]
    turns = angle + 2 * np.pi * np.arange(count) / count
    reach = 0.92 * radius * np.where(np.arange(count) % 2, dent, 1.0)
    corners = center + reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    return grid.polygon(corners, rounding=0.08 * radius)


def draw_shape(
    rng: np.random.Generator, picture: Picture, field: Field, radius: float, tone: float
) -> Picture:
    """One glossy shape with its shadow; every other one is striped, like candy."""
    grid = Grid(*field.shape)
    color: Color | Picture = hue(tone)
    if rng.random() < 0.5:
        lean = rng.uniform(0, np.pi)
        across = grid.xy @ np.array([np.cos(lean), np.sin(lean)]) / (0.42 * radius)
        bands = np.clip(0.5 + 2.5 * np.sin(2 * np.pi * across), 0, 1)
        color = blend(hue(tone), hue(tone + 28, 0.45, 1.0), bands)
    picture = cast_shadow(picture, field, 0.16 * radius + 1)
    return paint(picture, field, color, bevel=0.5 * radius)


class Robot(NamedTuple):
    """A figure that stands at `feet`, `size` pixels tall, facing us: its left is on our right.

    Attributes:
        joints: (5, 2) coordinates, in the order of `KEYPOINTS`.
        parts: what it is made of, back to front: the field, the colour and the bevel of each.
    """

    joints: Points
    parts: list[tuple[Field, Color, float]]

    @property
    def field(self) -> Field:
        """The signed distance of the whole figure."""
        return np.min([field for field, _, _ in self.parts], axis=0)


def build_robot(rng: np.random.Generator, grid: Grid, feet: Points, size: float) -> Robot:
    """A robot in a pose of its own: its left limbs are orange, its right ones teal."""

    def at(x: float, y: float) -> Points:
        """A point in units of the figure's height, upwards from its feet; x towards our right."""
        return feet + size * np.array([x, -y])

    def limb(start: Points, end: Points, color: Color, thick: float) -> tuple[Field, Color, float]:
        return grid.capsule(start, end, thick * size), color, thick * size

    lift = rng.uniform(-0.2, 0.38, 2)
    stride = rng.uniform(0.08, 0.19, 2)
    left_hand, right_hand = at(0.36, 0.5 + lift[0]), at(-0.36, 0.5 + lift[1])
    left_foot, right_foot = at(stride[0], 0.05), at(-stride[1], 0.05)
    head, waist = at(rng.uniform(-0.03, 0.03), 0.84), at(0, 0.36)
    orange, teal, steel = hue(24, 0.85, 0.98), hue(182, 0.8, 0.72), hue(215, 0.16, 0.9)
    body = np.array([at(-0.1, 0.34), at(0.1, 0.34), at(0.14, 0.64), at(-0.14, 0.64)])
    parts = [
        limb(waist + size * np.array([0.07, 0]), left_foot, orange, 0.055),
        limb(waist - size * np.array([0.07, 0]), right_foot, teal, 0.055),
        limb(at(0.15, 0.63), left_hand, orange, 0.045),
        limb(at(-0.15, 0.63), right_hand, teal, 0.045),
        (grid.polygon(body, 0.05 * size), steel, 0.1 * size),
        (grid.disc(left_hand, 0.07 * size), hue(24, 0.6, 1.0), 0.07 * size),
        (grid.disc(right_hand, 0.07 * size), hue(182, 0.55, 0.88), 0.07 * size),
        (grid.disc(head, 0.14 * size), steel, 0.12 * size),
        (grid.disc(head + size * np.array([0.05, -0.01]), 0.03 * size), hue(220, 0.7, 0.2), 2),
        (grid.disc(head + size * np.array([-0.05, -0.01]), 0.03 * size), hue(220, 0.7, 0.2), 2),
        (grid.disc(at(0.06, 0.56), 0.03 * size), hue(352, 0.85, 0.95), 2),
    ]
    return Robot(np.array([head, left_hand, right_hand, left_foot, right_foot]), parts)


def draw_robot(picture: Picture, robot: Robot, size: float) -> Picture:
    """The robot with its shadow."""
    picture = cast_shadow(picture, robot.field, 0.07 * size)
    for field, color, bevel in robot.parts:
        picture = paint(picture, field, color, bevel)
    return picture
