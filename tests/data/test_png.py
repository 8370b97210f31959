import pytest
from PIL import Image

from augpipe.data.png import png_exif
from encoded import encode, smooth


def with_exif():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(smooth(6, 9), exif=exif), exif.tobytes().removeprefix(b"Exif\0\0")


def test_the_exif_block_is_found_or_empty():
    data, exif = with_exif()
    assert png_exif(data).removeprefix(b"Exif\0\0") == exif
    assert png_exif(encode(smooth(6, 9))) == b""
    assert png_exif(data + b"what comes behind the end") == png_exif(data)


def test_a_file_cut_anywhere_is_refused():
    data, _ = with_exif()
    for length in range(8, len(data)):
        with pytest.raises(ValueError, match=r"ends without an IEND|beyond the end"):
            png_exif(data[:length])
