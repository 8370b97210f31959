"""`augpipe bench`: where the time of a recipe goes, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import torch
import typer
from rich.table import Table
from rich.text import Text

from augpipe.bench import Advice, Timings, advise, measure, measure_loader
from augpipe.bench.measure import WORKER
from augpipe.bench.stages import Step
from augpipe.cli.options import (
    DataOption,
    DeviceOption,
    JsonOption,
    PartOption,
    RecipeArgument,
    SetOption,
    as_part,
    data_of,
    out,
    read_recipe,
)
from augpipe.cli.progress import progress
from augpipe.data.open import open_dataset
from augpipe.errors import RecipeError
from augpipe.loader.batch import Batch
from augpipe.loader.device import find_device
from augpipe.recipe import Recipe

_SAYS = {
    "read": "files, once they have been read",
    "decode": "pixels, as much of them as is needed",
    "augment": "plans and ops, on one thread",
    "collate": "pictures into a batch",
    "copy": "to the device",
    "batch": "ops on whole batches, on the device",
    "step": "forward, backward, optimizer",
}


def bench(
    recipe: RecipeArgument,
    data: DataOption = None,
    settings: SetOption = None,
    part: PartOption = "train",
    batches: Annotated[int, typer.Option(help="Batches to take the median of.")] = 10,
    workers: Annotated[
        int | None, typer.Option(help="For the whole loader, instead of those recommended.")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time each stage of a recipe by itself, and say what limits the rate.

    For example:

        augpipe bench light --data photos/
        augpipe bench my.yaml --set loader.batch_size=128 --json
    """
    if batches < 1:
        raise RecipeError(f"--batches {batches}: expected 1 or more")
    if workers is not None and workers < 0:
        raise RecipeError(f"--workers {workers}: expected 0 or more")
    loaded, own = read_recipe(recipe, settings).provisional, as_part(part)
    dataset = open_dataset(data or data_of(loaded, own, recipe))
    where = find_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    step = _step(loaded, len(dataset.classes), where) if own == "train" else None
    what = dataset, loaded.ops(own), loaded.loader
    timings = _timed(*what, device=where, step=step, batches=batches)
    advice = advise(timings)
    used = advice.workers if workers is None else workers
    rate = _loader_timed(*what, used, device=where, batches=batches)
    if as_json:
        out.print_json(data=_values(timings, advice, used, rate))
    else:
        _print(timings, advice, used, rate)


def _timed(*what: Any, batches: int, **how: Any) -> Timings:
    with progress("batches") as move:
        return measure(
            *what,
            batches=batches,
            on_batch=lambda done, total: move(completed=done, total=total),
            **how,
        )


def _loader_timed(*what: Any, batches: int, **how: Any) -> float:
    with progress("the whole loader") as move:
        return measure_loader(
            *what,
            batches=batches,
            on_batch=lambda done, total: move(completed=done, total=total),
            **how,
        )


def _step(recipe: Recipe, classes: int, device: torch.device) -> Step | None:
    """A plain step of training; None if the recipe does not train, or not classify."""
    from augpipe.train.models import build_model  # torchvision's models take a second to import
    from augpipe.train.optim import build_optimizer

    if recipe.train is None or not classes:
        return None
    model = build_model(recipe.train.model, classes).to(device).train()
    optimizer = build_optimizer(recipe.train.optimizer, model)
    loss = torch.nn.CrossEntropyLoss()

    def step(batch: Batch) -> None:
        if batch.labels is None or not batch.images.is_floating_point():
            raise RecipeError(
                "a step of training needs labels and normalised pictures; add pipeline.normalize "
                "to the recipe, or leave the step out with --part val"
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss(model(batch.images), batch.labels))
        optimizer.step()

    return step


def _values(timings: Timings, advice: Advice, used: int, rate: float) -> dict[str, Any]:
    rates = {stage: 1 / seconds for stage, seconds in timings.seconds.items()}
    loader = {"workers": used, "images_per_second": rate}
    own = asdict(timings) | {"images_per_second": rates}
    return own | {"advice": asdict(advice), "loader": loader}


def _print(timings: Timings, advice: Advice, used: int, rate: float) -> None:
    for name, value in timings.machine.items():
        out.print(Text(f"{name:11} {value}"))
    out.print(f"measured    {timings.batches} batches of {timings.batch_size}, medians\n")
    table = Table("stage", "images/s", "µs/image", "where", "what", box=None, pad_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    for stage, seconds in timings.seconds.items():
        title = Text(stage, "bold yellow" if stage == advice.bottleneck else "")
        where = "each worker" if stage in WORKER else "trainer"
        table.add_row(title, f"{1 / seconds:,.0f}", f"{1e6 * seconds:,.0f}", where, _SAYS[stage])
    out.print(table)
    out.print(f"\nloader      {rate:,.0f} images/s with {_workers(used)}, and nobody training")
    for line in _advice(timings, advice):
        out.print(line)


def _advice(timings: Timings, advice: Advice) -> list[str]:
    share = timings.seconds[advice.bottleneck] / timings.of(
        WORKER if advice.bottleneck in WORKER else tuple(timings.seconds.keys() - set(WORKER))
    )
    who = "a worker's" if advice.bottleneck in WORKER else "the trainer's"
    lines = [
        f"bottleneck  {advice.bottleneck}, {share:.0%} of {who} time",
        f"workers     {advice.workers} (loader.num_workers): {advice.rate:,.0f} images/s at most",
    ]
    if advice.cache is None:
        return [*lines, "cache       none: reading and decoding do not hold anything up"]
    room = f"{timings.rows * timings.picture_bytes / 1e6:,.0f} MB"
    gain = f"{advice.cached_rate:,.0f} images/s at most once it is full"
    return [*lines, f"cache       {advice.cache} (loader.cache), about {room}: {gain}"]


def _workers(count: int) -> str:
    return {0: "no workers", 1: "1 worker"}.get(count, f"{count} workers")
