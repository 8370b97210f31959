"""`augpipe ops`: which ops there are, and what they take."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from augpipe.cli.options import out
from augpipe.ops import find_op, list_ops


def ops(
    name: Annotated[
        str | None, typer.Argument(help="One op, to see its parameters.", show_default=False)
    ] = None,
) -> None:
    """List all ops, or describe one."""
    if name is None:
        width = max(map(len, list_ops()))
        for known in list_ops():
            out.print(f"{known:{width}}  {_first_line(known)}")
        return
    op = find_op(name)
    out.print(f"{op.name()}\n")
    out.print(inspect.getdoc(op) or "")
    out.print("\nDefaults:")
    for field, info in op.model_fields.items():
        default = "required" if info.is_required() else info.default
        out.print(f"    {field}: {default}")


def _first_line(name: str) -> str:
    return (inspect.getdoc(find_op(name)) or "").splitlines()[0]
