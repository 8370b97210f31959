"""Where fusion is cut, and where pixels become floats."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe import Pipeline
from augpipe.errors import RecipeError
from pictures import photo

CROP = {"center_crop": {"size": [40, 40]}}
ROTATION = {"affine": {"degrees": [45, 45]}}


def test_a_barrier_shows_black_corners_where_fusion_shows_the_picture(execute):
    white = np.full((75, 100, 3), 255, np.uint8)
    fused = execute(Pipeline([CROP, ROTATION]).plan(white.shape[:2]), white)[0]
    cut = execute(Pipeline([CROP, "barrier", ROTATION]).plan(white.shape[:2]), white)[0]
    assert fused.min() == 255
    assert cut[0, 0].max() == 0
    assert cut[20, 20].min() == 255


def test_explain_says_that_the_barrier_cut():
    text = Pipeline([CROP, "barrier", ROTATION]).explain()
    assert "not one step: barrier is a pass of its own" in text


def test_to_float_scales_to_one(execute):
    done = execute(Pipeline(["to_float"]).plan(photo().shape[:2]), photo())[0]
    assert done.dtype == np.float32
    assert np.allclose(done, photo() / 255, atol=1e-7)


def test_to_float_comes_last():
    with pytest.raises(RecipeError, match="hsv comes after to_float and cannot act on normalised"):
        Pipeline(["to_float", "hsv"])
