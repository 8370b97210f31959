"""`augpipe doctor`: what is wrong with a loader, whoever wrote it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from augpipe.cli.options import JsonOption, out
from augpipe.cli.progress import progress
from augpipe.doctor import Report, examine
from augpipe.doctor.examine import SAMPLES, SECONDS, WORKERS

_COLORS = {"ok": "green", "found": "bold red", "unknown": "yellow"}


def doctor(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="A function of num_workers that returns a loader; see below.",
            show_default=False,
        ),
    ],
    workers: Annotated[
        list[int] | None,
        typer.Option(
            help="A number of workers to try; repeatable. By default "
            f"{' and '.join(map(str, WORKERS))}."
        ),
    ] = None,
    samples: Annotated[int, typer.Option(help="How many samples of an epoch to compare.")] = (
        SAMPLES
    ),
    seconds: Annotated[
        float, typer.Option("--limit", help="Seconds after which a loader is said to hang.")
    ] = SECONDS,
    skip: Annotated[
        list[str] | None, typer.Option(help="A check that does not matter to you; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run anybody's loader for a few batches, and say what is wrong with it.

    Each number of workers gets a process of its own, and two epochs.
    Do workers repeat each other? Do epochs? Do results change with the
    number of workers? Does memory grow? Are there too many threads? Is the
    start slow? Exit code 0: nothing was found; 1: something was; 2: there
    is no such loader.

    The module is imported from the working directory. In my_module.py:

        def make_loader(num_workers):
            return DataLoader(MyDataset(), 32, num_workers=num_workers)

    For example:

        augpipe doctor my_module:make_loader
        augpipe doctor my_module:make_loader --workers 4 --skip workers
    """
    with progress("probing") as move:
        report = examine(
            target,
            workers=workers or WORKERS,
            samples=samples,
            seconds=seconds,
            skip=skip or (),
            on_probe=lambda done, probes: move(completed=done, total=probes),
        )
    if as_json:
        out.print_json(data=asdict(report) | {"healthy": report.healthy})
    else:
        _print(report)
    raise typer.Exit(0 if report.healthy else 1)


def _print(report: Report) -> None:
    for verdict in report.verdicts:
        state = Text(f"{verdict.state:8}", _COLORS[verdict.state])
        out.print(Text.assemble(state, f" {verdict.check:11}{verdict.evidence}"))
        if verdict.remedy:
            out.print(Text(f"{'':20}{verdict.remedy}"))
    found = [verdict.check for verdict in report.verdicts if verdict.state == "found"]
    out.print(Text(f"{report.target}: " + (f"found {', '.join(found)}" if found else "healthy")))
