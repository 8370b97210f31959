"""Pictures take over what a reference has: against scikit-image, and the paper's own steps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import pictures
from augpipe.errors import PlanError
from augpipe.execute import reference
from augpipe.ops import FourierDomainAdaptation, HistogramMatching
from augpipe.pipeline import Pipeline
from cases import SHAPES
from executors import EXECUTORS, Executor, Pictures, distance

ODD = Path(SHAPES).parent / "odd"
STAR = cv2.imread(f"{SHAPES}/star/02.png")[..., ::-1]
PICTURES = {
    "photo": pictures.photo(),
    "noise": pictures.noise(),
    "dark": pictures.photo(31, 50) // 9,
    "flat": np.full((20, 31, 3), 77, np.uint8),
    "black": np.zeros((8, 8, 3), np.uint8),
    "pixel": np.full((1, 1, 3), 200, np.uint8),
}


def save(path: Path, picture: Pictures) -> str:
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return str(path)


def run(execute: Executor, op, picture: Pictures) -> Pictures:
    return execute(Pipeline([op]).plan(picture.shape[:2]), picture)[0]


def match(execute: Executor, path: str, picture: Pictures, ratio: float = 1.0) -> Pictures:
    op = HistogramMatching(reference=path, blend_ratio=(ratio, ratio), p=1)
    return run(execute, op, picture)


def adapt(execute: Executor, path: str, picture: Pictures, beta: float) -> Pictures:
    return run(
        execute, FourierDomainAdaptation(reference=path, beta_limit=(beta, beta), p=1), picture
    )


def matched(picture: Pictures, goal: Pictures) -> Pictures:
    """The definition, in floats: from a level to its quantile to the goal's level there."""
    result = np.empty(picture.shape)
    for c in range(3):
        _, which, counts = np.unique(picture[..., c], return_inverse=True, return_counts=True)
        goals, goal_counts = np.unique(goal[..., c], return_counts=True)
        own, theirs = counts.cumsum() / counts.sum(), goal_counts.cumsum() / goal_counts.sum()
        result[..., c] = np.interp(own, theirs, goals)[which].reshape(picture.shape[:2])
    return result


@pytest.mark.parametrize("ratio", [1.0, 0.6])
@pytest.mark.parametrize("name", PICTURES)
def test_histograms_are_matched_by_definition(name, ratio, execute):
    picture = PICTURES[name]
    exact = ratio * matched(picture, STAR) + (1 - ratio) * picture
    ours = match(execute, f"{SHAPES}/star/02.png", picture, ratio)
    assert distance(ours, exact).max() < 0.501


def test_histograms_are_matched_as_scikit_image_does(execute, photo):
    exposure = pytest.importorskip("skimage.exposure")
    theirs = exposure.match_histograms(photo.astype(float), STAR.astype(float), channel_axis=2)
    assert distance(match(execute, f"{SHAPES}/star/02.png", photo), theirs).max() < 0.501


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_matched_to_itself_stays(name, execute, tmp_path):
    path = save(tmp_path / "itself.png", PICTURES[name])
    assert np.array_equal(match(execute, path, PICTURES[name]), PICTURES[name])
    assert np.array_equal(adapt(execute, path, PICTURES[name], 0.3), PICTURES[name])


def test_a_matched_histogram_is_the_references(execute, noise, tmp_path):
    path = save(tmp_path / "photo.png", pictures.photo(300, 400))
    ours = match(execute, path, noise)
    for level in (32, 128, 200):
        share = (ours <= level).mean(axis=(0, 1))
        assert np.allclose(share, (pictures.photo(300, 400) <= level).mean(axis=(0, 1)), atol=0.01)


def test_a_ratio_of_zero_changes_nothing(execute, noise):
    assert np.array_equal(match(execute, f"{SHAPES}/star/02.png", noise, 0), noise)


def adapted(picture: Pictures, goal: Pictures, beta: float) -> Pictures:
    """The paper's FDA_source_to_target, before clipping and rounding."""
    height, width = picture.shape[:2]
    spectrum = np.fft.fft2(picture.transpose(2, 0, 1))
    size, phase = np.abs(spectrum), np.angle(spectrum)
    wanted = np.fft.fftshift(np.abs(np.fft.fft2(goal.transpose(2, 0, 1))), axes=(1, 2))
    size = np.fft.fftshift(size, axes=(1, 2))
    half, y, x = int(beta * min(height, width)), height // 2, width // 2
    window = slice(y - half, y + half + 1), slice(x - half, x + half + 1)
    size[:, *window] = wanted[:, *window]
    size = np.fft.ifftshift(size, axes=(1, 2))
    return np.fft.ifft2(size * np.exp(1j * phase)).real.transpose(1, 2, 0)


