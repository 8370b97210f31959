"""Warps: what is exact, what is an area mean, and what bilinear sampling gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute import warp
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.cv2 import warp as cv2_warp
from augpipe.pipeline import Pipeline
from augpipe.plan import Border, Plan, Warp, fold
from cases import single
from executors import distance

ROWS = np.arange(16)
TURNS = list(product([False, True], repeat=3))
# Of 75x100, 75x50: magnified, it reaches beyond the centres of the edge pixels above and below.
FULL_HEIGHT = {
    "random_resized_crop": {"size": [150, 100], "scale": [0.5, 0.5], "ratio": [2 / 3, 2 / 3]}
}


def plan_of(size: tuple[int, int], *steps: tuple[np.ndarray, tuple[int, int]], **settings) -> Plan:
    """One row: warps with these matrices and output sizes, folded."""
    warps = [Warp(matrix[None], np.array([out]), **settings) for matrix, out in steps]
    return Plan(np.array([size]), fold(warps))


def turn(transpose: bool, flip_y: bool, flip_x: bool, out: tuple[int, int]) -> np.ndarray:
    """The matrix of: transpose, then flip, where the result is of size `out`."""
    matrix = np.diag([-1.0 if flip_x else 1.0, -1.0 if flip_y else 1.0, 1.0])
    matrix[:2, 2] = out[1] * flip_x, out[0] * flip_y
    return np.eye(3)[[1, 0, 2]] @ matrix if transpose else matrix


def turned(picture: np.ndarray, transpose: bool, flip_y: bool, flip_x: bool) -> np.ndarray:
    picture = picture.swapaxes(0, 1) if transpose else picture
    return picture[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def rotation(degrees: float, size: tuple[int, int]) -> np.ndarray:
    """About the centre, output to input; a positive angle turns counter-clockwise as seen."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array(size[::-1]) / 2
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, centre - turn @ centre
    return matrix


def bilinear(picture: np.ndarray, matrix: np.ndarray, out: tuple[int, int]) -> np.ndarray:
    """The definition, in float64: four neighbours, edge pixels beyond the edge."""
    y, x = np.mgrid[0 : out[0], 0 : out[1]] + 0.5
    x, y = (
        np.moveaxis(warp.project(matrix, np.stack([x, y, np.ones_like(x)], axis=-1)), -1, 0) - 0.5
    )
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - left)[..., None], (y - top)[..., None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        return picture[row.clip(0, height - 1), column.clip(0, width - 1)].astype(np.float64)

    above = at(top, left) * (1 - fx) + at(top, left + 1) * fx
    below = at(top + 1, left) * (1 - fx) + at(top + 1, left + 1) * fx
    return above * (1 - fy) + below * fy


@pytest.mark.parametrize("kind", TURNS, ids=str)
def test_turns_and_flips_are_exact(kind, execute, noise):
    expected = turned(noise, *kind)
    out = expected.shape[:2]
    plan = plan_of(noise.shape[:2], (turn(*kind, out), out), interpolation="bilinear")
    assert np.array_equal(execute(plan, noise)[0], expected)


@pytest.mark.parametrize("kind", TURNS, ids=str)
@pytest.mark.parametrize("interpolation", [None, "nearest", "bilinear"])
def test_crops_are_exact_however_they_are_turned(kind, interpolation, execute, noise):
    crop = noise[10:50, 20:83]
    expected = turned(crop, *kind)
    out = expected.shape[:2]
    shift = np.array([[1, 0, 20], [0, 1, 10], [0, 0, 1.0]])
    plan = plan_of(noise.shape[:2], (shift @ turn(*kind, out), out), interpolation=interpolation)
    assert np.array_equal(execute(plan, noise)[0], expected)


@pytest.mark.parametrize("kind", TURNS, ids=str)
def test_what_is_exact_is_known_as_a_crop(kind):
    out = (75, 100)[::-1] if kind[0] else (75, 100)
    crop = warp.as_crop(turn(*kind, out), out, (75, 100))
    assert crop == warp.Crop(0, 0, 75, 100, *kind)
    assert crop.size == out


@pytest.mark.parametrize(
    "matrix",
    [
        rotation(45, (64, 64)),
        rotation(0.001, (64, 64)),
        np.array([[1, 0, 0.01], [0, 1, 0], [0, 0, 1.0]]),
        np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1.0]]),
        np.array([[1, 0, 0], [0, 1, -1], [0, 0, 1.0]]),
        np.array([[1, 0.01, 0], [0, 1, 0], [0, 0, 1.0]]),
        np.array([[1, 0, 0], [0, 1, 0], [0.001, 0, 1.0]]),
    ],
    ids=["45°", "0.001°", "part of a pixel", "out right", "out above", "sheared", "perspective"],
)
def test_what_is_not_exact_is_no_crop(matrix):
    assert warp.as_crop(matrix, (64, 64), (64, 64)) is None


