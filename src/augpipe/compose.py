"""Which ops a pipeline is made of, what their slots are called, and who may stand behind whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from augpipe.errors import RecipeError, within
from augpipe.ops.base import Op, OpLike, make_op


def parse(ops: Iterable[OpLike], where: str) -> tuple[Op, ...]:
    """Ops from what people write.

    Raises:
        RecipeError: an unknown op or parameter; says at which place in `where`.
    """
    if isinstance(ops, str | Mapping | Op) or not isinstance(ops, Iterable):
        raise RecipeError(f"{where}: expected a list of ops, not {ops!r}")
    parsed = []
    for position, spec in enumerate(ops):
        with within(f"{where}[{position}]"):
            parsed.append(make_op(spec))
    return tuple(parsed)


def slots_of(ops: tuple[Op, ...]) -> tuple[str, ...]:
    """Each op's name and occurrence."""
    seen: Counter[str] = Counter()
    named = []
    for op in ops:
        named.append(f"{op.title()}#{seen[op.title()]}")
        seen[op.title()] += 1
    return tuple(named)


def check_views(ops: tuple[Op, ...], batch: tuple[Op, ...]) -> None:
    """Views have draws of their own, so all that is mixed comes before, and labels stay."""
    making = [number for number, op in enumerate(ops) if op.views > 1]
    mixing = [number for number, op in enumerate(ops) if op.partners]
    if not making and not any(op.views > 1 for op in batch):
        return
    name = ops[making[0]].title() if making else "views"
    if len(making) != 1:
        raise RecipeError(f"{name}: one op among those for each picture may make views")
    if mixing and mixing[-1] > making[0]:
        mixer = ops[mixing[-1]].title()
        raise RecipeError(f"{name} comes before {mixer}, which mixes samples; move it behind")
    if any(op.mixes_labels for op in batch):
        raise RecipeError(f"{name}: views share a label, which ops on batches would mix")


def check_order(ops: tuple[Op, ...]) -> None:
    """Refuse what cannot act on normalised pixels behind what normalises."""
    last: Op | None = None
    for op in ops:
        if last and not op.after_normalize:
            raise RecipeError(
                f"{op.title()} comes after {last.title()} and cannot act on normalised pixels; "
                f"move {last.title()} behind it"
            )
        last = op if op.ends_in_float else last
