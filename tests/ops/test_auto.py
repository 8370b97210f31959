"""Learned and random policies: what they draw, and that their transforms are torchvision's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

import pictures
from augpipe import Pipeline
from augpipe.errors import RecipeError, TargetError
from augpipe.ops.auto import MIX_BINS, MIX_SPACE, RAND_SPACE, WIDE_SPACE
from augpipe.ops.auto_augment import _POLICIES
from augpipe.ops.auto_space import TRANSFORMS, Style, apply, magnitudes
from augpipe.plan import Branch, Floats, Plan
from augpipe.rows import own_steps
from executors import distance, on_cv2

MANY = np.arange(8000)
SIGNIFICANCE = 1e-3

TORCHVISION = {
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "translate_px_x": "TranslateX",
    "translate_px_y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "color": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "auto_contrast": "AutoContrast",
    "equalize": "Equalize",
    "invert": "Invert",
}
MOVES = [name for name in TORCHVISION if name[:5] in ("shear", "trans", "rotat")]
COLORS = [name for name in TORCHVISION if name not in MOVES]


def drawn(op: str, **parameters: object) -> dict[str, np.ndarray]:
    ((_, params),) = Pipeline([{op: parameters}]).plan((8, 8), seed=4, index=MANY).record
    return params


def is_uniform(values: np.ndarray, kinds: int) -> bool:
    """Whether as many kinds occur, each as often, as far as a chi-square test can tell."""
    counts = np.unique(values, return_counts=True)[1]
    return len(counts) == kinds and stats.chisquare(counts).pvalue > SIGNIFICANCE


def in_pixels(name: str, magnitude: float, size: tuple[int, int]) -> float:
    share = {"translate_x": size[1], "translate_y": size[0]}
    return magnitude * share.get(name, 1)


def theirs(name: str, magnitude: float, interpolation: str, picture: np.ndarray) -> np.ndarray:
    """Torchvision's result for a transform of ours."""
    tensor = torch.from_numpy(picture.transpose(2, 0, 1).copy())
    magnitude = in_pixels(name, magnitude, picture.shape[:2])
    other = v2.RandAugment()
    done = other._apply_image_or_video_transform(
        tensor, TORCHVISION[name], magnitude, interpolation, other._fill
    )
    return done.numpy().transpose(1, 2, 0)


def ours(name: str, magnitude: float, interpolation: str, picture: np.ndarray) -> np.ndarray:
    size = np.array([picture.shape[:2]])
    style = Style(interpolation, (0.0, 0.0, 0.0))
    steps = apply(np.array([[name]]), np.array([[magnitude]]), size, style)
    return on_cv2(Plan(size, steps), picture)[0]


@pytest.mark.parametrize("picture", [pictures.photo, pictures.noise])
@pytest.mark.parametrize("part", [-1, -0.3, 0, 0.3, 1])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", MOVES)
def test_what_moves_pixels_is_torchvisions(name, interpolation, part, picture):
    """Bilinear to one level; nearest but for half a percent of pixels, on seams between two."""
    scale = {**RAND_SPACE, **WIDE_SPACE}[name]
    arguments = name, part * scale.strongest, interpolation, picture()
    apart = distance(ours(*arguments), theirs(*arguments)).max(axis=2)
    if interpolation == "bilinear":
        assert apart.max() <= 1
    else:
        assert (apart > 0).mean() <= 0.005


@pytest.mark.parametrize("picture", [pictures.photo, pictures.noise])
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("name", COLORS)
def test_what_changes_colours_is_torchvisions(name, negative, number, picture):
    """To two levels, as torchvision cuts off where we round, and rounds what it blends with.

    To the bit where levels go through a table. At the border sharpness is ours.
    """
    u = np.array([0.2 if negative else 0.8])
    magnitude = magnitudes(RAND_SPACE, np.array([name]), np.array([number]), 10, u)[0]
    arguments = name, magnitude, "nearest", picture()
    apart = distance(ours(*arguments), theirs(*arguments))[1:-1, 1:-1]
    tables = ("posterize", "solarize", "equalize", "invert")
    assert apart.max() <= (0 if name in tables else 2)


@pytest.mark.parametrize("bins", [2, 10, 31])
@pytest.mark.parametrize(
    ("space", "other"),
    [
        (RAND_SPACE, v2.RandAugment),
        (RAND_SPACE, v2.AutoAugment),
        (WIDE_SPACE, v2.TrivialAugmentWide),
        (MIX_SPACE, v2.AugMix),
    ],
)
def test_magnitudes_are_torchvisions(space, other, bins):
    theirs = dict(other._AUGMENTATION_SPACE)
    height, width = 97, 331
    for name, scale in space.items():
        function, signed = theirs.pop(TORCHVISION[name])
        expected = function(bins, height, width)
        expected = np.zeros(bins) if expected is None else expected.numpy().astype(np.float64)
        expected = expected.clip(1) if name == "posterize" else expected  # AugMix's goes to 0 bits
        number = np.arange(bins)
        for negative in (False, True):
            value = scale.magnitude(number, bins, np.full(bins, negative))
            value = in_pixels(name, value, (height, width))
            assert np.allclose(value, -expected if signed and negative else expected, atol=1e-4)
    assert set(theirs) <= {"Identity", "Invert"}


