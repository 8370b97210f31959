"""Every op that moves pixels moves targets along: dots on a box's edge are found again there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augpipe.data.sample import Sample
from augpipe.ops import find_op
from augpipe.pipeline import Pipeline
from augpipe.rows import moves_pixels
from cases import CASES, TORCH_ONLY, single
from painting import SIZE, dots, find_dots, rectangles

# Each op so that what is painted in the middle stays in the picture.
MILD: dict[str, dict[str, Any]] = {
    "affine": {
        "degrees": 40,
        "translate": [0.1, 0.1],
        "scale": [0.7, 1.2],
        "shear": [-9, 9, -9, 9],
    },
    "center_crop": {"size": [99, 131]},
    "elastic": {"alpha": 90, "sigma": 9},
    "five_crop": {"size": [110, 147]},
    "grid_distortion": {},
    "horizontal_flip": {},
    "letterbox": {"size": [150, 131], "fill": 0},
    "one_of": {"ops": ["horizontal_flip", "perspective", {"rotate": {"degrees": 30}}]},
    "pad": {"padding": [5, 0, 30, 7], "min_size": 140},
    "perspective": {"distortion_scale": 0.4},
    "random_crop": {"size": [110, 150], "padding": [4, 0, 9, 20]},
    "random_iou_crop": {"scale": [0.8, 1], "sampler_options": [0]},
    "random_order": {"ops": [{"rotate": {"degrees": 30}}, "horizontal_flip", "grid_distortion"]},
    "random_resized_crop": {"size": [64, 80], "scale": [0.8, 1], "ratio": [1, 1.5]},
    "resize": {"size": [77, 200]},
    "rotate": {"degrees": 180},
    "rotate90": {},
    "shift_scale_rotate": {},
    "some_of": {"ops": ["vertical_flip", {"affine": {"scale": [0.7, 1]}}, "elastic"], "n": [1, 3]},
    "sometimes": {"ops": ["horizontal_flip", {"affine": {"shear": 9}}]},
    "ten_crop": {"size": [110, 147]},
    "vertical_flip": {},
    "zoom_out": {"side_range": [1, 2]},
}
# These change colours as well, or mix; `test_auto` and `test_mix` paint for them.
ELSEWHERE = {
    *("auto_augment", "aug_mix", "rand_augment", "trivial_augment_wide"),
    *("copy_paste", "cutmix", "mixup", "mosaic"),
}
KEYS = range(4)
BOX = np.array([[55.0, 42.0, 103.0, 77.0]])
# In pixels. A fault in the place of pixel centres is half of one, or one; but what is bent moves
# the centre of brightness of what was painted, too.
CLOSE, CLOSE_WHERE_BENT = 0.1, 0.5


def outline() -> np.ndarray:
    """(24, 2): points on the edges of the box, corners among them; and three inside."""
    x0, y0, x1, y1 = BOX[0]
    along = np.linspace(0, 1, 6)[:-1, None]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    edges = [a + along * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
    return np.concatenate([*edges, [[80, 60], [63.25, 71.5], [90.75, 50], [71, 47]]])


OUTLINE = outline()
TARGETS = {
    "boxes": BOX,
    "labels": np.array([3]),
    "masks": rectangles(BOX)[None, ..., 0] // 255,
    "keypoints": OUTLINE[None],
}


def act(name: str) -> dict[str, Any]:
    """The op, which always acts."""
    has_p = "p" in find_op(name).model_fields
    return {name: {**MILD[name], **({"p": 1} if has_p else {})}}


def views_of(sample: Sample) -> tuple[Sample, ...]:
    return sample.views or (sample,)


def assert_found_again(ops: list[Any], key: int, samplings: int = 0) -> None:
    """Keypoints on their dots, the box around the dots on its edges, the mask within the box."""
    bent = any(name in str(ops) for name in ("elastic", "grid_distortion"))
    close = CLOSE_WHERE_BENT if bent else CLOSE
    runs = [
        views_of(Pipeline(ops)(dots(three, 1.5), index=key, **TARGETS))
        for three in OUTLINE.reshape(-1, 3, 2)
    ]
    for painted in zip(*runs, strict=True):
        found = np.concatenate([find_dots(sample.image) for sample in painted])
        targets = painted[0].targets
        assert np.abs(targets.keypoints[0] - found).max() < close
        edge = found[:20]
        hull = np.concatenate([edge.min(axis=0), edge.max(axis=0)])
        assert np.abs(targets.boxes[0] - hull).max() < close
        assert targets.box_labels.tolist() == [3]
        assert_contains(targets.boxes[0], targets.masks[0], slack=0.5 * samplings + 0.01)


def assert_contains(box: np.ndarray, mask: np.ndarray, slack: float) -> None:
    """All centres of the mask's pixels lie in the box; each further sampling may shift them."""
    ys, xs = np.nonzero(mask)
    assert len(ys)
    assert min(xs.min() + 0.5 - box[0], ys.min() + 0.5 - box[1]) > -slack
    assert min(box[2] - xs.max() - 0.5, box[3] - ys.max() - 0.5) > -slack


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", MILD)
def test_what_is_painted_is_found_again(name, key):
    assert_found_again([act(name)], key)


CROPS = ["center_crop", "random_crop", "random_iou_crop", "random_resized_crop"]
OTHERS = [name for name in MILD if name not in (*CROPS, "five_crop", "ten_crop")]


@pytest.mark.parametrize("seed", range(24))
def test_what_is_painted_is_found_again_after_any_chain(seed):
    """In one go where they fuse, and in several where a blur or a barrier stands between them."""
    rng = np.random.default_rng(seed)
    room = {"pad": {"padding": 60, "border": "constant"}}
    names = rng.choice(OTHERS, size=rng.integers(2, 5), replace=False).tolist()
    ops: list[Any] = [act(rng.choice(CROPS)), room]
    for name in names:
        ops += [act(name), *([], [], ["barrier"], [{"gaussian_blur": {}}])[rng.integers(4)]]
    assert_found_again(ops, seed, samplings=1 + len(names))


def test_every_op_that_moves_pixels_is_painted():
    movers = set()
    for name, case in CASES.items():
        for parameters in case:
            plan = single(name, parameters).plan(SIZE, index=np.arange(64))
            if any(map(moves_pixels, plan.steps)) and name not in TORCH_ONLY:
                movers.add(name)
    assert movers == MILD.keys() | ELSEWHERE
