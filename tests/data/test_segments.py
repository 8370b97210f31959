import cv2
import numpy as np
import pytest

from augpipe.data.segments import fill_polygon, fill_runs, join_polygons, read_runs
from augpipe.errors import DataError


def inside(points, x, y):
    """Even-odd, one ray at a time: the oracle."""
    odd = False
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if (y0 <= y) != (y1 <= y):
            odd ^= x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x
    return odd


@pytest.mark.parametrize("seed", range(8))
def test_a_pixel_is_in_a_polygon_when_its_centre_is(seed):
    height, width = 13, 17
    points = np.random.default_rng(seed).uniform((-6, -6), (23, 19), (3 + seed, 2))
    expected = [[inside(points, x + 0.5, y + 0.5) for x in range(width)] for y in range(height)]
    mask = fill_polygon(points, (height, width))
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, np.array(expected, np.uint8))


def test_a_rectangle_covers_its_pixels_and_no_more():
    mask = fill_polygon(np.array([[2.0, 1], [5, 1], [5, 3], [2, 3]]), (6, 8))
    assert mask[1:3, 2:5].all()
    assert mask.sum() == 6


def test_polygons_that_share_an_edge_share_no_pixel():
    corners = np.array([[1.5, 1.5], [9.5, 2.5], [8.5, 9.5], [0.5, 8.5]])
    parts = [fill_polygon(corners[list(part)], (12, 12)) for part in ((0, 1, 2), (0, 2, 3))]
    assert np.array_equal(parts[0] + parts[1], fill_polygon(corners, (12, 12)))


@pytest.mark.parametrize("seed", range(4))
def test_opencv_agrees_but_for_the_pixels_that_the_outline_touches(seed):
    points = np.random.default_rng(seed).uniform(5, 95, (3, 2))
    filled = np.zeros((100, 100), np.uint8)
    cv2.fillPoly(filled, [np.rint((points - 0.5) * 256).astype(np.int32)], 1, shift=8)
    mask = fill_polygon(points, (100, 100))
    assert not (mask & ~filled).any()
    assert not (cv2.erode(filled, np.ones((3, 3), np.uint8)) & ~mask).any()


def test_corners_far_away_make_a_mask():
    rng = np.random.default_rng(0)
    for _ in range(200):
        points = rng.normal(0, 10.0 ** rng.integers(0, 9), (rng.integers(3, 9), 2)).round(1)
        mask = fill_polygon(points, (5, 4))
        assert mask.shape == (5, 4)
        assert mask.max() <= 1


def compress(counts):
    """COCO's string form, from its description: the inverse of what is tested."""
    text = ""
    for at, count in enumerate(counts):
        rest = count - counts[at - 2] if at > 2 else count
        more = True
        while more:
            group, rest = rest & 31, rest >> 5
            more = rest != (-1 if group & 16 else 0)
            text += chr(48 + group + 32 * more)
    return text


def runs_of(mask):
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *counts] if flat[0] else counts


@pytest.mark.parametrize("seed", range(10))
def test_run_lengths_of_both_forms_are_the_mask(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 60, 2))
    mask = (cv2.blur(rng.random(size), (3, 3)) > 0.5).astype(np.uint8)
    counts = runs_of(mask)
    for form in (counts, compress(counts)):
        assert np.array_equal(fill_runs(read_runs(form, mask.size), mask.shape), mask)


def test_a_string_as_coco_writes_it():
    # 6, then 1, 40, 4 and two numbers of which one is a difference below zero; by hand.
    assert read_runs("61X14N6", 6 + 1 + 40 + 5 + 38 + 11).tolist() == [6, 1, 40, 5, 38, 11]


def test_damaged_strings_are_read_or_refused():
    rng = np.random.default_rng(0)
    whole = compress([6, 1, 40, 5, 38, 11, 100_000, 3])
    read = 0
    for _ in range(2000):
        codes = [ord(character) for character in whole]
        for at in rng.integers(0, len(codes), rng.integers(1, 4)):
            codes[at] = int(rng.integers(40, 128))
        text = "".join(map(chr, codes[: rng.integers(len(codes) + 1)]))
        pixels = int(rng.integers(0, 100))
        try:
            runs = read_runs(text, pixels)
        except DataError:
            continue
        read += 1
        assert runs.sum() == pixels
        assert (runs >= 0).all()
    assert read


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("o", "not characters of"),
        ("é", "not characters of"),
        ("oooooooo0", "a number is too long"),
        ([3, -1, 2], "shortest is -1"),
        ([3, 2], "add up to 5 of 4 pixels"),
        ([1.5, 2.5], "expected whole numbers"),
        ([True, 3], "expected whole numbers"),
        ([10**30], "expected whole numbers"),
        (None, "expected whole numbers"),
    ],
)
def test_damaged_run_lengths_are_refused(counts, message):
    with pytest.raises(DataError, match=message):
        read_runs(counts, 4)


@pytest.mark.parametrize(
    "polygon",
    [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, "6"], [0, 0, 1, 1, 2, 1e300], "abcdef"],
)
def test_polygons_that_are_none_are_refused(polygon):
    with pytest.raises(DataError, match="a polygon"):
        join_polygons([polygon])
