"""One probe, in a process of its own: `python -m augpipe.doctor.probe REQUEST ANSWER`.

Both are JSON: the request on the command line, the answer into a file, because what is written to
standard output is the loader's own.
"""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from augpipe.doctor.ask import has_rows, in_order, same_row, shown
from augpipe.doctor.held import held_by
from augpipe.doctor.seen import Request, Seen, Use
from augpipe.doctor.target import load_target, make_loader
from augpipe.doctor.usage import measure
from augpipe.errors import RecipeError
from augpipe.generators import seeded
from augpipe.loader.loader import Loader

_SEED = 0

# Samples from one look at its memory to the next, all of them rows that it has seen before.
_LOOKED = 32


def observe(request: Request) -> Seen:
    """Run the loader in several ways; each begins with a new one, and with the same seeds.

    Raises:
        RecipeError: there is no such loader.
    """
    make = partial(make_loader, request.target, load_target(request.target), request.workers)
    with seeded(_SEED):
        seen = _ordered(request, make())
    if request.again:
        return seen
    with seeded(_SEED):
        seen = _repeated(request, seen, make())
    if not request.use:
        return seen
    with seeded(_SEED):
        return replace(seen, use=_use(make()))


def _ordered(request: Request, loader: Any) -> Seen:
    ordered = in_order(loader, request.samples)
    return Seen(
        request.workers,
        [shown(ordered, epoch, request.samples) for epoch in range(request.epochs)],
        rows=has_rows(loader) or isinstance(loader, Loader),
        held=held_by(getattr(loader, "dataset", None)),
    )


def _repeated(request: Request, seen: Seen, loader: Any) -> Seen:
    same = same_row(loader, request.samples)
    if same is None:
        return seen
    repeated = [shown(same, epoch, request.samples) for epoch in range(request.epochs)]
    return replace(seen, repeated=repeated, batch=same.batch_size or 1)


def _use(loader: Any) -> Use:
    steady = in_order(loader, 100 * _LOOKED, different=_LOOKED)
    return measure(steady, _LOOKED, getattr(steady, "batch_size", None) or 1)


def main() -> None:
    """Answer one request."""
    request = Request(**json.loads(sys.argv[1]))
    try:
        answer: dict[str, Any] = {"seen": asdict(observe(request))}
    except RecipeError as error:
        answer = {"refused": str(error)}
    except Exception as error:  # the loader's, which may be anything
        traceback.print_exc()
        answer = {"seen": asdict(Seen(request.workers, [], error=_line(error)))}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


def _line(error: Exception) -> str:
    """The error, without the traceback that torch puts into those of its workers."""
    last = str(error).strip().rpartition("\n")[2]
    return last if "Traceback" in str(error) else f"{type(error).__name__}: {last}"


if __name__ == "__main__":
    main()
