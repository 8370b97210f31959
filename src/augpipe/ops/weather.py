"""Weather: what lies or falls between the camera and the scene. Nothing changes its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from augpipe.ops.base import Op, between, register
from augpipe.ops.noise import SEED_DRAWS, field_seed
from augpipe.plan import Floats, Kernel, Params, Recolor, Step
from augpipe.recolor import IDENTITY_RECOLOR
from augpipe.schema import (
    Color,
    Fraction,
    FractionRange,
    Probability,
    ShareRange,
    SymmetricRange,
    ordered,
)

_LUMA = np.array([0.299, 0.587, 0.114])

# Three layers of what falls: near, farther, far; how large each looks, and how opaque it is.
_DEPTHS = np.array([1.0, 0.65, 0.4])
_FADES = np.array([0.9, 0.7, 0.5])
# Where the first column of cells begins is a part of the seed, another one in each layer.
_PHASES = np.array([2.0**-32, 2.0**-22, 2.0**-12])

_MAX_SHADOWS = 8


def _steep(value: tuple[float, float]) -> tuple[float, float]:
    if not -45 <= value[0] <= value[1] <= 45:
        raise ValueError("what falls is slanted by 45 degrees at most")
    return value


Slant = Annotated[SymmetricRange, AfterValidator(_steep)]
_Count = Annotated[int, Field(ge=1, le=_MAX_SHADOWS)]
CountRange = Annotated[tuple[_Count, _Count], AfterValidator(ordered)]
Corners = Annotated[int, Field(ge=3, le=16)]
Share = Annotated[float, Field(gt=0, le=1)]


@register
class Fog(Op):
    """A pale veil of uneven density. albumentations' RandomFog; imagecorruptions' fog.

    Hendrycks & Dietterich, "Benchmarking neural network robustness", 2019, add a fractal plasma;
    here such a fractal (of smooth fields, each finer and fainter by half) is the *opacity* of the
    fog, as scattered light takes the place of the scene's. albumentations draws circles instead.

    Attributes:
        fog_coef_range: range of the mean opacity; 0 changes nothing, 1 hides the picture.
        patchiness: how uneven the fog is: the deviation of the coarsest patches' density from 1.
            0 is an even haze, one colour matrix that fuses with others.
        patch_size: how far the largest patches lie apart, as a fraction of the longer side.
        color: grey or RGB, 0 to 255.
        p: probability.
    """

    fog_coef_range: FractionRange = (0.2, 0.6)
    patchiness: Fraction = 0.25
    patch_size: Share = 0.25
    color: Color = (228.0, 231.0, 235.0)
    p: Probability = 0.5
    draws = 1 + SEED_DRAWS
    identity = {"opacity": 0.0, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The mean opacity (B,), and the field's seed (B, 2)."""
        return {"opacity": between(u[:, 0], self.fog_coef_range), "seed": field_seed(u[:, 1:])}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Step:
        """A veil; an even one is a colour matrix."""
        if self.patchiness == 0:
            return Recolor(_towards(np.array(self.color) / 255, params["opacity"]))
        rows = len(size)
        return Kernel(
            "fog",
            {
                "opacity": params["opacity"],
                "patchiness": np.full(rows, self.patchiness),
                "spacing": self.patch_size * size.max(axis=1),
                "color": np.tile(self.color, (rows, 1)),
                "seed": params["seed"].astype(np.int64),
            },
        )


def _towards(color: Floats, share: Floats, grey: float = 0.0) -> Floats:
    """(B, 3, 7): a (B,) share of the way to a colour that is lit by the pixel's own grey."""
    target = np.zeros((3, 7))
    target[:, :3], target[:, 6] = grey * _LUMA, color
    return np.asarray(IDENTITY_RECOLOR + share[:, None, None] * (target - IDENTITY_RECOLOR))


