"""Data for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def shapes() -> Path:
    return Path(__file__).parents[2] / "samples" / "shapes"