@pytest.mark.parametrize("dataset", list(v2.AutoAugmentPolicy))
def test_auto_augments_pairs_are_torchvisions(dataset):
    theirs = v2.AutoAugment(dataset)._policies
    names, probability, number = _POLICIES[dataset.value]
    assert [[TORCHVISION[name] for name in pair] for pair in names] == [
        [name for name, _, _ in pair] for pair in theirs
    ]
    assert probability.tolist() == [[p for _, p, _ in pair] for pair in theirs]
    assert number.tolist() == [[m or 0 for _, _, m in pair] for pair in theirs]


def test_rand_augment_draws_each_transform_as_often():
    params = drawn("rand_augment", num_ops=3)
    assert params["transform"].shape == params["magnitude"].shape == (len(MANY), 3)
    for layer in range(3):
        assert is_uniform(params["transform"][:, layer], 14)
    first, second = params["transform"][:, :2].T
    pairs, counts = np.unique(np.char.add(first, second), return_counts=True)
    assert len(pairs) == 14**2
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE
    turned = params["magnitude"][params["transform"] == "rotate"]
    assert is_uniform(turned, 2)


def test_a_magnitude_counts_from_none_to_the_strongest():
    """9 of 31 is 9 / 30, not 9 / 10: implementations differed by a factor of three."""
    params = drawn("rand_augment", magnitude=9)
    strongest = {"rotate": 9.0, "shear_x": 0.09, "translate_y": 45 / 331, "color": 0.27}
    for name, expected in strongest.items():
        found = np.abs(params["magnitude"][params["transform"] == name])
        assert np.allclose(found, expected)
    assert set(params["magnitude"][params["transform"] == "posterize"]) == {7.0}
    assert np.allclose(params["magnitude"][params["transform"] == "solarize"], 0.7)


def test_trivial_augment_draws_each_transform_and_magnitude_as_often():
    params = drawn("trivial_augment_wide")
    assert is_uniform(params["transform"], 14)
    turns = params["magnitude"][params["transform"] == "rotate"]
    steps = np.round(turns / 4.5).astype(int)
    assert np.allclose(steps * 4.5, turns)
    assert is_uniform(np.abs(steps), 31)
    assert is_uniform(np.sign(steps[steps != 0]), 2)


def test_auto_augment_draws_each_pair_as_often_and_its_probabilities():
    params = drawn("auto_augment", policy="svhn")
    names, probability, _ = _POLICIES["svhn"]
    for name in TORCHVISION:
        expected = np.mean(probability * (names == name), axis=0)
        share = (params["transform"] == name).mean(axis=0)
        assert np.allclose(share, expected, atol=4 * np.sqrt(0.25 / len(MANY)))


def test_three_augment_draws_each_as_often():
    params = drawn("three_augment", sigma=[0.5, 1.5])
    assert is_uniform(params["transform"], 3)
    sigma = params["magnitude"][params["transform"] == "gaussian_blur"]
    assert stats.kstest(sigma, stats.uniform(0.5, 1).cdf).pvalue > SIGNIFICANCE
    assert set(params["magnitude"][params["transform"] == "solarize"]) == {128 / 255}


@pytest.mark.parametrize(("alpha", "width"), [(1, 3), (0.3, 2), (4, 4)])
def test_aug_mix_draws_its_shares(alpha, width):
    params = drawn("aug_mix", alpha=alpha, mixture_width=width)
    assert stats.kstest(params["share"], stats.beta(alpha, alpha).cdf).pvalue > SIGNIFICANCE
    assert np.allclose(params["chains"].sum(axis=1), 1)
    marginal = stats.beta(alpha, alpha * (width - 1))
    for chain in params["chains"].T:
        assert stats.kstest(chain, marginal.cdf).pvalue > SIGNIFICANCE
    # Dirichlet, not just beta margins: var(x + y) tells how shares depend on each other.
    both = params["chains"][:, 0] + params["chains"][:, 1]
    if width > 2:
        pair = stats.beta(2 * alpha, alpha * (width - 2))
        assert stats.kstest(both, pair.cdf).pvalue > SIGNIFICANCE


def test_aug_mix_draws_its_chains():
    params = drawn("aug_mix")
    assert params["transform"].shape == (len(MANY), 3, 3)
    depth = (params["transform"] != "identity").sum(axis=2)
    assert is_uniform(depth[:, 0], 3)
    assert (params["transform"][:, :, 0] != "identity").all()
    assert is_uniform(params["transform"][:, 0, 0], 13)
    turned = np.abs(params["magnitude"][params["transform"] == "rotate"])
    assert is_uniform(np.round(turned, 6), 3)
    assert np.isclose(turned.max(), 2 / 9 * 30)
    assert (drawn("aug_mix", chain_depth=5)["transform"] != "identity").all()
    assert "color" not in drawn("aug_mix", all_ops=False)["transform"]


