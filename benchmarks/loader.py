"""From image files to batches: images per second of augpipe and of its peers, on the same work.

    python benchmarks/loader.py FOLDER [--rounds 5] [--workers 2] [--batch-size 64]

FOLDER has one folder per class. Each system runs in a fresh process, in turns, one thread per
process; its first epoch is not counted. Printed are medians and ranges over the rounds, and each
system's median ratio to augpipe within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

TASKS = {
    "light": "random resized crop to 224 and flip, uint8",
    "heavy": "crop, flip, affine, colour jitter with hue, blur, erasing, normalised float32",
}


def augpipe(folder: str, task: str, batch_size: int, workers: int) -> Iterable[Any]:
    """Ours."""
    from augpipe import Pipeline, build_loader

    ops: list[Any] = [{"random_resized_crop": {"size": 224}}, "horizontal_flip"]
    batch: list[Any] = []
    if task == "heavy":
        affine = {"degrees": 20, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 10}
        jitter = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
        ops += [
            {"affine": affine | {"p": 0.8}},
            {"color_jitter": jitter | {"p": 0.8}},
            {"gaussian_blur": {"sigma": [0.1, 2.0], "p": 0.3}},
        ]
        batch = [{"random_erasing": {"p": 0.25}}, "normalize"]
    pipeline = Pipeline(ops, batch=batch)
    return build_loader(folder, pipeline, batch_size=batch_size, num_workers=workers)


def torchvision_pil(folder: str, task: str, batch_size: int, workers: int) -> Iterable[Any]:
    """ImageFolder, decoded by Pillow, transformed by transforms.v2 on tensors."""
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import InterpolationMode, v2

    bilinear = InterpolationMode.BILINEAR
    steps = [v2.PILToTensor(), v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()]
    if task == "heavy":
        steps += [
            v2.RandomApply([v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 10, bilinear)], 0.8),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomApply([v2.GaussianBlur(13, (0.1, 2.0))], 0.3),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            v2.RandomErasing(0.25),
        ]
    return _torch_loader(ImageFolder(folder, v2.Compose(steps)), batch_size, workers)


def opencv_albumentations(folder: str, task: str, batch_size: int, workers: int) -> Iterable[Any]:
    """ImageFolder, decoded by OpenCV, transformed by albumentations."""
    import albumentations as alb
    import cv2
    from albumentations.pytorch import ToTensorV2
    from torchvision.datasets import DatasetFolder

    steps = [alb.RandomResizedCrop((224, 224)), alb.HorizontalFlip()]
    if task == "heavy":
        steps += [
            alb.Affine((0.8, 1.2), (-0.1, 0.1), rotate=(-20, 20), shear={"x": (-10, 10)}, p=0.8),
            alb.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=0.8),
            alb.GaussianBlur((0, 0), (0.1, 2.0), p=0.3),
            alb.Normalize(),
            alb.Erasing(p=0.25),
        ]
    transform = alb.Compose([*steps, ToTensorV2()])
    dataset = DatasetFolder(
        folder,
        lambda path: cv2.imread(path, cv2.IMREAD_COLOR_RGB),
        (".jpg", ".jpeg", ".png"),
        lambda image: transform(image=image)["image"],
    )
    return _torch_loader(dataset, batch_size, workers)


def _torch_loader(dataset: Any, batch_size: int, workers: int) -> Iterable[Any]:
    import cv2
    from torch.utils.data import DataLoader

    return DataLoader(
        dataset,
        batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )


SYSTEMS: dict[str, Callable[[str, str, int, int], Iterable[Any]]] = {
    "augpipe": augpipe,
    "torchvision v2, Pillow": torchvision_pil,
    "albumentations, OpenCV": opencv_albumentations,
}


def run_one(system: str, folder: str, task: str, batch_size: int, workers: int) -> None:
    """In a process of its own: print images per second after the first epoch."""
    import cv2
    import torch

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    loader = SYSTEMS[system](folder, task, batch_size, workers)
    rates = []
    for _ in range(3):
        start, images = time.perf_counter(), 0
        for batch in loader:
            images += len(next(iter(batch)))
        rates.append(images / (time.perf_counter() - start))
    print(json.dumps(statistics.median(rates[1:])))


def measure(arguments: argparse.Namespace, task: str) -> dict[str, list[float]]:
    """Images per second of each system, one for each round."""
    rates: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    options = [str(arguments.batch_size), str(arguments.workers)]
    for _ in range(arguments.rounds):
        for system in SYSTEMS:
            command = [sys.executable, __file__, "--one", system, arguments.folder, task, *options]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{system}: {done.stderr.strip().splitlines()[-1]}")
            rates[system].append(float(json.loads(done.stdout)))
    return rates


def report(arguments: argparse.Namespace) -> None:
    """Print the tables, as Markdown."""
    packages = ("torch", "torchvision", "opencv-python-headless", "simplejpeg", "albumentations")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    print(f"{platform.platform()}, {os.cpu_count()} processors; {versions}\n")
    for task, what in TASKS.items():
        rates = measure(arguments, task)
        print(f"**{task}**: {what}; batch {arguments.batch_size}, {arguments.workers} workers\n")
        print("| system | images/s, median (range) | of augpipe's |\n|---|--:|--:|")
        for system, values in rates.items():
            ratio = statistics.median(v / o for v, o in zip(values, rates["augpipe"], strict=True))
            spread = f"{min(values):.0f} to {max(values):.0f}"
            print(f"| {system} | {statistics.median(values):.0f} ({spread}) | {ratio:.2f} |")
        print()


def main() -> None:
    """Measure all systems, or be the process that runs one."""
    if sys.argv[1:2] == ["--one"]:
        system, folder, task, batch_size, workers = sys.argv[2:]
        run_one(system, folder, task, int(batch_size), int(workers))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="a folder with one folder per class")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    report(parser.parse_args())


if __name__ == "__main__":
    main()
