"""`augpipe average`: the mean of several checkpoints of a run, as one more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from augpipe.cli.options import DeviceOption, data_of, out
from augpipe.errors import RecipeError


def average(
    checkpoints: Annotated[
        list[Path], typer.Argument(help="Checkpoints of one model.", show_default=False)
    ],
    weights: Annotated[
        str | None, typer.Option(help="One for each, such as 1,2,3; by default all alike.")
    ] = None,
    ema: Annotated[bool, typer.Option("--ema", help="Of the moving averages.")] = False,
    file: Annotated[
        Path | None, typer.Option("--out", help="By default average.pt beside the last one.")
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Average the weights of checkpoints, recompute the statistics of norms, and judge the mean.

    The statistics come from the training data of the recipe that the last checkpoint holds.
    `augpipe evaluate` and `augpipe export` take the file as any other checkpoint.

    For example:

        augpipe average runs/digits-001/step-*.pt
    """
    from augpipe.cli.evaluate import find, judged, loader_of  # these take a second to import
    from augpipe.cli.trainers import make_loader
    from augpipe.train import checkpoint
    from augpipe.train.averaging import average_checkpoints, recompute_norms
    from augpipe.train.batches import pair
    from augpipe.train.restore import trained

    shares = _shares(weights, len(checkpoints))
    mean = average_checkpoints(checkpoints, shares, "ema" if ema else "model")
    model, classes, recipe = trained(checkpoints[-1])
    model.load_state_dict(mean)
    where = find(device)
    model.to(where)
    loader = make_loader(recipe, "train", str(checkpoints[-1]), str(where))
    recompute_norms(model, (pair(batch, where).images for batch in loader))
    val = loader_of(recipe, data_of(recipe, "val", str(checkpoints[-1])), classes, where)
    scores, _ = judged(model, val, recipe, where)
    place = file or checkpoints[-1].with_name("average.pt")
    state = checkpoint.load(checkpoints[-1])
    state["model"], state["ema"], state["swa"] = model.cpu().state_dict(), None, None
    checkpoint.save(place, state)
    out.print(f"validation accuracy {scores.accuracy:.2%}, of {len(checkpoints)} checkpoints")
    out.print(f"checkpoint  {place}")


def _shares(text: str | None, count: int) -> list[float] | None:
    if text is None:
        return None
    try:
        shares = [float(share) for share in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != count or not sum(shares):
        raise RecipeError(
            f"--weights {text}: expected {count} numbers of a sum above 0, one for each checkpoint"
        )
    return shares
