"""The short way through a JPEG's header says what Pillow says, or nothing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from augpipe.data import header
from augpipe.data.decode import open_image
from augpipe.data.header import read_header
from augpipe.data.jpeg_header import read_jpeg_header
from augpipe.errors import DecodeError
from encoded import encode, smooth


def exif(orientation: int) -> Image.Exif:
    own = Image.Exif()
    own[0x0112] = orientation
    return own


FLAVOURS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 2},
    "comment": {"comment": b"a word"},
    "profile": {"icc_profile": b"p" * 300},
    "turned": {"exif": exif(6)},
    "mirrored": {"exif": exif(2)},
    "wrong turn": {"exif": exif(99)},
    "long": {"exif": exif(8), "icc_profile": b"p" * 100_000, "comment": b"c" * 9000},
}


def jpeg(flavour: str, mode: str = "RGB") -> bytes:
    image = Image.fromarray(smooth(40, 52)).convert(mode)
    return encode(image, "JPEG", **FLAVOURS[flavour])


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_says_what_pillow_says(flavour, mode, monkeypatch):
    data = jpeg(flavour, mode)
    assert read_jpeg_header(data) is not None
    ours = read_header(data)
    monkeypatch.setattr(header, "read_jpeg_header", lambda _: None)
    assert ours == read_header(data)


@pytest.mark.parametrize("data", [jpeg("baseline", "CMYK"), encode(smooth(9, 12)), b"", b"\xff"])
def test_it_leaves_what_is_odd_to_pillow(data):
    assert read_jpeg_header(data) is None


@pytest.mark.filterwarnings("ignore:Tag data larger than file", "ignore:Possibly corrupt EXIF")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_of_damaged_files_it_says_what_pillow_says_or_they_cannot_be_decoded(flavour, monkeypatch):
    rng = np.random.default_rng(0)
    whole = np.frombuffer(jpeg(flavour), np.uint8)
    said = 0
    for _ in range(300):
        damaged = whole.copy()
        places = rng.integers(0, min(len(whole), 700), rng.integers(1, 4))
        damaged[places] = rng.integers(0, 256, len(places))
        data = damaged.tobytes()[: rng.choice([len(whole), rng.integers(len(whole))])]
        ours = header._ordinary_jpeg(data)
        if ours is None:
            continue
        said += 1
        try:
            theirs = header._by_pillow(data)
        except DecodeError:
            with pytest.raises(DecodeError):
                open_image(data, "it").decode()
            continue
        assert ours == theirs
    assert said > 20
