import pytest
from PIL import Image

from augpipe.data.header import read_header
from encoded import encode, smooth

SMALL = Image.fromarray(smooth(9, 12, 4))


@pytest.mark.parametrize(
    ("kind", "mode", "decoder"),
    [
        ("JPEG", "RGB", "simplejpeg"),
        ("JPEG", "L", "simplejpeg"),
        ("JPEG", "CMYK", "pillow"),
        ("PNG", "RGBA", "opencv"),
        ("WEBP", "RGB", "opencv"),
        ("BMP", "L", "opencv"),
        ("TIFF", "RGB", "opencv"),
        ("TIFF", "RGBA", "imageio"),
        ("GIF", "P", "imageio"),
        ("PPM", "RGB", "imageio"),
    ],
)
def test_every_flavour_has_the_decoder_that_reads_it_right(kind, mode, decoder):
    header = read_header(encode(SMALL.convert(mode), kind))
    assert header.format == kind
    assert header.mode == mode
    assert header.size == (9, 12)
    assert header.orientation == 1
    assert header.decoder == decoder


def test_several_pictures_in_one_jpeg_count_as_the_first():
    first, second = Image.fromarray(smooth(9, 12)), Image.fromarray(smooth(9, 12, seed=1))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    assert read_header(data).format == "JPEG"
