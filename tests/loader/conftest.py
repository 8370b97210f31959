"""A folder, and a pipeline in which every kind of step takes part."""

from __future__ import annotations

from pathlib import Path

import pytest

from augpipe import Pipeline


@pytest.fixture
def shapes() -> Path:
    """32 pictures of 4 classes and many sizes."""
    return Path(__file__).parents[2] / "samples" / "shapes"


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(
        [
            {"random_resized_crop": {"size": 32}},
            "horizontal_flip",
            {"affine": {"degrees": 15}},
            {"color_jitter": {"contrast": 0.4, "hue": 0.1}},
            {"gaussian_blur": {"p": 0.5}},
        ],
        batch=["random_erasing", "normalize"],
    )
