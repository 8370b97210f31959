"""`augpipe evaluate`: how good a run's model is, class by class, and under attack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augpipe.cli.options import DataOption, DeviceOption, JsonOption, data_of, out
from augpipe.errors import DataError, within
from augpipe.schema import check, read_yaml

if TYPE_CHECKING:
    import torch
    from torch import nn

    from augpipe.loader.loader import Loader
    from augpipe.recipe import Recipe
    from augpipe.train.score import Scores

AttackOption = Annotated[
    str | None,
    typer.Option(help="fgsm, fast_fgsm or pgd; or a mapping such as '{name: pgd, steps: 20}'."),
]


# Of the table, with their widths.
_COLUMNS = {"precision": 9, "recall": 7, "f1": 7}


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder, or one of its checkpoints.")],
    data: DataOption = None,
    attack: AttackOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the weights that a run gives out: by its validation data, or by any other.

    For example:

        augpipe evaluate runs/digits-001 --data test/

        augpipe evaluate runs/digits-001 --attack pgd
    """
    from augpipe.train.restore import trained  # torchvision's models take a second to import

    model, classes, recipe = trained(run)
    where = find(device)
    loader = loader_of(recipe, data or data_of(recipe, "val", str(run)), classes, where)
    scores, attacked = judged(model.to(where), loader, recipe, where, attack)
    if as_json:
        out.print_json(data=_values(scores, attacked, classes))
        return
    _print(scores, classes)
    if attacked:
        out.print(f"attacked    {attacked.accuracy:.2%}, loss {attacked.loss:.4f}")


def find(name: str | None) -> torch.device:
    """The device of a name; without one, a GPU where there is one."""
    import torch

    from augpipe.loader.device import find_device

    return find_device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def loader_of(recipe: Recipe, data: Any, classes: Sequence[str], device: torch.device) -> Loader:
    """Batches of some data as the recipe's validation makes them.

    Raises:
        DataError: they are of other classes than the model's.
    """
    from augpipe.cli.trainers import make_loader

    there = recipe.data.model_copy(update={"val": data})
    loader = make_loader(recipe.model_copy(update={"data": there}), "val", "val", str(device))
    if list(loader.source.classes) != list(classes):
        raise DataError(
            f"the data has the classes {', '.join(loader.source.classes)}, but the model was "
            f"trained on {', '.join(classes)}; judge it by data of these, in this order"
        )
    return loader


def judged(
    model: nn.Module,
    loader: Loader,
    recipe: Recipe,
    device: torch.device,
    attack: str | None = None,
) -> tuple[Scores, Scores | None]:
    """The scores of a model in float32; and those under attack, if one is given."""
    from augpipe.train.attack import PixelScale, build_attack, evaluate_attacked
    from augpipe.train.config.robust import AttackConfig
    from augpipe.train.precision import Precision
    from augpipe.train.score import evaluate

    top_k = recipe.train.top_k if recipe.train else None
    scores = evaluate({"val": model}, loader, device, top_k=top_k, confusion=True)["val"]
    if attack is None:
        return scores, None
    with within(f"--attack {attack}"):
        value = read_yaml(attack)
        config = check(AttackConfig, value if isinstance(value, dict) else {"name": value})
    normalize = recipe.known_normalize
    scale = PixelScale(normalize.mean, normalize.std) if normalize else PixelScale()
    loader.set_epoch(0)
    precision = Precision("float32", device)
    attacked = evaluate_attacked(
        model, build_attack(config, scale), loader, device, precision=precision
    )
    return scores, attacked


def _values(scores: Scores, attacked: Scores | None, classes: Sequence[str]) -> dict[str, Any]:
    """NaN, where there was nothing to divide by, is null."""
    from augpipe.train.confusion import per_class

    rows = [] if scores.confusion is None else per_class(scores.confusion, classes)
    return {
        "accuracy": scores.accuracy,
        "loss": scores.loss,
        "top_k": scores.top_k,
        "classes": [{k: None if v != v else v for k, v in row.items()} for row in rows],
        "confusion": None if scores.confusion is None else scores.confusion.tolist(),
        "attacked": attacked and {"accuracy": attacked.accuracy, "loss": attacked.loss},
    }


def _print(scores: Scores, classes: Sequence[str]) -> None:
    from augpipe.train.confusion import per_class

    near = "" if scores.top_k is None else f", {scores.top_k:.2%} among the first answers"
    out.print(f"accuracy    {scores.accuracy:.2%}{near}, loss {scores.loss:.4f}")
    if scores.confusion is None:
        return
    wide = max(len("class"), *map(len, classes))
    out.print(f"{'class':{wide}}  samples  precision   recall       F1  most often taken for")
    rows = per_class(scores.confusion, classes)
    for number, row in enumerate(rows[: len(classes)]):
        shares = (_percent(row[name], width) for name, width in _COLUMNS.items())
        wrong = _most_often(scores.confusion[number], number, [one["class"] for one in rows])
        line = [f"{row['class']:{wide}}", f"{row['samples']:>7,}", *shares, wrong]
        out.print("  ".join(line).rstrip())


def _percent(share: float, width: int) -> str:
    """NaN, where there was nothing to divide by, is a dash."""
    return f"{'–' if math.isnan(share) else f'{share:.2%}':>{width}}"


def _most_often(answers: torch.Tensor, own: int, names: Sequence[str]) -> str:
    """Which wrong answer comes most often, and how often."""
    wrong = answers.clone()
    wrong[own] = 0
    count = int(wrong.max())
    return f"{names[int(wrong.argmax())]} ({count})" if count else ""
