"""Which transforms of torchvision mean the same as which native op, and with what values.

Native ops are named and defined after torchvision's, so what is here are spellings, and those
settings that native ops do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from augpipe.convert.fields import Fields, NoNativeOpError

_Spec = dict[str, Any]

TO_FLOAT = frozenset({"ToTensor", "ConvertImageDtype", "ToDtype"})
"""Where no normalize follows, `to_float` says the same."""

NOT_NEEDED = TO_FLOAT | {"PILToTensor", "ToImage", "ToPILImage", "ToPureTensor", "Identity"}
"""Batches are tensors already."""

ON_BATCH = frozenset({"CutMix", "MixUp"})

_BORDERS = {"constant": "constant", "edge": "replicate", "symmetric": "reflect"}
# With less room than two deviations, a blur's width is the kernel's more than the bell's.
_KERNEL_SIGMAS = 2
_LEVELS = 255


def _interpolation(fields: Fields) -> str:
    name = _value(fields["interpolation"])
    if name not in ("nearest", "nearest-exact", "bilinear"):
        fields.notes.append(f"bilinear, antialiased, instead of {name}")
        return "bilinear"
    return name.removesuffix("-exact")


def _value(member: Any) -> str:
    """What a member of an enumeration stands for; some releases keep it as text."""
    return str(getattr(member, "value", member))


def _fill(fields: Fields, name: str = "fill") -> Any:
    """Grey or RGB; version 2 keeps a fill of its own for each kind of target."""
    value = fields[name]
    if isinstance(value, dict):
        return Fields(value).color(next(iter(value)))
    return fields.color(name)


def _size(size: Any) -> Any:
    """A side, or height and width."""
    if isinstance(size, Sequence):
        return size[0] if len(size) == 1 else list(size)
    return size


def _only_p(op: str) -> Callable[[Fields], _Spec]:
    return lambda fields: {op: fields.pick("p")}


def _resize(fields: Fields) -> _Spec:
    size, longest = _size(fields["size"]), fields["max_size"]
    how: _Spec = {"interpolation": _interpolation(fields)}
    if size is None:
        return {"resize": {"size": longest, "side": "longer", **how}}
    return {"resize": {"size": size, **({"max_size": longest} if longest else {}), **how}}


def _center_crop(fields: Fields) -> _Spec:
    fields.notes.append("a picture smaller than the crop is an error, and is not padded")
    return {"center_crop": {"size": _size(fields["size"])}}


def _random_crop(fields: Fields) -> _Spec:
    spec = {"size": _size(fields["size"]), **fields.pick("pad_if_needed")}
    if fields["padding"] is None and not fields["pad_if_needed"]:
        return {"random_crop": spec}
    return {"random_crop": {**spec, "padding": fields["padding"] or 0, **_border(fields)}}


def _border(fields: Fields) -> _Spec:
    mode = fields["padding_mode"]
    if mode == "reflect":
        fields.notes.append("its reflection repeats the edge pixel")
    return {"border": _BORDERS.get(mode, "reflect"), "fill": _fill(fields)}


def _pad(fields: Fields) -> _Spec:
    return {"pad": {"padding": _size(fields["padding"]), **_border(fields)}}


def _random_resized_crop(fields: Fields) -> _Spec:
    picked = {"size": _size(fields["size"]), **fields.pick("scale", "ratio")}
    return {"random_resized_crop": {**picked, "interpolation": _interpolation(fields)}}


def _rotation(fields: Fields) -> _Spec:
    fields.require("expand", False)
    fields.require("center", None)
    how = {"interpolation": _interpolation(fields), "fill": _fill(fields)}
    return {"rotate": {"degrees": fields["degrees"], **how}}


def _affine(fields: Fields) -> _Spec:
    fields.require("center", None)
    optional = {name: fields[name] for name in ("translate", "scale", "shear")}
    given = {name: value for name, value in optional.items() if value is not None}
    how = {"interpolation": _interpolation(fields), "fill": _fill(fields)}
    # torchvision's affine, unlike its rotation, turns clockwise.
    low, high = fields["degrees"]
    return {"affine": {"degrees": [-high, -low], **given, **how}}


def _perspective(fields: Fields) -> _Spec:
    how = {"interpolation": _interpolation(fields), "fill": _fill(fields)}
    return {"perspective": {**fields.pick("distortion_scale", "p"), **how}}


def _grayscale(fields: Fields) -> _Spec:
    fields.require("num_output_channels", 3)
    return {"grayscale": {"p": 1.0}}


def _color_jitter(fields: Fields) -> _Spec:
    names = ("brightness", "contrast", "saturation", "hue")
    return {"color_jitter": {name: fields[name] for name in names if fields[name] is not None}}


def _blur(fields: Fields) -> _Spec:
    size, sigma = fields["kernel_size"], fields["sigma"]
    if min(size) // 2 < _KERNEL_SIGMAS * sigma[1]:
        raise NoNativeOpError("no native op cuts the bell off at so small a kernel_size")
    return {"gaussian_blur": {"sigma": sigma}}


def _noise(fields: Fields) -> _Spec:
    fields.require("mean", 0, 0.0)
    fields.require("clip", True)
    return {"gaussian_noise": {"sigma": [fields["sigma"]] * 2, "p": 1.0}}


def _erasing(fields: Fields) -> _Spec:
    value = fields["value"]
    if value is None or value == "random":
        value = "random"
    else:
        value = fields.color("value")
        if value not in (0.0, [0.0, 0.0, 0.0]):
            raise NoNativeOpError("its value counts from 0 to 1, or in normalised units; see there")
    return {"random_erasing": {**fields.pick("p", "scale", "ratio"), "value": value}}


def _solarize(fields: Fields) -> _Spec:
    threshold = fields["threshold"]
    share = threshold / _LEVELS if threshold > 1 else threshold
    return {"solarize": {"threshold": share, **fields.pick("p")}}


def _sharpness(fields: Fields) -> _Spec:
    return {"sharpen": {"sharpness_factor": [fields["sharpness_factor"]] * 2, **fields.pick("p")}}


def _elastic(fields: Fields) -> _Spec:
    how = {"interpolation": _interpolation(fields), "fill": _fill(fields)}
    # The library writes y before x in neither: both lists are x and y.
    return {"elastic": {**fields.pick("alpha", "sigma"), **how, "p": 1.0}}


def _auto(op: str, *names: str) -> Callable[[Fields], _Spec]:
    def spec(fields: Fields) -> _Spec:
        how = {"interpolation": _interpolation(fields), "fill": _fill(fields)}
        return {op: {**fields.pick(*names), **how}}

    return spec


def _auto_augment(fields: Fields) -> _Spec:
    how = {"interpolation": _interpolation(fields), "fill": _fill(fields)}
    return {"auto_augment": {"policy": _value(fields["policy"]), **how}}


def _mix(op: str) -> Callable[[Fields], _Spec]:
    """One lambda for a batch, as torchvision draws it."""
    return lambda fields: {op: {"alpha": fields["alpha"], "mode": "batch"}}


def _zoom_out(fields: Fields) -> _Spec:
    return {"zoom_out": {**fields.pick("side_range", "p"), "fill": _fill(fields)}}


def _jpeg(fields: Fields) -> _Spec:
    quality = fields["quality"]
    limits = [quality] * 2 if isinstance(quality, int) else list(quality)
    return {"jpeg_compression": {"quality": limits, "p": 1.0}}


NATIVE: dict[str, Callable[[Fields], _Spec]] = {
    "RandomHorizontalFlip": _only_p("horizontal_flip"),
    "RandomVerticalFlip": _only_p("vertical_flip"),
    "RandomGrayscale": _only_p("grayscale"),
    "Grayscale": _grayscale,
    "RandomInvert": _only_p("invert"),
    "RandomAutocontrast": _only_p("auto_contrast"),
    "RandomEqualize": _only_p("equalize"),
    "RandomPosterize": lambda f: {"posterize": f.pick("bits", "p")},
    "RandomSolarize": _solarize,
    "RandomAdjustSharpness": _sharpness,
    # All six orders are as likely, and the native op never draws the one that changes nothing.
    "RandomChannelPermutation": lambda _: {"channel_shuffle": {"p": 5 / 6}},
    "Resize": _resize,
    "CenterCrop": _center_crop,
    "RandomCrop": _random_crop,
    "RandomResizedCrop": _random_resized_crop,
    "Pad": _pad,
    "RandomZoomOut": _zoom_out,
    "RandomRotation": _rotation,
    "RandomAffine": _affine,
    "RandomPerspective": _perspective,
    "ElasticTransform": _elastic,
    "ColorJitter": _color_jitter,
    "GaussianBlur": _blur,
    "GaussianNoise": _noise,
    "JPEG": _jpeg,
    "RandomErasing": _erasing,
    "Normalize": lambda fields: {"normalize": fields.pick("mean", "std")},
    "AutoAugment": _auto_augment,
    "RandAugment": _auto("rand_augment", "num_ops", "magnitude", "num_magnitude_bins"),
    "TrivialAugmentWide": _auto("trivial_augment_wide", "num_magnitude_bins"),
    "AugMix": _auto("aug_mix", "severity", "mixture_width", "chain_depth", "alpha", "all_ops"),
    "CutMix": _mix("cutmix"),
    "MixUp": _mix("mixup"),
}
"""By the name of the class."""
