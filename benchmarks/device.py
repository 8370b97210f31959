"""Batches that are augmented where they lie: augpipe beside its peers, on a CPU or a GPU.

    python benchmarks/device.py [--device cuda] [--dtype float16] [--tasks NAME ...]
        [--sizes 32 224] [--batch-sizes 64 256 1024] [--only NAME ...] [--rounds 5] [--quick]

Each system runs in fresh processes, in turns; figures are medians over the rounds. "Of the memory's
limit" is what a system reads and writes at the least, each picture once, as a share of what a big
copy in the same process reads and writes; "planned before" is augpipe with all parameters known. A
peer runs if it is installed: `pip install kornia`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import torch

from devices.run import Job, results
from devices.systems import REFERENCE, SYSTEMS
from devices.tasks import TASKS
from loaders.base import installed, versions

SECONDS = 1800
QUICK: dict[str, Any] = {"rounds": 1, "sizes": (32,), "batch_sizes": (8,), "seconds": 0.02}

# Task, size and batch size.
Case = tuple[str, int, int]
Figures = dict[str, float]


def measure(jobs: Sequence[Job], rounds: int) -> tuple[dict[Any, list[Figures]], dict[Any, str]]:
    """By case and system each round's figures, and why there are none; every other goes back."""
    figures: dict[Any, list[Figures]] = defaultdict(list)
    failed: dict[Any, str] = {}
    for number in range(rounds):
        for job in jobs[::-1] if number % 2 else jobs:
            print(f"round {number + 1} of {rounds}: {job.system}", file=sys.stderr)
            for case, found in run_apart(job):
                if isinstance(found, str):
                    failed[case, job.system] = found
                else:
                    figures[case, job.system].append(found)
    return figures, failed


def run_apart(job: Job) -> Iterator[tuple[Case, Figures | str]]:
    """Each case's figures, or why there are none, from a fresh process."""
    command = [sys.executable, __file__, "--one", json.dumps(asdict(job))]
    reason = ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        said, reason = done.stdout, f"ended with status {done.returncode}"
    except subprocess.TimeoutExpired as expired:
        said, reason = (expired.stdout or b"").decode(), f"no result within {SECONDS} s"
    missing = dict.fromkeys(product(job.tasks, job.sizes, job.batch_sizes), reason)
    for line in said.splitlines():  # libraries print too
        if line.startswith('{"task":'):
            found = json.loads(line)
            case = found["task"], found["size"], found["batch_size"]
            missing.pop(case)
            yield case, found.get("figures") or found["failed"]
    yield from missing.items()


def absent(device: str) -> dict[str, str]:
    """Which systems are not measured at all, and why."""
    reasons = {}
    for name, system in SYSTEMS.items():
        if system.package not in installed():
            reasons[name] = "not installed"
        elif not device.startswith(system.device):
            reasons[name] = f"on {system.device} only, or the same as another"
    return reasons


def machine(device: str) -> str:
    """The device, and all versions."""
    is_cuda = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if is_cuda else platform.processor() or device
    packages = dict.fromkeys(("torch", "triton", *(s.package for s in SYSTEMS.values())))
    names = ", ".join(version for package in packages for version in versions(package))
    return (
        f"Device {device}: {name}; {os.cpu_count()} processors, {torch.get_num_threads()} threads, "
        f"{platform.platform()}, load average at the start {os.getloadavg()[0]:.1f}. {names}.\n"
    )


def table(case: Case, figures: dict[Any, list[Figures]], failed: dict[Any, str]) -> str:
    """One case, as Markdown."""
    task, size, batch_size = case
    lines = [
        f"**{task}**: {TASKS[task].says}; {size} x {size}, batch {batch_size}\n",
        "| system | images/s, median (range) | of the memory's limit | planned before, images/s "
        "| of the limit | augpipe is faster by |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    ours = figures.get((case, REFERENCE), [])
    found = {name: figures[case, name] for name in SYSTEMS if (case, name) in figures}
    lines += [_row(name, rounds, ours) for name, rounds in found.items()]
    reasons = [f"Not measured: {n}: {why}" for (c, n), why in failed.items() if c == case]
    return "\n".join([*lines, "", *reasons, ""])


def _row(name: str, found: Sequence[Figures], ours: Sequence[Figures]) -> str:
    rates = [one["rate"] for one in found]
    planned = [one["planned"] for one in found if "planned" in one]
    ratios = [a["rate"] / b["rate"] for a, b in zip(ours, found, strict=False)]
    cells = [
        f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
        _share(found, "rate"),
        f"{statistics.median(planned):,.0f}" if planned else "",
        _share(found, "planned") if planned else "",
        f"{statistics.median(ratios):.2f}" if ratios else "",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _share(found: Iterable[Figures], what: str) -> str:
    shares = [one[what] * one["bytes"] / one["bandwidth"] for one in found]
    return f"{100 * statistics.median(shares):.1f} %"


def report(jobs: Sequence[Job], rounds: int) -> None:
    """Measure, and print all tables."""
    print(machine(jobs[0].device), flush=True)
    for name, why in absent(jobs[0].device).items():
        print(f"Not measured: {name}: {why}")
    figures, failed = measure(jobs, rounds)
    copies = [one["bandwidth"] for found in figures.values() for one in found]
    if copies:
        print(f"\nA copy reads and writes {statistics.median(copies) / 1e9:,.1f} GB/s.\n")
    for name, system in SYSTEMS.items():
        print(f"- {name}: {system.says}")
    for case in product(jobs[0].tasks, jobs[0].sizes, jobs[0].batch_sizes):
        print(f"\n{table(case, figures, failed)}")


def main() -> None:
    """Measure all systems, or be the process that runs one."""
    if sys.argv[1:2] == ["--one"]:
        for result in results(Job(**json.loads(sys.argv[2]))):
            print(json.dumps(result), flush=True)
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=here)
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--sizes", nargs="+", type=int, default=(32, 224))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=(64, 256, 1024))
    parser.add_argument("--only", nargs="+", metavar="NAME", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure")
    parser.add_argument("--quick", action="store_true", help="small and once: does it work?")
    options = vars(parser.parse_args())
    only, rounds = options.pop("only"), options.pop("rounds")
    if options.pop("quick"):
        quick = dict(QUICK)
        rounds = quick.pop("rounds")
        options |= quick
    names = [n for n in SYSTEMS if n in (REFERENCE, *only) and n not in absent(options["device"])]
    report([Job(system=name, **options) for name in names], rounds)


if __name__ == "__main__":
    main()
