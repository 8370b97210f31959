"""What was drawn for a sample, in words that fit under a picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from augpipe.ops import Op
from augpipe.ops.policy import Policy
from augpipe.pipeline import Pipeline

# Pictures look the same before and after these.
UNSEEN = ("normalize", "to_float", "barrier")

# What tells people nothing: seeds of noise, and partners as fractions of the dataset.
_SILENT = {"op", "seed", "partner", "view"}
_UNITS = {"deg": "°", "px": " px", "k": " K"}

# Of longer lists the first number is told: that of the first of several tries.
_MOST = 5


class Drawn(NamedTuple):
    """What an op did to a sample.

    Attributes:
        op: its name in recipes.
        words: its parameters.
        acted: whether it changed anything.
    """

    op: str
    words: str
    acted: bool = True


def ops_by_slot(pipeline: Pipeline) -> dict[str, Op]:
    """All ops, those on batches included, by the slots that records name them by."""
    parts = [pipeline, *([pipeline.batch] if pipeline.batch else [])]
    return {slot: op for part in parts for slot, op in zip(part.slots, part.ops, strict=True)}


def describe(
    record: Iterable[Mapping[str, Any]], ops: Mapping[str, Op], *, idle: bool = False
) -> list[Drawn]:
    """What ops did to a sample itself, not to its partners.

    Args:
        record: a sample's.
        ops: by slot.
        idle: whether to tell of those too that left it as it was, or draw nothing.
    """
    drawn: list[Drawn] = []
    for entry in record:
        slot = re.sub(r"^view\d+/", "", entry["op"])
        op = ops.get(slot)
        if op and op.name() not in UNSEEN and (idle or op.draws or op.identity):
            acted = [Drawn(title_of(slot) + of, words) for of, words in _acted(op, entry)]
            drawn += acted or [Drawn(title_of(slot), "not drawn", acted=False)] * idle
    return drawn


def title_of(slot: str) -> str:
    """What to call an op: the first of its name needs no number."""
    return slot.removesuffix("#0")


def partners_in(record: Iterable[Mapping[str, Any]]) -> list[int]:
    """The other rows that a sample was mixed with."""
    mixed = [entry["rows"][1:] for entry in record if entry["op"] in ("rows", "batch")]
    return list(dict.fromkeys(row for rows in mixed for row in rows if row is not None))


def _acted(op: Op, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How the op did something, if it did; of a policy, each member that did."""
    if isinstance(op, Policy):
        for number, member in enumerate(op.ops):
            prefix = f"{number}.{member.title()}."
            own = {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}
            for below, words in _acted(member, own):
                yield f": {member.title()}{below}", words
    elif not op.identity or any(not _is(value, op.identity, n) for n, value in params.items()):
        told = {n: v for n, v in params.items() if n not in _SILENT and not _is(v, op.identity, n)}
        named = (f"{_name(n)} {_value(v, n)}" for n, v in told.items() if not _is_flag(op, n, v))
        yield "", ", ".join(named)


def _is(value: Any, identity: Mapping[str, Any], name: str) -> bool:
    """Whether a parameter changes nothing."""
    if name == "op":
        return True
    return name in identity and bool(np.all(np.asarray(value) == identity[name]))


def _is_flag(op: Op, name: str, value: Any) -> bool:
    """Whether it only says that the op acts, as a flip's does."""
    return isinstance(value, float) and (value, op.identity.get(name)) == (1.0, 0.0)


def _name(name: str) -> str:
    unit = name.rpartition("_")[2]
    return (name.removesuffix(f"_{unit}") if unit in _UNITS else name).replace("_", " ")


def _value(value: Any, name: str) -> str:
    flat = _flat(value)
    if len(flat) > _MOST:
        return f"{_one(flat[0])} …"
    return " ".join(map(_one, flat)) + _UNITS.get(name.rpartition("_")[2], "")


def _flat(value: Any) -> Sequence[Any]:
    return np.asarray(value).ravel().tolist() if isinstance(value, list) else [value]


def _one(value: Any) -> str:
    if isinstance(value, str):
        return Path(value).name
    return f"{value:.3g}" if isinstance(value, int | float) else str(value)