def test_flipping_twice_restores_the_picture(execute, noise):
    plan = Pipeline([{"horizontal_flip": {"p": 1}}] * 2).plan(noise.shape[:2])
    assert len(plan.steps) == 1
    assert np.array_equal(execute(plan, noise)[0], noise)


@pytest.mark.parametrize("degrees", [17, 90, 133.7])
def test_rotating_there_and_back_is_one_step_that_changes_nothing(degrees, execute, noise):
    there, back = ({"affine": {"degrees": [angle, angle]}} for angle in (degrees, -degrees))
    plan = Pipeline([there, back]).plan(noise.shape[:2])
    assert len(plan.steps) == 1
    assert np.array_equal(execute(plan, noise)[0], noise)


@pytest.mark.parametrize(
    "size", [[200, 300], [75, 101], [76, 100], [40, 51], [9, 9], [1, 1]], ids=str
)
@pytest.mark.parametrize("level", [1, 128, 255])
def test_resizing_an_even_picture_never_darkens_its_rim(size, level, execute):
    even = np.full((75, 100, 3), level, np.uint8)
    plan = single("resize", {"size": size}).plan((75, 100))
    assert (execute(plan, even) == level).all()


@pytest.mark.parametrize(
    "ops",
    [
        [{"affine": {"degrees": 30, "p": 0}}],
        [{"affine": {"degrees": 30, "p": 0}}, {"resize": {"size": [90, 130]}}],
        [{"affine": {"degrees": 30, "p": 0}}, FULL_HEIGHT],
        [{"affine": {"scale": [1, 3]}}],
        [{"affine": {"degrees": 180, "translate": [0.9, 0.9], "border": "replicate"}}],
        [{"affine": {"degrees": 180, "translate": [0.9, 0.9], "border": "reflect"}}],
        [{"affine": {"degrees": 180, "scale": [0.1, 2], "fill": 255}}],
        [{"random_resized_crop": {"size": [50, 60]}}],
    ],
    ids=[
        "identity",
        "identity, resized",
        "identity, magnified at the rim",
        "magnified",
        "replicate",
        "reflect",
        "fill",
        "crop",
    ],
)
def test_a_white_picture_stays_white(ops, execute):
    white = np.full((75, 100, 3), 255, np.uint8)
    assert (execute(Pipeline(ops).plan((75, 100), index=ROWS), white) == 255).all()


@pytest.mark.parametrize(
    ("border", "row"),
    [
        (Border("constant", (9, 8, 7)), [9, 9, 9, 0, 10, 20, 30, 9, 9, 9]),
        (Border("replicate"), [0, 0, 0, 0, 10, 20, 30, 30, 30, 30]),
        (Border("reflect"), [20, 10, 0, 0, 10, 20, 30, 30, 20, 10]),
    ],
    ids=str,
)
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_border_modes(border, row, interpolation, execute):
    """Four columns of 0, 10, 20, 30 seen through a window of ten."""
    picture = np.repeat(np.uint8([[0, 10, 20, 30]]), 5, axis=0)[..., None].repeat(3, axis=2)
    shift = np.array([[1, 0, -3], [0, 1, 0], [0, 0, 1.0]])
    plan = plan_of((5, 4), (shift, (5, 10)), interpolation=interpolation, border=border)
    seen = execute(plan, picture)[0]
    assert seen[:, :, 0].tolist() == [row] * 5