@pytest.mark.parametrize("beta", [0.001, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("size", [(75, 100), (64, 64), (31, 130)], ids=str)
def test_low_frequencies_are_taken_over_as_published(size, beta, execute, tmp_path):
    picture, goal = pictures.noise(*size), 40 + pictures.photo(*size) // 2
    ours = adapt(execute, save(tmp_path / "goal.png", goal), picture, beta)
    assert distance(ours, adapted(picture, goal, beta).clip(0, 255)).max() < 0.501


def test_the_narrowest_window_takes_the_mean_over(execute, noise, tmp_path):
    goal = np.tile(np.array([90, 128, 150], np.uint8), (9, 9, 1))
    ours = adapt(execute, save(tmp_path / "flat.png", goal), noise // 4, 1e-6)
    shift = (ours - (noise // 4).astype(float)).reshape(-1, 3)
    assert not np.ptp(shift, axis=0).any()
    assert np.allclose(ours.mean(axis=(0, 1)), [90, 128, 150], atol=0.5)


def test_a_beta_of_zero_changes_nothing(execute, noise):
    assert np.array_equal(adapt(execute, f"{SHAPES}/star/02.png", noise, 0), noise)


@pytest.mark.parametrize("name", ["flat", "black", "pixel"])
def test_where_there_is_no_phase_executors_still_agree(name, tmp_path):
    path = save(tmp_path / "goal.png", pictures.photo())
    plan = Pipeline([FourierDomainAdaptation(reference=path, beta_limit=(0.3, 0.3), p=1)]).plan(
        PICTURES[name].shape[:2]
    )
    ours, theirs = (run(plan, PICTURES[name]) for run in EXECUTORS.values())
    assert distance(ours, theirs).max() <= 1


def test_rows_of_a_batch_have_their_own_references(execute, noise):
    op = HistogramMatching(reference=SHAPES, blend_ratio=(1, 1), p=0.8)
    plan = Pipeline([op]).plan(noise.shape[:2], index=np.arange(12))
    paths = [plan.params(row)[0]["reference"] for row in range(12)]
    assert "" in paths
    assert len(set(paths)) > 5
    for path, ours in zip(paths, execute(plan, noise), strict=True):
        alone = match(execute, path, noise) if path else noise
        assert np.array_equal(ours, alone)


def test_a_reference_is_upright(execute, noise):
    upright, turned = (adapt(execute, f"{ODD}/exif_{n}.jpg", noise, 0.1) for n in (1, 6))
    assert distance(upright, turned).max() <= 3


def test_an_unreadable_reference_is_named_and_is_no_fault_of_the_row(execute, noise, tmp_path):
    damaged, gone = tmp_path / "damaged.jpg", tmp_path / "gone.png"
    damaged.write_bytes(Path(SHAPES, "star", "00.jpg").read_bytes()[:200])
    save(gone, STAR)
    ops = {path: HistogramMatching(reference=str(path), p=1) for path in (damaged, gone)}
    gone.unlink()
    for path, why in ((damaged, "is a damaged or truncated JPEG"), (gone, "no such file")):
        with pytest.raises(PlanError, match=f"^histogram_matching#0: reference: .*{why}") as caught:
            run(execute, ops[path], noise)
        assert str(path) in str(caught.value)


def test_a_reference_is_read_once(execute, noise, tmp_path):
    path = Path(save(tmp_path / "star.png", STAR))
    ops = [
        HistogramMatching(reference=str(path), p=1),
        FourierDomainAdaptation(reference=str(path), beta_limit=(0.1, 0.1), p=1),
    ]
    before = [run(execute, op, noise) for op in ops]
    path.write_bytes(b"overwritten")
    assert all(map(np.array_equal, (run(execute, op, noise) for op in ops), before))


def test_quantiles_name_the_levels_that_occur(tmp_path):
    path = save(
        tmp_path / "two.png", np.array([[[10] * 3, [10] * 3, [200] * 3, [30] * 3]], np.uint8)
    )
    share, previous = reference.quantiles(path)
    assert (share[0, [9, 10, 29, 30, 199, 200, 255]] / share[0, -1]).tolist() == [
        0, 0.5, 0.5, 0.75, 0.75, 1, 1,
    ]  # fmt: skip
    assert previous[0, [10, 30, 200]].tolist() == [10, 10, 30]
