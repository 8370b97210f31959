"""What single rows of a plan go through."""

from __future__ import annotations

import numpy as np

from augpipe.plan import Branch, Kernel, Recolor, Warp
from augpipe.recolor import IDENTITY_RECOLOR
from augpipe.rows import chosen_steps, moves_pixels, own_steps, take_rows

ROWS = 3
RECOLOR = Recolor(np.arange(ROWS)[:, None, None] * IDENTITY_RECOLOR)
WARP = Warp(np.tile(np.eye(3), (ROWS, 1, 1)), np.tile([4, 6], (ROWS, 1)))
STILL = Kernel("still", {"strength": np.arange(ROWS)})
STIR = Kernel("stir", {}, moves=True)

# The first row takes the first way, the second the other, the third blends.
PARTING = np.array([[1, 0], [0, 1], [0.25, 0.75]])


def test_a_row_takes_one_way_or_none():
    branch = Branch(PARTING, ((RECOLOR, STILL), (WARP,)))
    assert [chosen_steps(branch, row) for row in range(ROWS)] == [(RECOLOR, STILL), (WARP,), None]


def test_branches_are_opened_down_to_the_blends():
    inner = Branch(PARTING, ((RECOLOR,), ()))
    steps = (STILL, Branch(np.array([[1.0, 0], [1, 0], [0, 1]]), ((inner, STILL), (inner,))))
    assert list(own_steps(steps, 0)) == [STILL, RECOLOR, STILL]
    assert list(own_steps(steps, 1)) == [STILL, STILL]
    assert list(own_steps(steps, 2)) == [STILL, inner]


def test_a_branch_moves_pixels_in_the_rows_that_go_a_way_which_does():
    nested = Branch(PARTING, ((STILL,), (STIR,)))
    for branch in (Branch(PARTING, ((RECOLOR,), (WARP,))), Branch(PARTING, ((), (nested,)))):
        assert moves_pixels(branch)
        assert [moves_pixels(branch, row) for row in range(ROWS)] == [False, True, True]
    assert not moves_pixels(Branch(PARTING, ((RECOLOR,), (STILL,))))


def test_some_rows_of_a_step_are_those_rows():
    rows = np.array([2, 0])
    branch = take_rows(Branch(PARTING, ((RECOLOR, STILL), (WARP,)), ops=("mine#0",)), rows)
    assert branch.ops == ("mine#0",)
    assert np.array_equal(branch.weights, PARTING[rows])
    ((recolor, still), (warp,)) = branch.ways
    assert np.array_equal(recolor.matrix, RECOLOR.matrix[rows])
    assert still.params["strength"].tolist() == [2, 0]
    assert warp.size.shape == (2, 2)
