"""A folder of pictures."""

import numpy as np
import pytest

from encoded import encode


@pytest.fixture
def class_folders(tmp_path):
    """Two classes with two pictures each, whose colour tells which they are."""
    root = tmp_path / "animals"
    for number, name in enumerate(("cat/b.png", "cat/a.JPG", "dog/deep/er/d.png", "dog/c.png")):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        kind = {".png": "PNG", ".JPG": "JPEG"}[file.suffix]
        file.write_bytes(encode(np.full((8, 10, 3), 40 * number, np.uint8), kind))
    return root
