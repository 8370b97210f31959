"""`augpipe`: the commands, and what becomes of errors.

Exit codes: 0 done, 1 the work failed, 2 bad usage or bad input, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from augpipe import __version__
from augpipe.cli.average import average
from augpipe.cli.bench import bench
from augpipe.cli.check import check
from augpipe.cli.convert import convert
from augpipe.cli.doctor import doctor
from augpipe.cli.evaluate import evaluate
from augpipe.cli.explain import explain
from augpipe.cli.export import export
from augpipe.cli.init import init
from augpipe.cli.ops import ops
from augpipe.cli.options import Command
from augpipe.cli.preview import preview
from augpipe.cli.schema import schema
from augpipe.cli.split import split
from augpipe.cli.stats import stats
from augpipe.cli.train import train
from augpipe.data.decode import decoder_name
from augpipe.errors import AugpipeError

app = typer.Typer(
    name="augpipe",
    help="Images in, reproducible augmented batches out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train,
    preview,
    explain,
    doctor,
    bench,
    ops,
    stats,
    split,
    evaluate,
    average,
    export,
    check,
    init,
    convert,
    schema,
):
    app.command(cls=Command)(command)


def _version(wanted: bool) -> None:
    if wanted:
        Console().print(f"augpipe {__version__} ({decoder_name()})", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Options of all commands; `debug` is read by `run`, before any command is."""


def run() -> None:
    """The entry point: run the command, and turn errors into a line and an exit code."""
    try:
        app()
    except AugpipeError as error:
        if "--debug" in sys.argv:
            raise
        console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False, emoji=False)
        console.print(f"error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
