"""Every op, under its CamelCase name; `list_ops()` gives the names that recipes use."""

from augpipe.ops.base import Op, find_op, list_ops, make_op, register
from augpipe.ops.channels import ChannelDrop, ChannelShuffle, ColorMatrix, Grayscale, Invert
from augpipe.ops.color import HSV, Brightness, ColorJitter, Contrast, Hue, Normalize, Saturation
from augpipe.ops.control import Barrier, ToFloat
from augpipe.ops.crop import CenterCrop, Letterbox, Pad, RandomCrop, RandomResizedCrop, ZoomOut
from augpipe.ops.erase import CoarseDropout, Cutout, GridMask, RandomErasing
from augpipe.ops.filter import (
    Defocus,
    Downscale,
    GaussianBlur,
    MedianBlur,
    MotionBlur,
    Sharpen,
)
from augpipe.ops.foreign import Foreign
from augpipe.ops.geometry import (
    Affine,
    HorizontalFlip,
    Perspective,
    Resize,
    Rotate,
    Rotate90,
    ShiftScaleRotate,
    VerticalFlip,
)
from augpipe.ops.light import PcaLighting, Planckian
from augpipe.ops.noise import GaussianNoise, JpegCompression, PixelDropout, SaltPepper, ShotNoise
from augpipe.ops.policy import OneOf, SomeOf, Sometimes
from augpipe.ops.tone import AutoContrast, Clahe, Equalize, Gamma, Posterize, Solarize, ToneCurve

__all__ = [
    "HSV",
    "Affine",
    "AutoContrast",
    "Barrier",
    "Brightness",
    "CenterCrop",
    "ChannelDrop",
    "ChannelShuffle",
    "Clahe",
    "CoarseDropout",
    "ColorJitter",
    "ColorMatrix",
    "Contrast",
    "Cutout",
    "Defocus",
    "Downscale",
    "Equalize",
    "Foreign",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "GridMask",
    "HorizontalFlip",
    "Hue",
    "Invert",
    "JpegCompression",
    "Letterbox",
    "MedianBlur",
    "MotionBlur",
    "Normalize",
    "OneOf",
    "Op",
    "Pad",
    "PcaLighting",
    "Perspective",
    "PixelDropout",
    "Planckian",
    "Posterize",
    "RandomCrop",
    "RandomErasing",
    "RandomResizedCrop",
    "Resize",
    "Rotate",
    "Rotate90",
    "SaltPepper",
    "Saturation",
    "Sharpen",
    "ShiftScaleRotate",
    "ShotNoise",
    "Solarize",
    "SomeOf",
    "Sometimes",
    "ToFloat",
    "ToneCurve",
    "VerticalFlip",
    "ZoomOut",
    "find_op",
    "list_ops",
    "make_op",
    "register",
]
