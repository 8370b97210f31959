"""`augpipe preview`: a sheet of pictures before and after a pipeline, as training sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from augpipe.api import build_loader
from augpipe.cli.options import (
    DataOption,
    PartOption,
    RecipeArgument,
    SetOption,
    as_part,
    data_of,
    out,
    read_recipe,
)
from augpipe.cli.sheet import Line, draw_sheet, save_sheet
from augpipe.data.open import open_dataset
from augpipe.data.sample import Sample
from augpipe.loader.loader import Loader
from augpipe.ops import Normalize, ToFloat
from augpipe.studio.serve import Server

Column = tuple[str, Callable[[int], Sample]]


def preview(
    recipe: RecipeArgument,
    data: DataOption = None,
    settings: SetOption = None,
    picture: Annotated[Path, typer.Option("--out", help="The picture to write.")] = Path(
        "preview.png"
    ),
    count: Annotated[int, typer.Option(min=1, max=64, help="How many rows to show.")] = 6,
    variants: Annotated[int, typer.Option(min=1, max=16, help="How many epochs of each.")] = 6,
    epoch: Annotated[int, typer.Option(min=0, help="The first epoch to show.")] = 0,
    index: Annotated[
        int | None, typer.Option(min=0, help="Show this row only, and write down what was drawn.")
    ] = None,
    percentile: Annotated[
        list[float] | None,
        typer.Option(min=0, max=100, help="How strong? Put all draws there; repeatable."),
    ] = None,
    part: PartOption = "train",
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve a page to edit the pipeline on; draw no sheet.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to serve it; 0 takes a free one.")
    ] = 8080,
) -> None:
    """Draw originals beside their augmented variants."""
    which = as_part(part)
    loaded = read_recipe(recipe, settings, **{f"data__{which}": data}).provisional
    place = data_of(loaded, which, recipe)
    if serve:
        server, title = Server(port), f"{Path(recipe).stem} · {which}"
        told = partial(out.print, f"page        {server.address}\nCtrl-C ends it.")
        server.run(title, loaded, which, open_dataset(place), told)
        return
    loader = build_loader(place, loaded.ops(which), num_workers=0, seed=loaded.loader.seed)
    columns = (
        percentile_columns(loader, percentile)
        if percentile
        else epoch_columns(loader, epoch, variants)
    )
    lines = [line_of(loader, row, columns) for row in _rows(len(loader.source), count, index)]
    heading = f"{Path(recipe).stem} · {which} · seed {loader.seed}"
    titles = ["original", *(title for title, _ in columns)]
    sheet = draw_sheet(heading, titles, lines, loader.source.classes)
    save_sheet(sheet, picture)
    out.print(f"preview     {picture}")
    if index is not None:
        records = picture.with_suffix(".json")
        records.write_text(_records(loader, index, columns), encoding="utf-8")
        out.print(f"parameters  {records}")


def epoch_columns(loader: Loader, first: int, count: int) -> list[Column]:
    """A column for each of some epochs, and for each view in it."""
    return [
        (f"epoch {epoch}{title}", partial(_view, loader, view, epoch))
        for epoch in range(first, first + count)
        for view, title in _views(loader)
    ]


def percentile_columns(loader: Loader, percentiles: Sequence[float]) -> list[Column]:
    """A column for each strength."""
    return [
        (f"percentile {value:g}", partial(loader.replay, 0, percentile=value))
        for value in percentiles
    ]


def _records(loader: Loader, row: int, columns: Sequence[Column]) -> str:
    """What was drawn for the row in each column, as JSON; `Pipeline` does it again."""
    records = {title: make(row).record for title, make in columns}
    whole = {"row": row, "where": loader.source.where(row), "seed": loader.seed, "records": records}
    return json.dumps(whole, indent=1)


def _views(loader: Loader) -> list[tuple[int, str]]:
    views = loader.pipeline.views
    return [(view, f" · {view + 1} of {views}" if views > 1 else "") for view in range(views)]


def _view(loader: Loader, view: int, epoch: int, row: int) -> Sample:
    sample = loader.replay(epoch, row)
    return sample.views[view] if sample.views else sample


def _rows(length: int, count: int, index: int | None) -> list[int]:
    """The row asked for; or several, evenly apart, so that most classes show."""
    if index is not None:
        return [index]
    return [int(row) for row in np.linspace(0, length - 1, min(count, length))]


def line_of(loader: Loader, row: int, columns: Sequence[Column]) -> Line:
    """A row of the dataset as it is, and in each column."""
    variants = [make(row) for _, make in columns]
    original = loader.source[row]
    label = original.label
    classes = loader.source.classes
    name = classes[label] if isinstance(label, int) and label < len(classes) else f"row {row}"
    height, width = original.image.shape[:2]
    shown = [(displayable(one.image, loader), one.targets) for one in (original, *variants)]
    return Line(name, f"row {row}, {height}x{width}", shown)


def displayable(image: NDArray[np.uint8], loader: Loader) -> NDArray[np.uint8]:
    """The picture in uint8 again, where the pipeline has normalised it."""
    if image.dtype == np.uint8:
        return image
    ops = [*loader.pipeline, *(loader.pipeline.batch or ())]
    normalize = next(op for op in ops if isinstance(op, Normalize | ToFloat))
    pixels = 255 * (image * np.array(normalize.std) + np.array(normalize.mean))
    return np.asarray(pixels.round().clip(0, 255), np.uint8)
