"""Which transforms of albumentations 2 mean the same as which native op, and with what values.

Only those whose draws and pixels are the same, but for rounding and interpolation. RandomGamma, for
one, draws its exponent evenly and `gamma` its logarithm: that one stays albumentations'. So does
Equalize, whose tables are not Pillow's, as the native one's are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from augpipe.convert.fields import Fields, NoNativeOpError

_Spec = dict[str, Any]

NOT_NEEDED = frozenset({"ToTensorV2", "NoOp"})
"""Batches are tensors already."""

_BORDERS = {0: "constant", 1: "replicate", 2: "reflect", 4: "reflect"}
_REFLECT_101 = 4
# A shuffle of three changes nothing in one case of six; the native one always changes something.
_CHANGES = 5 / 6


def _interpolation(fields: Fields) -> str:
    """Nearest or bilinear, which with antialiasing stands for all smoother ones."""
    number = fields["interpolation"]
    if number > 1:
        fields.notes.append("bilinear, antialiased, instead of its own interpolation")
    return "bilinear" if number else "nearest"


def _border(fields: Fields) -> _Spec:
    number = fields["border_mode"]
    if number not in _BORDERS:
        raise NoNativeOpError(f"no native op has border_mode={number}")
    if number == _REFLECT_101:
        fields.notes.append("its reflection repeats the edge pixel")
    return {"border": _BORDERS[number], "fill": fields.color("fill")}


def _certain(fields: Fields) -> None:
    """Refuse a p: sizes of pictures are not left to chance."""
    if fields["p"] != 1:
        raise NoNativeOpError("no native op of this kind has a p")


def _only_p(op: str) -> Callable[[Fields], _Spec]:
    return lambda fields: {op: fields.pick("p")}


def _resize(fields: Fields) -> _Spec:
    _certain(fields)
    size = [fields["height"], fields["width"]]
    return {"resize": {"size": size, "interpolation": _interpolation(fields)}}


def _one_side(side: str) -> Callable[[Fields], _Spec]:
    def spec(fields: Fields) -> _Spec:
        _certain(fields)
        fields.require("max_size_hw", None)
        interpolation = _interpolation(fields)
        return {
            "resize": {"size": fields["max_size"], "side": side, "interpolation": interpolation}
        }

    return spec


def _center_crop(fields: Fields) -> _Spec:
    _certain(fields)
    fields.require("pad_if_needed", False)
    return {"center_crop": {"size": [fields["height"], fields["width"]]}}


def _random_crop(fields: Fields) -> _Spec:
    _certain(fields)
    size = {"size": [fields["height"], fields["width"]]}
    if not fields["pad_if_needed"]:
        return {"random_crop": size}
    fields.require("pad_position", "center")
    return {"random_crop": {**size, "pad_if_needed": True, **_border(fields)}}


def _random_resized_crop(fields: Fields) -> _Spec:
    _certain(fields)
    picked = fields.pick("size", "scale", "ratio")
    return {"random_resized_crop": {**picked, "interpolation": _interpolation(fields)}}


def _pad_if_needed(fields: Fields) -> _Spec:
    _certain(fields)
    fields.require("position", "center")
    fields.require("pad_height_divisor", None)
    fields.require("pad_width_divisor", None)
    return {"pad": {"min_size": [fields["min_height"], fields["min_width"]], **_border(fields)}}


def _rotate(fields: Fields) -> _Spec:
    fields.require("crop_border", False)
    how = {"interpolation": _interpolation(fields), **_border(fields)}
    return {"rotate": {"degrees": fields["limit"], **how, **fields.pick("p")}}


def _shift_scale_rotate(fields: Fields) -> _Spec:
    if fields["shift_limit_x"] != fields["shift_limit_y"]:
        raise NoNativeOpError("shift_limit_x and shift_limit_y differ")
    how = {"interpolation": _interpolation(fields), **_border(fields)}
    limits = fields.pick("scale_limit", "rotate_limit", "p")
    # albumentations keeps the range of the factor's excess over one, as the native op does.
    return {"shift_scale_rotate": {"shift_limit": fields["shift_limit_x"], **limits, **how}}


def _affine(fields: Fields) -> _Spec:
    for flag in ("fit_output", "balanced_scale"):
        fields.require(flag, False)
    scale = fields["scale"]
    same = scale["x"] == scale["y"]
    if not same or not (fields["keep_ratio"] or scale["x"][0] == scale["x"][1]):
        raise NoNativeOpError("its scales along x and y are drawn apart; set keep_ratio")
    if any(map(any, fields["shear"].values())):
        raise NoNativeOpError("it shears in another order than the native affine")
    how = {"interpolation": _interpolation(fields), **_border(fields)}
    moved = {"degrees": fields["rotate"], "scale": scale["x"], "translate": _translate(fields)}
    return {"affine": {**moved, **how, **fields.pick("p")}}


def _translate(fields: Fields) -> list[float]:
    if any(map(any, (fields["translate_px"] or {}).values())):
        raise NoNativeOpError("no native op shifts by pixels; use translate_percent")
    percent = fields["translate_percent"]
    return [fields.symmetric(percent[axis]) for axis in "xy"] if percent else [0.0, 0.0]


def _to_gray(fields: Fields) -> _Spec:
    fields.require("method", "weighted_average")
    fields.require("num_output_channels", 3)
    return {"grayscale": fields.pick("p")}


def _solarize(fields: Fields) -> _Spec:
    return {"solarize": {"threshold": fields["threshold_range"], **fields.pick("p")}}


def _posterize(fields: Fields) -> _Spec:
    bits = fields["num_bits"]
    if any(isinstance(bit, list | tuple) for bit in bits):
        raise NoNativeOpError("no native op has bits of their own for each channel")
    return {"posterize": {"bits": bits, **fields.pick("p")}}


def _gaussian_blur(fields: Fields) -> _Spec:
    if any(fields["blur_limit"]):
        raise NoNativeOpError("no native op cuts the bell off at a blur_limit")
    return {"gaussian_blur": {"sigma": fields["sigma_limit"], **fields.pick("p")}}


def _gauss_noise(fields: Fields) -> _Spec:
    if any(fields["mean_range"]):
        raise NoNativeOpError("native noise has the mean zero")
    fields.require("noise_scale_factor", 1.0)
    return {"gaussian_noise": {"sigma": fields["std_range"], **fields.pick("per_channel", "p")}}


def _pixel_dropout(fields: Fields) -> _Spec:
    fields.require("mask_drop_value", None)
    picked = fields.pick("dropout_prob", "per_channel", "p")
    return {"pixel_dropout": {**picked, "drop_value": fields.color("drop_value")}}


def _compression(fields: Fields) -> _Spec:
    fields.require("compression_type", "jpeg")
    fields.notes.append("red and blue are not swapped for the encoder, as they are there")
    return {"jpeg_compression": {"quality": fields["quality_range"], **fields.pick("p")}}


def _coarse_dropout(fields: Fields) -> _Spec:
    fields.require("fill_mask", None)
    ranges = fields.pick("num_holes_range", "hole_height_range", "hole_width_range", "p")
    if any(isinstance(v, int) for v in (*ranges["hole_height_range"], *ranges["hole_width_range"])):
        raise NoNativeOpError("the native holes are fractions of the picture, not pixels")
    return {"coarse_dropout": {**ranges, "fill": fields.color("fill")}}


def _channel_drop(fields: Fields) -> _Spec:
    channels = {"channels": fields["channel_drop_range"], "fill": fields.color("fill")}
    return {"channel_drop": {**channels, **fields.pick("p")}}


def _normalize(fields: Fields) -> _Spec:
    _certain(fields)
    fields.require("normalization", None, "standard")
    fields.require("max_pixel_value", 255.0)
    return {"normalize": fields.pick("mean", "std")}


def _to_float(fields: Fields) -> _Spec:
    _certain(fields)
    fields.require("max_value", None, 255.0)
    return {"to_float": {}}


NATIVE: dict[str, Callable[[Fields], _Spec]] = {
    "HorizontalFlip": _only_p("horizontal_flip"),
    "VerticalFlip": _only_p("vertical_flip"),
    "RandomRotate90": _only_p("rotate90"),
    "InvertImg": _only_p("invert"),
    "ChannelShuffle": lambda fields: {"channel_shuffle": {"p": fields["p"] * _CHANGES}},
    "Resize": _resize,
    "SmallestMaxSize": _one_side("shorter"),
    "LongestMaxSize": _one_side("longer"),
    "CenterCrop": _center_crop,
    "RandomCrop": _random_crop,
    "RandomResizedCrop": _random_resized_crop,
    "PadIfNeeded": _pad_if_needed,
    "Rotate": _rotate,
    "ShiftScaleRotate": _shift_scale_rotate,
    "Affine": _affine,
    "ColorJitter": lambda fields: {
        "color_jitter": fields.pick("brightness", "contrast", "saturation", "hue", "p")
    },
    "ToGray": _to_gray,
    "Solarize": _solarize,
    "Posterize": _posterize,
    "GaussianBlur": _gaussian_blur,
    "MedianBlur": lambda f: {"median_blur": {"kernel_size": f["blur_limit"], **f.pick("p")}},
    "GaussNoise": _gauss_noise,
    "SaltAndPepper": lambda f: {"salt_pepper": f.pick("amount", "salt_vs_pepper", "p")},
    "PixelDropout": _pixel_dropout,
    "ImageCompression": _compression,
    "CoarseDropout": _coarse_dropout,
    "ChannelDropout": _channel_drop,
    "Normalize": _normalize,
    "ToFloat": _to_float,
}
"""By the name of the class."""
