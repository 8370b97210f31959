import io
import warnings
import zlib

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageCms, ImageOps

from augpipe.data.decode import open_image, upright
from augpipe.errors import DecodeError
from encoded import encode, smooth

SIZES = [(48, 64), (61, 83), (7, 9), (1, 1), (16, 1), (33, 100)]


def decode(data, **options):
    source = open_image(data, "a/file", **options)
    return upright(source.decode(), source.size)


def by_pillow(data, background=(255, 255, 255)):
    """The oracle: what Pillow makes of the file, upright and on the background."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    ground = Image.new("RGBA", image.size, (*background, 255))
    ground.alpha_composite(image)
    return np.asarray(ground.convert("RGB"))


def lossless_files():
    """Name and bytes of one picture in every flavour that Pillow writes and nothing is lost in."""
    rgba = Image.fromarray(smooth(31, 45, 4))
    rgb, grey, grey_alpha = rgba.convert("RGB"), rgba.convert("L"), rgba.convert("LA")
    palette, black_white = rgb.quantize(16), grey.convert("1")
    key, grey_key = rgb.getpixel((3, 3)), grey.getpixel((3, 3))
    yield from (
        (f"{kind} {image.mode}", encode(image, kind, **options))
        for kind, images, options in [
            ("PNG", [rgb, rgba, grey, grey_alpha, palette, black_white], {}),
            ("WEBP", [rgb, rgba], {"lossless": True, "exact": True}),
            ("BMP", [rgb, grey, palette, black_white], {}),
            ("TIFF", [rgb, rgba, grey, grey_alpha, palette, black_white], {}),
            ("TIFF", [rgb.convert("CMYK")], {"compression": "tiff_lzw"}),
            ("GIF", [palette, grey], {}),
            ("PPM", [rgb, grey, black_white], {}),
            ("JPEG2000", [rgb, rgba, grey, grey_alpha], {}),
        ]
        for image in images
    )
    yield "PNG P, one transparent", encode(palette, transparency=3)
    yield "PNG P, each its alpha", encode(palette, transparency=bytes(range(0, 160, 10)))
    yield "PNG L, one transparent", encode(grey, transparency=grey_key)
    yield "PNG RGB, one transparent", encode(rgb, transparency=key)
    yield "GIF P, one transparent", encode(palette, "GIF", transparency=3)


@pytest.mark.parametrize(
    ("name", "data"), list(lossless_files()), ids=lambda value: str(value)[:24]
)
def test_lossless_files_come_out_as_in_pillow(name, data):
    for background in ((255, 255, 255), (10, 200, 90)):
        ours, theirs = decode(data, background=background), by_pillow(data, background)
        # Pillow rounds its blend otherwise, by one.
        assert np.abs(ours.astype(int) - theirs).max() <= 1, name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_comes_out_as_in_pillow(size, options):
    data = encode(smooth(*size), "JPEG", quality=90, **options)
    # The same library in two versions: they may round the inverse transform differently, by one.
    assert np.abs(decode(data).astype(int) - by_pillow(data)).max() <= 1


def test_grey_jpeg_becomes_rgb():
    data = encode(smooth(20, 30, 1), "JPEG")
    np.testing.assert_array_equal(decode(data), by_pillow(data))


@pytest.mark.parametrize(
    "color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)]
)
def test_cmyk_jpeg_shows_the_colour_that_was_meant(color):
    data = encode(Image.new("RGB", (24, 16), color).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode(data).astype(int) - color).max() <= 3


@pytest.mark.parametrize("bits", ["I;16", "RGB"])
def test_16_bit_png_is_rounded_to_8(bits):
    deep = np.random.default_rng(0).integers(0, 65536, (9, 11, 3)).astype(np.uint16)
    if bits == "I;16":
        deep = deep[..., :1]
    stored = np.ascontiguousarray(deep[..., ::-1])
    expected = np.broadcast_to(np.rint(deep / 257), (9, 11, 3))
    for suffix in (".png", ".tiff"):
        data = cv2.imencode(suffix, stored)[1].tobytes()
        np.testing.assert_array_equal(decode(data), expected)


def test_netpbm_is_stretched_from_its_own_maximum():
    values = np.arange(0, 1024, 16, dtype=">u2")
    deep = b"P5 64 1 1023\n" + values.tobytes()
    np.testing.assert_allclose(decode(deep)[0, :, 0], values * (255 / 1023), atol=0.51)
    flat = b"P5 16 1 15\n" + bytes(range(16))
    np.testing.assert_array_equal(decode(flat)[0, :, 0], np.arange(16) * 17)


def test_an_animation_gives_its_first_frame():
    first, second = (Image.fromarray(smooth(20, 30, 3, seed)).quantize(16) for seed in (1, 2))
    data = encode(first, "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(data), np.asarray(first.convert("RGB")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(smooth(32, 48), kind, exif=exif, **options)
    source = open_image(data, "a/file")
    expected = by_pillow(data)
    assert source.size == expected.shape[:2]
    assert np.abs(decode(data).astype(int) - expected).max() <= 1


def test_png_orientation_is_found_behind_the_pixels():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(smooth(8, 12), exif=exif)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert open_image(moved, "a/file").size == (12, 8)
    np.testing.assert_array_equal(decode(moved), decode(data))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_scaled_jpeg_has_exactly_the_scale_that_was_asked_for(size, scale):
    decoded = open_image(encode(smooth(*size), "JPEG"), "a/file").decode(scale)
    came_out_at = scale if max(size) > 8 else 1
    assert decoded.image.shape[:2] == tuple(-(-n // came_out_at) for n in size)
    np.testing.assert_array_equal(decoded.matrix, np.diag([1 / came_out_at, 1 / came_out_at, 1]))


@pytest.mark.parametrize("size", [(48, 64), (61, 83), (33, 100)])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_scaled_jpeg_is_the_mean_over_blocks_of_the_full_one(size, scale, options):
    source = open_image(encode(smooth(*size), "JPEG", quality=95, **options), "a/file")
    # Whole blocks only: what the last, partial ones hold beyond the edge is the encoder's choice.
    height, width = (n // scale for n in size)
    blocks = source.decode().image[: height * scale, : width * scale].astype(float)
    mean = blocks.reshape(height, scale, width, scale, 3).mean(axis=(1, 3))
    scaled = source.decode(scale).image[:height, :width]
    assert np.abs(scaled - mean).mean() < 2.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_scaled_and_turned_pixels_lie_where_the_matrix_says(orientation, scale):
    """A ramp in each direction: the colour at a pixel tells where in the picture it belongs."""
    height, width = 64, 128
    y, x = np.mgrid[:height, :width] + 0.5
    ramp = np.dstack([x, y, 0 * x]).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encode(ramp, "JPEG", quality=98, subsampling=0)
    data = encode(ramp, "JPEG", quality=98, subsampling=0, exif=exif)
    source = open_image(data, "a/file")
    image, matrix = source.decode(scale)
    _, to_stored = open_image(stored, "a/file").decode(scale)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    centres = np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    in_stored = np.linalg.inv(to_stored) @ centres
    in_upright = np.linalg.inv(matrix) @ centres
    colour = image.reshape(-1, 3)[:, :2].astype(float)
    assert np.abs(colour - in_stored[:2].T + 0.5).max() < 4
    size = np.array(source.size[::-1])[:, None]
    assert ((in_upright[:2] > 0) & (in_upright[:2] < size)).all()
    assert sorted(source.size) == [height, width]


def test_scale_is_one_of_four():
    with pytest.raises(ValueError, match="not 3"):
        open_image(encode(smooth(20, 30), "JPEG"), "a/file").decode(3)


def test_other_formats_ignore_the_scale():
    decoded = open_image(encode(smooth(20, 30)), "a/file").decode(4)
    assert decoded.image.shape == (20, 30, 3)
    np.testing.assert_array_equal(decoded.matrix, np.eye(3))


def whole_files():
    rgb = Image.fromarray(smooth(61, 83))
    yield "JPEG", encode(rgb, "JPEG")
    yield "progressive JPEG", encode(rgb, "JPEG", progressive=True)
    yield "CMYK JPEG", encode(rgb.convert("CMYK"), "JPEG")
    for kind in ("PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000"):
        yield kind, encode(rgb, kind)


@pytest.mark.parametrize(("kind", "data"), list(whole_files()), ids=lambda value: str(value)[:16])
@pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
@pytest.mark.parametrize("scale", [1, 8])
def test_a_truncated_file_is_an_error_that_names_the_path_once(kind, data, share, scale):
    with pytest.raises(DecodeError, match="damaged or truncated") as caught:
        open_image(data[: int(share * len(data))], "some/where.jpg").decode(scale)
    assert str(caught.value).count("some/where.jpg") == 1
    assert str(caught.value).startswith("some/where.jpg: ")


@pytest.mark.parametrize(("kind", "data"), list(whole_files()), ids=lambda value: str(value)[:16])
def test_damage_gives_pixels_or_a_decode_error(kind, data):
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = np.frombuffer(data, np.uint8).copy()
        at = rng.integers(0, min(len(data), rng.choice([40, 400, len(data)])), 3)
        damaged[at] = rng.integers(0, 256, 3)
        try:
            source = open_image(damaged.tobytes(), "a/file", max_pixels=10**6)
            decoded = source.decode(int(rng.choice([1, 2, 4, 8])))
        except DecodeError as error:
            assert str(error).startswith("a/file: ")
        else:
            assert decoded.image.dtype == np.uint8
            assert decoded.image.ndim == 3


def test_bytes_around_a_whole_jpeg_do_no_harm_unless_it_is_truncated_too():
    data = encode(smooth(20, 30), "JPEG")
    after_first_segment = 4 + int.from_bytes(data[4:6], "big")
    before_marker = data[:after_first_segment] + b"\0\0" + data[after_first_segment:]
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(before_marker)
    for odd in (before_marker, data + b"junk"):
        np.testing.assert_array_equal(decode(odd), decode(data))
    with pytest.raises(DecodeError, match="truncated"):
        decode(before_marker[: len(data) // 2])


def test_a_png_chunk_that_claims_gigabytes_is_refused_at_once():
    data = bytearray(encode(smooth(20, 30)))
    data[33:37] = (2**31 - 1).to_bytes(4, "big")
    with pytest.raises(DecodeError, match="claims 2,147,483,647 bytes"):
        open_image(bytes(data), "a/file")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a/file: is empty \(0 bytes\)"),
        (b"\n<!DOCTYPE html><html>", "looks like HTML"),
        (b"%PDF-1.7", "looks like PDF"),
        (b"PK\x03\x04....", "looks like a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0" * 100, "begins with"),
        (b"P", "not a picture"),
        (b"\xff\xd8\xff", "damaged or truncated JPEG"),
        (b"\x89PNG\r\n\x1a\n", "damaged or truncated PNG"),
    ],
)
def test_what_is_no_picture_is_named(data, message):
    with pytest.raises(DecodeError, match=message):
        open_image(data, "a/file")


def test_too_many_pixels_are_refused_before_decoding():
    bomb = bytearray(encode(smooth(4, 4)))
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2
    crc = zlib.crc32(bomb[12:29])
    bomb[29:33] = crc.to_bytes(4, "big")
    with pytest.raises(DecodeError, match=r"50000 x 50000 = 2,500,000,000 pixels.*268,435,456"):
        open_image(bytes(bomb), "a/file")
    with pytest.raises(DecodeError, match="limit of 100"):
        open_image(encode(smooth(20, 30), "JPEG"), "a/file", max_pixels=100)


def test_pillows_own_limit_neither_warns_nor_applies(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("JPEG", "PNG", "BMP"):
            assert decode(encode(smooth(20, 30), kind)).shape == (20, 30, 3)
        with pytest.raises(DecodeError, match="limit of 100"):
            decode(encode(Image.fromarray(smooth(20, 30)).quantize(8), "GIF"))
        with pytest.raises(DecodeError, match=r"too large a picture.*limit of 200"):
            decode(encode(smooth(20, 30), "WEBP"))


def test_floating_point_pixels_are_refused():
    data = encode(Image.fromarray(np.zeros((4, 5), np.float32)), "TIFF")
    with pytest.raises(DecodeError, match="whose range is not known"):
        decode(data)


def test_a_header_that_disagrees_with_the_pixels_is_an_error(monkeypatch):
    source = open_image(encode(smooth(20, 30)), "a/file")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.zeros((20, 29, 3), np.uint8))
    with pytest.raises(DecodeError, match=r"header says \(20, 30\), the pixels \(20, 29\)"):
        source.decode()


def test_a_colour_profile_does_not_matter():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, tagged = (
        encode(smooth(20, 30), "JPEG", **more) for more in ({}, {"icc_profile": profile})
    )
    np.testing.assert_array_equal(decode(plain), decode(tagged))


def test_the_repr_names_the_file_not_its_bytes():
    source = open_image(encode(smooth(20, 30)), "a/file")
    assert repr(source) == "EncodedImage('a/file', PNG, 20 x 30)"
