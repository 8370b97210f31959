"""What is to be done to pixels, before there are any: steps, and how neighbours fold into one.

    Warp     where each output pixel comes from     one matrix, one resampling
    Recolor  which colour each pixel becomes        one matrix over (rgb, mean rgb, 1), one pass
    Lookup   which level each channel's level gets  one table of 256 for each channel, one pass
    Kernel   anything else, by name                 one pass, never fused
    Mix      several pictures become one            each is made by a plan of its own
    Branch   one of several ways, or a blend        what the picture's own way takes

A plan covers a batch: every array in a step has one entry for each of B rows. Fusion is the
meaning of a pipeline, not an optimisation of it: a run of warps *is* one map from output to input
coordinates and one resampling, so a rotation after a crop shows the real picture beyond the crop.
Steps are never reordered.

Coordinates are continuous: a picture spans [0, width] x [0, height], pixel centres lie at i + 0.5.
Matrices map *output to input* coordinates and act on (x, y, 1). Sizes are (height, width).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from augpipe.boxes import AS_INSIDE, BoxParams
from augpipe.recolor import compose_recolor
from augpipe.region import Sight, look

Floats = NDArray[np.float64]
Params = Mapping[str, NDArray[Any]]
Interpolation = Literal["bilinear", "nearest"]
BorderMode = Literal["constant", "replicate", "reflect"]

MAX_DECODE_SCALE = 8


@dataclass(frozen=True, slots=True)
class Border:
    """What a warp shows where it leaves the picture.

    Attributes:
        mode: "constant" shows `fill`, "replicate" the nearest edge pixel, "reflect" the picture
            mirrored at its edge.
        fill: RGB, 0 to 255.
    """

    mode: BorderMode = "constant"
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __str__(self) -> str:
        if self.mode != "constant":
            return self.mode
        return f"fill {' '.join(f'{value:g}' for value in self.fill)}"


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Move pixels.

    Attributes:
        matrix: (B, 3, 3), output to input coordinates.
        size: (B, 2) int64, the output's height and width.
        interpolation: None asks for nothing: it is exact, and merges with any.
        border: None never leaves the picture, and merges with any.
        ops: the slots of the ops that this step carries out.
    """

    matrix: Floats
    size: NDArray[np.int64]
    interpolation: Interpolation | None = None
    border: Border | None = None
    ops: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"-> {_size(self.size)}", self.interpolation or "exact"]
        return ", ".join([*parts, *([str(self.border)] if self.border else [])])


@dataclass(frozen=True, slots=True, eq=False)
class Recolor:
    """Map colours affinely; the picture's own mean may take part. Rounds and clamps once.

    Colours run from 0 to 1 here. With x a pixel's RGB and m the mean RGB of the picture the step
    is given, the result is `matrix @ (x, m, 1)`.

    Attributes:
        matrix: (B, 3, 7).
        ops: the slots of the ops that this step carries out.
    """

    matrix: Floats
    ops: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "one colour matrix" + (", mean measured once" if needs_mean(self).any() else "")


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Map each channel's levels through a table.

    Attributes:
        table: (B, 3, 256) uint8.
        ops: the slots of the ops that this step carries out.
    """

    table: NDArray[np.uint8]
    ops: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "one table for each channel"


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Anything else: a pass that an executor knows by name.

    Attributes:
        name: what the executors call it.
        params: arrays with one entry for each row.
        moves: whether pixels change place, so that boxes, masks and keypoints must refuse it.
        ops: the slots of the ops that this step carries out.
    """

    name: str
    params: Params
    moves: bool = False
    ops: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Ways that part from the picture that comes in, of which each row takes one or blends several.

    Within a way steps fold; from outside none folds into it. No way changes the picture's size.

    Attributes:
        weights: (B, K), which sum to one in each row. A way of weight 0 is not gone, one of weight
            1 is the result to the bit; else the results are summed in float32 and rounded once.
        ways: the steps of each of K ways, none of which leaves the picture as it is.
        ops: the slots of the ops that this step carries out.
    """

    weights: Floats
    ways: tuple[tuple[Step, ...], ...]
    ops: tuple[str, ...] = ()

    def __str__(self) -> str:
        both = " or " if ((self.weights == 0) | (self.weights == 1)).all() else " blended with "
        return both.join(", then ".join(map(str, way)) or "nothing" for way in self.ways)


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Make one picture of several, by a name that an executor knows. The first step of its plan.

    In a plan for whole batches there are no parts: a row's partner is another row.

    Attributes:
        name: what the executors call it.
        params: arrays with one entry for each row.
        size: (B, 2) int64, the output's height and width.
        matrix: (B, 3, 3), from output coordinates to those in which `params` are given.
        parts: the plans of the pictures that go in, the sample's own first.
        needed: (B, parts), which pictures are to be seen at all; others need not be decoded.
        absorbs: whether a warp that follows is carried out on the parts instead.
        ops: the slots of the ops that this step carries out.
    """

    name: str
    params: Params
    size: NDArray[np.int64]
    matrix: Floats
    parts: tuple[Plan, ...] = ()
    needed: NDArray[np.bool_] | None = None
    absorbs: bool = False
    ops: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{len(self.parts) or 2} pictures -> {_size(self.size)}"


