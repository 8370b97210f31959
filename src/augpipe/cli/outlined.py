"""The table that `augpipe explain` prints of one part of a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from augpipe.explain.account import Account, Decoding, Handed
from augpipe.explain.outline import Branching, Group, Line, Outline

# Of the ways that pictures may go, so many are named.
_WAYS = 4

# And no scale that is used in a smaller share of the draws.
_RARE = 0.01

_KINDS = {
    "warp": "cyan",
    "recolor": "magenta",
    "lookup": "magenta",
    "kernel": "yellow",
    "branch": "green",
    "mix": "blue",
}


class _Row(NamedTuple):
    number: str = ""
    kind: Text | str = ""
    ops: Text | str = ""
    does: Text | str = ""
    runs_on: str = ""
    took: str = ""


def table_of(part: str, account: Account) -> Table:
    """One part: what is decoded, the steps for a picture, and those for a batch."""
    rows = [_decoding(account.decoding), *_steps(account.worker)]
    if account.batch:
        rows += [_Row(ops=Text("then, on each batch:", "dim"))]
        rows += _steps(account.batch, start=len(account.worker.steps))
    title = Text.assemble((part, "bold"), f": {_headline(account)}")
    table = Table(
        title=title,
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("", justify="left", no_wrap=True)
    for name in ("step", "ops", "what it does", "on"):
        table.add_column(name, header_style="dim")
    if account.worker.microseconds is not None:
        table.add_column("µs", justify="right", no_wrap=True, header_style="dim")
    for row in rows:
        table.add_row(*row[: len(table.columns)])
    return table


def lines_of(account: Account) -> Iterator[Text]:
    """What there is to say of the whole: bytes, and microseconds."""
    first, last = account.handed, account.trained_on
    became = f", then {_bytes(last)}" if last != first else ""
    yield Text(f"   a batch: {_bytes(first)}{became}", "dim")
    steps = [account.worker, *([account.batch] if account.batch else [])]
    times = [account.decoding.microseconds, *(outline.microseconds for outline in steps)]
    if any(time is not None for time in times):
        total = sum(filter(None, times)) + (account.views - 1) * sum(filter(None, times[1:]))
        yield Text(f"   a picture: {total:,.0f} µs in all", "dim")


def _headline(account: Account) -> str:
    worker, views = account.worker, account.views
    out = " to ".join("x".join(map(str, size)) for size in dict.fromkeys(worker.out_size))
    several = f" in {views} views" if views > 1 else ""
    counts = f"{_count(len(worker.ops), 'op')} in {_count(worker.count, 'step')}"
    resamplings = _count(worker.resamplings, "resampling")
    before = "x".join(map(str, worker.size))
    return f"{before} → {out}{several}: {counts}, {resamplings}"


def _decoding(decoding: Decoding) -> _Row:
    frequent = {scale: share for scale, share in decoding.scales.items() if share > _RARE}
    scales = [
        ("full size" if scale == 1 else f"1/{scale}")
        + (f" ({share:.0%})" if len(frequent) > 1 else "")
        for scale, share in frequent.items()
    ]
    seen = f", {decoding.seen:.0%} of it" if decoding.seen < 0.995 else ""
    whole = "" if decoding.regions or not seen else " is seen"
    many = f"{decoding.pictures:.3g} JPEGs" if decoding.pictures > 1 else "a JPEG"
    return _Row(
        "0",
        Text("decode", "dim"),
        many,
        f"at {' or '.join(scales)}{seen}{whole}",
        decoding.runs_on,
        _microseconds(decoding.microseconds),
    )


def _steps(outline: Outline, prefix: str = "", start: int = 0, depth: int = 0) -> Iterator[_Row]:
    indent = "  " * depth
    for number, line in enumerate(outline.steps, start + 1):
        if line.apart:
            yield _Row(does=Text(f"cut: {line.apart}", "dim italic"))
        yield _Row(
            f"{prefix}{number}",
            Text(line.kind, _KINDS[line.kind]),
            indent + f" +\n{indent}".join(line.ops),
            line.does + _drawn(line),
            line.runs_on,
            _microseconds(line.microseconds),
        )
        yield from _ways(line.branching)
        for group in line.groups:
            letter = chr(ord("a") + line.groups.index(group)) if len(line.groups) > 1 else ""
            pictures = sum(len(other.pictures) for other in line.groups)
            yield _Row(ops=Text(f"{indent}  {_whose(group, pictures)}", "dim"))
            yield from _steps(group.outline, f"{prefix}{number}{letter}.", depth=depth + 1)


def _drawn(line: Line) -> str:
    return f", in {line.drawn:.0%} of the draws" if line.drawn not in (None, 1) else ""


def _whose(group: Group, pictures: int) -> str:
    """Which of so many pictures they are."""
    if group.pictures == (0,):
        return "its own picture:"
    if 0 not in group.pictures:
        return "its partner:" if pictures == 2 else f"{len(group.pictures)} partners:"
    return "both pictures:" if pictures == 2 else f"{len(group.pictures)} pictures:"


def _ways(branching: Branching | None) -> Iterator[_Row]:
    if branching is None or branching.blends > 1:
        return
    for way in branching.ways[:_WAYS]:
        yield _Row(does=Text(f"{way.share:>4.0%} {way.does}", "dim"))
    if (rest := len(branching.ways) - _WAYS) > 0:
        share = sum(way.share for way in branching.ways[_WAYS:])
        yield _Row(does=Text(f"{share:>4.0%} {_count(rest, 'other way')}", "dim"))


def _bytes(handed: Handed) -> str:
    shape = " × ".join(map(str, handed.shape))
    size = handed.bytes / 1e6
    return f"{shape} {handed.dtype}, {size:,.{0 if size >= 100 else 1}f} MB"


def _microseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
