"""What is measured: tasks, the systems that do them, and one run of one system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

SIZE = 224
SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Task:
    """A recipe, and the pictures it is for.

    Attributes:
        says: what the table's head says.
        heavy: whether the recipe is that of `pipelines/heavy.yaml`, not just a crop and a flip.
        floats: whether normalised float32 comes out, not uint8.
        large: whether the pictures are photos of 12 megapixels, not the folder's own.
        cached: whether those who can keep decoded pictures from the first epoch on.
        batch_size: pictures in a batch.
    """

    says: str
    heavy: bool = False
    floats: bool = False
    large: bool = False
    cached: bool = False
    batch_size: int = 64


TASKS = {
    "light_uint8": Task("random resized crop to 224 and flip, uint8"),
    "light_float32": Task("the same, normalised float32", floats=True),
    "heavy": Task("`pipelines/heavy.yaml`, normalised float32", heavy=True, floats=True),
    "large": Task("as light_uint8, photos of 12 megapixels", large=True, batch_size=8),
    "cache": Task("as light_uint8, decoded pictures kept by those who can", cached=True),
}
LIGHT = frozenset({"light_uint8", "light_float32"})

# One round: for each system what `run.measure` found.
Round = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Job:
    """One run of one system, in a process of its own.

    Attributes:
        system: its name in `SYSTEMS`.
        task: its name in `TASKS`.
        folder: the pictures, in one folder per class.
        archive: where the system's own copy of them lies, if it has one.
        batch_size: pictures in a batch.
        workers: processes, or threads of systems that have threads.
        epochs: how many are timed, after the first.
    """

    system: str
    task: str
    folder: str
    archive: str
    batch_size: int
    workers: int
    epochs: int = 2

    @property
    def does(self) -> Task:
        """The task itself."""
        return TASKS[self.task]


@dataclass(frozen=True)
class System:
    """A loader with what it needs for the tasks.

    Attributes:
        make: from a job to batches; each `for` over them is one epoch, and what a batch yields
            first are its images.
        package: the distribution that has to be installed; a pattern.
        tasks: which ones it does.
        says: what is not equal to the others.
        prepare: writes the system's own copy of a folder; most read its files.
    """

    make: Callable[[Job], Iterable[Any]]
    package: str
    tasks: frozenset[str]
    says: str
    prepare: Callable[[Path, Path], None] | None = None


@dataclass
class Epochs:
    """An endless stream of batches as epochs of so many."""

    batches: Iterator[Any]
    count: int

    def __iter__(self) -> Iterator[Any]:
        return islice(self.batches, self.count)


def pictures(folder: str | Path) -> list[tuple[str, int]]:
    """Paths and classes."""
    folders = sorted(path for path in Path(folder).iterdir() if path.is_dir())
    return [
        (str(path), label)
        for label, inside in enumerate(folders)
        for path in sorted(inside.iterdir())
        if path.suffix.lower() in SUFFIXES
    ]


@cache
def installed() -> dict[str, str]:
    """Versions by distribution."""
    return {found.name: found.version for found in metadata.distributions()}


def versions(pattern: str) -> list[str]:
    """Name and version of the distributions of that name that are installed."""
    return [f"{name} {version}" for name, version in installed().items() if fnmatch(name, pattern)]
