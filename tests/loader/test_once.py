"""What is done once is the longest beginning that no draw, and no fusion, reaches into."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe import Pipeline
from augpipe.loader.once import split
from augpipe.ops.base import Op
from augpipe.plan import Lookup


class Halved(Op):
    """A table that is always the same."""

    def lower(self, params, size):
        return Lookup(np.broadcast_to(np.arange(256, dtype=np.uint8) // 2, (len(size), 3, 256)))


RESIZE = {"resize": {"size": [16, 16]}}
FLIP = {"horizontal_flip": {"p": 1}}
EQUALIZE = {"equalize": {"p": 1}}
GREY = {"grayscale": {"p": 1}}


@pytest.mark.parametrize(
    ("ops", "count"),
    [
        ([], 0),
        ([RESIZE], 1),
        ([RESIZE, FLIP, EQUALIZE], 3),
        ([RESIZE, "horizontal_flip"], 0),  # one warp
        ([RESIZE, EQUALIZE, "horizontal_flip"], 2),
        ([EQUALIZE, RESIZE, "horizontal_flip"], 1),
        ([RESIZE, "barrier", "horizontal_flip"], 2),
        ([RESIZE, "color_jitter"], 1),
        ([GREY, "color_jitter"], 0),  # one matrix
        # One table, where the matrix that is drawn happens to be diagonal.
        ([Halved(), {"color_jitter": {"saturation": 0.4}}], 0),
        ([EQUALIZE, "normalize"], 1),  # kept as uint8
        ([{"horizontal_flip": {"p": 0.5}}, EQUALIZE], 0),
        ([{"horizontal_flip": {"p": 0}}, EQUALIZE], 2),
        (["random_erasing"], 0),
    ],
    ids=str,
)
def test_the_cut_is_where_nothing_is_drawn_and_nothing_fuses(ops, count):
    pipeline = Pipeline(ops)
    once, later = split(pipeline, (20, 30))
    assert len(once) == count
    assert (*once.ops, *later.ops) == pipeline.ops
    assert (*once.slots, *later.slots) == pipeline.slots


@pytest.mark.parametrize("ops", [[RESIZE, EQUALIZE, "horizontal_flip", {"affine": {"degrees": 9}}]])
def test_both_parts_draw_what_the_whole_draws(ops):
    pipeline = Pipeline(ops)
    once, later = split(pipeline, (20, 30))
    key = {"seed": 5, "epoch": 2, "index": np.arange(8)}
    record = [plan.params(3) for plan in (once.plan((20, 30), **key), later.plan((16, 16), **key))]
    assert (*record[0], *record[1]) == pipeline.plan((20, 30), **key).params(3)
