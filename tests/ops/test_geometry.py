"""Ops that move pixels, against NumPy's slices, torchvision and Pillow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import RecipeError
from augpipe.execute.warp import project
from augpipe.ops import Affine, Perspective, Resize
from augpipe.ops.matrix import onto_quad
from augpipe.pipeline import Pipeline
from augpipe.plan import Border, Plan, Warp
from augpipe.shrink import shrink_factors
from cases import single
from executors import distance

ROWS = np.arange(12)
ROUNDING = 0.51  # half a level, and what float32 adds


def as_tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([{"horizontal_flip": {"p": 1}}], np.s_[:, ::-1]),
        ([{"vertical_flip": {"p": 1}}], np.s_[::-1]),
        ([{"horizontal_flip": {"p": 1}}, {"vertical_flip": {"p": 1}}], np.s_[::-1, ::-1]),
        ([{"horizontal_flip": {"p": 0}}, {"vertical_flip": {"p": 0}}], np.s_[:]),
    ],
    ids=["horizontal", "vertical", "both", "neither"],
)
def test_flips_are_slices(ops, expected, execute, noise):
    assert np.array_equal(execute(Pipeline(ops).plan(noise.shape[:2]), noise)[0], noise[expected])


@pytest.mark.parametrize(
    "parameters",
    [
        {"degrees": 180},
        {"translate": [0.3, 0.4]},
        {"scale": [0.6, 3]},
        {"shear": [-30, 30]},
        {"shear": [0, 0, -30, 30]},
        {"degrees": 90, "translate": [0.2, 0.1], "scale": [0.7, 2], "shear": [-9, 9, -9, 9]},
    ],
    ids=["degrees", "translate", "scale", "shear x", "shear y", "all"],
)
def test_affine_equals_torchvision(parameters, execute, photo):
    """On float pictures, the angle negated; torchvision shrinks without looking at all pixels."""
    plan = single("affine", parameters).plan(photo.shape[:2], index=ROWS)
    ours = execute(plan, photo)
    height, width = photo.shape[:2]
    for row in ROWS:
        (drawn,) = plan.params(row)
        theirs = F.affine(
            as_tensor(photo).float(),
            angle=-drawn["angle_deg"],
            translate=[drawn["shift"][0] * width, drawn["shift"][1] * height],
            scale=drawn["scale"],
            shear=drawn["shear_deg"],
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        assert distance(ours[row], theirs.permute(1, 2, 0)).max() < ROUNDING


def test_a_positive_angle_turns_counter_clockwise_as_seen(execute, noise):
    square = noise[:64, :64]
    plan = single("affine", {"degrees": [90, 90]}).plan((64, 64))
    assert np.array_equal(execute(plan, square)[0], np.rot90(square))


def test_affine_draws_fill_its_ranges():
    op = Affine(degrees=(-10, 30), translate=(0.1, 0.2), scale=(0.5, 2), shear=(-1, 2, 3, 4))
    u = np.random.default_rng(0).random((2000, op.draws))
    drawn = op.sample(u)
    ranges = {
        "angle_deg": ([-10], [30]),
        "shift": ([-0.1, -0.2], [0.1, 0.2]),
        "scale": ([0.5], [2]),
        "shear_deg": ([-1, 3], [2, 4]),
    }
    for name, (low, high) in ranges.items():
        values = drawn[name].reshape(len(u), -1)
        spread = np.subtract(high, low)
        assert (values >= low).all()
        assert (values <= high).all()
        assert np.allclose(values.min(axis=0), low, atol=0.01 * spread.max())
        assert np.allclose(values.max(axis=0), high, atol=0.01 * spread.max())


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_resize_by_a_power_of_two_is_the_area_mean(factor, execute, noise):
    source = noise[:64, :96]
    out = (64 // factor, 96 // factor)
    plan = single("resize", {"size": list(out)}).plan((64, 96))
    means = source.reshape(out[0], factor, out[1], factor, 3).mean(axis=(1, 3))
    assert distance(execute(plan, source)[0], means).max() <= 0.5


@pytest.mark.parametrize(
    ("size", "least_psnr"),
    [
        ((100, 60), 48),
        ((150, 200), 52),
        ((50, 40), 47),
        ((37, 50), 47),
        ((25, 33), 45),
        ((10, 13), 29),
    ],
)
def test_resize_is_close_to_pillow(size, least_psnr, execute, photo):
    """Pillow averages over a triangle; area mean and one interpolation come close to it."""
    ours = execute(single("resize", {"size": list(size)}).plan(photo.shape[:2]), photo)[0]
    theirs = np.asarray(Image.fromarray(photo).resize(size[::-1], Image.Resampling.BILINEAR))
    assert 10 * np.log10(255**2 / np.mean(distance(ours, theirs) ** 2)) > least_psnr


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_resize_to_the_same_size_changes_nothing(interpolation, execute, noise):
    size = list(noise.shape[:2])
    plan = single("resize", {"size": size, "interpolation": interpolation}).plan(size)
    assert np.array_equal(execute(plan, noise)[0], noise)


@pytest.mark.parametrize("shorter", [1, 7, 32, 224])
def test_one_number_is_the_shorter_side_as_in_torchvision(shorter):
    sizes = np.random.default_rng(0).integers(8, 600, (60, 2))
    ours = Pipeline([Resize(size=shorter)]).plan(sizes).out_size
    theirs = [v2.Resize(shorter)(torch.empty(1, *size)).shape[1:] for size in sizes.tolist()]
    assert ours.tolist() == [list(size) for size in theirs]


@pytest.mark.parametrize("shorter", [1, 7, 32, 224])
@pytest.mark.parametrize("longest", [225, 300, 333])
def test_the_longer_side_may_be_limited_as_in_torchvision(shorter, longest):
    sizes = np.random.default_rng(0).integers(8, 600, (60, 2))
    ours = Pipeline([Resize(size=shorter, max_size=longest)]).plan(sizes).out_size
    resize = v2.Resize(shorter, max_size=longest)
    theirs = [resize(torch.empty(1, *size)).shape[1:] for size in sizes.tolist()]
    assert np.abs(ours - theirs).max() <= 1  # theirs rounds twice through floats
    assert ours.max() <= longest


@pytest.mark.parametrize("longer", [32, 224])
def test_one_number_may_be_the_longer_side_as_in_torchvision(longer):
    sizes = np.random.default_rng(0).integers(8, 600, (60, 2))
    sizes = np.maximum(sizes, sizes.max(axis=1, keepdims=True) // 8)  # theirs fails at 0 pixels
    ours = Pipeline([Resize(size=longer, side="longer")]).plan(sizes).out_size
    resize = v2.Resize(size=None, max_size=longer)
    theirs = [resize(torch.empty(1, *size)).shape[1:] for size in sizes.tolist()]
    assert ours.tolist() == [list(size) for size in theirs]


def test_the_side_that_follows_never_vanishes():
    plan = single("resize", {"size": 10, "side": "longer"}).plan([[4000, 3], [1, 1]])
    assert plan.out_size.tolist() == [[10, 1], [10, 10]]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("resize", {"size": [3, 4], "side": "longer"}, "leaves nothing to `side`"),
        ("resize", {"size": [3, 4], "max_size": 9}, "leaves nothing to `side`"),
        ("resize", {"size": 9, "max_size": 9}, "`max_size` limits the longer side"),
        ("resize", {"size": 3, "side": "longer", "max_size": 9}, "`max_size` limits the longer"),
        ("shift_scale_rotate", {"scale_limit": 1}, r"scale_limit: .* more than -1"),
        ("rotate90", {"turns": []}, "turns: "),
        ("rotate90", {"turns": [4]}, r"turns\[0\]: "),
        ("perspective", {"distortion_scale": 0.7}, "distortion_scale: .*less than or equal to 0.6"),
    ],
)
def test_settings_without_a_meaning_are_refused(name, parameters, message):
    with pytest.raises(RecipeError, match=message):
        single(name, parameters)


@pytest.mark.parametrize("degrees", [-170, -33.3, 5, 45, 90, 120])
def test_rotate_equals_torchvision_and_affine_sign_included(degrees, execute, photo):
    size = photo.shape[:2]
    ours = execute(single("rotate", {"degrees": [degrees, degrees]}).plan(size), photo)[0]
    affine = execute(single("affine", {"degrees": [degrees, degrees]}).plan(size), photo)[0]
    theirs = F.rotate(as_tensor(photo).float(), degrees, v2.InterpolationMode.BILINEAR)
    assert np.array_equal(ours, affine)
    assert distance(ours, theirs.permute(1, 2, 0)).max() < ROUNDING


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("name", ["rotate", "rotate90", "shift_scale_rotate"])
def test_right_angles_are_exact(name, turns, execute, noise):
    """The cosine of 90 degrees is not quite 0 in floats."""
    square = noise[:64, :64]
    angle = [90 * turns, 90 * turns]
    parameters = {
        "rotate": {"degrees": angle},
        "rotate90": {"turns": [turns]},
        "shift_scale_rotate": {"rotate_limit": angle, "shift_limit": 0, "scale_limit": 0, "p": 1},
    }[name]
    turned = execute(single(name, parameters).plan((64, 64)), square)[0]
    assert np.array_equal(turned, np.rot90(square, turns))


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_lay_pictures_on_their_side(turns, execute, noise):
    plan = single("rotate90", {"turns": [turns]}).plan(noise.shape[:2])
    assert np.array_equal(execute(plan, noise)[0], np.rot90(noise, turns))


def test_quarter_turns_are_drawn_evenly_and_may_differ_in_size():
    plan = Pipeline(["rotate90"]).plan((75, 100), index=np.arange(2000))
    ((_, drawn),) = plan.record
    assert stats.chisquare(np.bincount(drawn["turns"].astype(int))).pvalue > 0.01
    assert np.array_equal(plan.out_size[:, 0], np.where(drawn["turns"] % 2, 100, 75))


def test_shift_scale_rotate_is_an_affine_without_shear(execute, photo):
    parameters = {"shift_limit": [0.1, 0.2], "scale_limit": [-0.3, 0.5], "p": 1}
    plan = single("shift_scale_rotate", parameters).plan(photo.shape[:2], index=ROWS)
    ours = execute(plan, photo)
    for row in ROWS:
        (drawn,) = plan.params(row)
        assert 0.1 <= min(drawn["shift"]) <= max(drawn["shift"]) < 0.2
        assert 0.7 <= drawn["scale"] < 1.5
        assert -45 <= drawn["angle_deg"] < 45
        theirs = F.affine(
            as_tensor(photo).float(),
            angle=-drawn["angle_deg"],
            translate=list(np.multiply(drawn["shift"], photo.shape[1::-1])),
            scale=drawn["scale"],
            shear=[0.0, 0.0],
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        assert distance(ours[row], theirs.permute(1, 2, 0)).max() < ROUNDING


@pytest.mark.parametrize("scale", [0.1, 0.5, 0.6])
def test_perspective_equals_torchvision(scale, execute, photo):
    height, width = photo.shape[:2]
    parameters = {"distortion_scale": scale, "p": 1}
    plan = single("perspective", parameters).plan((height, width), index=ROWS)
    ours = execute(plan, photo)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for row in ROWS:
        (drawn,) = plan.params(row)
        moved = corners + np.array(drawn["inwards"]) * (1 - 2 * corners)
        theirs = F.perspective(
            as_tensor(photo).float(),
            (corners * (width, height)).tolist(),
            (moved * (width, height)).tolist(),
            v2.InterpolationMode.BILINEAR,
        )
        # Where the picture is seen from far aside, theirs skips pixels; ours are shrunk first.
        if (shrink_factors(plan.steps[0].matrix[[row]], plan.out_size[[row]]) == 1).all():
            apart = distance(ours[row], theirs.permute(1, 2, 0))
            assert np.quantile(apart, 0.999) < 1
            assert apart.mean() < 0.3


def test_perspective_without_distortion_is_exact(execute, noise):
    """The identity was none in a library that mixed up centres and edges of pixels."""
    plan = single("perspective", {"distortion_scale": 0, "p": 1}).plan((75, 100), index=ROWS)
    assert np.array_equal(plan.steps[0].matrix, np.tile(np.eye(3), (len(ROWS), 1, 1)))
    assert (execute(plan, noise) == noise).all()


def test_perspective_puts_the_corners_where_it_says():
    size = np.array([[75, 100], [64, 64], [3, 4000]]).repeat(200, axis=0)
    op = Perspective(distortion_scale=0.6, p=1)
    drawn = op.sample(np.random.default_rng(0).random((len(size), op.draws)))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    quad = (corners + drawn["inwards"] * (1 - 2 * corners)) * size[:, None, ::-1]
    assert drawn["inwards"].min() >= 0
    assert 0.299 < drawn["inwards"].max() < 0.3
    for matrix, points, (height, width) in zip(
        op.lower(drawn, size).matrix, quad, size, strict=True
    ):
        found = project(matrix, np.hstack([points, np.ones((4, 1))]))
        assert np.allclose(found, corners * (width, height), atol=1e-8 * width)


def test_beyond_the_horizon_lies_nothing(execute, noise):
    """A picture that goes on beyond a crop is not seen again upside down in the sky."""
    quad = np.array([[[30.0, 30], [70, 0], [100, 100], [0, 70]]])
    crop = np.array([[1, 0, 1e6], [0, 1, 1e6], [0, 0, 1]])
    matrix = onto_quad(quad, np.array([[100, 100]]))[0]
    wide = Warp((crop @ matrix)[None], np.array([[100, 100]]), "bilinear", Border("replicate"))
    x, y = np.meshgrid(np.arange(100) + 0.5, np.arange(100) + 0.5)
    beyond = np.stack([x, y, np.ones_like(x)], axis=-1) @ matrix[2] < 0
    assert 0.001 < beyond.mean() < 0.5
    assert np.isfinite(execute(Plan(np.array([[75, 100]]), (wide,)), noise)).all()
    # A source so large that only what lies beyond the horizon could be seen of its other half.
    around = np.array([[1, 0, 200], [0, 1, 200], [0, 0, 1.0]])
    board = np.full((500, 500, 3), 200, np.uint8)
    board[200:, 200:] = 9
    seen = replace(wide, matrix=(around @ matrix)[None], border=Border("constant"))
    shown = execute(Plan(np.array([[500, 500]]), (seen,)), board)[0]
    assert (shown[beyond] == 0).all()
