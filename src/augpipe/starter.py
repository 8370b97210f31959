"""A first recipe for data that somebody has: looked at, commented, and ready to be changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from augpipe.data.dataset import ImageDataset
from augpipe.data.open import open_dataset
from augpipe.data.paths import existing
from augpipe.errors import DataError, RecipeError

Task = Literal["classification", "detection", "segmentation"]

_LOOKED_AT = 64
_SMALL = 64
_LARGEST = {"classification": 224, "detection": 640, "segmentation": 512}
_TRAIN_NAMES = ("train", "training")
_VAL_NAMES = ("val", "valid", "validation", "test")


@dataclass(frozen=True, slots=True)
class Look:
    """What a starter recipe depends on.

    Attributes:
        task: by the targets that some rows have.
        rows: how many there are.
        classes: how many there are.
        sizes: (n, 2) height and width of the rows that were looked at.
    """

    task: Task
    rows: int
    classes: int
    sizes: NDArray[np.int64]

    @property
    def side(self) -> int:
        """The side of the pictures that the recipe makes: a multiple of 32, or theirs if small."""
        shorter = int(np.median(self.sizes.min(axis=1)))
        if shorter <= _SMALL:
            return shorter
        return min(_LARGEST[self.task], shorter // 32 * 32)

    @property
    def small(self) -> bool:
        """Whether pictures are so small that cutting parts out of them loses what they show."""
        return self.side <= _SMALL


def starter_recipe(data: str | Path | Mapping[str, Any], val: Any = None) -> str:
    """The text of a recipe for a folder, a table or a file of annotations.

    Args:
        data: what `open_dataset` takes as a path or a mapping; or a folder that holds such data in
            `train/` and `val/` (or `valid/`, `test/`).
        val: the validation data, likewise; by default what lies beside the training data.

    Raises:
        DataError: the data cannot be opened, or no row of it can be read.
    """
    train, beside = _parts(data)
    train, dataset = _opened(train)
    val = beside if val is None else val
    if val is not None:
        val, _ = _opened(val)
    look = look_at(dataset)
    lines = [*_heading(look, train), *_data(train, val), *_pipeline(look), *_rest(look)]
    return "\n".join(lines) + "\n"


def write_starter(text: str, place: str | Path) -> None:
    """Write a recipe where no file is yet.

    Raises:
        RecipeError: there is one, or nothing can be written there.
    """
    if Path(place).exists():
        raise RecipeError(f"{place} is there already, and is not overwritten; give another --out")
    try:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        with Path(place).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RecipeError(f"{place}: cannot write a recipe there: {error}") from error


def look_at(dataset: ImageDataset) -> Look:
    """Open some rows of a dataset, evenly apart.

    Raises:
        DataError: none of them can be read.
    """
    sizes, found, problem = [], set(), None
    for index in np.linspace(0, len(dataset) - 1, min(_LOOKED_AT, len(dataset))).astype(int):
        try:
            row = dataset.row(int(index))
        except DataError as error:
            problem = error
            continue
        sizes.append(row.source.size)
        found |= {name for name in ("boxes", "masks") if getattr(row.targets, name) is not None}
    if not sizes:
        raise problem or DataError("the dataset has no rows")
    task: Task = "classification"
    if found:
        task = "segmentation" if "masks" in found else "detection"
    return Look(task, len(dataset), len(dataset.classes), np.array(sizes, np.int64))


def _opened(place: Any) -> tuple[Any, ImageDataset]:
    """The dataset, and the place with the option that lets it be opened in spite of its boxes."""
    try:
        return place, open_dataset(place)
    except DataError as error:
        given = dict(place) if isinstance(place, Mapping) else {"path": place}
        mended = {**given, "on_invalid": "drop"}
        try:
            return mended, open_dataset(mended)
        except DataError:
            raise error from None


def _parts(data: str | Path | Mapping[str, Any]) -> tuple[Any, Any]:
    """The training data, and the validation data that lies beside it or None."""
    if isinstance(data, Mapping):
        return dict(data), None
    path = existing(data)
    if path.is_dir() and (split := _voc_parts(path)):
        return split
    if path.is_dir() and not (path / "data.yaml").exists():
        inside = [_first(path, names) for names in (_TRAIN_NAMES, _VAL_NAMES)]
        if all(inside):
            return str(inside[0]), str(inside[1])
    if path.is_dir() and path.name in _TRAIN_NAMES and (val := _first(path.parent, _VAL_NAMES)):
        return str(path), str(val)
    return str(path), None


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _voc_parts(folder: Path) -> tuple[Any, Any] | None:
    """The splits of a Pascal VOC folder that has both."""
    lists = folder / "ImageSets" / "Main"
    if not all((lists / f"{split}.txt").is_file() for split in ("train", "val")):
        return None
    train, val = ({"path": str(folder), "split": split} for split in ("train", "val"))
    return train, val


def _heading(look: Look, data: Any) -> list[str]:
    low, high = look.sizes.min(axis=0), look.sizes.max(axis=0)
    sizes = f"{low[0]} x {low[1]}"
    if (low != high).any():
        sizes += f" to {high[0]} x {high[1]}"
    place = data["path"] if isinstance(data, Mapping) and "path" in data else data
    return [
        f"# A first recipe for {place}:",
        f"# {look.task}, {look.classes} classes, {look.rows:,} pictures; those looked at are",
        f"# {sizes} (height x width).",
        "# See what it does:     augpipe preview THIS_FILE",
        "# See how it runs:      augpipe explain THIS_FILE",
        "# Which ops there are:  augpipe ops",
    ]


def _data(train: Any, val: Any) -> list[str]:
    lines = ["data:"]
    if any(isinstance(part, Mapping) and "on_invalid" in part for part in (train, val)):
        lines += ["  # Some boxes have no area or leave their picture: `augpipe check` lists them."]
    lines += [f"  train: {_flow(train)}"]
    if val is None:
        return [*lines, "  # val: {path: ...}         # none was found beside it: `augpipe split`"]
    return [*lines, f"  val: {_flow(val)}"]


def _flow(place: Any) -> str:
    """As one line of YAML, of which JSON is a part."""
    values = dict(place) if isinstance(place, Mapping) else {"path": str(place)}
    pairs = ", ".join(f"{name}: {json.dumps(value)}" for name, value in values.items())
    return f"{{{pairs}}}"


def _pipeline(look: Look) -> list[str]:
    train = {
        "classification": _small_picture if look.small else _photo,
        "detection": _objects,
        "segmentation": _masks,
    }[look.task](look.side)
    val = {
        "classification": f"    - resize: {{size: [{look.side}, {look.side}]}}",
        "detection": f"    - letterbox: {{size: {look.side}}}",
        "segmentation": f"    - letterbox: {{size: {look.side}, fill: 0}}",
    }[look.task]
    lines = ["pipeline:", "  train:                       # per picture, in the workers", *train]
    lines += ["  val:", val]
    if look.task == "classification":
        lines += [
            "  batch:                       # per batch, on the device, training only",
            "    - random_erasing: {p: 0.1}",
        ]
    lines += [
        "  # Mean and deviation of the pixels: `augpipe stats` prints those of your own data.",
        f"  normalize: {'half' if look.small else 'imagenet'}",
    ]
    if look.task != "classification":
        lines += ["  boxes: {min_area: 4, min_visibility: 0.1}  # objects of which less is seen go"]
    return lines


def _photo(side: int) -> list[str]:
    return [
        f"    - random_resized_crop: {{size: {side}, scale: [0.25, 1.0]}}",
        "    - horizontal_flip          # not for text, digits or arrows, which have a direction",
        "    - color_jitter: {brightness: 0.3, contrast: 0.3, saturation: 0.3}",
    ]


def _small_picture(side: int) -> list[str]:
    return [
        f"    - resize: {{size: [{side}, {side}]}}",
        f"    - random_crop: {{size: {side}, padding: {max(1, side // 8)}, border: reflect}}",
        "    # - horizontal_flip        # not for text, digits or arrows, which have a direction",
    ]


def _objects(side: int) -> list[str]:
    return [
        "    - affine: {translate: [0.1, 0.1], scale: [0.7, 1.3], fill: 114}",
        f"    - letterbox: {{size: {side}}}  # one resampling together with the affine",
        "    - horizontal_flip          # not where left and right are classes",
        "    - hsv: {hue: 0.015, saturation: 0.5, value: 0.3}",
        f"    # - mosaic: {{size: {side}}}  # four pictures in one, as the first op",
    ]


def _masks(side: int) -> list[str]:
    return [
        "    - affine: {degrees: 15, translate: [0.1, 0.1], scale: [0.7, 1.3]}",
        f"    - letterbox: {{size: {side}, fill: 0}}  # one resampling together with the affine",
        "    - horizontal_flip",
        "    - color_jitter: {brightness: 0.3, contrast: 0.3}",
        "    # - elastic: {alpha: 200, sigma: 12}  # for tissue and other soft things",
    ]


def _rest(look: Look) -> list[str]:
    batch = 128 if look.small else 64 if look.task == "classification" else 16
    lines = [f"loader: {{batch_size: {batch}, seed: 0}}"]
    if look.task != "classification":
        return [*lines, "# No train section: `augpipe train` trains classifiers."]
    model = "small_cnn" if look.small else "resnet18"
    return [
        *lines,
        "train:",
        f"  model: {{name: {model}, num_classes: {look.classes}}}",
        "  epochs: 30",
        "  optimizer: {name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 5.0e-4}",
        "  schedule: {name: warmup_cosine, warmup_epochs: 2}",
        "  ema: {decay: 0.99}",
    ]
