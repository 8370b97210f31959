"""What the trainer costs beside a loop that somebody writes by hand: host time of a step.

The same network, the same batches, as many steps: once in `Trainer`, once in the loop of
`by_hand` below, in turns, several times in one process, in fresh processes. The batches are made
before the clock starts, so that no loader is measured; the trainer's checkpoints, curves and tables
are part of what it does, but are written after the last step and counted apart.

    python benchmarks/trainer.py                       # a tiny network and the recipes', 5 processes
    python benchmarks/trainer.py --rounds 3 --threads 2 --device cuda

The trainer keeps its memory from step to step on a CPU (`augpipe.loader.heap`), which is worth
more than all that it adds; so the loop by hand is measured with that too, and the overhead is over
that one.

Prints a Markdown table: milliseconds of processor time for a step, medians over all turns, and the
overhead as the median, with the range over processes, of the ratio of their medians, minus 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

CASES: dict[str, dict[str, Any]] = {
    # name: the network, the side of the pictures, batch size, steps
    "convnet of 8 and 16, 16 x 16, 32 pictures": {
        "model": {"name": "convnet", "convnet": {"widths": [8, 16], "depths": [1, 1]}},
        "side": 16,
        "batch": 32,
        "steps": 150,
    },
    "`digits`: fast_cnn, 32 x 32, 128 pictures": {
        "model": {"name": "fast_cnn"},
        "side": 32,
        "batch": 128,
        "steps": 20,
    },
    "`fashion_mnist`: fast_cnn, 28 x 28, 256 pictures": {
        "model": {"name": "fast_cnn"},
        "side": 28,
        "batch": 256,
        "steps": 15,
    },
}
ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "clip, EMA": {"clip": {"norm": 1.0}, "ema": {"decay": 0.99}},
}
CLASSES = 10
TURNS = 4


class Batch(NamedTuple):
    """As a loader hands them over."""

    images: Any
    labels: Any
    index: Any


@dataclass
class Ready:
    """A loader of batches that are ready; `marks` gets the processor's clock before and after them."""

    batches: list[Batch]
    epoch: int = 0
    marks: list[float] = field(default_factory=list)

    @property
    def dataset(self) -> SimpleNamespace:
        """The classes."""
        return SimpleNamespace(classes=[str(number) for number in range(CLASSES)], labels=None)

    @property
    def batch_size(self) -> int:
        """Samples in a batch."""
        return len(self.batches[0].images)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        self.marks.append(time.process_time())
        yield from self.batches
        self.marks.append(time.process_time())
        self.epoch += 1

    def set_epoch(self, epoch: int) -> None:
        """Nothing depends on it."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """The epoch."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is resumed here."""


def make_batches(case: dict[str, Any], steps: int, device: str) -> list[Batch]:
    """A few batches of noise, again and again."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shape = (case["batch"], 3, case["side"], case["side"])
    few = [
        Batch(
            torch.randn(shape, generator=generator).to(device),
            torch.randint(0, CLASSES, shape[:1], generator=generator).to(device),
            torch.arange(case["batch"]),
        )
        for _ in range(8)
    ]
    return [few[step % len(few)] for step in range(steps)]


def in_trainer(case: dict[str, Any], asked: dict[str, Any], device: str) -> float:
    """Milliseconds a step takes in the trainer: of its second epoch, where all is warm."""
    from rich.console import Console

    from augpipe.train.config import TrainConfig
    from augpipe.train.trainer import Trainer

    config = TrainConfig.model_validate(
        {
            "model": case["model"],
            "epochs": 2,
            "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4},
            "schedule": {"name": "cosine"},
            **asked,
        }
    )
    train = Ready(make_batches(case, case["steps"], device))
    val = Ready(train.batches[:1])
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            config,
            train,
            val,
            Path(folder) / "run",
            recipe="",
            fingerprint="",
            seed=0,
            device=device,
            console=Console(quiet=True),
        )
        trainer.fit()
    return (train.marks[3] - train.marks[2]) / case["steps"] * 1e3


def by_hand(case: dict[str, Any], asked: dict[str, Any], device: str) -> float:
    """Milliseconds a step takes in a careful loop by hand, with torch's own parts."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    from augpipe.train.config.model import ModelConfig
    from augpipe.train.models import build_model

    model = build_model(ModelConfig.model_validate(case["model"]), CLASSES).to(device)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9, fused=True)
    steps = case["steps"]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2 * steps)
    ema = "ema" in asked and AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    train, total, hits = Ready(make_batches(case, steps, device)), 0.0, 0
    for _ in range(2):
        model.train()
        total, hits = torch.zeros((), device=device), torch.zeros((), device=device)
        for images, labels, _ in train:
            optimizer.zero_grad()
            logits = model(images)
            loss = cross_entropy(logits, labels)
            loss.backward()
            if "clip" in asked:
                torch.nn.utils.clip_grad_norm_(model.parameters(), asked["clip"]["norm"])
            optimizer.step()
            schedule.step()
            if ema:
                ema.update_parameters(model)
            total += loss.detach() * len(images)
            hits += (logits.argmax(1) == labels).sum()
        float(total), int(hits)
    return (train.marks[3] - train.marks[2]) / steps * 1e3


def turns(case: dict[str, Any], asked: dict[str, Any], device: str) -> dict[str, list[float]]:
    """Milliseconds a step takes by hand, and both in turns after memory is kept, each time."""
    from augpipe.loader.heap import keep_memory

    found: dict[str, list[float]] = {"hand": [], "keeping": [], "trainer": []}
    for _ in range(TURNS):
        found["hand"].append(by_hand(case, asked, device))
    keep_memory()
    for _ in range(TURNS):
        found["keeping"].append(by_hand(case, asked, device))
        found["trainer"].append(in_trainer(case, asked, device))
    return found


def measured(case: str, asked: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """All turns of one fresh process."""
    words = [sys.executable, __file__, "--one", case, asked, "--device", options.device]
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = json.loads(ended.stdout)
    return found


def main() -> None:
    """Measure all, or, in a process of its own, one case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="processes; default: 5")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", nargs=2, metavar=("CASE", "ASKED"), help="internal")
    options = parser.parse_args()
    if options.one:
        case, asked = options.one
        print(json.dumps(turns(CASES[case], ASKED[asked], options.device)))
        return
    print("| network | asked for | by hand, ms | keeping its memory | trainer | overhead |")
    print("|---|---|--:|--:|--:|--:|")
    for case in CASES:
        for asked in ASKED:
            rounds = [measured(case, asked, options) for _ in range(options.rounds)]
            print(line(case, asked, rounds), flush=True)


def line(case: str, asked: str, rounds: list[dict[str, list[float]]]) -> str:
    """One row of the table."""
    cells = [f"{median(ms for one in rounds for ms in one[loop]):.2f}" for loop in rounds[0]]
    ratios = [median(one["trainer"]) / median(one["keeping"]) - 1 for one in rounds]
    cells.append(f"{median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%})")
    return f"| {case} | {asked} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
