"""Ops that move the frame, against NumPy's slices and pads, and torchvision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import RandomResizedCrop as TorchvisionCrop
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812 (its name everywhere)

from augpipe.errors import PlanError, RecipeError
from augpipe.ops import RandomCrop, RandomResizedCrop, ZoomOut
from augpipe.pipeline import Pipeline
from cases import single
from executors import distance

ROWS = np.arange(12)
PADDINGS = {"constant": {"constant_values": 7}, "replicate": {}, "reflect": {}}
NUMPY_MODES = {"constant": "constant", "replicate": "edge", "reflect": "symmetric"}


def as_tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def padded(picture: np.ndarray, left: int, top: int, right: int, bottom: int, border: str):
    widths = ((top, bottom), (left, right), (0, 0))
    return np.pad(picture, widths, NUMPY_MODES[border], **PADDINGS[border])


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


@pytest.mark.parametrize("border", NUMPY_MODES)
@pytest.mark.parametrize(
    ("padding", "sides"),
    [(4, (4, 4, 4, 4)), ([3, 8], (3, 8, 3, 8)), ([1, 2, 3, 0], (1, 2, 3, 0)), (120, (120,) * 4)],
    ids=str,
)
def test_pad_equals_numpy(padding, sides, border, execute, noise):
    plan = single("pad", {"padding": padding, "border": border, "fill": 7}).plan(noise.shape[:2])
    assert np.array_equal(execute(plan, noise)[0], padded(noise, *sides, border))


def test_pad_and_torchvision_read_padding_alike(execute, noise):
    for padding in (5, [5, 6], [5, 6, 7, 8]):
        ours = execute(single("pad", {"padding": padding, "fill": 9}).plan((75, 100)), noise)[0]
        theirs = v2.Pad(padding, fill=9)(as_tensor(noise))
        assert np.array_equal(ours, theirs.permute(1, 2, 0))


@pytest.mark.parametrize(
    ("size", "out", "corner"),
    [((75, 100), (90, 100), (7, 0)), ((40, 90), (90, 91), (25, 0)), ((95, 130), (95, 130), (0, 0))],
)
def test_pad_to_a_minimum_adds_evenly(size, out, corner, execute):
    picture = np.full((*size, 3), 255, np.uint8)
    done = execute(single("pad", {"min_size": [90, 91]}).plan(size), picture)[0]
    assert done.shape[:2] == out
    (rows,), (columns,) = done[..., 0].any(axis=1).nonzero(), done[..., 0].any(axis=0).nonzero()
    assert (rows[0], columns[0]) == corner
    assert (len(rows), len(columns)) == size


@pytest.mark.parametrize("border", NUMPY_MODES)
def test_random_crops_are_windows_of_the_padded_picture(border, execute, noise):
    parameters = {"size": [70, 60], "padding": [3, 40, 9, 0], "border": border, "fill": 7}
    plan = single("random_crop", parameters).plan(noise.shape[:2], index=ROWS)
    around = padded(noise, 3, 40, 9, 0, border)
    corners = (plan.steps[0].matrix[:, [1, 0], [2, 2]] + (40, 3)).astype(int)
    assert (corners >= 0).all()
    assert (corners <= np.array(around.shape[:2]) - (70, 60)).all()
    for done, (top, left) in zip(execute(plan, noise), corners, strict=True):
        assert np.array_equal(done, around[top : top + 70, left : left + 60])


@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ((75, 100), {"size": 24}),
        ((32, 32), {"size": 32, "padding": 4}),
        ((20, 50), {"size": 32, "padding": [1, 2, 3, 4], "pad_if_needed": True}),
        ((9, 9), {"size": [32, 20], "pad_if_needed": True}),
    ],
    ids=str,
)
def test_random_crops_are_distributed_as_in_torchvision(size, parameters):
    """By where a ramp of coordinates, whose padding is 0, ends up; every corner as often."""
    op = RandomCrop(**parameters)
    plan = Pipeline([op]).plan(size, index=np.arange(1500))
    ours = plan.steps[0].matrix[:, [1, 0], [2, 2]]
    rows, columns = np.mgrid[1 : size[0] + 1, 1 : size[1] + 1]
    crop = v2.RandomCrop(**parameters)
    theirs = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(1500):
            y, x = crop(torch.from_numpy(np.stack([rows, columns])).float())
            theirs.append([_corner(y.amax(dim=1)), _corner(x.amax(dim=0))])
    for axis in (0, 1):
        assert stats.ks_2samp(ours[:, axis], np.array(theirs)[:, axis]).pvalue > 0.005


def _corner(profile: torch.Tensor) -> int:
    """Where a window begins, from the coordinates that it shows, counted from 1."""
    first = int(profile.argmax()) if profile.max() else 0
    return int(profile[first]) - 1 - first


def test_a_random_crop_is_refused_where_it_does_not_fit():
    with pytest.raises(PlanError, match="26x50 is smaller than the crop of 32x32; put a resize"):
        single("random_crop", {"size": 32, "padding": 3}).plan((20, 44))


def test_without_a_border_a_random_crop_merges_with_any():
    reflected = {"affine": {"degrees": 30, "border": "reflect"}}
    plan = Pipeline([{"random_crop": {"size": 30}}, reflected]).plan((75, 100))
    assert len(plan.steps) == 1


@pytest.mark.parametrize(
    ("size", "frame", "scale_up", "inner"),
    [
        ((75, 100), (64, 64), True, (8, 0, 48, 64)),
        ((100, 75), (64, 64), True, (0, 8, 64, 48)),
        ((75, 100), (160, 200), True, (5, 0, 150, 200)),
        ((75, 100), (160, 200), False, (42, 50, 75, 100)),
        ((64, 64), (64, 64), True, (0, 0, 64, 64)),
        ((3, 4000), (64, 64), True, (31, 0, 1, 64)),
    ],
)
def test_letterbox_fits_the_whole_picture(size, frame, scale_up, inner, execute):
    top, left, height, width = inner
    white = np.full((*size, 3), 255, np.uint8)
    plan = single("letterbox", {"size": list(frame), "scale_up": scale_up, "fill": 114}).plan(size)
    boxed = execute(plan, white)[0]
    within = np.zeros(frame, bool)
    within[top : top + height, left : left + width] = True
    assert boxed.shape == (*frame, 3)
    assert (boxed[~within] == 114).all()
    assert (boxed[within] == 255).all()


def test_a_picture_of_the_frames_size_is_left_alone(execute, noise):
    plan = single("letterbox", {"size": [75, 100]}).plan((75, 100))
    assert np.array_equal(execute(plan, noise)[0], noise)


def test_letterbox_is_a_resize_where_the_aspect_fits(execute, photo):
    boxed = execute(single("letterbox", {"size": [48, 64]}).plan((75, 100)), photo)
    resized = execute(single("resize", {"size": [48, 64]}).plan((75, 100)), photo)
    assert distance(boxed, resized).max() <= 1


def test_zoom_out_puts_the_picture_on_a_canvas(execute, noise):
    parameters = {"side_range": [1.7, 1.7], "fill": [3, 4, 5], "p": 1}
    plan = single("zoom_out", parameters).plan((75, 100), index=ROWS)
    corners = -plan.steps[0].matrix[:, [1, 0], [2, 2]].astype(int)
    for done, (top, left) in zip(execute(plan, noise), corners, strict=True):
        right, bottom = 170 - 100 - left, 127 - 75 - top
        theirs = F.pad(as_tensor(noise), [left, top, right, bottom], fill=[3, 4, 5])
        assert np.array_equal(done, theirs.permute(1, 2, 0))


def test_canvases_are_distributed_as_in_torchvision():
    plan = Pipeline([ZoomOut(p=1)]).plan((75, 100), index=np.arange(1500))
    ours = np.hstack([plan.out_size, -plan.steps[0].matrix[:, [1, 0], [2, 2]]])
    zoom = v2.RandomZoomOut(p=1)
    theirs = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(1500):
            left, top, right, bottom = zoom.make_params([torch.empty(3, 75, 100)])["padding"]
            theirs.append([75 + top + bottom, 100 + left + right, top, left])
    for axis in range(4):
        assert stats.ks_2samp(ours[:, axis], np.array(theirs)[:, axis]).pvalue > 0.005


def test_a_resize_after_the_canvas_is_the_same_resampling():
    ops = [{"zoom_out": {"p": 0.5}}, {"resize": {"size": [64, 64]}}]
    plan = Pipeline(ops).plan((75, 100), index=ROWS)
    assert len(plan.steps) == 1
    assert (plan.out_size == 64).all()


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("pad", {}, "pad.*nothing to add: set padding or min_size"),
        ("pad", {"padding": -1}, "padding.*greater than or equal to 0"),
        ("pad", {"padding": [1, 2, 3]}, "padding"),
        ("zoom_out", {"side_range": [0.5, 2]}, "side_range: .*at least 1"),
    ],
)
def test_frames_without_a_meaning_are_refused(name, parameters, message):
    with pytest.raises(RecipeError, match=message):
        single(name, parameters)