@pytest.mark.parametrize("out", [(32, 48), (30, 40), (13, 17), (8, 12)], ids=str)
def test_strong_minification_is_the_area_mean(out, execute):
    """A chequerboard of single pixels turns grey; plain bilinear sampling shows moiré."""
    board = np.indices((64, 96)).sum(axis=0) % 2 * 255
    board = np.repeat(board.astype(np.uint8)[..., None], 3, axis=2)
    grey = execute(single("resize", {"size": list(out)}).plan((64, 96)), board)
    assert distance(grey, np.full_like(grey, 127)).max() <= 1
    rotated = {"affine": {"degrees": [30, 30], "scale": [0.3, 0.3], "fill": 128}}
    grey = execute(Pipeline([rotated]).plan((64, 96)), board)
    assert distance(grey, np.full_like(grey, 127)).max() <= 1


def random_crop(draw: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, tuple]:
    """A crop, some of them mirrored, scaled by a factor between 1/2 and 3 on each axis."""
    extent = draw.integers(1, np.array(size) + 1)
    top, left = draw.integers(0, np.array(size) - extent + 1)
    out = tuple(int(v) for v in draw.integers(extent // 2 + 1, 3 * extent + 2))
    matrix = np.array([[extent[1] / out[1], 0, left], [0, extent[0] / out[0], top], [0, 0, 1]])
    if draw.random() < 0.5:
        matrix = matrix @ turn(False, bool(draw.random() < 0.5), True, out)
    return matrix, out


def test_the_fast_path_of_crops_equals_the_definition(noise):
    """`cv2.resize` computes with eleven bits, hence more than half a level."""
    draw = np.random.default_rng(0)
    for _ in range(150):
        matrix, out = random_crop(draw, noise.shape[:2])
        ours = cv2_warp.sample(noise, matrix, out, "bilinear")
        assert distance(ours, bilinear(noise, matrix, out)).max() < 0.8


def test_magnified_crops_equal_the_definition_in_both_executors(execute, noise):
    draw = np.random.default_rng(1)
    for _ in range(20):
        matrix, out = random_crop(draw, noise.shape[:2])
        plan = plan_of(noise.shape[:2], (matrix, out), interpolation="bilinear")
        assert distance(execute(plan, noise)[0], bilinear(noise, matrix, out)).max() < 0.8


def test_perspective_equals_the_definition(execute, noise):
    matrix = np.array([[0.7, 0.05, 5], [0.02, 0.6, 4], [0.001, 0.002, 1]])
    plan = plan_of(noise.shape[:2], (matrix, (60, 80)), interpolation="bilinear")
    assert distance(execute(plan, noise)[0], bilinear(noise, matrix, (60, 80))).max() < 0.52


def stored(picture: np.ndarray, kind: tuple[bool, bool, bool]) -> Decoded:
    """The upright picture as a camera held in another way stores it."""
    pixels = turned(picture, *kind)
    return Decoded(np.ascontiguousarray(pixels), np.linalg.inv(turn(*kind, pixels.shape[:2])))


@pytest.mark.parametrize("kind", TURNS, ids=str)
@pytest.mark.parametrize(
    "ops",
    [
        [],
        [{"horizontal_flip": {"p": 1}}],
        [{"hsv": {}}, {"vertical_flip": {"p": 1}}],
        [{"affine": {"degrees": [30, 30]}}],
        [{"resize": {"size": [31, 45]}}],
    ],
    ids=["nothing", "flip", "colour first", "affine", "resize"],
)
def test_the_orientation_of_a_file_is_one_more_warp(ops, kind, noise):
    """To a level; so even extents: area means start from another end in a mirrored picture."""
    upright = noise[:64, :96]
    plan = Pipeline(ops).plan(upright.shape[:2])
    expected = cv2_image.run(plan, 0, [Picture(Decoded(upright, np.eye(3)), Targets())]).image
    found = cv2_image.run(plan, 0, [Picture(stored(upright, kind), Targets())]).image
    assert found.shape == expected.shape
    assert distance(found, expected).max() <= 1


@pytest.mark.parametrize("kind", TURNS, ids=str)
def test_the_orientation_alone_is_exact(kind, noise):
    plan = Pipeline([]).plan(noise.shape[:2])
    assert np.array_equal(
        cv2_image.run(plan, 0, [Picture(stored(noise, kind), Targets())]).image, noise
    )


@pytest.mark.parametrize(
    ("op", "largest"),
    [
        ({"resize": {"size": [32, 48]}}, 1),
        ({"resize": {"size": [20, 31]}}, 1),
        ({"affine": {"degrees": [20, 20], "scale": [0.4, 0.4], "border": "replicate"}}, 1),
    ],
)
def test_a_decoder_that_halves_loses_nothing_that_the_plan_needs(op, largest, photo):
    whole = photo[:64, :96]
    half = whole.reshape(32, 2, 48, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    plan = Pipeline([op]).plan((64, 96))
    assert plan.decode_scale.tolist() == [2]
    matrix = np.diag([0.5, 0.5, 1.0])
    ours = cv2_image.run(plan, 0, [Picture(Decoded(half, matrix), Targets())]).image
    full = cv2_image.run(plan, 0, [Picture(Decoded(whole, np.eye(3)), Targets())]).image
    assert distance(ours, full).max() <= largest


@pytest.mark.parametrize(
    "first",
    [[], [{"horizontal_flip": {"p": 1}}], [{"resize": {"size": [75, 100]}}]],
    ids=["nothing", "flip", "same size"],
)
def test_what_was_read_as_a_view_is_never_written_to(first, noise):
    """Flips and crops are views of the dataset's own memory."""
    noise.setflags(write=False)
    before = noise.tobytes()
    plan = Pipeline([*first, {"random_erasing": {"p": 1}}]).plan(noise.shape[:2])
    erased = cv2_image.run(plan, 0, [Picture(Decoded(noise, np.eye(3)), Targets())]).image
    assert noise.tobytes() == before
    assert not np.array_equal(erased, noise)
    assert erased.flags.c_contiguous


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (np.array([[1, 0, -3], [0, 1, -5], [0, 0, 1.0]]), (5, 3, 25, 33)),
        (np.array([[1, 0, 3], [0, 1, -5], [0, 0, 1.0]]), (5, 0, 25, 27)),
        (np.array([[0.5, 0, 0], [0, 0.5, -5], [0, 0, 1.0]]), (10, 0, 40, 40)),
        (np.array([[0, 1, -4], [1, 0, 0], [0, 0, 1.0]]), (4, 0, 34, 20)),
        (np.array([[1, 0, -0.5], [0, 1, 0], [0, 0, 1.0]]), None),
        (rotation(30, (40, 40)), None),
        (np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, 1.0]]), None),
    ],
    ids=["inside", "cut off", "magnified", "transposed", "half a pixel", "turned", "perspective"],
)
def test_what_the_picture_fills_of_a_wider_frame(matrix, expected):
    assert warp.as_inset(matrix, (40, 40), (20, 30)) == expected


