"""What a file says about itself before its pixels are decoded, and who can decode them.

Headers go through Pillow, which reads nothing else, except those of ordinary JPEGs. The files are
not trusted: their number of pixels is checked here, before anybody makes room for them.
"""

from __future__ import annotations

import io
from typing import Literal, NamedTuple

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from augpipe.data.jpeg_header import read_jpeg_header
from augpipe.data.orientation import exif_orientation
from augpipe.data.png import png_exif
from augpipe.errors import DecodeError

MAX_PIXELS = 2**28
"""A file that claims more pixels than this is taken for a decompression bomb."""

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
    | {".jp2", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""What a folder's files are recognised by, in lower case. (A table may name any file.)"""

Decoder = Literal["simplejpeg", "opencv", "imageio", "pillow"]

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")

# The flavours (as Pillow names their pixels) that OpenCV reads as they were meant. What is missing
# it misreads, such as the alpha of a TIFF, or may have been built without.
_OPENCV_READS = {
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "WEBP": {"RGB", "RGBA"},
    "BMP": {"1", "L", "P", "RGB"},
    "TIFF": {"RGB", "I;16", "I;16B"},
    "JPEG2000": {"L", "RGB", "RGBA", "I;16"},
}

_LOOKS_LIKE = {
    b"<!doctype html": "HTML",
    b"<html": "HTML",
    b"<?xml": "XML",
    b"<svg": "SVG",
    b"%pdf": "PDF",
    b"pk\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
}


class Header(NamedTuple):
    """What is known of a file before its pixels are decoded.

    Attributes:
        format: Pillow's name of the file format.
        mode: Pillow's name of the pixel format.
        size: (height, width) as stored, before the orientation turns it.
        orientation: 1 to 8 as EXIF counts them.
        decoder: who reads this flavour of this format right.
    """

    format: str
    mode: str
    size: tuple[int, int]
    orientation: int
    decoder: Decoder


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """The header of a whole file.

    Raises:
        DecodeError: not a picture of a known format, a damaged one, or one of too many pixels.
    """
    if not data:
        raise DecodeError("is empty (0 bytes)")
    header = _ordinary_jpeg(data) or _by_pillow(data)
    _check_pixels(header, max_pixels)
    return header


def _ordinary_jpeg(data: bytes) -> Header | None:
    jpeg = read_jpeg_header(data)
    if jpeg is None:
        return None
    return Header("JPEG", jpeg.mode, jpeg.size, exif_orientation(jpeg.exif), "simplejpeg")


def _by_pillow(data: bytes) -> Header:
    name = _format(data)
    try:
        image = _open(name, data)
        orientation = _orientation(image, name, data)
    except Image.DecompressionBombError as error:  # WebP's reader asks Pillow's limit all the same
        raise DecodeError(f"is too large a picture: {error}") from error
    except Exception as error:  # a reader that meets damaged bytes may raise anything
        raise damaged(name, error) from error
    width, height = image.size
    return Header(name, image.mode, (height, width), orientation, _decoder(image, name))


def damaged(name: str, reason: object) -> DecodeError:
    """The error for a file of format `name` that cannot be decoded."""
    return DecodeError(f"is a damaged or truncated {name} ({reason}); fetch it again or drop it")


def _format(data: bytes) -> str:
    Image.init()
    for name in _FORMATS:
        _, accepts = Image.OPEN.get(name, (None, None))
        if accepts and accepts(data[:16]) is True:
            return name
    raise DecodeError(f"is not a picture of a known format: it {_looks_like(data)}")


def _looks_like(data: bytes) -> str:
    start = data[:64].lstrip().lower()
    for prefix, kind in _LOOKS_LIKE.items():
        if start.startswith(prefix):
            return f"looks like {kind}"
    return f"begins with {data[:8]!r}"


def _open(name: str, data: bytes) -> ImageFile:
    """Pillow's picture, by the format's own reader.

    Not by `Image.open`, whose limit of pixels is global and gives warnings, nor by the reader that
    is registered for JPEG, which looks for further pictures behind the first.
    """
    reader = JpegImageFile if name == "JPEG" else Image.OPEN[name][0]
    return reader(io.BytesIO(data), "")


def _orientation(image: ImageFile, name: str, data: bytes) -> int:
    """As its EXIF says; a TIFF has none, and its readers turn it as they decode."""
    exif = png_exif(data) if name == "PNG" else image.info.get("exif", b"")
    return exif_orientation(exif)


def _decoder(image: ImageFile, name: str) -> Decoder:
    if name == "JPEG":
        return "pillow" if image.mode == "CMYK" else "simplejpeg"
    # OpenCV knows transparent palette entries and colours, but no transparent grey.
    transparent_grey = image.mode in ("1", "L") and "transparency" in image.info
    known = image.mode in _OPENCV_READS.get(name, ()) and not transparent_grey
    return "opencv" if known else "imageio"


def _check_pixels(header: Header, limit: int) -> None:
    if header.decoder == "imageio" and Image.MAX_IMAGE_PIXELS:
        limit = min(limit, Image.MAX_IMAGE_PIXELS)  # Pillow beneath it warns beyond its own
    height, width = header.size
    if height * width > limit:
        raise DecodeError(
            f"claims {height} x {width} = {height * width:,} pixels, more than the limit of "
            f"{limit:,}; cut it into tiles or shrink it"
        )