class _Falling(Op):
    """Abstract: flakes or drops, in three depths.

    Attributes:
        density: range of the share of places that hold one.
        slant_range: range of the direction in degrees from straight down, towards the right;
            a single number is the largest, either way. At most 45.
    """

    density: FractionRange
    slant_range: Slant
    p: Probability
    draws = 3 + SEED_DRAWS

    def _fall(
        self, params: Params, cell: Floats, shape: Floats, color: tuple[float, float, float]
    ) -> Kernel:
        """Particles of (B, 3) shape (radius, length, soft edge) in (B, 2) cells, in pixels."""
        cells = np.maximum(cell[:, None] * _DEPTHS[:, None], 3.0)
        radius, length, soft = np.moveaxis(shape[:, None] * _DEPTHS[:, None], 2, 0)
        radius, soft = np.maximum(radius, 0.4), np.maximum(soft, 1.0)
        size = 2 * (radius + soft)
        cells = np.maximum(cells, np.stack([size, size + length], axis=2))
        return Kernel(
            "fall",
            {
                "density": params["density"],
                "angle": np.deg2rad(params["slant"]),
                "cell": cells,
                "room": cells - np.stack([size, size + length], axis=2),
                "shape": np.stack([radius, length, soft], axis=2),
                "phase": params["seed"][:, :1] * _PHASES % 1.0 * cells[:, :, 0],
                "opacity": np.tile(_FADES, (len(cells), 1)),
                "color": np.tile(color, (len(cells), 1)),
                "seed": params["seed"].astype(np.int64),
            },
        )


