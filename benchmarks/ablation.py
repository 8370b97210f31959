"""What each technique of the trainer is worth on few photos, from random weights.

A base recipe for photos, and beside it recipes that differ from it in one technique each: taken
out, where the base has it, or put in, where it has not. Every run is a process of its own with one
thread, two at a time. What counts is the accuracy on the test pictures of the weights that the run
would give out after its last epoch; the validation pictures, too few to choose by, choose nothing.

    python benchmarks/ablation.py DATA                    # 2 seeds: some 20 minutes on two cores
    python benchmarks/ablation.py DATA --seeds 5 --only base cutmix

DATA holds `train`, `val` and `test` with a folder for each class: 383, 43 and 377 photos of eight
groceries, of marcusklasson/GroceryStoreDataset. Prints a Markdown table; `±` is the standard
deviation over seeds. A difference that is not well above it says nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

SIDE = 64
BASE: dict[str, Any] = {
    "pipeline.train": [
        {"random_resized_crop": {"size": SIDE, "scale": [0.4, 1.0]}},
        "horizontal_flip",
        {"color_jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.02}},
    ],
    "pipeline.val": [{"resize": {"size": SIDE}}, {"center_crop": {"size": SIDE}}],
    "pipeline.normalize": "computed",
    "loader.batch_size": 32,
    "loader.num_workers": 0,
    "loader.cache": "ram",
    "train.model.name": "convnet",
    "train.model.convnet.widths": [8, 16, 32, 64, 128],
    "train.model.convnet.depths": [1, 1, 1, 1, 1],
    "train.epochs": 40,
    "train.optimizer": {"name": "sgd", "lr": 0.05, "nesterov": True, "weight_decay": 1e-3},
    "train.schedule": {"name": "warmup_cosine", "warmup_epochs": 2},
    "train.label_smoothing": 0.1,
    "train.ema": {"decay": 0.98},
    "train.channels_last": True,
}
PLAIN = [{"resize": {"size": SIDE}}, {"center_crop": {"size": SIDE}}]
CHANGES: dict[str, dict[str, Any]] = {
    "base": {},
    "no augmentation": {"pipeline.train": PLAIN},
    "no label smoothing": {"train.label_smoothing": 0.0},
    "no EMA": {"train.ema": None},
    "constant rate": {"train.schedule": {"name": "constant"}},
    "one cycle": {"train.schedule": {"name": "one_cycle"}},
    "mixup": {"pipeline.batch": [{"mixup": {"alpha": 0.2}}]},
    "cutmix": {"pipeline.batch": [{"cutmix": {"alpha": 1.0, "p": 0.5}}]},
    "random erasing": {"pipeline.batch": [{"random_erasing": {"p": 0.25}}]},
    "SE": {"train.model.convnet.attention": "se"},
    "stochastic depth": {"train.model.convnet.drop_path": 0.1},
    "dropout": {"train.model.convnet.dropout": 0.2},
    "orthogonal, LSUV": {"train.init": {"weights": {"name": "orthogonal"}, "lsuv": {}}},
    "SWA": {"train.swa": {"start_epoch": 31}},
    "AWP": {"train.awp": {"gamma": 0.005, "warmup_epochs": 5}},
}


def run(data: Path, name: str, seed: int, epochs: int) -> float:
    """Train one recipe, and give its accuracy on the test pictures, in [0, 1]."""
    from augpipe import Recipe, build_loader
    from augpipe.cli.trainers import build_trainer
    from augpipe.train.restore import trained
    from augpipe.train.score import evaluate

    recipe = Recipe.parse(
        nested(
            BASE
            | CHANGES[name]
            | {"data.train": str(data / "train"), "data.val": str(data / "val")}
            | {"loader.seed": seed, "train.epochs": epochs}
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        result = build_trainer(recipe, name, Path(folder) / "run", "cpu").fit()
        model, _, recipe = trained(result.last)
    test = build_loader(data / "test", recipe.ops("val"), shuffle=False, num_workers=0)
    import torch

    return evaluate({"test": model}, test, torch.device("cpu"))["test"].accuracy


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Values by dotted path as dictionaries in dictionaries."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return tree


def in_process(data: Path, name: str, seed: int, epochs: int) -> float:
    """The same in a process of its own, with one thread."""
    words = [sys.executable, __file__, str(data), "--one", name, str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*words, "--epochs", str(epochs)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return float(json.loads(ended.stdout.splitlines()[-1]))


def main() -> None:
    """Run all, or, in a process of its own, one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=BASE["train.epochs"])
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--at-once", type=int, default=2, help="runs at a time")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "SEED"), help="internal")
    options = parser.parse_args()
    if options.one:
        name, seed = options.one
        print(json.dumps(run(options.data, name, int(seed), options.epochs)))
        return
    runs = [(name, seed) for seed in range(options.seeds) for name in options.only]
    with ThreadPoolExecutor(options.at_once) as pool:
        found = pool.map(lambda one: in_process(options.data, *one, options.epochs), runs)
        accuracies: dict[str, list[float]] = {name: [] for name in options.only}
        for (name, seed), accuracy in zip(runs, found, strict=True):
            print(f"{name}, seed {seed}: {accuracy:.1%}", file=sys.stderr, flush=True)
            accuracies[name].append(accuracy)
    print("| recipe | test accuracy | beside the base |\n|---|--:|--:|")
    for name, values in accuracies.items():
        print(row(name, values, accuracies.get("base")))


def row(name: str, values: list[float], base: list[float] | None) -> str:
    """One line of the table; differences are those of equal seeds."""
    difference = ""
    if base and name != "base":
        difference = spread([ours - theirs for ours, theirs in zip(values, base, strict=True)], "+")
    return f"| {name} | {spread(values)} | {difference} |"


def spread(values: list[float], sign: str = "") -> str:
    """Mean and standard deviation in percent."""
    text = f"{100 * mean(values):{sign}.1f}"
    return f"{text} ± {100 * stdev(values):.1f}" if len(values) > 1 else text


if __name__ == "__main__":
    main()
