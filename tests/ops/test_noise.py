"""Noise: its law, its independence, and that both executors draw the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from augpipe.errors import RecipeError
from augpipe.execute.cv2 import noise as cv2_noise
from augpipe.execute.field import normal_quantiles, to_uniform
from augpipe.execute.torch import noise as torch_noise
from augpipe.ops import make_op
from augpipe.pipeline import Pipeline
from cases import single
from executors import distance

SIZE = (60, 80)
GREY = np.full((*SIZE, 3), 128, np.uint8)
NOISES = [
    ("gaussian_noise", {"sigma": [0.05, 0.05], "p": 1}),
    ("shot_noise", {"scale": [0.005, 0.005], "p": 1}),
]


def words_in_python(seed: tuple[int, int], place: int) -> int:
    """The hash in whole numbers without limits."""
    word = place
    for half in seed:
        word = (word + half) % 2**32
        word = (word ^ word >> 16) * 0x7FEB352D % 2**32
        word = (word ^ word >> 15) * 0x846CA68B % 2**32
        word ^= word >> 16
    return word


def field(seed: tuple[int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    return cv2_noise.field((0, 0, size[1], size[0]), size[1], np.array(seed))


@pytest.mark.parametrize("seed", [(0, 0), (1, 2**31), (2**32 - 1, 2**32 - 1), (123456789, 3)])
def test_both_fields_are_the_same_to_the_bit(seed):
    ours = field(seed)
    batch = torch.zeros(2, 3, *SIZE, dtype=torch.uint8)
    words = torch.from_numpy(torch_noise.words_of(np.array([(7, 7), seed])))
    theirs = torch_noise.field(batch, words)[1].permute(1, 2, 0)
    assert np.array_equal(ours, theirs.numpy())
    flat = ours.view(np.uint32).ravel()
    for place in (0, 1, 2, 3, 241, len(flat) - 1):
        assert flat[place] == words_in_python(seed, place)


def test_a_part_of_a_field_is_cut_out_of_the_whole():
    part = cv2_noise.field((11, 5, 30, 25), SIZE[1], np.array([3, 4]))
    assert np.array_equal(part, field((3, 4))[5:25, 11:30])


def test_words_are_uniform_and_apart():
    share = to_uniform(field((5, 6), (300, 400)))
    assert stats.kstest(share.ravel(), "uniform").pvalue > 0.001
    limit = 5 / np.sqrt(share.size / 3)
    pixels = share.reshape(-1, 3)
    assert np.abs(np.corrcoef(pixels.T) - np.eye(3)).max() < limit
    for shift in [(0, 1), (1, 0), (1, 1), (0, 2), (7, 0)]:
        moved = np.roll(share, shift, axis=(0, 1))
        assert abs(np.corrcoef(share.ravel(), moved.ravel())[0, 1]) < limit


def test_seeds_that_lie_close_share_nothing():
    """The first half alone would shift the field; that both are random words rules it out."""
    fields = [field(seed) for seed in [(5, 6), (6, 7), (5, 8), (8, 5), (245, 9)]]
    for i, one in enumerate(fields):
        for other in fields[:i]:
            assert len(np.intersect1d(one, other)) < 10  # of 14400 words of 32 bits


def test_normal_quantiles_have_mean_zero_and_deviation_one():
    assert abs(normal_quantiles().mean()) < 1e-6
    assert normal_quantiles().std() == pytest.approx(1, abs=1e-6)
    assert stats.kstest(normal_quantiles(), "norm").statistic < 1e-4


@pytest.mark.parametrize("per_channel", [True, False])
def test_gaussian_noise_has_the_deviation_it_drew(per_channel, execute):
    parameters = {"sigma": [0.01, 0.1], "per_channel": per_channel, "p": 1}
    plan = single("gaussian_noise", parameters).plan(SIZE, index=np.arange(6))
    ((_, drawn),) = plan.record
    for picture, sigma in zip(execute(plan, GREY), drawn["sigma"], strict=True):
        added = picture.astype(np.float64) - 128
        expected = np.sqrt((255 * sigma) ** 2 + 1 / 12)  # whole levels add a twelfth
        assert abs(added.mean()) < 5 * expected / np.sqrt(added.size / 3)
        assert added.std() == pytest.approx(expected, rel=0.04)
        same = np.ptp(added, axis=2).max() == 0
        assert same != per_channel


def test_shot_noise_grows_with_the_light(execute):
    steps = np.zeros((400, 60, 3), np.uint8)
    levels = np.array([0, 16, 64, 144])
    steps[:] = np.repeat(levels, 100)[:, None, None]
    plan = single("shot_noise", {"scale": [0.01, 0.01], "p": 1}).plan((400, 60))
    bands = execute(plan, steps)[0].astype(np.float64).reshape(4, -1)
    assert (bands[0] == 0).all()  # no light, no photons
    expected = np.sqrt(255**2 * 0.01 * levels / 255 + 1 / 12)
    assert bands[2:].std(axis=1) == pytest.approx(expected[2:], rel=0.03)
    assert bands[2:].mean(axis=1) == pytest.approx(levels[2:], abs=1)


@pytest.mark.parametrize(("op", "parameters"), NOISES)
def test_noise_of_two_epochs_or_samples_shares_nothing(op, parameters, execute):
    plan = single(op, parameters).plan(SIZE, epoch=[0, 1, 0], index=[0, 0, 1])
    added = (execute(plan, GREY).astype(np.float64) - 128).reshape(3, -1)
    assert np.abs(np.corrcoef(added) - np.eye(3)).max() < 5 / np.sqrt(added.shape[1])


def test_two_noises_in_one_pipeline_are_not_the_same(execute):
    op = {"gaussian_noise": {"sigma": [0.05, 0.05], "p": 1}}
    once, twice = (execute(Pipeline([op] * n).plan(SIZE), GREY)[0] / 1.0 for n in (1, 2))
    assert np.std(twice - 128) == pytest.approx(np.sqrt(2) * np.std(once - 128), rel=0.05)


@pytest.mark.parametrize("per_channel", [True, False])
def test_pixel_dropout_hits_its_rate(per_channel, execute):
    parameters = {"dropout_prob": 0.1, "per_channel": per_channel, "drop_value": 9, "p": 1}
    plan = single("pixel_dropout", parameters).plan(SIZE, index=np.arange(4))
    dropped = execute(plan, GREY) == 9
    number = dropped.size if per_channel else dropped.size / 3
    assert abs(dropped.mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / number)
    assert (dropped.any(axis=3) == dropped.all(axis=3)).all() != per_channel


@pytest.mark.parametrize(("rate", "left"), [(0, 1), (1, 0)])
def test_pixel_dropout_of_all_or_nothing(rate, left, execute):
    plan = single("pixel_dropout", {"dropout_prob": rate, "p": 1}).plan(SIZE)
    assert (execute(plan, GREY) == 128).mean() == left


def test_salt_and_pepper_hit_their_shares(execute):
    parameters = {"amount": [0.2, 0.2], "salt_vs_pepper": [0.25, 0.25], "p": 1}
    plan = single("salt_pepper", parameters).plan(SIZE, index=np.arange(4))
    pictures = execute(plan, GREY)
    assert np.ptp(pictures, axis=3).max() == 0
    for level, share in [(255, 0.05), (0, 0.15), (128, 0.8)]:
        pixels = pictures[..., 0] == level
        assert abs(pixels.mean() - share) < 4 * np.sqrt(share * (1 - share) / pixels.size)


def test_jpeg_loses_more_at_lower_quality(photo):
    lost = []
    for quality in (1, 10, 30, 60, 90, 100):
        pipeline = single("jpeg_compression", {"quality": [quality, quality], "p": 1})
        lost.append(distance(pipeline(photo).image, photo).mean())
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 5 > 2 > lost[-1] > 0


def test_jpeg_quality_is_drawn_evenly_with_both_ends():
    plan = single("jpeg_compression", {"quality": [7, 10], "p": 1}).plan(
        SIZE, index=np.arange(2000)
    )
    ((_, drawn),) = plan.record
    values, counts = np.unique(drawn["quality"], return_counts=True)
    assert values.tolist() == [7, 8, 9, 10]
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"gaussian_noise": {"sigma": [-0.1, 0.1]}}, "sigma"),
        ({"salt_pepper": {"amount": [0.5, 1.5]}}, "amount"),
        ({"salt_pepper": {"amount": [0.5, 0.1]}}, "amount"),
        ({"jpeg_compression": {"quality": [0, 50]}}, "quality"),
        ({"jpeg_compression": {"quality": [50, 20]}}, "quality"),
        ({"pixel_dropout": {"dropout_prob": 2}}, "dropout_prob"),
    ],
)
def test_values_out_of_range_are_refused(spec, message):
    with pytest.raises(RecipeError, match=message):
        make_op(spec)
