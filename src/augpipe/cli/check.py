"""`augpipe check`: is a dataset sound?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from augpipe.check import KINDS, Finding, PartSummary, Report, check_datasets, write_page
from augpipe.check.opening import open_tolerantly
from augpipe.cli.options import JsonOption, PlaceArgument, out
from augpipe.cli.place import as_place
from augpipe.cli.progress import progress

_SIZES = 3
_PLACES = 4


def check(
    data: PlaceArgument,
    val: Annotated[
        str | None, typer.Option("--val", help="The validation data: no picture may be in both.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write a page with the pictures, too.")
    ] = None,
    as_json: JsonOption = False,
    distance: Annotated[
        int,
        typer.Option(
            min=0, max=15, help="How many of 64 bits may differ in pictures nearly the same."
        ),
    ] = 4,
    show: Annotated[int, typer.Option(min=0, help="How many of each kind to print.")] = 10,
    fail_on: Annotated[
        Literal["error", "warning", "never"], typer.Option(help="What to end with 1 for.")
    ] = "error",
    threads: Annotated[
        int | None, typer.Option(min=1, help="How many decode at once; by default all processors.")
    ] = None,
) -> None:
    """Look for what is wrong with a dataset, and end with 1 if there is an error.

    Files that are damaged, cut short or missing; labels that are missing or contradict; boxes that
    are empty or leave their picture; the same picture twice, or nearly; pictures that are in
    training and in validation; classes that are rare.

    For example:

        augpipe check photos/train --val photos/val
        augpipe check VOC2007 --html check.html
        augpipe check labels.csv --json | jq .summary
        augpipe check '{path: data.yaml, split: val}' --fail-on warning
    """
    places = {"train": as_place(data)} | ({} if val is None else {"val": as_place(val)})
    report = _checked(places, distance, threads)
    if page is not None:
        datasets = {name: open_tolerantly(place, name).dataset for name, place in places.items()}
        write_page(report, datasets, page)
    if as_json:
        out.print(json.dumps(report.as_json(), indent=1))
    else:
        _print(report, show)
        if page is not None:
            out.print(f"\npage        {page}")
    bad = report.count("error") + (report.count("warning") if fail_on == "warning" else 0)
    raise typer.Exit(1 if bad and fail_on != "never" else 0)


def _checked(places: Mapping[str, object], distance: int, threads: int | None) -> Report:
    with progress("looking") as move:
        return check_datasets(
            *places.values(),
            distance=distance,
            threads=threads,
            on_start=lambda rows: move(total=rows),
            on_rows=lambda rows: move(advance=rows),
        )


def _print(report: Report, show: int) -> None:
    for part in report.parts:
        _print_part(part)
    if not report.findings:
        out.print("\nnothing was found")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title, justify in (("found", "right"), ("severity", "left"), ("what", "left")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]  # a str to mypy
    for kind, findings in report.by_kind():
        table.add_row(f"{len(findings):,}", KINDS[kind].severity, KINDS[kind].means)
    out.print()
    Console(highlight=False).print(table)
    for kind, findings in report.by_kind():
        _print_kind(kind, findings, show)


def _print_part(part: PartSummary) -> None:
    objects = "" if part.objects is None else f", {part.objects:,} objects"
    classes = f", {len(part.classes)} classes" if part.classes else ""
    out.print(f"{part.name:11} {part.rows:,} pictures{objects}{classes}")
    named = [f"{h}x{w} ({count:,})" for (h, w), count in list(part.sizes.items())[:_SIZES]]
    more = [f"{len(part.sizes) - _SIZES:,} more"] if len(part.sizes) > _SIZES else []
    out.print(f"  {'sizes':9} {', '.join(named + more) or 'none could be read'}")
    ordered = sorted(part.classes.items(), key=lambda item: -item[1])
    if ordered:
        (most, many), (least, few) = ordered[0], ordered[-1]
        out.print(f"  {'balance':9} {many:,} {most} to {few:,} {least}")


def _print_kind(kind: str, findings: Sequence[Finding], show: int) -> None:
    if not show:
        return
    of = KINDS[kind]
    out.print(f"\n{of.severity}: {of.means} ({len(findings):,}); {of.remedy}")
    for finding in findings[:show]:
        for number, place in enumerate(finding.places[:_PLACES]):
            out.print(f"  {place.where}: {finding.message}" if not number else f"    {place.where}")
        if (rest := len(finding.places) - _PLACES) > 0:
            out.print(f"    and {rest:,} more")
    if (rest := len(findings) - show) > 0:
        out.print(f"  and {rest:,} more; --show {len(findings)} prints them all")
