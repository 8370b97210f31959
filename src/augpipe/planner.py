"""From ops and keys to a plan: draw parameters, lower to steps, fold.

    key ──rng──▶ uniforms ──op.params──▶ parameters ──op.lower──▶ steps ──fold──▶ plan

Where an op mixes samples, what comes before it is planned once for each picture that goes in. The
partners' draws come from the sample's own key under slots of their own (`mixup#0/1/affine#0`), so
that who is asked, and when, makes no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from augpipe.data.sample import Targets
from augpipe.errors import RecipeError, TargetError, within
from augpipe.execute.targets import follow
from augpipe.ops.base import Op
from augpipe.ops.mix import MixOp
from augpipe.plan import Floats, Mix, Params, Plan, Step, chain, fold
from augpipe.rng import uniforms_of_slots

# Ops with their slots.
Slotted = Sequence[tuple[Op, str]]

# What one sample was made with: `{"op": slot, name: value, ...}` for each op.
Record = Sequence[Mapping[str, Any]]

# For each of B samples the targets of the pictures it is made of; None where one is not needed.
AllTargets = Sequence[Sequence[Targets | None]]


@dataclass(frozen=True)
class Keys:
    """Who is planned for: B samples of one seed.

    Attributes:
        seed: 0 to 2**64 - 1.
        epoch: (B,).
        index: (B,), the rows of the dataset.
        repeat: (B,), how often the epoch showed the row before.
        percentile: instead of drawing, put every uniform number there and let every `p` hit.
        record: instead of drawing, take the parameters of a `Sample.record`, for B = 1.
        view: of several views of each sample, which one.
    """

    seed: int
    epoch: NDArray[np.int64]
    index: NDArray[np.int64]
    repeat: NDArray[np.int64]
    percentile: float | None = None
    record: Record | None = None
    view: int = 0

    def draw(self, ops: Slotted, path: str) -> list[tuple[str, Params]]:
        """Under which slot each op draws, and its parameters, (B, ...) each."""
        slots = self._slots(ops, path)
        counts = {slot: 1 + op.draws for (op, _), slot in zip(ops, slots, strict=True)}
        rows = len(self.index)
        if self.percentile is not None:
            drawn = [_at_percentile(self.percentile, rows, count) for count in counts.values()]
        else:
            drawn = uniforms_of_slots(self.seed, self.epoch, self.index, self.repeat, counts)
        params = [
            (slot, self._with_view(op, op.params(u)))
            for (op, _), slot, u in zip(ops, slots, drawn, strict=True)
        ]
        return params if self.record is None else _recorded(self.record, params)

    def after(self, path: str) -> str:
        """Under which path a view's own draws stand; those of the first are as without views."""
        return f"{path}view{self.view}/" if self.view else path

    def _slots(self, ops: Slotted, path: str) -> list[str]:
        slots = []
        for op, slot in ops:
            slots.append(path + slot)
            path = self.after(path) if op.views > 1 else path
        return slots

    def _with_view(self, op: Op, params: Params) -> Params:
        return {**params, "view": np.full(len(self.index), self.view)} if op.views > 1 else params


def count_pictures(ops: Slotted) -> int:
    """How many pictures of the dataset one sample is made of."""
    return prod(1 + op.partners for op, _ in ops)


def make_plan(
    ops: Slotted,
    sizes: NDArray[np.int64],
    keys: Keys,
    path: str = "",
    *,
    targets: AllTargets | None = None,
    whole_batch: bool = False,
) -> Plan:
    """The plan for B samples.

    Args:
        ops: what is done to each.
        sizes: (B, pictures, 2) height and width of the pictures each is made of.
        keys: theirs.
        path: under which slot the draws stand; a partner's are not the sample's own.
        targets: of the same pictures; wanted by ops that look for boxes.
        whole_batch: whether the B samples are one batch, so that partners are other rows of it.
    """
    now = size = sizes[:, 0]
    steps: list[Step] = []
    record: list[tuple[str, Params]] = []
    after = 0 if whole_batch else _after_last_mix(ops)
    if after:
        mix, record = _mixed(ops[: after - 1], ops[after - 1], sizes, keys, path, targets)
        steps, now = [mix], mix.size
    rest = ops[after:]
    for (op, slot), drawn in zip(rest, keys.draw(rest, path), strict=True):
        params = drawn[1]
        with within(slot):
            if op.needs_boxes:
                boxes = _boxes_now(targets, Plan(size, fold(steps)))
                lowered = chain(slot, op.lower_around(params, now, boxes))
            else:
                lowered = chain(slot, op.lower(params, now))
        steps.extend(lowered)
        now = Plan(now, lowered).out_size
        record.append(drawn)
    return Plan(size, fold(steps), tuple(record))