@pytest.mark.parametrize(
    ("op", "parameters"),
    [
        ("rand_augment", {"magnitude": 30}),
        ("trivial_augment_wide", {}),
        ("aug_mix", {"severity": MIX_BINS}),
        ("auto_augment", {}),
    ],
)
def test_posterize_never_leaves_nothing(op, parameters):
    params = drawn(op, **parameters)
    bits = params["magnitude"][params["transform"] == "posterize"]
    assert bits.min() >= 1
    assert bits.max() <= 8


@pytest.mark.parametrize("name", ["posterize", "solarize"])
def test_a_larger_magnitude_is_stronger(name, photo):
    numbers = np.arange(31)
    values = RAND_SPACE[name].magnitude(numbers, 31, numbers < 0)
    changed = [distance(ours(name, value, "nearest", photo), photo).mean() for value in values]
    assert np.all(np.diff(changed) >= 0)
    assert changed[0] < 0.1 < changed[-1]


def test_each_transform_works_on_what_the_one_before_left(execute, photo):
    """Nothing fuses: two rotations are two resamplings, and leave black corners twice."""
    pipeline = Pipeline([{"rand_augment": {"num_ops": 2, "magnitude": 30}}])
    plan = pipeline.plan(photo.shape[:2], index=np.arange(300))
    (_, params) = plan.record[0]
    twice = (params["transform"] == "rotate").all(axis=1) & (params["magnitude"][:, 0] > 0)
    row = int(np.flatnonzero(twice & (params["magnitude"][:, 1] < 0))[0])
    alone = pipeline.plan(photo.shape[:2], index=row)
    back = execute(alone, photo)[0]
    assert (back[0, 0] == 0).all()
    once = ours("rotate", 30.0, "nearest", photo)
    assert distance(back, ours("rotate", -30.0, "nearest", once)).mean() < 0.2


def blended(plan: Plan, row: int, picture: np.ndarray) -> Floats:
    """AugMix by its definition: each way alone, then their sum."""
    (step,) = plan.steps
    assert isinstance(step, Branch)
    alone = [on_cv2(Plan(plan.size, way), picture)[row].astype(np.float64) for way in step.ways]
    return np.tensordot(step.weights[row], alone, axes=1)


def test_aug_mix_is_the_blend_of_its_chains(execute, photo):
    plan = Pipeline(["aug_mix"]).plan(photo.shape[:2], index=np.arange(4))
    params = plan.record[0][1]
    assert np.allclose(plan.steps[0].weights[:, 0], 1 - params["share"])
    assert np.allclose(plan.steps[0].weights.sum(axis=1), 1)
    pictures_ = execute(plan, photo)
    for row in range(4):
        assert distance(pictures_[row], blended(plan, row, photo)).max() <= 1.5


def test_a_chain_that_changes_nothing_keeps_every_level(execute, noise):
    """A blend of equal pictures is the picture: nothing is cut off, as torchvision does."""
    plan = Pipeline([{"aug_mix": {}}]).plan(noise.shape[:2], index=np.arange(8))
    (step,) = plan.steps
    still = Branch(step.weights, ((),) * step.weights.shape[1])
    assert (execute(Plan(plan.size, (still,)), noise) == noise).all()


def test_boxes_follow_a_policy_that_moves_pixels_but_no_blend(photo):
    pipeline = Pipeline([{"trivial_augment_wide": {}}])
    box = np.array([[30.0, 20.0, 60.0, 50.0]])
    targets = {"boxes": box, "labels": [1]}
    moved = 0
    for index in range(40):
        sample = pipeline(photo, index=index, **targets)
        plan = pipeline.plan(photo.shape[:2], index=index)
        warps = [step for step in own_steps(plan.steps, 0) if hasattr(step, "interpolation")]
        same = sample.targets.boxes.shape == (1, 4) and np.allclose(sample.targets.boxes, box)
        assert same or warps
        moved += not same
    assert moved > 5
    with pytest.raises(TargetError, match="aug_mix"):
        Pipeline([{"aug_mix": {"severity": 10}}])(photo, **targets)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"rand_augment": {"magnitude": 31}}, "magnitude should be below num_magnitude_bins, 31"),
        ({"rand_augment": {"num_ops": 0}}, "num_ops"),
        ({"auto_augment": {"policy": "imagenett"}}, "policy"),
        ({"aug_mix": {"severity": 11}}, "severity"),
        ({"aug_mix": {"chain_depth": 0}}, "chain_depth"),
        ({"trivial_augment_wide": {"num_magnitude_bins": 1}}, "num_magnitude_bins"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named(spec, message):
    with pytest.raises(RecipeError, match=message):
        Pipeline([spec])


def test_every_name_of_every_space_is_a_transform():
    names = {*RAND_SPACE, *WIDE_SPACE, *MIX_SPACE, "identity"}
    assert names <= set(TRANSFORMS)
    assert set(np.unique([names for names, _, _ in _POLICIES.values()])) <= set(TRANSFORMS)
