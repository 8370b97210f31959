"""Loaders for the doctor: each with one fault, or with none."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from augpipe import build_loader
from augpipe.adapters.libraries import import_library

PICTURES = np.random.default_rng(0).integers(0, 255, (8, 24, 32, 3), dtype=np.uint8)
SHAPES = Path(__file__).parents[2] / "samples" / "shapes"


class Pictures(Dataset):
    """60 rows, each through a function."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 60

    def __getitem__(self, row):
        return torch.from_numpy(np.ascontiguousarray(self.transform(PICTURES[row % 8]))), row


def load(dataset, num_workers, **options):
    return DataLoader(dataset, 16, shuffle=True, num_workers=num_workers, **options)


def keep(image):
    return image


def untouched(num_workers):
    return load(Pictures(keep), num_workers)


class Held:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, image):
        return (image * self.rng.random()).astype(np.uint8)


def held(num_workers):
    return load(Pictures(Held()), num_workers)


class HeldFlip:
    def __init__(self):
        self.rng = random.Random(3)

    def __call__(self, image):
        return image[:, ::-1] if self.rng.random() < 0.5 else image


def held_flip(num_workers):
    return load(Pictures(HeldFlip()), num_workers)


def flip(image):
    return image[:, ::-1] if random.random() < 0.5 else image


def free_flip(num_workers):
    return load(Pictures(flip), num_workers)


class Albumentations:
    def __init__(self):
        library = import_library("albumentations")
        self.compose = library.Compose(
            [library.Affine(rotate=(-30, 30), p=1), library.RandomBrightnessContrast(p=1)], seed=42
        )

    def __call__(self, image):
        return self.compose(image=image)["image"]


def albumentations(num_workers):
    return load(Pictures(Albumentations()), num_workers)


def mend(_):
    compose = get_worker_info().dataset.transform.compose
    compose.set_random_seed(torch.initial_seed() % 2**32)


def albumentations_mended(num_workers):
    return load(Pictures(Albumentations()), num_workers, worker_init_fn=mend)


class Imgaug:
    def __init__(self):
        library = import_library("imgaug")
        self.augmenter = library.Sequential([library.Multiply((0.5, 1.5)), library.Fliplr(0.5)])

    def __call__(self, image):
        return self.augmenter(image=image)


def imgaug(num_workers):
    return load(Pictures(Imgaug()), num_workers)


class ByRow(Pictures):
    """Draws from (epoch, row); workers see the epoch if it is in shared memory."""

    def __init__(self, shared):
        self.epoch = torch.zeros(1, dtype=torch.int64)
        self.shared = shared
        if shared:
            self.epoch.share_memory_()

    def set_epoch(self, epoch):
        self.epoch = self.epoch.fill_(epoch) if self.shared else torch.tensor([epoch])

    def __getitem__(self, row):
        rng = np.random.default_rng((int(self.epoch), row))
        return torch.from_numpy((PICTURES[row % 8] * rng.random()).astype(np.uint8)), row


def by_row(num_workers):
    return load(ByRow(shared=True), num_workers, persistent_workers=num_workers > 0)


def stale(num_workers):
    return load(ByRow(shared=False), num_workers, persistent_workers=num_workers > 0)


def ours(num_workers):
    ops = [{"resize": {"size": [24, 24]}}, "horizontal_flip", {"rotate": {"degrees": 20}}]
    return build_loader(SHAPES, ops, batch_size=8, num_workers=num_workers)


def ours_undrawn(num_workers):
    ops = [{"resize": {"size": [24, 24]}}]
    return build_loader(SHAPES, ops, batch_size=8, num_workers=num_workers)


class Leak:
    def __init__(self):
        self.seen = []

    def __call__(self, image):
        self.seen.append(image.repeat(40, axis=0))
        return image


def leak(num_workers):
    return load(Pictures(Leak()), num_workers)


class Stream(IterableDataset):
    def __iter__(self):
        yield from map(torch.from_numpy, PICTURES)


def stream(num_workers):
    return DataLoader(Stream(), 2, num_workers=num_workers)


def broken(num_workers):
    return load(Pictures(lambda image: image / None), num_workers)


class Hanging(Pictures):
    def __getitem__(self, row):
        if get_worker_info():
            time.sleep(1000)
        return super().__getitem__(row)


def hanging(num_workers):
    return load(Hanging(keep), num_workers)


def other_workers(num_workers):
    return load(Pictures(keep), 0)


def nothing(num_workers):
    return None


def unwilling(workers):
    return load(Pictures(keep), workers)


class Module:
    """What Lightning calls a data module."""

    def __init__(self, num_workers):
        self.num_workers, self.steps = num_workers, []

    def prepare_data(self):
        self.steps.append("prepare")

    def setup(self, stage):
        self.steps.append(stage)

    def train_dataloader(self):
        assert self.steps == ["prepare", "fit"]
        return untouched(self.num_workers)
