"""Files to pixels: the header at once, the pixels when asked, at the scale that is asked for.

    JPEG                    simplejpeg (libjpeg-turbo), which can decode at 1/2, 1/4 and 1/8
    a region of a JPEG      an extension over libjpeg-turbo, where it was built; the same pixels
    CMYK JPEG               Pillow, which knows that Adobe stores it inverted
    PNG, WebP, BMP, TIFF    OpenCV, where it reads the format's flavour as it was meant
    GIF, AVIF, the rest     imageio; animations give their first frame

Pixels are not turned by the EXIF orientation; `Decoded.matrix` says where they belong. A damaged
or truncated file is an error, never a picture that is partly grey. Of a JPEG that is damaged below
the region that is asked for, that region may be decoded all the same: nothing below it is read.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import imageio.v3 as imageio
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from augpipe.data.header import MAX_PIXELS, Header, damaged, read_header
from augpipe.data.jpeg import decode_region, decodes_regions, region_decoder
from augpipe.data.orientation import orientation_matrix, stored_region, turned_size, upright
from augpipe.data.pixels import WHITE, Color, to_rgb8
from augpipe.data.sample import Decoded
from augpipe.errors import DecodeError, within
from augpipe.region import Region

__all__ = ["EncodedImage", "decoder_name", "open_image", "upright"]

# libjpeg's warnings about files that are odd but whole; Pillow decodes them, and still tells
# when such a file is truncated as well.
_HARMLESS = ("extraneous bytes before marker", "unknown JFIF revision", "Invalid SOS parameters")

_PILLOW_CONVERTS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB"}


def decoder_name() -> str:
    """Who decodes JPEG files here, and whether regions of them can be decoded alone."""
    whole, part = f"simplejpeg {simplejpeg.__version__}", region_decoder()
    return f"{whole}, regions by {part}" if part else f"{whole}, no regions"


def open_image(
    data: bytes, path: str, *, background: Color = WHITE, max_pixels: int = MAX_PIXELS
) -> EncodedImage:
    """Read the header of a picture.

    Args:
        data: the whole file.
        path: how errors name it, once.
        background: RGB behind transparent pixels.
        max_pixels: refuse what is larger.

    Raises:
        DecodeError: not a picture, one of a format that is not read, or a larger one.
    """
    with within(path):
        header = read_header(data, max_pixels)
    return EncodedImage(data, path, header, background)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EncodedImage:
    """The `Source` of a file whose header has been read."""

    data: bytes
    path: str
    header: Header
    background: Color

    def __repr__(self) -> str:
        height, width = self.size
        return f"{type(self).__name__}({self.path!r}, {self.header.format}, {height} x {width})"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the upright, full-size picture."""
        return turned_size(self.header.orientation, self.header.size)

    def decode(self, scale: int = 1, region: Region | None = None) -> Decoded:
        """Decode at 1/`scale`, where the file is a JPEG, or else at full size.

        A JPEG is scaled in its cosine transform: the result covers ceil(size / scale) pixels, and
        pixel i covers [scale * i, scale * (i + 1)) of the full picture.

        Args:
            scale: 1, 2, 4 or 8.
            region: what is wanted of the upright, full-size picture; see `Source.decode`.

        Raises:
            DecodeError: the file is damaged or truncated.
        """
        if scale not in (1, 2, 4, 8):
            raise ValueError(f"scale is 1, 2, 4 or 8, not {scale}")
        part = self._part(scale, region) if region else None
        if part:
            return part
        with within(self.path):
            image = self._pixels(scale)
            scale = self._scale_of(image, scale)
        return Decoded(image, orientation_matrix(self.header.orientation, self.header.size, scale))

    def _part(self, scale: int, region: Region) -> Decoded | None:
        """The region, where that is less than the whole and can be decoded alone."""
        header = self.header
        if header.decoder != "simplejpeg" or not decodes_regions():
            return None
        scale = _jpeg_scale(header.size, scale)
        top, left, bottom, right = stored_region(header.orientation, header.size, region)
        part = Region(top // scale, left // scale, -(-bottom // scale), -(-right // scale))
        if part == (0, 0, *_scaled(header.size, scale)):
            return None
        image = decode_region(self.data, header.size, scale, part)
        if image is None:
            return None
        return Decoded(image, orientation_matrix(header.orientation, header.size, scale, part[:2]))

    def _pixels(self, scale: int) -> NDArray[np.uint8]:
        try:
            match self.header.decoder:
                case "simplejpeg":
                    return _by_simplejpeg(self.data, self.header, scale)
                case "pillow":
                    return _by_pillow(self.data)
                case "opencv":
                    return to_rgb8(_by_opencv(self.data), self.background)
                case "imageio":
                    return to_rgb8(_by_imageio(self.data, self.header), self.background)
        except DecodeError:
            raise
        except Exception as error:  # a decoder that meets damaged bytes may raise anything
            raise damaged(self.header.format, error) from error

    def _scale_of(self, image: NDArray[np.uint8], scale: int) -> int:
        """The scale that `image` came out at: 1, or the one asked for."""
        for known in (1, scale):
            if image.shape[:2] == _scaled(self.header.size, known):
                return known
        sizes = f"the header says {self.header.size}, the pixels {image.shape[:2]}"
        raise damaged(self.header.format, sizes)


def _scaled(size: tuple[int, int], scale: int) -> tuple[int, int]:
    height, width = size
    return -(-height // scale), -(-width // scale)


def _jpeg_scale(size: tuple[int, int], scale: int) -> int:
    """The scale at which a JPEG is decoded: 1 up to one block wide.

    There, several scales come to the same size, and nothing is saved.
    """
    return scale if max(size) > 8 else 1


def _by_simplejpeg(data: bytes, header: Header, scale: int) -> NDArray[np.uint8]:
    height, width = _scaled(header.size, _jpeg_scale(header.size, scale))
    try:
        image: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, "RGB", min_height=height, min_width=width
        )
    except ValueError as error:
        if any(warning in str(error) for warning in _HARMLESS):
            return _by_pillow(data, _jpeg_scale(header.size, scale))
        raise
    return image


def _by_pillow(data: bytes, scale: int = 1) -> NDArray[np.uint8]:
    image = JpegImageFile(io.BytesIO(data), "")
    width, height = image.size
    if 1 < scale <= min(image.size):
        image.draft(None, (width // scale, height // scale))
    return np.array(image.convert("RGB"))


def _by_opencv(data: bytes) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("OpenCV cannot decode it")
    if pixels.ndim == 2:
        return pixels
    to_rgb = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cv2.cvtColor(pixels, to_rgb)


def _by_imageio(data: bytes, header: Header) -> NDArray[Any]:
    if header.format == "PPM" and header.mode == "I":
        wide = imageio.imread(io.BytesIO(data), plugin="pillow", index=0)
        return wide.astype(np.uint16)  # Pillow has stretched it to 0..65535
    if header.mode not in _PILLOW_CONVERTS:
        raise DecodeError(
            f"is a {header.format} of {header.mode!r} pixels, whose range is not known; "
            "save it with 8 or 16-bit integers"
        )
    return imageio.imread(io.BytesIO(data), plugin="pillow", index=0, mode="RGBA")
