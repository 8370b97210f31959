"""Which part of a picture a warp looks at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augpipe import Pipeline
from augpipe.execute.warp import meets_horizon
from augpipe.plan import Border, Plan, Warp
from augpipe.region import Region, union

FLIP = {"horizontal_flip": {"p": 1}}


def seen(matrix, out, source, **options):
    step = Warp(np.array(matrix, np.float64)[None], np.array([out]), **options)
    return Plan(np.array([source]), (step,)).sight.regions[0]


def shifted(x, y, scale=1.0):
    return [[scale, 0, x], [0, scale, y], [0, 0, 1]]


def test_a_crop_sees_itself_and_a_margin():
    assert seen(shifted(30, 20), (10, 15), (100, 100)) == Region(17, 27, 33, 48)


def test_the_margin_grows_with_the_cells_of_area_means():
    assert seen(shifted(80, 60, 4), (10, 15), (200, 300)) == Region(48, 68, 112, 152)


def test_the_margin_ends_at_the_picture():
    assert seen(shifted(1, 2), (10, 15), (13, 100)) == Region(0, 0, 13, 19)


@pytest.mark.parametrize(
    "matrix",
    [
        shifted(0, 0),
        shifted(-5, -5),
        [[1, 0, 20], [0, 1, 20], [-0.3, 0, 1]],
        [[1, 0, 20], [0, 1, 20], [-0.0999, 0, 1]],
    ],
    ids=["all", "more", "beyond the horizon", "close to it"],
)
def test_none_is_the_whole_picture(matrix):
    assert seen(matrix, (50, 10), (40, 8)) is None


def test_nearest_neighbours_keep_the_whole_picture():
    assert seen(shifted(30, 20), (10, 15), (100, 100), interpolation="nearest") is None


@pytest.mark.parametrize("ops", [[], ["barrier", FLIP], [{"brightness": {"factor": 0.5}}, FLIP]])
def test_what_does_not_begin_with_a_warp_sees_everything(ops):
    assert Pipeline(ops).plan([(40, 60)] * 3).sight.regions == [None] * 3


def test_a_mirror_at_the_edge_shows_what_lies_inside():
    reflect = Border("reflect")
    assert seen(shifted(40, -30), (40, 10), (100, 100)) == Region(0, 37, 13, 53)
    assert seen(shifted(40, -30), (40, 10), (100, 100), border=reflect) == Region(0, 37, 33, 53)
    assert seen(shifted(40, 90), (40, 10), (100, 100), border=reflect) == Region(67, 37, 100, 53)
    assert seen(shifted(40, -250), (40, 10), (100, 100), border=reflect) == Region(0, 37, 100, 53)


@pytest.mark.parametrize("far", [-500, 500])
def test_beside_the_picture_its_edge_is_left(far):
    region = seen(shifted(far, 20), (10, 10), (100, 100))
    assert (region.left, region.right) == ((0, 3) if far < 0 else (97, 100))


RECTANGLE = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda r: Region(r[0], r[1], r[0] + r[2], r[1] + r[3])
)


@given(st.lists(RECTANGLE, min_size=1))
def test_a_union_is_the_smallest_that_holds_all(regions):
    whole = union(regions)
    columns = list(zip(*regions, strict=True))
    assert whole == (*map(min, columns[:2]), *map(max, columns[2:]))
    assert union([*regions, None]) is None


def test_a_row_alone_sees_what_it_sees_among_others():
    ops = [{"affine": {"degrees": 90, "scale": [0.2, 3]}}, {"random_resized_crop": {"size": 20}}]
    sizes = np.random.default_rng(0).integers(10, 300, (30, 2))
    together = Pipeline(ops).plan(sizes, index=np.arange(30)).sight.regions
    apart = [Pipeline(ops).plan(size, index=i).sight.regions[0] for i, size in enumerate(sizes)]
    assert together == apart
    assert len(set(together)) > 10


def test_where_the_horizon_is_in_sight_all_is_seen():
    rng = np.random.default_rng(0)
    met = 0
    for _ in range(300):
        matrix = np.array([[0.3, 0, 50], [0, 0.3, 50], [*rng.normal(0, 0.03, 2), 1]])
        if meets_horizon(matrix, (30, 40)):
            met += 1
            assert seen(matrix, (30, 40), (200, 200)) is None
    assert met > 50
