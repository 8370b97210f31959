"""Rectangles of JPEG files are those of the whole picture, or are not decoded at all."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg

from augpipe.data import decode as decoding
from augpipe.data import jpeg
from augpipe.data.decode import decoder_name, open_image
from augpipe.errors import DecodeError
from augpipe.region import Region
from encoded import encode, smooth

needs_extension = pytest.mark.skipif(
    jpeg.region_decoder() is None, reason="the extension for JPEG regions was not built here"
)

SIZES = [(1, 1), (8, 8), (7, 9), (16, 16), (17, 33), (61, 83), (130, 203), (3, 200), (200, 3)]
SCALES = [1, 2, 4, 8]


def noise(size, channels=3):
    return np.random.default_rng(size[0]).integers(0, 256, (*size, channels), dtype=np.uint8)


def flavours(size) -> Iterator[tuple[str, bytes]]:
    """One picture in every way in which JPEG files are commonly written."""
    picture = noise(size)
    grey = np.ascontiguousarray(picture[..., :1])
    for chroma in ("444", "422", "420", "440", "411"):
        yield chroma, simplejpeg.encode_jpeg(picture, 90, "RGB", chroma)
    yield "grey", simplejpeg.encode_jpeg(grey, 90, "GRAY")
    for progressive, restart, chroma in itertools.product([False, True], [0, 1, 3], [0, 1, 2]):
        options = {"restart_marker_blocks": restart} if restart else {}
        name = f"{chroma} progressive {progressive} restart {restart}"
        options |= {"subsampling": chroma, "progressive": progressive, "quality": 92}
        yield name, encode(picture, "JPEG", **options)
    yield "progressive grey", encode(grey, "JPEG", progressive=True)
    yield "RGB", encode(picture, "JPEG", keep_rgb=True)


def by_simplejpeg(data, size, scale):
    height, width = (-(-extent // scale) for extent in size)
    return simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)


def rectangles(size, seed, count):
    """Random rectangles of a picture, and its corners and edges."""
    height, width = size
    rng = np.random.default_rng(seed)
    yield Region(0, 0, height, width)
    yield from (Region(0, 0, 1, 1), Region(height - 1, width - 1, height, width))
    for _ in range(count):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        bottom, right = rng.integers(top, height) + 1, rng.integers(left, width) + 1
        yield Region(top, left, int(bottom), int(right))


@needs_extension
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_rectangle_is_that_of_the_whole_picture(size):
    for name, data in flavours(size):
        for scale in SCALES if max(size) > 8 else [1]:
            whole = by_simplejpeg(data, size, scale)
            for region in rectangles(whole.shape[:2], scale, 8):
                top, left, bottom, right = region
                part = jpeg.decode_region(data, size, scale, region)
                assert part is not None, (name, scale, region)
                assert np.array_equal(part, whole[top:bottom, left:right]), (name, scale, region)


def damaged(data: bytes, seed: int) -> bytes:
    """The file with flipped bits, inserted markers, a piece lost, or its end."""
    rng = np.random.default_rng(seed)
    bytes_ = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(bytes_)))
        match int(rng.integers(5)):
            case 0:
                bytes_[at] ^= 1 << int(rng.integers(8))
            case 1:
                bytes_[at] = int(rng.integers(256))
            case 2:
                bytes_[at:at] = bytes([0xFF, int(rng.integers(0xC0, 0xFF))])
            case 3:
                del bytes_[at : at + min(int(rng.integers(1, 40)), len(bytes_) - 1)]
            case _:
                del bytes_[at + 1 :]
    return bytes(bytes_)


def tried(data, size, scale):
    """The whole picture by simplejpeg, or None."""
    try:
        return by_simplejpeg(data, size, scale)
    except ValueError:
        return None


@needs_extension
@pytest.mark.parametrize("progressive", [False, True])
def test_damage_gives_the_pixels_of_the_full_decoder_or_nothing(progressive):
    """Where a rectangle reaches the last row, nothing that a full decode notices escapes."""
    size = (45, 70)
    given = refused = 0
    for seed in range(3000):
        options = {"subsampling": seed % 3, "restart_marker_blocks": seed % 2 * 2}
        data = damaged(encode(smooth(*size), "JPEG", progressive=progressive, **options), seed)
        scale = SCALES[seed % 4]
        height, width = (-(-extent // scale) for extent in size)
        whole = tried(data, size, scale)
        for region in rectangles((height, width), seed, 1):
            part = jpeg.decode_region(data, size, scale, region)
            given, refused = given + (part is not None), refused + (part is None)
            if part is not None and (whole is not None or region.bottom == height):
                top, left, bottom, right = region
                assert np.array_equal(part, whole[top:bottom, left:right]), (seed, region)
    assert min(given, refused) > 500


@needs_extension
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 1])
def test_a_truncated_file_is_noticed_wherever_the_rectangle_lies(progressive, restart):
    size = (64, 48)
    data = encode(noise(size), "JPEG", progressive=progressive, restart_marker_blocks=restart)
    top = Region(0, 0, 4, 4)
    assert jpeg.decode_region(data, size, 1, top) is not None
    for end in range(2, len(data), 7):
        assert jpeg.decode_region(data[:end], size, 1, top) is None
    assert jpeg.decode_region(data[:-1], size, 1, top) is None


@needs_extension
@pytest.mark.parametrize("marker", [0xC0, 0xD8, 0xDA, 0xE0])
def test_a_picture_that_something_else_breaks_into_is_not_whole(marker):
    data = encode(noise((64, 48)), "JPEG")
    for broken in (data[:-99] + bytes([0xFF, marker]) + data[-99:], data[:-99] + data):
        assert jpeg.decode_region(broken, (64, 48), 1, Region(0, 0, 4, 4)) is None


@needs_extension
def test_what_follows_the_picture_does_not_matter():
    """Cameras append a second picture, a film, or what their maker wants to remember."""
    data = encode(noise((64, 48)), "JPEG")
    for extra in (b"\0" * 10, data, b"\xff\xd9", b"\xff" * 3, b"SEFT"):
        assert jpeg.decode_region(data + extra, (64, 48), 1, Region(0, 0, 4, 4)) is not None
    filled = data[:-2] + b"\xff\xff\xff\xd9"
    assert jpeg.decode_region(filled, (64, 48), 1, Region(0, 0, 4, 4)) is not None


@needs_extension
@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", (64, 48)),
        (b"\xff\xd8", (64, 48)),
        (encode(noise((64, 48)), "PNG"), (64, 48)),
        (encode(noise((64, 48)), "JPEG"), (63, 48)),
        (encode(noise((64, 48)), "JPEG"), (64, 47)),
        (encode(noise((64, 48), 4)[..., :3], "JPEG").replace(b"\xff\xc0", b"\xff\xc9"), (64, 48)),
    ],
    ids=["empty", "a beginning", "PNG", "another height", "another width", "arithmetic"],
)
def test_what_it_does_not_know_it_leaves_to_others(data, size):
    assert jpeg.decode_region(data, size, 1, Region(0, 0, 4, 4)) is None


@needs_extension
def test_cmyk_is_left_to_others():
    from PIL import Image

    data = encode(Image.fromarray(noise((64, 48))).convert("CMYK"), "JPEG")
    assert jpeg.decode_region(data, (64, 48), 1, Region(0, 0, 4, 4)) is None


@needs_extension
@pytest.mark.parametrize(
    ("scale", "region", "held"),
    [
        (0, (0, 0, 4, 4), 48),
        (9, (0, 0, 4, 4), 48),
        (1, (0, 0, 4, 4), 47),
        (1, (4, 0, 4, 4), 0),
        (1, (0, 5, 4, 4), 48),
        (1, (0, 0, 2**20, 1), 3 * 2**20),
        (1, (0, 0, 4, 4, 1), 48),
        (1, (0, 0, 4, 4, 2**17), 12 * (4 + 2**18)),
    ],
)
def test_a_buffer_that_does_not_hold_the_rectangle_is_refused(scale, region, held):
    data = encode(noise((64, 48)), "JPEG")
    extension = jpeg._trusted()
    with pytest.raises(ValueError, match="the buffer does not hold that rectangle"):
        extension.decode_into(data, bytearray(held), 64, 48, scale, *(*region, 0)[:5])


@needs_extension
def test_a_rectangle_beyond_the_picture_is_refused():
    data = encode(noise((64, 48)), "JPEG")
    assert jpeg.decode_region(data, (64, 48), 1, Region(0, 0, 65, 4)) is None
    assert jpeg.decode_region(data, (64, 48), 2, Region(0, 0, 4, 25)) is None


# And what a source makes of it, with and without the extension.


@pytest.fixture(params=[True, False], ids=["with", "without"])
def extension(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(jpeg, "_trusted", lambda: None)
    elif jpeg.region_decoder() is None:
        pytest.skip("the extension for JPEG regions was not built here")
    return request.param


def turned(size, orientation, **options):
    """A source of a JPEG with that EXIF orientation."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    return open_image(encode(noise(size), "JPEG", exif=exif, **options), "a/file")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(61, 83), (7, 5), (130, 203)], ids=str)
