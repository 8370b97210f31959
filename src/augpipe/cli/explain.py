"""`augpipe explain`: what a recipe does to a picture, step by step, and how long each takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import torch
import typer

from augpipe.bench.measure import machine
from augpipe.cli.options import (
    DeviceOption,
    JsonOption,
    RecipeArgument,
    SetOption,
    out,
    read_recipe,
)
from augpipe.cli.outlined import lines_of, table_of
from augpipe.cli.progress import progress
from augpipe.errors import RecipeError
from augpipe.explain.account import DRAWS, Account, account_of
from augpipe.explain.clock import Clock
from augpipe.recipe import PARTS, Recipe


def explain(
    recipe: RecipeArgument,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the picture that comes in.")] = (
        "375x500"
    ),
    device: DeviceOption = None,
    settings: SetOption = None,
    timed: Annotated[
        bool, typer.Option("--time/--no-time", help="Whether to measure each step, here and now.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Print the plan: its steps, which ops fused into each, why fusion stopped, what each costs.

    Times are those of one picture, measured on a photo of that size as the command runs: the mean
    over several draws, on one thread. Of `cuda` it says which kernel carries out what, and measures
    that where there is a GPU.

    For example:

        augpipe explain imagenet
        augpipe explain my.yaml --size 1200x1600 --set loader.batch_size=32
        augpipe explain heavy --device cuda --no-time --json
    """
    loaded, picture = read_recipe(recipe, settings).provisional, as_size(size)
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    parts, measured = _explained(loaded, picture, where, timed)
    if as_json:
        accounts = {part: account and asdict(account) for part, account in parts.items()}
        asked = {"recipe": recipe, "size": picture, "device": where}
        out.print_json(data={**asked, "draws": DRAWS, "measured": measured, "parts": accounts})
        return
    for part, account in parts.items():
        _print(part, account)
    if measured:
        out.print(
            f"µs: for one picture, measured just now over {measured['draws']} draws on one thread "
            f"of {measured['processors'].partition(' × ')[2]} (load {measured['load'].split()[0]})"
        )


def _explained(
    recipe: Recipe, size: tuple[int, int], device: str, timed: bool
) -> tuple[dict[str, Account | None], dict[str, Any] | None]:
    """The account of each part, None for those that do nothing; and what was measured on."""
    is_here = not device.startswith("cuda") or torch.cuda.is_available()
    at = torch.device(device) if is_here else None
    clock = Clock(size, at) if timed else None
    accounts: dict[str, Account | None] = {}
    with progress("measuring" if timed else "planning") as move:
        move(total=len(PARTS))
        for part in PARTS:
            pipeline = recipe.ops(part)
            known = (pipeline, size, recipe.loader)
            does = pipeline or pipeline.batch
            accounts[part] = account_of(*known, device=device, clock=clock) if does else None
            move(advance=1)
    machine_here = machine(at or torch.device("cpu"))
    return accounts, {"draws": clock.draws, "threads": 1, **machine_here} if clock else None


def _print(part: str, account: Account | None) -> None:
    if account is None:
        out.print(f"{part}: pictures are left as they are\n")
        return
    out.print(table_of(part, account))
    for line in lines_of(account):
        out.print(line)
    out.print()


def as_size(text: str) -> tuple[int, int]:
    """The height and width that `--size` gives.

    Raises:
        RecipeError: it gives none.
    """
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise RecipeError(f"--size {text}: expected HEIGHTxWIDTH in pixels, such as 375x500")
    return int(height), int(width)
