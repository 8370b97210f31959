"""Rows of a dataset and what a pipeline makes of them, as pictures that a page can hold."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augpipe.api import build_loader
from augpipe.cli.preview import displayable, epoch_columns, percentile_columns
from augpipe.cli.sheet import draw_cell
from augpipe.data.dataset import ImageDataset
from augpipe.data.sample import Sample, Targets
from augpipe.errors import DataError
from augpipe.pipeline import Pipeline

SIDE, THUMBNAIL = 384, 128  # pixels
_PERCENTILES = (5, 50, 95)
_NUMBERS = 4  # of a long list, what is shown


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on the page.

    Attributes:
        title: what it is.
        url: the picture itself, as a data URL.
        note: its class or classes, and its size.
        drawn: what each op drew, a line each.
    """

    title: str
    url: str
    note: str = ""
    drawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What one looks at.

    Attributes:
        row: of the dataset.
        epoch: the first.
        count: how many epochs.
        strengths: instead of epochs, all draws mild, median and extreme.
    """

    row: int = 0
    epoch: int = 0
    count: int = 6
    strengths: bool = False


def thumbnails(dataset: ImageDataset, rows: Sequence[int]) -> list[Shown]:
    """Small pictures of some rows; one that cannot be read says so in its note."""
    # A plan of one step: so large files are decoded no larger than need be.
    loader = build_loader(
        dataset, [{"resize": {"size": THUMBNAIL, "side": "longer"}}], num_workers=0
    )
    small = []
    for row in rows:
        try:
            sample = loader.replay(0, row)
        except DataError as error:
            small.append(Shown(f"row {row}", "", str(error)))
        else:
            url = _data_url(sample.image, Targets(), (), THUMBNAIL)
            small.append(Shown(f"row {row}", url, _label(sample.targets, dataset.classes)))
    return small


def original(dataset: ImageDataset, row: int) -> Shown:
    """A row as it is, with its targets.

    Raises:
        DataError: it cannot be read.
    """
    return _shown("original", dataset[row], dataset)


def variants(dataset: ImageDataset, pipeline: Pipeline, look: Look, seed: int) -> list[Shown]:
    """What training sees of a row, batch ops included.

    Raises:
        AugpipeError: a row cannot be read, or the ops cannot be carried out on it.
    """
    loader = build_loader(dataset, pipeline, num_workers=0, seed=seed)
    if look.strengths:
        columns = percentile_columns(loader, _PERCENTILES)
    else:
        columns = epoch_columns(loader, look.epoch, look.count)
    samples = ((title, make(look.row)) for title, make in columns)
    return [
        _shown(title, replace(one, image=displayable(one.image, loader)), dataset)
        for title, one in samples
    ]


def _shown(title: str, sample: Sample, dataset: ImageDataset) -> Shown:
    height, width = sample.image.shape[:2]
    note = f"{_label(sample.targets, dataset.classes)} {height}x{width}".strip()
    drawn = tuple(_drawn(record) for record in sample.record)
    return Shown(title, _data_url(sample.image, sample.targets, dataset.classes), note, drawn)


def _label(targets: Targets, classes: Sequence[str]) -> str:
    """The class; of mixed pictures, all with their shares."""
    label = targets.label
    if label is None:
        return ""
    shares = {label: 1.0} if isinstance(label, int) else dict(enumerate(label.tolist()))
    names = {classes[n] if n < len(classes) else f"class {n}": s for n, s in shares.items() if s}
    if len(names) == 1:
        return next(iter(names))
    return ", ".join(f"{name} {share:.2f}" for name, share in names.items())


def _drawn(record: Mapping[str, Any]) -> str:
    """What an op drew, in a line: `affine#0  angle_deg 3.1  scale 1.05`."""
    values = (f"{name} {_brief(value)}" for name, value in record.items() if name != "op")
    return "  ".join([str(record["op"]), *values])


def _brief(value: Any) -> str:
    if isinstance(value, list | tuple):
        rest = ["…"] if len(value) > _NUMBERS else []
        return f"[{', '.join([*map(_brief, value[:_NUMBERS]), *rest])}]"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _data_url(
    image: NDArray[np.uint8], targets: Targets, classes: Sequence[str], side: int = SIDE
) -> str:
    picture, _ = draw_cell(image, targets, classes, side)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
