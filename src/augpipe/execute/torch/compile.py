"""Stages through `torch.compile`: one graph for each run of stages whose form never changes.

What a graph depends on is the pipeline and the pictures' size. Parameters are its input, and the
number of rows is free, so a new epoch or a short last batch compiles nothing. Stages whose form
follows their parameters (a median's window, a branch) stand between graphs and run as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import count, groupby
from types import FunctionType
from typing import NamedTuple

import torch
from torch import Tensor

from augpipe.execute.torch.carry import carry_out
from augpipe.execute.torch.output import Output
from augpipe.execute.torch.stage import Part, Place, Run, Stage, pack, upload

# A graph is small, but its compilation takes seconds: so many are kept.
_GRAPHS = 256
_NUMBERS = count()

# Of any size; but torch 2.14 cannot compile for a range without an end.
_MAX_ROWS = 2**31 - 1


class Node(NamedTuple):
    """A stage without its numbers: what of it is compiled."""

    run: Run
    options: tuple[Hashable, ...]
    rows: tuple[Place, ...]
    shared: tuple[Place, ...]


def run_compiled(parts: Sequence[Part], images: Tensor, output: Output) -> Tensor:
    """The whole batch through all parts.

    Args:
        parts: lowered in fixed form.
        images: (B, 3, H, W).
        output: how the batch is wanted.
    """
    for fixed, group in groupby(parts, _compiles):
        some = list(group)
        if fixed:
            images = _run_graph([part for part in some if isinstance(part, Stage)], images)
        else:
            loaded = upload(some, len(images), images.device)
            images = carry_out(some, images.contiguous(), loaded, range(len(images)))
    return output.of(images)


def _compiles(part: Part) -> bool:
    return isinstance(part, Stage) and part.run is not None and part.fixed


def _run_graph(stages: list[Stage], images: Tensor) -> Tensor:
    rows = len(images)
    table, layout = pack(((stage, stage.arrays) for stage in stages), rows, images.device)
    flat, shared = pack(((stage, stage.shared) for stage in stages), None, images.device)
    nodes = tuple(
        Node(stage.run, stage.options, layout[stage], shared[stage])
        for stage in stages
        if stage.run is not None
    )
    graph = _graph(nodes, images.dtype, images.shape[1:], images.device)
    pair = 2 if rows == 1 else rows
    # A batch of one is a special case to a compiler; two rows alike are none.
    pixels, table = (
        t.contiguous().expand(pair, *t.shape[1:]).contiguous() for t in (images, table)
    )
    for tensor in (pixels, table):
        torch._dynamo.mark_dynamic(tensor, 0, min=2, max=_MAX_ROWS)
    done: Tensor = graph(pixels, table, flat)
    return done[:rows]


@lru_cache(maxsize=_GRAPHS)
def _graph(
    nodes: tuple[Node, ...], dtype: torch.dtype, shape: torch.Size, device: torch.device
) -> Run:
    """One compiled function for these nodes, and pictures of one type, size and device."""

    def graph(pixels: Tensor, table: Tensor, flat: Tensor) -> Tensor:
        for node in nodes:
            tensors = {place.name: place.of(table) for place in node.rows}
            tensors |= {place.name: place.of(flat) for place in node.shared}
            pixels = node.run(pixels, tensors, *node.options)
        return pixels

    # Code of its own, told apart by its name: torch keeps what it compiled by code, and refuses
    # after a few for the same.
    code = graph.__code__.replace(co_name=f"graph_{next(_NUMBERS)}")
    own = FunctionType(code, graph.__globals__, closure=graph.__closure__)
    return torch.compile(own, fullgraph=True)
