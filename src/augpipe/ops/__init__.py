"""Every op, under its CamelCase name; `list_ops()` gives the names that recipes use."""

from augpipe.ops.base import Op, find_op, list_ops, make_op, register
from augpipe.ops.color import HSV, ColorJitter, Normalize
from augpipe.ops.erase import RandomErasing
from augpipe.ops.filter import GaussianBlur
from augpipe.ops.geometry import (
    Affine,
    CenterCrop,
    HorizontalFlip,
    RandomResizedCrop,
    Resize,
    VerticalFlip,
)

__all__ = [
    "HSV",
    "Affine",
    "CenterCrop",
    "ColorJitter",
    "GaussianBlur",
    "HorizontalFlip",
    "Normalize",
    "Op",
    "RandomErasing",
    "RandomResizedCrop",
    "Resize",
    "VerticalFlip",
    "find_op",
    "list_ops",
    "make_op",
    "register",
]
