"""`augpipe ops`: which ops there are, what they take, and what they do to a picture."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml
from PIL import Image
from sklearn import datasets
from sklearn.datasets import load_sample_images

from augpipe.api import build_loader
from augpipe.cli.options import JsonOption, out
from augpipe.docstrings import description
from augpipe.errors import RecipeError, suggest
from augpipe.json_schema import op_schema
from augpipe.loader.loader import Loader
from augpipe.ops import Op, find_op, list_ops, make_op
from augpipe.pipeline import Pipeline
from augpipe.preview import draw_sheet, epoch_columns, percentile_columns, save_sheet, sheet_of
from augpipe.schema import read_yaml

_PERCENTILES = (5, 50, 95)
_DRAWS = 5

# What to show of ops that cannot do without; by the field's name.
_EXAMPLES: dict[str, Any] = {
    "degrees": 30,
    "matrix": [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]],
    "model": "torch.nn:Identity",
    "n": [1, 2],
    "ops": ["horizontal_flip", "hsv", "gaussian_blur"],
    "reference": str(Path(datasets.__file__).parent / "images"),
    "size": [160, 240],
}

# And of ops that do nothing by default, or nothing that these photos show.
_OF_OP: dict[str, dict[str, Any]] = {
    "affine": {"degrees": 30, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 10},
    "color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    "elastic": {"alpha": 800, "sigma": 20},
    "letterbox": {"size": 240},
    "pad": {"padding": 40},
}


def ops(
    name: Annotated[
        str | None, typer.Argument(help="One op, to see its parameters.", show_default=False)
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option("--params", help="Its parameters as YAML, such as '{p: 1, degrees: 90}'."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--out", help="Where to draw what it does; by default runs/ops/NAME.png."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List all ops, or describe one and draw what it does.

    For example:

        augpipe ops
        augpipe ops affine --params '{degrees: 90, p: 1}' --out affine.png
        augpipe ops --json | jq .mosaic.properties.center_range
    """
    if name is None:
        _list(as_json)
        return
    op = find_op(name)
    shown = make_op({op.name(): _fields(op, fields)})
    place = picture or Path("runs") / "ops" / f"{op.name()}.png"
    save_sheet(draw_strip(shown), place)
    if as_json:
        out.print_json(data={"name": op.name(), **op_schema(op), "strip": str(place)})
        return
    out.print(f"{op.name()}\n")
    out.print(inspect.getdoc(op) or "")
    out.print("\nDefaults:")
    for field, info in op.model_fields.items():
        default = "required" if info.is_required() else info.default
        out.print(f"    {field}: {default}")
    out.print(f"\nstrip       {place}")


def _list(as_json: bool) -> None:
    known = {name: find_op(name) for name in list_ops()}
    if as_json:
        out.print_json(data={name: op_schema(op) for name, op in known.items()})
        return
    width = max(map(len, known))
    for name, op in known.items():
        out.print(f"{name:{width}}  {description(op).splitlines()[0]}")


def _fields(op: type[Op], written: str | None) -> dict[str, Any]:
    """What was asked for, and examples of what is required besides."""
    given = read_yaml(written) if written else {}
    if not isinstance(given, dict):
        raise RecipeError(f"--params: expected a mapping such as '{{p: 1}}', not {written!r}")
    for field in given:
        if field not in op.model_fields:
            raise RecipeError(f"{op.name()} has no {field!r}; {suggest(field, op.model_fields)}")
    return example_fields(op) | given


def example_fields(op: type[Op]) -> dict[str, Any]:
    """With what to show an op: what is required of it, and what it does nothing without."""
    required = [field for field, info in op.model_fields.items() if info.is_required()]
    return {field: _EXAMPLES[field] for field in required} | _OF_OP.get(op.name(), {})


def draw_strip(op: Op, draws: int = _DRAWS, heading: str | None = None) -> Image.Image:
    """Two photos: as they are, at three strengths, and as drawn in some epochs.

    Args:
        op: what to show.
        draws: how many epochs.
        heading: what stands above; None spells the op.
    """
    loader = photos_through(op)
    views = loader.pipeline.views
    columns = epoch_columns(loader, 0, draws if views == 1 else 1)
    if views == 1:
        columns = [*percentile_columns(loader, _PERCENTILES), *columns]
    spelled = yaml.safe_dump(op.spec(), default_flow_style=True)
    rows = range(len(loader.source))
    return draw_sheet(sheet_of(spelled if heading is None else heading, rows, columns))


def photos_through(op: Op) -> Loader:
    """scikit-learn's two photos, and objects on them where the op asks for some."""
    on_batch = "generator" in op.name()
    pipeline = Pipeline(batch=[op]) if on_batch else Pipeline([op])
    with_objects = op.needs_boxes or op.partners > 0
    return build_loader(_photos(with_objects), pipeline, num_workers=0)


def _photos(with_objects: bool) -> list[dict[str, Any]]:
    """scikit-learn's two photos; what they show, roughly, where an op asks for it."""
    photos = [{"image": image} for image in load_sample_images().images]
    objects = ((0.02, 0.1, 0.5, 0.95), (0.3, 0.12, 0.8, 0.93))
    for photo, fractions in zip(photos, objects if with_objects else (), strict=False):
        height, width = photo["image"].shape[:2]
        box = np.array(fractions) * (width, height, width, height)
        y, x = np.mgrid[:height, :width] + 0.5
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        inside = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1
        photo |= {"boxes": box[None], "labels": np.array([0]), "masks": inside[None]}
    return photos
