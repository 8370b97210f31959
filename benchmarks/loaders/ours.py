"""augpipe, and augpipe without this and that."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from loaders.base import LIGHT, SIZE, Job, System


def _augpipe(job: Job, **changed: Any) -> Iterable[Any]:
    from augpipe import build_loader

    light: list[Any] = [{"random_resized_crop": {"size": SIZE}}, "horizontal_flip"]
    light += ["normalize"] if job.does.floats else []
    settings: dict[str, Any] = {"batch_size": job.batch_size, "num_workers": job.workers}
    if job.does.cached:
        settings["cache"] = "ram"
    return build_loader(
        job.folder,
        "heavy" if job.does.heavy else light,
        **(settings | changed),
    )


def _whole_files(job: Job) -> Iterable[Any]:
    sys.modules["augpipe.data._jpeg"] = None  # type: ignore[assignment]  # as if it were not built
    return _augpipe(job)


def _in_process(job: Job) -> Iterable[Any]:
    return _augpipe(job, num_workers=0)


def _uncached(job: Job) -> Iterable[Any]:
    return _augpipe(job, cache=None)


OURS = {
    "augpipe": System(
        _augpipe,
        "augpipe",
        LIGHT | {"heavy", "large", "cache"},
        "decodes regions of files, where its extension was built; area means where it shrinks, "
        "then bilinear",
    ),
    "augpipe, whole files": System(
        _whole_files,
        "augpipe",
        LIGHT | {"heavy", "large"},
        "as if the extension were not built; the same pixels",
    ),
    "augpipe, no workers": System(
        _in_process, "augpipe", LIGHT | {"heavy", "large", "cache"}, "one process; the same pixels"
    ),
    "augpipe, no cache": System(_uncached, "augpipe", frozenset({"cache"}), "the same pixels"),
}