@register
class Snow(_Falling):
    """Falling flakes over a whitened picture. albumentations' RandomSnow; imagecorruptions' snow.

    As Hendrycks & Dietterich (2019) do it: the picture is drawn towards a pale grey of itself, and
    flakes of several sizes, blurred by their fall, lie over it. Deviation: flakes are round strokes
    and not thresholded noise, so that they are in no need of a blur of the whole picture.

    Attributes:
        density: range of the share of places that hold a flake; 0 is none.
        whiteness: range of the share of the way to the pale picture.
        flake_size: the nearest flakes' diameter as a fraction of the shorter side; the others are
            down to a fifth of it.
        slant_range: range of the direction in degrees from straight down; at most 45.
        p: probability.
    """

    density: FractionRange = (0.15, 0.7)
    whiteness: FractionRange = (0.1, 0.4)
    flake_size: Share = 0.025
    slant_range: Slant = (-30.0, 30.0)
    p: Probability = 0.5
    identity = {"density": 0.0, "whiteness": 0.0, "slant": 0.0, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Density, whiteness, slant (B,) in degrees, and the field's seed (B, 2)."""
        return {
            "density": between(u[:, 0], self.density),
            "whiteness": between(u[:, 1], self.whiteness),
            "slant": between(u[:, 2], self.slant_range),
            "seed": field_seed(u[:, 3:]),
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Sequence[Step]:
        """The pale picture is a colour matrix; then flakes."""
        flake = self.flake_size * size.min(axis=1)[:, None]
        pale = Recolor(_towards(np.array([0.47, 0.48, 0.5]), params["whiteness"], grey=0.5))
        shape = flake * [0.5, 0.5, 0.45]
        return [pale, self._fall(params, flake * [4.0, 4.0], shape, (250.0, 251.0, 255.0))]


@register
class Rain(_Falling):
    """Streaks of rain over a darkened picture. albumentations' RandomRain.

    Deviations: streaks are fine lines with soft edges in three depths, so that nothing has to be
    blurred; lengths and widths are fractions of the picture.

    Attributes:
        density: range of the share of places that hold a drop; 0 is none.
        darkness: range of the share of the light that is missing; albumentations'
            brightness_coefficient is what is left.
        drop_length: the nearest streaks' length as a fraction of the height.
        drop_width: their width as a fraction of the shorter side, but at least a fine line.
        drop_color: grey or RGB, 0 to 255.
        slant_range: range of the direction in degrees from straight down; at most 45.
        p: probability.
    """

    density: FractionRange = (0.1, 0.6)
    darkness: FractionRange = (0.1, 0.35)
    drop_length: Share = 0.125
    drop_width: Share = 0.004
    drop_color: Color = (205.0, 210.0, 216.0)
    slant_range: Slant = (-10.0, 10.0)
    p: Probability = 0.5
    identity = {"density": 0.0, "darkness": 0.0, "slant": 0.0, "seed": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Density, darkness, slant (B,) in degrees, and the field's seed (B, 2)."""
        return {
            "density": between(u[:, 0], self.density),
            "darkness": between(u[:, 1], self.darkness),
            "slant": between(u[:, 2], self.slant_range),
            "seed": field_seed(u[:, 3:]),
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Sequence[Step]:
        """The missing light is a colour matrix; then streaks."""
        length = self.drop_length * size[:, 0]
        width = self.drop_width * size.min(axis=1)
        cell = np.stack([0.025 * size.min(axis=1), 1.6 * length], axis=1)
        shape = np.stack([width / 2, length, width / 2], axis=1)
        dark = Recolor(_towards(np.zeros(3), params["darkness"]))
        return [dark, self._fall(params, cell, shape, self.drop_color)]


@register
class Shadow(Op):
    """Darken polygons, as if something stood in the light. albumentations' RandomShadow.

    Deviations: the polygons are convex, inscribed in ellipses, and have soft edges; where two
    overlap, it is the darker that counts, as for shadows of one sun.

    Attributes:
        shadow_roi: x0, y0, x1, y1 of where the shadows' centres lie, 0 to 1 of the picture.
        num_shadows_limit: how many, 1 to 8; both ends are drawn.
        shadow_dimension: how many corners each has, 3 to 16.
        shadow_intensity_range: range of the share of the light that is missing; 0 is none.
        size_range: range of the ellipses' half axes, as fractions of its width and height.
        softness: width of the soft edge as a fraction of the shorter side.
        p: probability.
    """

    shadow_roi: tuple[Fraction, Fraction, Fraction, Fraction] = (0.0, 0.5, 1.0, 1.0)
    num_shadows_limit: CountRange = (1, 2)
    shadow_dimension: Corners = 5
    shadow_intensity_range: FractionRange = (0.3, 0.7)
    size_range: ShareRange = (0.15, 0.5)
    softness: Share = 0.02
    p: Probability = 0.5
    identity = {"intensity": 0.0, "corners": 0.0}

    @property
    def draws(self) -> int:  # type: ignore[override]  # depends on the number of corners here
        """How many there are, how dark; and for each centre, half axes, and corners."""
        return 2 + self.num_shadows_limit[1] * (4 + self.shadow_dimension)

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Intensity (B, n), 0 for those that are not there; corners (B, n, k, 2), x and y."""
        fewest, most = self.num_shadows_limit
        each = u[:, 2:].reshape(len(u), most, -1)
        there = np.arange(most) < np.floor(between(u[:, :1], (fewest, most + 1)))
        intensity = between(u[:, 1:2], self.shadow_intensity_range) * there
        x0, y0, x1, y1 = self.shadow_roi
        centre = np.array([x0, y0]) + each[..., :2] * np.array([x1 - x0, y1 - y0])
        half = between(each[..., 2:4], self.size_range)
        turn = 2 * np.pi * (np.arange(self.shadow_dimension) + 0.8 * each[..., 4:])
        turn = turn / self.shadow_dimension
        around = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        return {
            "intensity": intensity,
            "corners": centre[:, :, None] + half[:, :, None] * around,
        }

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """To each edge the line through it, as signed distance in pixels; negative is inside."""
        corners = params["corners"] * size[:, None, None, ::-1]
        side = np.roll(corners, -1, axis=2) - corners
        normal = np.stack([side[..., 1], -side[..., 0]], axis=-1)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        offset = -(normal * corners).sum(axis=-1, keepdims=True)
        return Kernel(
            "shadow",
            {
                "intensity": params["intensity"],
                "edges": np.concatenate([normal, offset], axis=-1),
                "soft": np.maximum(self.softness * size.min(axis=1), 1),
            },
        )

    @model_validator(mode="after")
    def _some_region(self) -> Self:
        x0, y0, x1, y1 = self.shadow_roi
        if not (x0 <= x1 and y0 <= y1):
            raise ValueError("shadow_roi is written as [x0, y0, x1, y1], with x0 <= x1, y0 <= y1")
        return self
