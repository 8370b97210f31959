import numpy as np
import pytest

from augpipe.data.pixels import PixelSource, to_rgb8
from augpipe.errors import DecodeError

ALL_16_BIT = np.arange(65536, dtype=np.uint16).reshape(256, 256)


def test_16_bit_is_divided_by_257_and_rounded():
    expected = np.rint(ALL_16_BIT / 257).astype(np.uint8)
    np.testing.assert_array_equal(to_rgb8(ALL_16_BIT)[..., 1], expected)


def test_every_alpha_on_every_colour_is_rounded_to_the_nearest():
    color, alpha = np.meshgrid(np.arange(256), np.arange(256))
    pixels = np.dstack([color, color, color, alpha]).astype(np.uint8)
    for background in ((255, 255, 255), (0, 128, 7)):
        exact = (color * alpha)[..., None] + np.array(background) * (255 - alpha)[..., None]
        np.testing.assert_array_equal(to_rgb8(pixels, background), np.rint(exact / 255))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_opaque_pixels_keep_their_colour(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, channels)).astype(np.uint8)
    if channels in (2, 4):
        pixels[..., -1] = 255
    color = pixels[..., : 3 if channels >= 3 else 1]
    np.testing.assert_array_equal(to_rgb8(pixels), np.broadcast_to(color, (4, 5, 3)))


def test_bool_is_black_and_white():
    np.testing.assert_array_equal(to_rgb8(np.array([[False, True]]))[0, :, 0], [0, 255])


def test_the_result_is_new_and_contiguous():
    pixels = np.zeros((4, 5, 3), np.uint8)
    image = to_rgb8(pixels.transpose(1, 0, 2))
    assert image.flags.c_contiguous
    assert image.flags.writeable
    assert not np.shares_memory(to_rgb8(pixels), pixels)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 5), np.float32), "float32, whose range is not known"),
        (np.zeros((4, 5), np.int64), "int64"),
        (np.zeros((4, 5, 5), np.uint8), r"shape \(4, 5, 5\)"),
        (np.zeros((0, 5, 3), np.uint8), r"shape \(0, 5, 3\)"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
    ],
)
def test_other_pixels_are_refused(pixels, message):
    with pytest.raises(DecodeError, match=message):
        to_rgb8(pixels)


def test_pixel_source_decodes_to_itself_at_any_scale():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    source = PixelSource(pixels)
    assert source.size == (4, 5)
    for scale in (1, 8):
        np.testing.assert_array_equal(source.decode(scale).image, pixels)
        np.testing.assert_array_equal(source.decode(scale).matrix, np.eye(3))
