import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from augpipe.data.orientation import exif_orientation, orientation_matrix, turned_size, upright
from augpipe.data.sample import Decoded

ORIENTATIONS = range(1, 9)


def exif_block(orientation):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = orientation
    return exif.tobytes()


def stored_picture():
    return np.random.default_rng(3).integers(0, 256, (5, 7, 3)).astype(np.uint8)


def turned_by_pillow(stored, orientation):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(file, "PNG", exif=exif)
    return np.asarray(ImageOps.exif_transpose(Image.open(file)))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_is_pillows_transpose(orientation):
    stored = stored_picture()
    matrix = orientation_matrix(orientation, (5, 7))
    image = upright(Decoded(stored, matrix), turned_size(orientation, (5, 7)))
    np.testing.assert_array_equal(image, turned_by_pillow(stored, orientation))
    assert image.flags.c_contiguous


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_matrix_sends_each_pixel_centre_to_the_pixel_it_came_from(orientation):
    stored = stored_picture()
    turned = turned_by_pillow(stored, orientation)
    y, x = np.mgrid[: turned.shape[0], : turned.shape[1]] + 0.5
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    column, row, one = orientation_matrix(orientation, (5, 7)) @ points
    np.testing.assert_array_equal(one, 1)
    np.testing.assert_array_equal(column % 1, 0.5)
    found = stored[np.floor(row).astype(int), np.floor(column).astype(int)]
    np.testing.assert_array_equal(found.reshape(turned.shape), turned)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_is_read_with_and_without_its_prefix(orientation):
    block = exif_block(orientation)
    assert block.startswith(b"Exif\0\0")
    assert exif_orientation(block) == exif_orientation(block[6:]) == orientation


def test_exif_is_read_in_both_byte_orders():
    def block(magic, order):
        entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0)
        return magic + struct.pack(f"{order}IH", 8, 1) + entry

    assert exif_orientation(block(b"II*\0", "<")) == 6
    assert exif_orientation(block(b"MM\0*", ">")) == 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_out_of_range_counts_as_upright(orientation):
    assert exif_orientation(exif_block(orientation)) == 1


def test_any_damage_to_exif_gives_some_orientation():
    rng = np.random.default_rng(0)
    block = np.frombuffer(exif_block(6), np.uint8)
    for _ in range(2000):
        damaged = block.copy()
        damaged[rng.integers(0, len(block), 3)] = rng.integers(0, 256, 3)
        damaged = damaged[: rng.integers(0, len(block) + 1)].tobytes()
        assert exif_orientation(damaged) in ORIENTATIONS
        assert exif_orientation(damaged.removeprefix(b"Exif\0\0")) in ORIENTATIONS


def test_upright_refuses_a_scaled_decode():
    with pytest.raises(ValueError, match=r"not to the full size \(10, 14\)"):
        upright(Decoded(stored_picture(), np.diag([0.5, 0.5, 1.0])), (10, 14))
