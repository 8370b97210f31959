"""Every way to carry out a table or a matrix gives the same."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.execute.cv2.color import look_up, recolor
from augpipe.recolor import IDENTITY_RECOLOR

LEVELS = np.arange(256, dtype=np.uint8)
TABLES = {
    **{f"invert from {t}": np.where(t <= LEVELS, 255 - LEVELS, LEVELS) for t in range(257)},
    **{f"lose {bits} bits": LEVELS >> bits << bits for bits in range(9)},
    "neither": LEVELS // 3,
}


@pytest.fixture
def image(noise: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(noise)


def test_every_table_is_what_it_says(image):
    for name, table in TABLES.items():
        assert np.array_equal(look_up(image, np.tile(table, (3, 1))), table[image]), name


def test_channels_have_tables_of_their_own(image):
    tables = np.stack([255 - LEVELS, LEVELS, LEVELS // 2])
    for rolled in (np.roll(tables, n, axis=0) for n in range(3)):
        expected = np.stack([rolled[c][image[:, :, c]] for c in range(3)], axis=2)
        assert np.array_equal(look_up(image, rolled), expected)


def test_mirrored_views_are_looked_up_alike(image):
    for table in TABLES.values():
        tables = np.tile(table, (3, 1))
        assert np.array_equal(look_up(image[:, ::-1], tables), look_up(image, tables)[:, ::-1])


def test_the_negative_is_exact_and_leaves_its_input_alone(image):
    before = image.copy()
    white = np.hstack([np.zeros((3, 6)), np.ones((3, 1))])
    assert np.array_equal(recolor(image, white - IDENTITY_RECOLOR), 255 - image)
    assert np.array_equal(image, before)
