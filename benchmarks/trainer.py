"""What the trainer costs beside a loop that somebody writes by hand: host time of a step.

The same network, the same batches, as many steps: in `Trainer` and in the loop of `by_hand` below,
in turns, in fresh processes. The batches are made before the clock starts, so that no loader is
measured; checkpoints, curves and tables are written after the last step and not counted.

    python benchmarks/trainer.py                   # a tiny network and the recipes', 3 processes
    python benchmarks/trainer.py --rounds 1 --threads 2 --device cuda

Prints a Markdown table of medians over steps, in milliseconds: a step by hand; what it does beside
forward and backward, by hand and in the trainer; and the difference of the two as a share of a
step. Forward and backward are the same, and move by more than that from one minute to the next.
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
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
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


class Times(NamedTuple):
    """Milliseconds of a step, and of what it does beside forward and backward."""

    step: float
    beside: float


class Batch(NamedTuple):
    """As a loader hands them over."""

    images: Any
    labels: Any
    index: Any


@dataclass
class Ready:
    """A loader of batches that are ready.

    Attributes:
        batches: those.
        epoch: the next one.
        stamps: for each epoch, when each batch was asked for, and when there was none left.
    """

    batches: list[Batch]
    epoch: int = 0
    stamps: list[list[float]] = field(default_factory=list)

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
        stamps: list[float] = []
        self.stamps.append(stamps)
        for batch in self.batches:
            stamps.append(time.perf_counter())
            yield batch
        stamps.append(time.perf_counter())
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


def in_trainer(case: dict[str, Any], asked: dict[str, Any], device: str) -> Times:
    """In the trainer: of its second epoch, where all is warm."""
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
        with timed_backward() as both_ways:
            trainer.fit()
    return times(train.stamps[1], both_ways[case["steps"] :])


@contextmanager
def timed_backward() -> Iterator[list[float]]:
    """Seconds that each step of any trainer takes forward and backward."""
    from augpipe.train.step import Step

    plain, taken = Step._backward, []

    def timed(self: Any, window: Any) -> Any:
        begun = time.perf_counter()
        done = plain(self, window)
        taken.append(time.perf_counter() - begun)
        return done

    Step._backward = timed  # type: ignore[method-assign]
    try:
        yield taken
    finally:
        Step._backward = plain  # type: ignore[method-assign]


def by_hand(case: dict[str, Any], asked: dict[str, Any], device: str) -> Times:
    """In a careful loop by hand, with torch's own parts."""
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
    train, both_ways = Ready(make_batches(case, steps, device)), []
    for _ in range(2):
        model.train()
        total, hits = torch.zeros((), device=device), torch.zeros((), device=device)
        for images, labels, _ in train:
            optimizer.zero_grad()
            begun = time.perf_counter()
            logits = model(images)
            loss = cross_entropy(logits, labels)
            loss.backward()
            both_ways.append(time.perf_counter() - begun)
            if "clip" in asked:
                torch.nn.utils.clip_grad_norm_(model.parameters(), asked["clip"]["norm"])
            optimizer.step()
            schedule.step()
            if ema:
                ema.update_parameters(model)
            total += loss.detach() * len(images)
            hits += (logits.argmax(1) == labels).sum()
        float(total), int(hits)
    return times(train.stamps[1], both_ways[steps:])


def times(stamps: list[float], both_ways: list[float]) -> Times:
    """Of the stamps of one epoch, and what its steps took forward and backward."""
    steps = [after - before for before, after in pairwise(stamps)]
    beside = [step - most for step, most in zip(steps, both_ways, strict=True)]
    return Times(median(steps) * 1e3, median(beside) * 1e3)


def turns(case: dict[str, Any], asked: dict[str, Any], device: str) -> dict[str, list[Times]]:
    """Both, in turns."""
    found: dict[str, list[Times]] = {"hand": [], "trainer": []}
    for _ in range(TURNS):
        found["hand"].append(by_hand(case, asked, device))
        found["trainer"].append(in_trainer(case, asked, device))
    return found


def measured(case: str, asked: str, options: argparse.Namespace) -> dict[str, list[list[float]]]:
    """All turns of one fresh process."""
    words = [sys.executable, __file__, "--one", case, asked, "--device", options.device]
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, list[list[float]]] = json.loads(ended.stdout)
    return found


def main() -> None:
    """Measure all, or, in a process of its own, one case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="processes; default: 3")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", nargs=2, metavar=("CASE", "ASKED"), help="internal")
    options = parser.parse_args()
    if options.one:
        case, asked = options.one
        print(json.dumps(turns(CASES[case], ASKED[asked], options.device)))
        return
    print("| network | asked for | step by hand | beside, by hand | in the trainer | of a step |")
    print("|---|---|--:|--:|--:|--:|")
    for case in CASES:
        for asked in ASKED:
            rounds = [measured(case, asked, options) for _ in range(options.rounds)]
            print(line(case, asked, rounds), flush=True)


def line(case: str, asked: str, rounds: list[dict[str, list[list[float]]]]) -> str:
    """One row of the table."""
    hand, trainer = (
        [Times(*one) for some in rounds for one in some[loop]] for loop in ("hand", "trainer")
    )
    step = median(one.step for one in hand)
    beside = [median(one.beside for one in loop) for loop in (hand, trainer)]
    more = (beside[1] - beside[0]) / step
    return f"| {case} | {asked} | {step:.2f} | {beside[0]:.2f} | {beside[1]:.2f} | {more:+.1%} |"


if __name__ == "__main__":
    main()
