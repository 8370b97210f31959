"""What was measured, as Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from loaders.base import TASKS, Round, versions
from loaders.systems import OURS, REFERENCE, SYSTEMS

PACKAGES = "torch", "torchvision", "numpy", "opencv-python-headless", "pillow"


def machine() -> str:
    """The machine, how busy it is, and all versions."""
    # Not above: what runs a system imports this module, and imports count.
    from augpipe.data.decode import decoder_name

    found = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in found if "model name" in line), "")
    packages = dict.fromkeys((*PACKAGES, *(system.package for system in SYSTEMS.values())))
    names = ", ".join(version for package in packages for version in versions(package))
    return (
        f"{os.cpu_count()} processors ({model}), {platform.platform()}, Python "
        f"{platform.python_version()}; load average at the start {os.getloadavg()[0]:.1f}. "
        f"{names}. JPEG files in augpipe: {decoder_name()}.\n"
    )


def systems(distinct: dict[str, float], failed: dict[str, str]) -> str:
    """Which systems there are, and whether they draw anew for each picture."""
    rows = [
        (name, f"{distinct[name]:.2f}" if name in distinct else failed[name], SYSTEMS[name].says)
        for name in SYSTEMS
        if name in distinct or name in failed
    ]
    return _table(("system", "distinct draws", "what it is"), rows)


def task(name: str, rounds: Sequence[Round], failed: dict[str, str], workers: int) -> str:
    """The figures for one task: medians, and ranges of what matters most."""
    does = TASKS[name]
    head = f"**{name}**: {does.says}; batch {does.batch_size}, {workers} workers or threads"
    columns: dict[str, Callable[[str], str]] = {
        "system": str,
        "images/s, median (range)": lambda s: _spread(_values(rounds, s, "rate"), 0),
        "augpipe is faster by": lambda s: _spread(_ratios(rounds, s), 2),
        "CPU s per 1,000 images": lambda s: f"{_median(rounds, s, 'cpu'):.2f}",
        "first batch, s": lambda s: f"{_median(rounds, s, 'first'):.2f}",
        "memory, MB": lambda s: f"{_median(rounds, s, 'memory') / 1e6:.0f}",
    }
    done = [system for system in SYSTEMS if system in rounds[0] and system not in failed]
    table = _table(columns, [[cell(system) for cell in columns.values()] for system in done])
    reasons = "".join(f"Not measured: {system}: {why}\n\n" for system, why in failed.items())
    return f"{head}\n\n{table}\n{reasons}{_verdict(rounds, done)}"


def _verdict(rounds: Sequence[Round], done: Sequence[str]) -> str:
    peers = [system for system in done if system not in OURS]
    if REFERENCE not in done or not peers:
        return ""
    best = max(peers, key=lambda system: _median(rounds, system, "rate"))
    ratio = _spread(_ratios(rounds, best), 2)
    return f"The fastest peer is {best}; {REFERENCE} is faster by {ratio}.\n"


def _values(rounds: Sequence[Round], system: str, figure: str) -> list[float]:
    return [figures[system][figure] for figures in rounds]


def _median(rounds: Sequence[Round], system: str, figure: str) -> float:
    return statistics.median(_values(rounds, system, figure))


def _ratios(rounds: Sequence[Round], system: str) -> list[float]:
    """How many times as fast as a system we are, in each round."""
    if any(REFERENCE not in figures for figures in rounds):
        return []
    ours, theirs = _values(rounds, REFERENCE, "rate"), _values(rounds, system, "rate")
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    low, middle, high = (
        f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def _table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    names = list(columns)
    numbers = [name for name in names if name not in ("system", "what it is")]
    rule = ["--:" if name in numbers else "---" for name in names]
    return "".join(f"| {' | '.join(row)} |\n" for row in (names, rule, *rows))