@pytest.mark.parametrize("interpolation", [None, "nearest", "bilinear"])
@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_an_upright_picture_keeps_its_rim_in_a_wider_frame(interpolation, scale, execute):
    """Nothing of the frame's colour comes in, nothing of the picture's goes out."""
    matrix = np.array([[scale, 0, -6], [0, scale, -9], [0, 0, 1]])
    white = np.full((60, 90, 3), 255, np.uint8)
    border = Border("constant", (1, 2, 3))
    step = (matrix, (160, 240))
    framed = execute(plan_of((60, 90), step, interpolation=interpolation, border=border), white)[0]
    top, left = int(9 / scale), int(6 / scale)
    expected = np.tile(np.uint8([1, 2, 3]), (160, 240, 1))
    expected[top : top + int(60 / scale), left : left + int(90 / scale)] = 255
    assert np.array_equal(framed, expected)


def test_a_frame_far_from_the_picture_is_all_fill(execute, noise):
    away = np.array([[1, 0, -500], [0, 1, 700], [0, 0, 1.0]])
    border = Border("constant", (1, 2, 3))
    framed = execute(plan_of(noise.shape[:2], (away, (20, 30)), border=border), noise)[0]
    assert np.array_equal(framed, np.tile(np.uint8([1, 2, 3]), (20, 30, 1)))


def test_a_warp_leaves_where_a_corner_does():
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(500):
        matrix = np.eye(3)
        matrix[:2, :2] += rng.normal(0, 0.3, (2, 2))
        matrix[:2, 2] = rng.normal(10, 10, 2)
        corners = warp.project(matrix, warp.corner_points((20, 30)))
        expected = bool((corners < 0).any() or (corners > (50, 40)).any())
        assert warp.leaves(matrix, (20, 30), (40, 50)) == expected
        found.add(expected)
    assert found == {True, False}
