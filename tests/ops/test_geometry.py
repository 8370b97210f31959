"""Ops that move pixels, against NumPy's slices, torchvision and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torchvision.transforms import RandomResizedCrop as TorchvisionCrop
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import PlanError
from augpipe.ops import Affine, RandomResizedCrop, Resize
from augpipe.pipeline import Pipeline
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


@pytest.mark.parametrize("size", [(24, 30), (23, 31), (22, 1), (75, 100)])
def test_center_crop_equals_torchvision(size, execute, noise):
    plan = single("center_crop", {"size": list(size)}).plan(noise.shape[:2])
    theirs = F.center_crop(as_tensor(noise), list(size)).permute(1, 2, 0).numpy()
    assert np.array_equal(execute(plan, noise)[0], theirs)


def test_a_picture_smaller_than_the_crop_is_refused():
    with pytest.raises(PlanError) as caught:
        single("center_crop", {"size": 40}).plan([[40, 40], [60, 39]])
    assert str(caught.value) == (
        "center_crop#0: a picture of 60x39 is smaller than the crop of 40x40; "
        "put a resize before it"
    )


def crops(op: RandomResizedCrop, size: tuple[int, int], rows: int) -> np.ndarray:
    """(rows, 4) of top, left, height, width."""
    plan = Pipeline([op]).plan(size, index=np.arange(rows))
    (warp,) = plan.steps
    corner = warp.matrix[:, [1, 0], [2, 2]]
    return np.concatenate([corner, warp.matrix[:, [1, 0], [1, 0]] * plan.out_size], axis=1)


def torchvision_crops(op: RandomResizedCrop, size: tuple[int, int], rows: int) -> np.ndarray:
    picture = torch.empty(1, *size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [
            TorchvisionCrop.get_params(picture, list(op.scale), list(op.ratio)) for _ in range(rows)
        ]
    return np.array(drawn, np.float64)


@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ((375, 500), {}),
        ((100, 300), {}),
        ((375, 500), {"scale": [0.5, 1]}),
        ((200, 150), {"scale": [0.01, 0.9], "ratio": [0.2, 3]}),
    ],
)
def test_crops_are_distributed_as_in_torchvision(size, parameters):
    op = RandomResizedCrop(size=64, **parameters)
    ours, theirs = crops(op, size, 1500), torchvision_crops(op, size, 1500)
    for what in (
        lambda crop: crop[:, 2] * crop[:, 3],  # area
        lambda crop: crop[:, 3] / crop[:, 2],  # aspect
        lambda crop: crop[:, 0],
        lambda crop: crop[:, 1],
    ):
        assert stats.ks_2samp(what(ours), what(theirs)).pvalue > 0.01


@pytest.mark.parametrize("size", [(75, 100), (9, 400), (400, 9), (1, 1)])
def test_crops_are_whole_pixels_inside_of_the_picture(size):
    drawn = crops(RandomResizedCrop(size=(33, 7), scale=(1e-4, 1), ratio=(0.05, 20)), size, 500)
    assert np.allclose(drawn, np.round(drawn), atol=1e-9)
    assert drawn[:, :2].min() >= 0
    assert drawn[:, 2:].min() >= 1 - 1e-9
    assert (drawn[:, :2] + drawn[:, 2:] <= np.array(size) + 1e-9).all()


@pytest.mark.parametrize("size", [(20, 400), (400, 20)])
def test_where_no_crop_fits_the_largest_central_one_is_taken(size):
    op = RandomResizedCrop(size=64, scale=(0.5, 1))
    ours, theirs = crops(op, size, 20), torchvision_crops(op, size, 1)
    assert np.allclose(ours, theirs, atol=1e-9)