def test_a_region_of_a_file_lies_where_its_matrix_says(size, orientation, extension):
    source = turned(size, orientation)
    for scale in SCALES:
        whole = source.decode(scale)
        for region in rectangles(source.size, scale, 10):
            part = source.decode(scale, region)
            assert (part.matrix[:, :2] == whole.matrix[:, :2]).all()
            left, top = (whole.matrix - part.matrix)[:2, 2]
            assert left % 1 == top % 1 == 0
            height, width = part.image.shape[:2]
            same = whole.image[int(top) :, int(left) :][:height, :width]
            assert np.array_equal(part.image, same)
            y0, x0, y1, x1 = region
            corners = part.matrix @ np.array([[x0, x1], [y0, y1], [1, 1]])
            assert (corners[:2].min(axis=1) >= 0).all()
            low, high = corners[:2].min(axis=1), corners[:2].max(axis=1)
            assert (low > -1).all()
            assert (np.ceil(high) <= (width, height)).all()
            if extension and scale < max(size) / 4:
                assert (low < 1).all()
                assert (np.ceil(high) == (width, height)).all()


def test_a_region_as_large_as_the_file_is_the_file(extension):
    source = turned((61, 83), 1)
    assert np.array_equal(source.decode(2, Region(0, 0, 61, 83)).matrix, source.decode(2).matrix)


