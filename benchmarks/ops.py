"""From pixels to pixels: microseconds per picture of augpipe's ops and of their peers.

    python benchmarks/ops.py FOLDER [--rounds 15] [--only NAME ...]

FOLDER holds photographs, at any depth; the first eight are brought to 500 x 375 and take turns, so
that they are in the processor's cache, where a decoder leaves them. All systems run in this one
process, on one thread, in turns: what is printed are medians over the rounds, in microseconds.

"planned" is augpipe with one plan for each batch of 64, as its loader works; "alone" is
`pipeline(image)` for one index after the other, "at random" for indices in no order; "tensor" and
"PIL" are torchvision's transforms, version 2. What the best peer takes is in units of "planned",
and bold where that is much slower; "off by" is the mean difference, in levels, between the two
results.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as alb
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2

import peers
from augpipe import Pipeline
from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute.cv2 import image as cv2_image

BATCH = 64
PHOTOS = 8
WIDTH, HEIGHT = 500, 375

OURS = ("planned", "alone", "at random")
COLUMNS = (*OURS, "albumentations", "tensor", "PIL")

# No op should be slower than this share of the best peer's speed.
GOAL = 0.8

# What one system does to so many pictures.
Run = Callable[[int], None]
Photos = Sequence[NDArray[np.uint8]]


def read(folder: Path) -> Photos:
    """Photographs, scaled and cut about their middle to 500 x 375."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not paths:
        sys.exit(f"no .jpg, .jpeg or .png below {folder}")
    photos = []
    for path in paths[:PHOTOS]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        height, width = image.shape[:2]
        scale = max(WIDTH / width, HEIGHT / height)
        size = max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        top, left = (size[1] - HEIGHT) // 2, (size[0] - WIDTH) // 2
        photos.append(np.ascontiguousarray(image[top : top + HEIGHT, left : left + WIDTH]))
    return photos


def planned(pipeline: Pipeline, photos: Photos) -> Run:
    """Ours, one plan for each batch, as the loader does it."""
    pictures = [Picture(Decoded(photo, np.eye(3)), Targets()) for photo in photos]
    epochs = itertools.count()

    def run(count: int) -> None:
        index = np.arange(count)
        plan = pipeline.plan([(HEIGHT, WIDTH)] * count, epoch=next(epochs), index=index)
        for row in range(count):
            cv2_image.run(plan, row, [pictures[row]])

    return run


def alone(pipeline: Pipeline, photos: Photos, *, step: int = 1) -> Run:
    """Ours, one picture at a time, whose indices are so far apart."""
    epochs = itertools.count()

    def run(count: int) -> None:
        epoch = next(epochs)
        for number in range(count):
            pipeline(photos[number], epoch=epoch, index=step * number)

    return run


def each(transform: Callable[[Any], Any], pictures: Sequence[Any]) -> Run:
    """A peer, picture by picture."""

    def run(count: int) -> None:
        for picture in pictures[:count]:
            transform(picture)

    return run


class Systems:
    """The photographs as each library wants them, and its way to transform one."""

    def __init__(self, photos: Photos) -> None:
        tensors = [torch.from_numpy(p).permute(2, 0, 1).contiguous() for p in photos]
        self.photos, self.tensors = _batch(photos), _batch(tensors)
        self.pillow = _batch([Image.fromarray(photo) for photo in photos])

    def runs(self, ours: Pipeline, albumentations: Any, torchvision: Any) -> dict[str, Run]:
        """What each system that can do this does."""
        runs = {
            "planned": planned(ours, self.photos),
            "alone": alone(ours, self.photos),
            "at random": alone(ours, self.photos, step=7),
        }
        if albumentations is not None:
            runs["albumentations"] = each(_call(albumentations), self.photos)
        if torchvision is not None:
            for name, pictures in (("tensor", self.tensors), ("PIL", self.pillow)):
                if _works(torchvision, pictures[0]):
                    runs[name] = each(torchvision, pictures)
        return runs

    def result(self, peer: str, albumentations: Any, torchvision: Any) -> NDArray[Any]:
        """What that peer makes of the first photograph, (H, W, 3)."""
        if peer == "albumentations":
            return np.asarray(_call(albumentations)(self.photos[0]))
        made = torchvision(self.tensors[0] if peer == "tensor" else self.pillow[0])
        tensor = v2.functional.to_image(made) if isinstance(made, Image.Image) else made
        return np.asarray(tensor.permute(1, 2, 0))