def _boxes_now(targets: AllTargets | None, plan: Plan) -> list[Floats] | None:
    """Where each sample's boxes are after a plan; None where nobody knows them."""
    if targets is None:
        return None
    if len(plan.leaves) > 1:
        raise RecipeError("looks for boxes of one picture; move it before the op that mixes")
    boxes = [follow(own or Targets(), plan, row).boxes for row, (own, *_) in enumerate(targets)]
    if any(one is None for one in boxes):
        raise TargetError("is made for boxes, and there are none; leave the op out")
    return [np.asarray(one) for one in boxes]


def _mixed(
    before: Slotted,
    mixer: tuple[Op, str],
    sizes: NDArray[np.int64],
    keys: Keys,
    path: str,
    targets: AllTargets | None,
) -> tuple[Mix, list[tuple[str, Params]]]:
    """The pictures that go in, each planned and put into place; and what was drawn for all."""
    op, slot = cast(MixOp, mixer[0]), mixer[1]
    ((_, params),) = drawn = keys.draw([mixer], path)
    each = np.split(sizes, 1 + op.partners, axis=1)
    width = each[0].shape[1]
    parts = [
        make_plan(before, own, keys, at, targets=targets and _columns(targets, n * width, width))
        for n, (own, at) in enumerate(zip(each, _paths(path, slot, op.partners), strict=True))
    ]
    with within(slot):
        places, mix = op.mix(params, [part.out_size for part in parts])
    placed = tuple(
        replace(part, steps=fold((*part.steps, *chain(slot, place or ()))))
        for part, place in zip(parts, places, strict=True)
    )
    record = [entry for part in parts for entry in part.record]
    return replace(mix, parts=placed, ops=(slot,)), [*record, *drawn]


def rows_of_pictures(
    ops: Slotted, own: NDArray[np.int64], count: int, keys: Keys, path: str = ""
) -> NDArray[np.int64]:
    """(B, pictures): which rows of a dataset of `count` each sample is made of, its own first.

    -1 stands where a picture is not needed, because nothing of it is to be seen.
    """
    after = _after_last_mix(ops)
    if not after:
        return own[:, None]
    op, slot = cast(MixOp, ops[after - 1][0]), ops[after - 1][1]
    ((_, params),) = keys.draw([(op, slot)], path)
    partners = (params["partner"] * count).astype(np.int64)
    rows = np.concatenate([own[:, None], partners], axis=1)
    rows = np.where(op.needed(params) & (own >= 0)[:, None], rows, -1)
    parts = zip(rows.T, _paths(path, slot, op.partners), strict=True)
    return np.concatenate(
        [rows_of_pictures(ops[: after - 1], part, count, keys, at) for part, at in parts], axis=1
    )


def _columns(targets: AllTargets, start: int, width: int) -> AllTargets:
    return [row[start : start + width] for row in targets]


def _paths(path: str, slot: str, partners: int) -> list[str]:
    return [path, *(f"{path}{slot}/{number}/" for number in range(1, 1 + partners))]


def _after_last_mix(ops: Slotted) -> int:
    """The place after the last op that mixes samples; 0 where none does."""
    return max((number for number, (op, _) in enumerate(ops, 1) if op.partners), default=0)


def _recorded(record: Record, drawn: list[tuple[str, Params]]) -> list[tuple[str, Params]]:
    """The record's values in place of those that were drawn, and of their types."""
    by_slot = {entry["op"]: entry for entry in record}
    found: list[tuple[str, Params]] = []
    for slot, params in drawn:
        if slot not in by_slot or by_slot[slot].keys() - {"op"} != params.keys():
            raise RecipeError(
                f"the record is of another pipeline: of {slot} it has "
                f"{', '.join(by_slot.get(slot, {})) or 'nothing'}, wanted are {', '.join(params)}"
            )
        values = {
            name: np.asarray([by_slot[slot][name]], old.dtype) for name, old in params.items()
        }
        found.append((slot, values))
    return found


def _at_percentile(percentile: float, rows: int, count: int) -> NDArray[np.float64]:
    if not 0 <= percentile <= 100:
        raise RecipeError(f"percentile must lie between 0 and 100, not {percentile}")
    u = np.full((rows, count), min(percentile / 100, 1 - 2**-53))
    u[:, 0] = 0.0
    return u
