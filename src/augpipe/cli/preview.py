"""`augpipe preview`: pictures before and after a pipeline, as training sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from augpipe.cli.look import Look, side_by_side
from augpipe.cli.options import (
    DataOption,
    JsonOption,
    PartOption,
    RecipeArgument,
    SetOption,
    as_part,
    data_of,
    out,
    read_recipe,
)
from augpipe.cli.terminal import show_picture
from augpipe.data.open import open_dataset
from augpipe.data.sample import spatial_in
from augpipe.errors import RecipeError
from augpipe.preview import Sheet, draw_sheet, save_sheet, write_page
from augpipe.recipe import Part, Recipe
from augpipe.studio.serve import Server

_ROWS = 6
_SIDE, _LARGE_SIDE = 144, 224


PictureOption = Annotated[
    Path | None,
    typer.Option("--out", help="The picture to write; preview.png, unless --html is given."),
]
PageOption = Annotated[
    Path | None, typer.Option("--html", help="Write a page to zoom into and to filter.")
]
CountOption = Annotated[
    int | None, typer.Option(min=1, max=64, help=f"How many rows to show; by default {_ROWS}.")
]
VariantsOption = Annotated[
    int | None, typer.Option(min=1, max=16, help="How many epochs of each; by default 6 in all.")
]
EpochOption = Annotated[int, typer.Option(min=0, help="The first epoch to show.")]
IndexOption = Annotated[
    int | None, typer.Option(min=0, help="Show this row only, and write down what was drawn.")
]
PercentileOption = Annotated[
    list[float] | None,
    typer.Option(min=0, max=100, help="How strong? Put all draws there; takes several."),
]
StagesOption = Annotated[
    bool, typer.Option("--stages", help="Show one sample after each step, with what it drew.")
]
CompareOption = Annotated[
    str | None, typer.Option(metavar="RECIPE", help="Show it beside, on the same rows.")
]
SideOption = Annotated[
    int | None,
    typer.Option(min=32, max=1024, help="Of each picture, in pixels; by default 144, or 224."),
]
ShowOption = Annotated[
    bool | None,
    typer.Option(
        "--show/--no-show", help="Show it here too; by default where terminals draw pictures."
    ),
]
ServeOption = Annotated[
    bool, typer.Option("--serve", help="Serve a page to edit the pipeline on; draw no sheet.")
]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Where to serve it; 0 takes a free one.")
]


def preview(
    recipe: RecipeArgument,
    data: DataOption = None,
    settings: SetOption = None,
    picture: PictureOption = None,
    page: PageOption = None,
    count: CountOption = None,
    variants: VariantsOption = None,
    epoch: EpochOption = 0,
    index: IndexOption = None,
    percentile: PercentileOption = None,
    stages: StagesOption = False,
    compare: CompareOption = None,
    side: SideOption = None,
    show: ShowOption = None,
    as_json: JsonOption = False,
    part: PartOption = "train",
    serve: ServeOption = False,
    port: PortOption = 8080,
) -> None:
    """Draw originals beside their augmented variants: the pixels that training sees.

    For example:

        augpipe preview heavy --data photos/train

        augpipe preview heavy --data photos/train --percentile 5 50 95

        augpipe preview recipe.yaml --stages --index 17 --epoch 3

        augpipe preview light --data photos/train --compare heavy --html preview.html

        augpipe preview heavy --data photos/train --serve
    """
    if stages and (count is not None or variants is not None):
        raise RecipeError("--stages shows one sample: leave --count and --variants out")
    which = as_part(part)
    loaded = read_recipe(recipe, settings, **{f"data__{which}": data})
    if serve:
        _serve(loaded, recipe, which, port)
        return
    name = Path(recipe).stem + (" with --set" if settings and compare else "")
    loaders = side_by_side(loaded, name, compare, which)
    look = Look(loaders, which, epoch, variants, percentile or ())
    rows = _rows(look.length, count or _ROWS, index)
    sheet = look.stages(rows[0]) if stages else look.sheet(rows)
    drawn = draw_sheet(sheet, side or (_LARGE_SIDE if stages or _has_objects(sheet) else _SIDE))
    written = _written(sheet, drawn, picture, page)
    if index is not None:
        written["parameters"] = _write_records(look, index, next(iter(written.values())))
    _tell(sheet, written, as_json)
    if not as_json:
        show_picture(drawn, show)


def _serve(recipe: Recipe, name: str, part: Part, port: int) -> None:
    server, dataset = Server(port), open_dataset(data_of(recipe, part, name))
    told = partial(out.print, f"page        {server.address}\nCtrl-C ends it.")
    server.run(f"{Path(name).stem} · {part}", recipe, part, dataset, told)


def _written(
    sheet: Sheet, drawn: Image.Image, picture: Path | None, page: Path | None
) -> dict[str, Path]:
    """What was written, and where."""
    if picture is None and page is None:
        picture = Path("preview.png")
    written = {}
    if picture is not None:
        save_sheet(drawn, picture)
        written["preview"] = picture
    if page is not None:
        write_page(sheet, page)
        written["page"] = page
    return written


def _write_records(look: Look, row: int, beside: Path) -> Path:
    """What was drawn for the row in each column, as JSON; `Pipeline` does it again."""
    place = beside.with_suffix(".json")
    place.write_text(json.dumps(look.records(row), indent=1), encoding="utf-8")
    return place


def _tell(sheet: Sheet, written: Mapping[str, Path], as_json: bool) -> None:
    places = {name: str(place) for name, place in written.items()}
    if as_json:
        out.print(json.dumps({**places, **sheet.as_json()}, indent=1))
        return
    for name, place in places.items():
        out.print(f"{name:11} {place}")


def _has_objects(sheet: Sheet) -> bool:
    return any(spatial_in(cell.targets) for line in sheet.lines for cell in line.cells)


def _rows(length: int, count: int, index: int | None) -> list[int]:
    """The row asked for; or several, evenly apart, so that most classes show."""
    if index is not None:
        return [index]
    return [int(row) for row in np.linspace(0, length - 1, min(count, length))]