def test_a_file_that_is_damaged_in_the_region_is_an_error_with_one_wording(extension):
    source = turned((61, 83), 1)
    cut = open_image(source.data[:-200], "a/file")
    with pytest.raises(DecodeError) as whole:
        cut.decode()
    with pytest.raises(DecodeError) as part:
        cut.decode(1, Region(0, 0, 10, 10))
    assert str(part.value) == str(whole.value)


@pytest.mark.parametrize("scale", SCALES)
def test_odd_but_whole_files_come_out_at_the_scale_that_was_asked_for(scale, extension):
    """Some cameras fill up the last block: damage that is none, and noticed only at the end."""
    data = encode(noise((61, 83)), "JPEG")
    odd = open_image(data[:-2] + b"\0" * 9 + data[-2:], "a/file")
    good = open_image(data, "a/file")
    for asked in [(scale,), (scale, Region(0, 0, 30, 40)), (scale, Region(30, 8, 61, 83))]:
        found, expected = odd.decode(*asked), good.decode(scale)
        left, top = (expected.matrix - found.matrix)[:2, 2].astype(int)
        height, width = found.image.shape[:2]
        assert np.array_equal(found.image, expected.image[top:, left:][:height, :width])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_other_formats_are_decoded_whole(kind):
    source = open_image(encode(smooth(31, 45), kind), "a/file")
    part = source.decode(1, Region(3, 4, 9, 11))
    assert part.image.shape == (31, 45, 3)
    assert np.array_equal(part.matrix, np.eye(3))


# Who is trusted.


def test_the_name_says_whether_regions_are_decoded(extension):
    versions = f"simplejpeg {simplejpeg.__version__}"
    expected = f"regions by {jpeg.region_decoder()}" if extension else "no regions"
    assert decoder_name() == f"{versions}, {expected}"


def test_an_extension_that_was_built_is_trusted():
    pytest.importorskip("augpipe.data._jpeg")
    assert jpeg.region_decoder() is not None


def test_an_extension_that_was_not_built_is_done_without(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(jpeg.importlib, "import_module", missing)
    assert jpeg._trusted.__wrapped__() is None


@needs_extension
@pytest.mark.parametrize("fault", ["off by one level", "refuses"])
def test_an_extension_that_decodes_otherwise_is_not_trusted(fault, monkeypatch):
    """So a libjpeg that rounds otherwise costs time, and no bit."""
    good = jpeg._trusted()

    def decode_into(data, out, *rest):
        done = good.decode_into(data, out, *rest)
        out[-1, :, 0] ^= fault == "off by one level"
        return done and fault != "refuses"

    other = types.SimpleNamespace(decode_into=decode_into, LIBRARY="libjpeg 9")
    monkeypatch.setattr(jpeg.importlib, "import_module", lambda name: other)
    assert jpeg._trusted.__wrapped__() is None
    monkeypatch.setattr(other, "decode_into", good.decode_into)
    assert jpeg._trusted.__wrapped__() is other
    monkeypatch.setattr(other, "decode_into", lambda data, out, height, width: True)
    assert jpeg._trusted.__wrapped__() is None, "built of an older source"


def test_the_decoder_asks_for_rectangles_of_the_stored_picture(monkeypatch):
    asked = []
    monkeypatch.setattr(decoding, "decode_region", lambda *given: asked.append(given[1:]))
    source = turned((61, 83), 6)
    source.decode(2, Region(10, 20, 30, 33))
    assert asked == [((61, 83), 2, Region(14, 5, 21, 15))]
    source.decode(1, Region(0, 0, *source.size))
    source.decode(1)
    assert len(asked) == 1