Step = Warp | Recolor | Lookup | Kernel | Branch | Mix

_OFF_DIAGONAL = np.hstack([1 - np.eye(3), np.ones((3, 3))])


def fuse(a: Step, b: Step) -> Step | None:
    """`a`, then `b`, as one step; None where they must stay two."""
    if why_apart(a, b):
        return None
    ops = (*a.ops, *b.ops)
    if isinstance(a, Mix) and isinstance(b, Warp):
        parts = tuple(replace(part, steps=fold((*part.steps, b))) for part in a.parts)
        return replace(a, parts=parts, matrix=a.matrix @ b.matrix, size=b.size, ops=ops)
    if isinstance(a, Warp) and isinstance(b, Warp):
        interpolation, border = a.interpolation or b.interpolation, a.border or b.border
        return Warp(a.matrix @ b.matrix, b.size, interpolation, border, ops)
    if isinstance(a, Recolor) and isinstance(b, Recolor):
        return Recolor(compose_recolor(a.matrix, b.matrix), ops)
    if (first := _as_table(a)) is not None and (second := _as_table(b)) is not None:
        return Lookup(np.take_along_axis(second, first.astype(np.intp), axis=2), ops)
    return None


def why_apart(a: Step, b: Step) -> str | None:
    """Why `a` and `b` must stay two steps; None where they are one."""
    if isinstance(a, Branch) or isinstance(b, Branch):
        return "each picture goes its own way"
    if isinstance(a, Kernel) or isinstance(b, Kernel):
        kernel = a if isinstance(a, Kernel) else b
        return f"{kernel} is a pass of its own"
    if isinstance(a, Mix) or isinstance(b, Mix):
        return _mix_apart(a, b)
    if isinstance(a, Warp) and isinstance(b, Warp):
        return _warps_apart(a, b)
    if isinstance(a, Warp) or isinstance(b, Warp):
        return "one moves pixels, the other changes their colour"
    if type(a) is not type(b) and (_as_table(a) is None or _as_table(b) is None):
        return "a table cannot hold a matrix that mixes channels, or needs the mean"
    return None


def _warps_apart(a: Warp, b: Warp) -> str | None:
    for what in ("interpolation", "border"):
        ours, theirs = getattr(a, what), getattr(b, what)
        if ours and theirs and ours != theirs:
            return f"different {what}: {ours}, then {theirs}"
    return None


def _mix_apart(a: Step, b: Step) -> str | None:
    if not (isinstance(a, Mix) and a.absorbs and isinstance(b, Warp)):
        return "mixing is a pass of its own"
    ends = [part.steps[-1] for part in a.parts]
    return next((why for end in ends if (why := why_apart(end, b))), None)


def _as_table(step: Step) -> NDArray[np.uint8] | None:
    """(B, 3, 256): the step as a table, if each channel's result depends on its level alone."""
    if isinstance(step, Lookup):
        return step.table
    if not isinstance(step, Recolor) or (step.matrix[:, :, :6] * _OFF_DIAGONAL).any():
        return None
    gain = np.einsum("bcc->bc", step.matrix[:, :, :3])[:, :, None]
    levels = gain * np.arange(256) + 255 * step.matrix[:, :, 6:]
    return np.asarray(levels.round().clip(0, 255), np.uint8)


def needs_mean(step: Recolor) -> NDArray[np.bool_]:
    """(B,): whether the picture's mean takes part."""
    return np.asarray(np.any(step.matrix[:, :, 3:6] != 0, axis=(1, 2)))


