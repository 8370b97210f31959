"""Every op, under its CamelCase name; `list_ops()` gives the names that recipes use."""

from augpipe.ops.auto import AugMix, RandAugment, ThreeAugment, TrivialAugmentWide
from augpipe.ops.auto_augment import AutoAugment
from augpipe.ops.base import Op, find_op, list_ops, make_op, register
from augpipe.ops.channels import ChannelDrop, ChannelShuffle, ColorMatrix, Grayscale, Invert
from augpipe.ops.color import HSV, Brightness, ColorJitter, Contrast, Hue, Normalize, Saturation
from augpipe.ops.control import Barrier, ToFloat
from augpipe.ops.crop import CenterCrop, Letterbox, Pad, RandomCrop, RandomResizedCrop, ZoomOut
from augpipe.ops.crop_boxes import RandomIouCrop
from augpipe.ops.distort import Elastic, GridDistortion
from augpipe.ops.domain import FourierDomainAdaptation, Generator, HistogramMatching
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
from augpipe.ops.mix import CopyPaste, Cutmix, Mixup, Mosaic
from augpipe.ops.noise import GaussianNoise, JpegCompression, PixelDropout, SaltPepper, ShotNoise
from augpipe.ops.policy import OneOf, RandomOrder, SomeOf, Sometimes
from augpipe.ops.tone import AutoContrast, Clahe, Equalize, Gamma, Posterize, Solarize, ToneCurve
from augpipe.ops.views import FiveCrop, TenCrop, Views
from augpipe.ops.weather import Fog, Rain, Shadow, Snow

__all__ = [
    "HSV",
    "Affine",
    "AugMix",
    "AutoAugment",
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
    "CopyPaste",
    "Cutmix",
    "Cutout",
    "Defocus",
    "Downscale",
    "Elastic",
    "Equalize",
    "FiveCrop",
    "Fog",
    "Foreign",
    "FourierDomainAdaptation",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Generator",
    "Grayscale",
    "GridDistortion",
    "GridMask",
    "HistogramMatching",
    "HorizontalFlip",
    "Hue",
    "Invert",
    "JpegCompression",
    "Letterbox",
    "MedianBlur",
    "Mixup",
    "Mosaic",
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
    "Rain",
    "RandAugment",
    "RandomCrop",
    "RandomErasing",
    "RandomIouCrop",
    "RandomOrder",
    "RandomResizedCrop",
    "Resize",
    "Rotate",
    "Rotate90",
    "SaltPepper",
    "Saturation",
    "Shadow",
    "Sharpen",
    "ShiftScaleRotate",
    "ShotNoise",
    "Snow",
    "Solarize",
    "SomeOf",
    "Sometimes",
    "TenCrop",
    "ThreeAugment",
    "ToFloat",
    "ToneCurve",
    "TrivialAugmentWide",
    "VerticalFlip",
    "Views",
    "ZoomOut",
    "find_op",
    "list_ops",
    "make_op",
    "register",
]
