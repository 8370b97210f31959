"""A segment as Triton's kernels want it: functions that are compiled in, and their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from augpipe.execute.triton import blots, color, sample
from augpipe.execute.triton.segments import Segment
from augpipe.execute.triton.words import (
    PUT_KERNEL,
    Words,
    put_lookup,
    put_mix,
    put_recolor,
    put_warp,
)
from augpipe.execute.warp import Size
from augpipe.plan import Kernel, Lookup, Mix, Recolor, Step, Warp, needs_mean
from augpipe.rows import normalizes

# A function that Triton compiles; its own types say no more.
Jit = Any

# A function, where its words begin, and whether the colours it gets are levels.
Entry = tuple[Jit, int, bool]

_KERNELS: dict[str, Jit] = {
    "erase": blots.erase,
    "erase_grid": blots.erase_grid,
    "erase_random": blots.erase_random,
    "hsv": color.hsv,
    "noise": blots.noise,
    "normalize": color.normalize,
    "specks": blots.specks,
}
_MIXES: dict[str, Jit] = {"cutmix": blots.cutmix, "mixup": blots.mixup}
_WANT_NORMALS = (blots.erase_random, blots.noise)


@dataclass
class Program:
    """What a kernel does, and with which numbers.

    Attributes:
        levels: whether colours are levels at its end; while it is assembled, so far.
        words: the parameters.
        source: where pixels come from: a function, where its words begin, whether it takes the
            nearest pixel, and the border.
        before: what is done to single pixels,
        mix: then the one step that wants a partner, if there is any,
        after: and what is done behind it.
        measured: for each colour map, the arguments of the kernel that ends just before it; None
            where no row wants the mean.
    """

    levels: bool
    words: Words
    source: tuple[Jit, int, bool, str] = (sample.same_place, 0, False, "")
    before: tuple[Entry, ...] = ()
    mix: tuple[Entry, ...] = ()
    after: tuple[Entry, ...] = ()
    measured: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def gathers(self) -> bool:
        """Whether pixels are read from other places than they are written to."""
        return self.source[0] is sample.warp

    @property
    def wants_normals(self) -> bool:
        """Whether any step reads the table of normal quantiles."""
        return any(entry[0] in _WANT_NORMALS for entry in (*self.before, *self.after))

    def arguments(self) -> dict[str, Any]:
        """What is compiled in."""
        functions = (self.source, *self.before, *self.mix, *self.after)
        return {
            "source": self.source,
            "before": self.before,
            "mix": self.mix,
            "after": self.after,
            "version": _version(tuple(entry[0] for entry in functions)),
        }

    def append(self, step: Step, out: Size, source: Size) -> None:
        """One more step, of whose warp these are the sizes."""
        at, levels = self.words.width, self.levels
        if isinstance(step, Warp):
            put_warp(self.words, step, out, source)
            nearest = step.interpolation == "nearest"
            border = step.border.mode if step.border else "replicate"
            self.source = (sample.warp, at, nearest, border)
        elif isinstance(step, Mix):
            put_mix(self.words, step)
            self.mix = ((_MIXES[step.name], at, levels),)
        else:
            entries = tuple((function, at, levels) for function in self._put(step))
            if self.mix:
                self.after += entries
            else:
                self.before += entries

    def _put(self, step: Step) -> Iterator[Jit]:
        """Put the parameters of what is done to single pixels; the function that it is."""
        if isinstance(step, Recolor):
            self.measured.append(self.arguments() if needs_mean(step).any() else None)
            put_recolor(self.words, step, len(self.measured) - 1)
            yield color.recolor
        elif isinstance(step, Lookup):
            put_lookup(self.words, step)
            yield color.look_up
        elif isinstance(step, Kernel) and step.name != "barrier":
            PUT_KERNEL[step.name](self.words, step.params)
            self.levels = self.levels and not normalizes(step)
            yield _KERNELS[step.name]


def assemble(segment: Segment, rows: int, out: Size, source: Size) -> Program:
    """The program of a fused segment.

    Args:
        segment: that.
        rows: of the batch.
        out: height and width of what comes out.
        source: of what goes in.
    """
    program = Program(segment.levels, Words(rows))
    for step in segment.steps:
        program.append(step, out, source)
    return program


@cache
def _version(functions: tuple[Jit, ...]) -> str:
    """Changes with their sources: Triton's cache on disk knows these functions by name alone."""
    keys = "".join(getattr(function, "cache_key", "") for function in functions)
    return sha256(keys.encode()).hexdigest()