def _batch(pictures: Sequence[Any]) -> Sequence[Any]:
    return list(itertools.islice(itertools.cycle(pictures), BATCH))


def _call(transform: Any) -> Callable[[Any], Any]:
    """A transform of albumentations in a Compose, as everybody has it."""
    compose = transform if isinstance(transform, alb.Compose) else alb.Compose([transform])
    return lambda image: compose(image=image)["image"]


def _works(transform: Callable[[Any], Any], picture: Any) -> bool:
    try:
        transform(picture)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False  # e.g. noise, which torchvision has for tensors alone
    return True


def measure(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Microseconds per picture in each round, in turns, each with the caches as it left them."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run(PHOTOS)
            start = time.perf_counter()
            run(BATCH)
            times[name].append(1e6 * (time.perf_counter() - start) / BATCH)
    return times


def ratio(peer: list[float], ours: list[float]) -> float:
    """How many times as fast as the peer we are: the median over the rounds."""
    return statistics.median(p / o for p, o in zip(peer, ours, strict=True))


def compare_pipelines(systems: Systems, rounds: int) -> None:
    """Print the first table."""
    runs = systems.runs(
        Pipeline(peers.PIPELINE), peers.ALBUMENTATIONS_PIPELINE, peers.TORCHVISION_PIPELINE
    )
    times = measure(runs, rounds)
    print("random_resized_crop 224, flip, affine, colour jitter, blur, normalize, random_erasing\n")
    print(f"| system | us per picture | {' | '.join(f'{o} is faster by' for o in OURS)} |")
    print(f"|---|{'--:|' * (1 + len(OURS))}")
    for name, values in times.items():
        faster = " | ".join(_f(ratio(values, times[ours])) for ours in OURS)
        print(f"| {name} | {statistics.median(values):.0f} | {faster} |")
    print()


def compare_op(case: peers.Peers, systems: Systems, rounds: int) -> str:
    """One row of the second table."""
    pipeline, theirs = Pipeline([case.ours]), (case.albumentations, case.torchvision)
    times = measure(systems.runs(pipeline, *theirs), rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min((name for name in medians if name not in OURS), key=medians.__getitem__)
    off = case.drawn or _difference(pipeline, systems.result(best, *theirs), systems.photos[0])
    cells = " | ".join(f"{medians[name]:.0f}" if name in medians else "" for name in COLUMNS)
    faster = ratio(times[best], times["planned"])
    shown = f"**{_f(faster)}**" if faster < GOAL else _f(faster)
    return f"| {pipeline.ops[0].title()} | {cells} | {shown} | {off} |"


def _difference(pipeline: Pipeline, theirs: NDArray[Any], photo: NDArray[np.uint8]) -> str:
    mine = pipeline(photo).image
    if mine.shape != theirs.shape:
        return f"{mine.shape} is not {theirs.shape}"
    return f"{np.abs(mine.astype(np.float64) - theirs).mean():.2g}"


def _f(factor: float) -> str:
    return f"{factor:.2f}" if factor < 10 else f"{factor:.0f}"


def compare_ops(systems: Systems, rounds: int, only: list[str]) -> None:
    """Print the second table."""
    print(f"| op | {' | '.join(COLUMNS)} | the best peer takes | off by |")
    print(f"|---|{'--:|' * (len(COLUMNS) + 1)}---|")
    for case in peers.ALL:
        name = case.ours if isinstance(case.ours, str) else next(iter(case.ours))
        if not only or name in only:
            print(compare_op(case, systems, rounds), flush=True)


def main() -> None:
    """Print both tables, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="photographs, at any depth")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="*", default=[], help="names of ops; no pipeline then")
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # albumentations' on its versions
    logging.disable(logging.WARNING)
    packages = ("torch", "torchvision", "opencv-python-headless", "albumentations", "numpy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    print(f"{platform.platform()}, {os.cpu_count()} processors, one used; {versions}\n")
    systems = Systems(read(arguments.folder))
    if not arguments.only:
        compare_pipelines(systems, arguments.rounds)
    compare_ops(systems, arguments.rounds, arguments.only)


if __name__ == "__main__":
    main()
