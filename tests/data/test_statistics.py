import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from augpipe.data.arrays import ArrayDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.statistics import Statistics, measure
from augpipe.errors import DataError

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"


def pictures(count=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 9, 7, 3), np.uint8)


def test_mean_and_deviation_are_numpys():
    images = pictures()
    found = measure(ArrayDataset(images))
    scaled = images.astype(np.float64) / 255
    assert found.mean == pytest.approx(scaled.mean((0, 1, 2)), rel=1e-12)
    assert found.std == pytest.approx(scaled.std((0, 1, 2)), rel=1e-12)
    assert found.sizes.tolist() == [[9, 7]] * 40


def test_pixels_count_alike_whatever_the_size_of_their_picture():
    dataset = FolderDataset(SHAPES)
    pixels = np.concatenate([dataset[i].image.reshape(-1, 3) for i in range(len(dataset))]) / 255
    found = measure(dataset)
    assert found.mean == pytest.approx(pixels.mean(0), rel=1e-12)
    assert found.std == pytest.approx(pixels.std(0), rel=1e-12)
    assert found.sizes.tolist() == [list(dataset[i].image.shape[:2]) for i in range(len(dataset))]


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing_and_all_rows_are_told(threads):
    told = []
    found = measure(ArrayDataset(pictures()), threads=threads, on_rows=told.append)
    assert np.array_equal(found.counts, measure(ArrayDataset(pictures())).counts)
    assert sum(told) == 40


def test_of_some_rows_it_is_what_a_dataset_of_them_gives():
    images, rows = pictures(), np.array([3, 31, 4])
    found = measure(ArrayDataset(images), rows=rows)
    assert np.array_equal(found.counts, measure(ArrayDataset(images[rows])).counts)
    assert len(found.sizes) == 3


def test_pictures_that_cannot_be_read_are_left_out_or_an_error(tmp_path):
    (tmp_path / "kind").mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(next(SHAPES.rglob("*.jpg")), tmp_path / "kind" / name)
    dataset = FolderDataset(tmp_path)
    whole = measure(dataset)
    (tmp_path / "kind" / "b.jpg").write_bytes(b"no picture")
    assert np.array_equal(measure(dataset, skip_bad=True).counts * 2, whole.counts)
    with pytest.raises(DataError, match=r"b\.jpg"):
        measure(dataset)


def test_nothing_overflows_and_nothing_cancels():
    counts = np.zeros((3, 256), np.int64)
    counts[:, 254:] = 2**50  # a quadrillion pixels each, next to each other
    found = Statistics(counts, np.ones((1, 2), np.int64))
    assert found.mean == (254.5 / 255,) * 3
    assert found.std == pytest.approx([0.5 / 255] * 3, rel=1e-15)


def test_one_colour_has_no_deviation():
    found = measure(ArrayDataset(np.full((3, 5, 5, 3), 77, np.uint8)))
    assert found.mean == (77 / 255,) * 3
    assert found.std == (0, 0, 0)
    assert not any(map(math.isnan, found.std))


def test_an_empty_dataset_has_no_statistics():
    class Empty(ArrayDataset):
        def __len__(self):
            return 0

    with pytest.raises(DataError, match="no rows"):
        measure(Empty(pictures(1)))
