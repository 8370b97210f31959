"""Every way in which a file can be bad, and every way to get over it, with workers and without."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augpipe import build_loader
from augpipe.errors import DataError
from augpipe.testing import samples_of

BAD = 5  # of the rows


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(
        buffer, "JPEG"
    )
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of few bytes that says it is 50,000 x 50,000."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk


def write(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


def make_folder(file: Path) -> None:
    """In the place of what may not be read: the superuser may read all."""
    file.unlink()
    file.mkdir()


WAYS = {
    "truncated": write(jpeg()[: len(jpeg()) // 2]),
    "empty": write(b""),
    "a page of HTML": write(b"<!DOCTYPE html><title>404 Not Found</title>"),
    "a bomb": write(bomb()),
    "a folder": make_folder,
    "vanished": Path.unlink,
    "a pipe that nobody writes": lambda file: (file.unlink(), os.mkfifo(file)),
}


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A table of 12 pictures of two classes, in one folder."""
    lines = ["path,label"]
    for number in range(12):
        image = np.full((20, 24, 3), 20 * number, np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{'ab'[number % 2]}")
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def loader(pictures: Path, **options):
    options = {"batch_size": 4, "num_workers": 0, "seed": 1} | options
    return build_loader(pictures / "table.csv", [{"resize": {"size": [8, 8]}}], **options)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("way", WAYS)
def test_it_is_named_or_left_out_or_replaced(pictures, way, num_workers):
    WAYS[way](pictures / f"{BAD}.png")
    with pytest.raises(
        DataError, match=rf"^epoch 0: row {BAD}: .*table\.csv.*{BAD}\.png"
    ) as caught:
        list(loader(pictures, num_workers=num_workers))
    assert "\n" not in str(caught.value)
    skipping = loader(pictures, num_workers=num_workers, on_error="skip")
    shown = [row for batch in skipping for row in batch.index.tolist()]
    assert sorted(shown) == [row for row in range(12) if row != BAD]
    assert [bad.row for bad in skipping.errors] == [BAD]
    assert f"{BAD}.png" in skipping.errors[0].message
    replacing = [
        loader(pictures, num_workers=num_workers, batch_size=size, on_error="replace")
        for size in (4, 5)
    ]
    streams = [samples_of(one) for one in replacing]
    assert streams[0] == streams[1]
    assert len(streams[0]) == 12


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_batch_of_bad_rows_only_is_no_batch(pictures, num_workers):
    for number in range(4, 8):
        (pictures / f"{number}.png").write_bytes(b"")
    one = loader(pictures, num_workers=num_workers, on_error="skip", shuffle=False)
    assert [batch.index.tolist() for batch in one] == [[0, 1, 2, 3], [8, 9, 10, 11]]
    with pytest.raises(DataError, match="4 bad rows, more than max_errors=3"):
        list(loader(pictures, num_workers=num_workers, on_error="skip", max_errors=3))


def test_bad_rows_stay_where_they_are_after_resuming(pictures):
    (pictures / f"{BAD}.png").write_bytes(b"")
    whole = samples_of(loader(pictures, on_error="skip", batch_size=3))
    first = loader(pictures, on_error="skip", batch_size=3)
    batches = iter(first)
    seen = samples_of([next(batches), next(batches)])
    other = loader(pictures, on_error="skip", batch_size=5)
    other.load_state_dict(first.state_dict())
    assert seen + samples_of(other) == whole


def test_what_was_repaired_is_shown_again(pictures):
    good = shutil.copy(pictures / f"{BAD}.png", pictures / "kept")
    (pictures / f"{BAD}.png").write_bytes(b"")
    # In order: in training, workers have begun the next epoch by then.
    one = loader(pictures, num_workers=2, on_error="skip", shuffle=False)
    assert sum(map(len, one)) == 11
    shutil.move(good, pictures / f"{BAD}.png")
    assert sum(map(len, one)) == 12


def test_a_label_that_is_none_of_the_classes_is_named_before_the_first_batch(pictures):
    table = pictures / "table.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("5.png,b", "5.png,"), "utf-8")
    with pytest.raises(DataError, match=r"table\.csv: row 7 has no label"):
        loader(pictures)