def fold(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Merge each step into the one before it, where the two are one."""

    def push(done: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
        one = fuse(done[-1], step) if done else None
        return (*done[:-1], one) if one else (*done, step)

    return reduce(push, steps, ())


@dataclass(frozen=True, eq=False)
class Plan:
    """The folded steps for B pictures.

    Attributes:
        size: (B, 2) int64, height and width of the upright pictures that come in.
        steps: what to do, in order.
        record: for each op, its slot and the parameters it drew, (B, ...) each.
        boxes: which boxes are kept in the end.
    """

    size: NDArray[np.int64]
    steps: tuple[Step, ...]
    record: tuple[tuple[str, Params], ...] = ()
    boxes: BoxParams = AS_INSIDE

    def __len__(self) -> int:
        return len(self.size)

    @property
    def out_size(self) -> NDArray[np.int64]:
        """(B, 2) int64, height and width of what comes out."""
        sizes = [step.size for step in self.steps if isinstance(step, Warp | Mix)]
        return sizes[-1] if sizes else self.size

    @cached_property
    def leaves(self) -> tuple[Plan, ...]:
        """The plans that begin with a picture of the dataset, the sample's own first."""
        if self.steps and isinstance(first := self.steps[0], Mix) and first.parts:
            return tuple(leaf for part in first.parts for leaf in part.leaves)
        return (self,)

    @cached_property
    def decode_scale(self) -> NDArray[np.int64]:
        """(B,): 1, 2, 4 or 8; the decoder may deliver 1/scale of full size and lose nothing.

        That is so only where pixels are moved before anything else is done to them.
        """
        return np.asarray(np.minimum(self.sight.shrink.min(axis=1), MAX_DECODE_SCALE))

    @cached_property
    def sight(self) -> Sight:
        """What executors on single pictures look at, however much was decoded."""
        first = self.steps[0] if self.steps else None
        return look(first if isinstance(first, Warp) else None, self.size)

    def params(self, row: int) -> tuple[dict[str, Any], ...]:
        """The record of one row, in plain Python values: `{"op": slot, name: value, ...}`."""
        return tuple(
            {"op": slot} | {name: value[row].tolist() for name, value in params.items()}
            for slot, params in self.record
        )

    def explain(self) -> str:
        """The steps as text: what fused, and at each seam why fusion stopped there."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        warps = count_resamplings(self.steps)
        slots = {op for step in self.steps for op in step.ops}
        yield (
            f"{_size(self.size)} -> {_size(self.out_size)}: {_count(len(slots), 'op')}, "
            f"{_count(len(self.steps), 'step')}, {_count(warps, 'resampling')}{_scale(self)}"
        )
        for number, step in enumerate(self.steps, 1):
            if number > 1:
                yield f"      not one step: {why_apart(self.steps[number - 2], step)}"
            yield f"  {number}  {type(step).__name__.lower():8}{' + '.join(step.ops)}  [{step}]"
            yield from _lines_of_parts(step.parts if isinstance(step, Mix) else ())


def chain(op: str, steps: Step | Sequence[Step]) -> tuple[Step, ...]:
    """What one op lowered to, as a tuple of steps that know the op's slot."""
    return tuple(_labelled(s, op) for s in ((steps,) if isinstance(steps, Step) else steps))


def _labelled(step: Step, op: str) -> Step:
    if isinstance(step, Branch):
        step = replace(step, ways=tuple(chain(op, way) for way in step.ways))
    return replace(step, ops=(op,))


def _lines_of_parts(parts: Sequence[Plan]) -> Iterator[str]:
    """Each part's plan, and those that read alike once."""
    texts = [part.explain() for part in parts]
    for text in dict.fromkeys(texts):
        whose = [f"{number}" for number, other in enumerate(texts) if other == text]
        yield f"       picture {', '.join(whose)}:"
        yield from (f"         {line}" for line in text.splitlines())


def _size(size: NDArray[np.int64]) -> str:
    first, last = size.min(axis=0), size.max(axis=0)
    text = f"{first[0]}x{first[1]}"
    return text if np.array_equal(first, last) else f"{text}..{last[0]}x{last[1]}"


def _scale(plan: Plan) -> str:
    scales = np.unique(plan.decode_scale)
    return f", decode at 1/{' or 1/'.join(map(str, scales))}" if scales.max() > 1 else ""


def count_resamplings(steps: Sequence[Step]) -> int:
    """How often a picture is resampled; of ways that part or meet, on the one with the most."""
    inside = (max(map(count_resamplings, _ways(step)), default=0) for step in steps)
    return sum(inside) + sum(isinstance(s, Warp) and s.interpolation is not None for s in steps)


def _ways(step: Step) -> Sequence[Sequence[Step]]:
    """The ways that part in a branch, or meet in a mix."""
    if isinstance(step, Branch):
        return step.ways
    return [part.steps for part in step.parts] if isinstance(step, Mix) else ()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
