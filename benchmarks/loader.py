"""From image files to batches: augpipe beside its peers, on the same work.

    python benchmarks/loader.py FOLDER [--tasks NAME ...] [--only NAME ...] [--epochs 2]

FOLDER has one folder per class. Each system runs in fresh processes, in turns, one thread per
process; systems made of threads get as many threads as the others get workers. The first epoch
counts for the time to its first batch and for nothing else; those after it are timed. A peer runs
if it is installed:

    pip install albumentations grain spdl webdataset litdata ffcv nvidia-dali-cuda130

(ffcv is compiled and needs the headers of OpenCV and libturbojpeg, and numba; spdl needs FFmpeg's
libraries.) Whoever is not installed, fails, or delivers anything else is listed with the reason.

Linux only: processor time and memory, of all processes of a system, are read from /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from os import environ
from pathlib import Path
from typing import Any

from loaders import photos, run, tables
from loaders.base import TASKS, Job, Round, pictures, versions
from loaders.systems import REFERENCE, SYSTEMS

PARTS: dict[str, Callable[[Job], Any]] = {
    "prepare": run.prepare,
    "measure": run.measure,
    "distinct": run.distinct,
}
DISTINCT_BATCH = 8
SECONDS = 300


class FailedError(Exception):
    """Why a run has no result."""


@dataclass
class Bench:
    """What one call of this script measures.

    Attributes:
        folder: the pictures.
        scratch: a folder for what is made of them.
        names: the systems.
        workers: processes, or threads, of each.
        epochs: how many are timed.
        archives: the systems' own copies of folders.
        failed: for the current task, why systems have no figures.
    """

    folder: Path
    scratch: Path
    names: Sequence[str]
    workers: int
    epochs: int
    archives: dict[tuple[str, Path], str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def distinct(self) -> dict[str, float]:
        """Each system's share of different results from equal pictures."""
        self.failed = {}
        return dict(self._turns("distinct", "light_uint8", self.names, self.equal, DISTINCT_BATCH))

    def measure(self, task: str, rounds: int) -> list[Round]:
        """Each round's figures; every other round goes backwards."""
        self.failed = {}
        folder = self.large if TASKS[task].large else self.folder
        names = [name for name in self.names if task in SYSTEMS[name].tasks]
        orders = (names if number % 2 else names[::-1] for number in range(rounds))
        size = TASKS[task].batch_size
        return [dict(self._turns("measure", task, order, folder, size)) for order in orders]

    @cached_property
    def large(self) -> Path:
        """Photos of 12 megapixels."""
        return photos.write_large(self.folder, self.scratch / "large")

    @cached_property
    def equal(self) -> Path:
        """Pictures that are all the same."""
        return photos.write_equal(self.folder, self.scratch / "equal")

    def _turns(
        self, part: str, task: str, names: Sequence[str], folder: Path, batch_size: int
    ) -> Iterator[tuple[str, Any]]:
        """What one system after the other says, unless it has failed."""
        for name in names:
            if name in self.failed:
                continue
            print(f"{part} {task}: {name}", file=sys.stderr)
            try:
                archive = self._archive(name, folder)
                job = Job(name, task, str(folder), archive, batch_size, self.workers, self.epochs)
                yield name, run_apart(part, job)
            except FailedError as error:
                self.failed[name] = str(error)

    def _archive(self, name: str, folder: Path) -> str:
        """Where the system's own copy lies, written when it is first asked for."""
        if not SYSTEMS[name].prepare:
            return ""
        if (name, folder) not in self.archives:
            archive = tempfile.mkdtemp(dir=self.scratch)
            run_apart("prepare", Job(name, "", str(folder), archive, 0, self.workers))
            self.archives[name, folder] = archive
        return self.archives[name, folder]


def run_apart(part: str, job: Job) -> Any:
    """Do one of `PARTS` in a fresh process.

    Raises:
        FailedError: it has failed, or takes too long.
    """
    command = [sys.executable, __file__, "--one", part, json.dumps(asdict(job))]
    settings = {"OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    try:
        done = subprocess.run(
            command, env=environ | settings, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise FailedError(f"no result within {SECONDS} s") from None
    # Libraries print too, before and after.
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"result":')]
    if not said:
        raise FailedError(f"ended with status {done.returncode}")
    if said[-1]["error"]:
        raise FailedError(said[-1]["error"])
    return said[-1]["result"]


def do_one(part: str, job: Job) -> None:
    """Do one of `PARTS` in this process, and print what came of it as JSON."""
    result, error = None, ""
    try:
        result = PARTS[part](job)
    except Exception as failure:  # whatever a peer raises, the others are measured
        error = f"{type(failure).__name__}: {failure}"
    print(json.dumps({"result": result, "error": error}), flush=True)


def report(bench: Bench, tasks: Sequence[str], rounds: int) -> None:
    """Measure, and print the tables as they are done."""
    print(tables.machine(), flush=True)
    absent = {n: "not installed" for n in bench.names if not versions(SYSTEMS[n].package)}
    bench.names = [name for name in bench.names if name not in absent]
    distinct = bench.distinct()
    print(tables.systems(distinct, absent | bench.failed), flush=True)
    for task in tasks:
        measured = bench.measure(task, rounds)
        print(tables.task(task, measured, bench.failed, bench.workers), flush=True)


def main() -> None:
    """Measure all systems, or be the process that runs one."""
    if sys.argv[1:2] == ["--one"]:
        part, job = sys.argv[2:]
        do_one(part, Job(**json.loads(job)))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder with one folder per class")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--only", nargs="+", metavar="NAME", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2, help="timed, after the first; default: 2")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir() or not pictures(arguments.folder):
        parser.error(f"no pictures in folders of classes below {arguments.folder}")
    names = [name for name in SYSTEMS if name == REFERENCE or name in arguments.only]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(arguments.folder, Path(scratch), names, arguments.workers, arguments.epochs)
        report(bench, arguments.tasks, arguments.rounds)


if __name__ == "__main__":
    main()
