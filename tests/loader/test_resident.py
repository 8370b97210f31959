"""Data on the device: the stream of the ordinary loader, without its workers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from augpipe import build_loader
from augpipe.errors import DataError, PlanError, RecipeError, TargetError
from augpipe.loader import resident
from augpipe.testing import assert_resumes_everywhere, samples_of
from loader_stream import stream

ROWS = 40
SIZE = 20

ON_CPU = {"cache": "device", "device": "cpu", "num_workers": 0, "batch_size": 7}
PLAIN = {"num_workers": 0, "batch_size": 7}


@pytest.fixture(scope="module")
def digits():
    """Pictures of one size, and their classes."""
    draw = np.random.default_rng(0)
    # Smooth ones, so that resampling by two executors is alike.
    coarse = draw.integers(0, 256, (ROWS, SIZE // 4, SIZE // 4, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2), draw.integers(0, 3, ROWS)


@pytest.fixture
def spoilt(digits, tmp_path):
    """Writes a folder of the pictures, in which some files are none."""

    def write(bad):
        (tmp_path / "one").mkdir()
        for row, picture in enumerate(digits[0]):
            file = tmp_path / "one" / f"{row:02}.png"
            file.write_bytes(b"none" if row in bad else cv2.imencode(".png", picture)[1].tobytes())
        return tmp_path

    return write


EXACT = {
    "nothing": [],
    "drawn": ["horizontal_flip", {"random_crop": {"size": 12}}],
    "fixed": [{"resize": {"size": [10, 14]}}, {"equalize": {"p": 1}}],
    "fixed, then drawn": [{"resize": {"size": [12, 12]}}, "barrier", "vertical_flip"],
    "fixed kernel, then drawn": [{"equalize": {"p": 1}}, "horizontal_flip"],
}


@pytest.mark.parametrize("ops", EXACT.values(), ids=EXACT)
def test_the_stream_is_the_same_to_the_bit_where_steps_are_exact(digits, ops):
    plain, kept = build_loader(digits, ops, **PLAIN), build_loader(digits, ops, **ON_CPU)
    for _ in range(2):
        assert stream(kept) == stream(plain)


@pytest.mark.parametrize(
    "ops",
    [
        [{"affine": {"degrees": 15}}, "color_jitter"],
        [
            {"resize": {"size": [16, 16]}},
            {"affine": {"degrees": 10}},
        ],  # one resampling, from the whole picture
        [{"posterize": {"p": 1}}, {"brightness": {"factor": 0.4}}],  # one table
        ["horizontal_flip", {"gaussian_blur": {"p": 0.5}}, "normalize"],
    ],
    ids=str,
)
def test_other_steps_differ_as_executors_may(digits, ops):
    plain, kept = build_loader(digits, ops, **PLAIN), build_loader(digits, ops, **ON_CPU)
    for ours, theirs in zip(kept, plain, strict=True):
        assert ours.images.dtype == theirs.images.dtype
        apart = (ours.images.double() - theirs.images.double()).abs()
        levels = 1 if ours.images.dtype == torch.uint8 else 1 / 255 / 0.2
        assert apart.max() <= 1.01 * levels
        assert apart.mean() <= 0.05 * levels
        assert torch.equal(ours.labels, theirs.labels)


def test_ops_on_batches_follow(digits, pipeline):
    batch = ["random_erasing", {"mixup": {"alpha": 0.5}}, "normalize"]
    options = {"ops": ["horizontal_flip"], "batch": batch}
    made = type(pipeline)(**options)
    plain, kept = build_loader(digits, made, **PLAIN), build_loader(digits, made, **ON_CPU)
    assert samples_of(kept) == samples_of(plain)


def test_it_is_read_in_pieces(digits, monkeypatch):
    monkeypatch.setattr(resident, "_CHUNK", 7)
    loader = build_loader(digits, **ON_CPU, sampling={"rows": "3:33"})
    assert stream(loader) == stream(build_loader(digits, **PLAIN, sampling={"rows": "3:33"}))


def test_what_draws_nothing_is_done_once(digits, monkeypatch):
    loader = build_loader(
        digits, [{"resize": {"size": [10, 10]}}, "barrier", "horizontal_flip"], **ON_CPU
    )
    assert loader.cache.images.shape == (ROWS, 3, 10, 10)
    assert loader.cache.images.dtype == torch.uint8
    assert [op.name() for op in loader.cache.later] == ["horizontal_flip"]
    monkeypatch.setattr(type(loader.source), "row", None)  # no row is opened again
    assert len(stream(loader)) == ROWS


def test_a_draw_keeps_its_slot_behind_the_cut(digits):
    loader = build_loader(
        digits, [{"horizontal_flip": {"p": 1}}, {"equalize": {"p": 1}}, "horizontal_flip"], **ON_CPU
    )
    assert loader.cache.later.slots == ("horizontal_flip#1",)


def test_it_resumes_after_every_batch(digits):
    assert_resumes_everywhere(lambda: build_loader(digits, EXACT["drawn"], **ON_CPU), epochs=2)


def test_an_ordinary_loader_goes_on_from_its_state(digits):
    assert_resumes_everywhere(
        lambda: build_loader(digits, EXACT["drawn"], **ON_CPU),
        make_other=lambda: build_loader(digits, EXACT["drawn"], **PLAIN),
    )


def test_sampling_and_ranks_are_as_ever(digits):
    options = {"sampling": {"rows": "5:30", "weights": np.arange(ROWS)}, "world_size": 2, "rank": 1}
    plain = build_loader(digits, EXACT["drawn"], **PLAIN, **options)
    kept = build_loader(digits, EXACT["drawn"], **ON_CPU, **options)
    assert stream(kept) == stream(plain)
    assert len(kept.cache.images) == 25


def test_workers_fill_it_and_end(shapes):
    ops = [{"resize": {"size": [16, 16]}}, "barrier", "horizontal_flip"]
    loader = build_loader(shapes, ops, **ON_CPU | {"num_workers": 2})
    plain = build_loader(shapes, ops, **PLAIN)
    assert [stream(loader), stream(loader)] == [stream(plain), stream(plain)]
    assert "32 of 32 pictures, 16x16, on cpu" in loader.cache.describe()
    assert loader.cache.nbytes == 32 * 3 * 16 * 16


@pytest.mark.parametrize("on_error", ["skip", "replace"])
def test_bad_rows_are_got_over_as_ever(spoilt, on_error):
    data, options = spoilt({3, 17}), {"on_error": on_error, "shuffle": False}
    plain = build_loader(data, EXACT["drawn"], **PLAIN, **options)
    kept = build_loader(data, EXACT["drawn"], **ON_CPU, **options)
    for _ in range(2):
        assert samples_of(kept) == samples_of(plain)
    assert kept.errors == plain.errors
    assert [bad.row for bad in kept.errors] == [3, 17]


def test_a_bad_row_is_named_at_the_start(spoilt):
    with pytest.raises(DataError, match="cache='device': epoch 0: row 3"):
        build_loader(spoilt({3}), **ON_CPU)


def test_too_many_bad_rows_are_too_many(spoilt):
    data = spoilt(set(range(ROWS)))
    loader = build_loader(data, **ON_CPU, on_error="replace")
    with pytest.raises(DataError, match=r"epoch 0: row \d+ is bad, and so are 10 rows drawn"):
        list(loader)
    loader = build_loader(data, **ON_CPU, on_error="skip", max_errors=5)
    with pytest.raises(DataError, match="more than max_errors=5"):
        list(loader)


def test_a_sample_is_replayed_as_training_saw_it(digits, pipeline):
    ops = type(pipeline)([{"affine": {"degrees": 30}}], batch=["random_erasing", "normalize"])
    loader = build_loader(digits, ops, **ON_CPU, epoch=2)
    plain = build_loader(digits, ops, **PLAIN)
    for batch in loader:
        for row, image in zip(batch.index.tolist(), batch.images, strict=True):
            replayed = loader.replay(2, row)
            assert np.array_equal(replayed.image, image.permute(1, 2, 0).numpy())
            assert replayed.record == plain.replay(2, row).record


def test_a_row_that_is_not_kept_is_not_replayed(digits):
    loader = build_loader(digits, ["horizontal_flip"], **ON_CPU, sampling={"rows": "0:5"})
    with pytest.raises(DataError, match="row 9 is not kept"):
        loader.replay(0, 9)


def test_it_says_where_the_memory_is_short(digits, monkeypatch):
    monkeypatch.setattr(resident, "free_memory", lambda: ROWS * 3 * SIZE * SIZE - 1)
    with pytest.raises(DataError, match=r"40 pictures of 20x20 take .* GB, and cpu has"):
        build_loader(digits, **ON_CPU)
    monkeypatch.setattr(resident, "free_memory", lambda: ROWS * 3 * SIZE * SIZE)
    assert len(build_loader(digits, **ON_CPU)) == 6


@pytest.mark.parametrize(
    ("ops", "error", "message"),
    [
        (["horizontal_flip"], PlanError, "come out in one size.*put `barrier` behind them"),
        (
            [{"resize": {"size": [16, 16]}}, {"affine": {"degrees": 9}}],
            PlanError,
            "put `barrier` behind them",
        ),
        (
            [{"resize": {"size": [16, 16]}}, "jpeg_compression"],
            RecipeError,
            "jpeg_compression#0 runs on sin",
        ),
        ([{"resize": {"size": [16, 16]}}, "mixup"], RecipeError, "mixup mixes rows of the dataset"),
        ([{"random_iou_crop": {}}], RecipeError, "random_iou_crop works on single pictures"),
        ([{"five_crop": {"size": 8}}], RecipeError, "five_crop works on single pictures"),
        ([lambda image: image], RecipeError, "lambda.* runs on single pictures only"),
        ([{"one_of": {"ops": ["equalize", "jpeg_compression"]}}], RecipeError, "single pictures"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_pipelines_that_cannot_run_there_are_refused_by_name(shapes, ops, error, message):
    with pytest.raises(error, match=message):
        build_loader(shapes, ops, **ON_CPU)


def test_targets_that_would_be_lost_are_refused(shapes):
    with pytest.raises(TargetError, match="these have boxes too"):
        build_loader(shapes.parent / "scenes.json", [{"resize": {"size": [16, 16]}}], **ON_CPU)


def test_what_may_be_drawn_anew_is_refused():
    with pytest.raises(DataError, match="what MappedDataset returns may be drawn anew"):
        build_loader([np.zeros((8, 8, 3), np.uint8)], **ON_CPU)


def test_it_has_to_know_where(digits):
    with pytest.raises(RecipeError, match="give a device"):
        build_loader(digits, **ON_CPU | {"device": None})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_all_but_provenance_is_there(digits):
    loader = build_loader(digits, EXACT["drawn"], **ON_CPU | {"device": "cuda"})
    plain = build_loader(digits, EXACT["drawn"], **PLAIN)
    assert loader.cache.images.is_cuda
    batches = list(loader)
    assert all(batch.images.is_cuda and batch.labels.is_cuda for batch in batches)
    assert stream(batch.to("cpu") for batch in batches) == stream(plain)
    torch.cuda.set_sync_debug_mode("error")
    try:
        list(loader)
    finally:
        torch.cuda.set_sync_debug_mode("default")
