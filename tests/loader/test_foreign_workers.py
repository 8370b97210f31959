"""The same draws however many workers there are and however they start; as by itself it is not."""

from __future__ import annotations

import multiprocessing

import albumentations
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from augpipe import build_loader
from augpipe.adapters import import_library

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

EPOCHS, IMAGES = 2, 12
EACH = EPOCHS * IMAGES


def from_numpy(image: np.ndarray) -> np.ndarray:
    """As most people write it."""
    return (image * np.random.uniform(0.3, 1, image.shape)).astype(np.uint8)


class OwnGenerator:
    """As numpy advises to write it."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(1)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return (image * self.rng.uniform(0.3, 1, image.shape)).astype(np.uint8)


def transforms() -> dict:
    return {
        "albumentations": albumentations.Compose([albumentations.GaussNoise(p=1)]),
        "torchvision": v2.Compose([v2.ColorJitter(brightness=0.8, contrast=0.8)]),
        "imgaug": import_library("imgaug").AdditiveGaussianNoise(scale=20),
        "callable": from_numpy,
        "a generator of its own": OwnGenerator(),
    }


def images() -> np.ndarray:
    """Equal pictures, so that equal draws are equal pixels; of all levels, so others are not."""
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    return np.broadcast_to(levels, (IMAGES, 16, 16, 3)).copy()


def ours(ops: list, num_workers: int, **options) -> list[bytes]:
    loader = build_loader(images(), ops, batch_size=2, num_workers=num_workers, **options)
    return [
        image.numpy().tobytes() for _ in range(EPOCHS) for batch in loader for image in batch.images
    ]


@pytest.mark.parametrize("persistent", [False, True], ids=["each-epoch", "persistent"])
@pytest.mark.parametrize("name", transforms())
def test_three_forked_workers_give_every_draw_once_and_those_of_none(name, persistent):
    drawn = ours(
        [transforms()[name]], 3, multiprocessing_context="fork", persistent_workers=persistent
    )
    assert len(set(drawn)) == EACH
    assert drawn == ours([transforms()[name]], 0)


@pytest.fixture(scope="module")
def all_together() -> list[bytes]:
    """What all four make of a picture, one after the other, without workers."""
    return ours(list(transforms().values()), 0)


@pytest.mark.parametrize(
    ("method", "persistent"),
    [
        pytest.param("spawn", True, id="spawn-persistent"),
        pytest.param("spawn", False, id="spawn-each-epoch", marks=pytest.mark.slow),
        pytest.param("forkserver", True, id="forkserver-persistent"),
        pytest.param("forkserver", False, id="forkserver-each-epoch"),
    ],
)
def test_workers_that_start_afresh_draw_the_same(method, persistent, all_together):
    """All four at once, for each such worker imports torch anew: any one's draw shows."""
    context = multiprocessing.get_context(method)
    drawn = ours(
        list(transforms().values()),
        3,
        multiprocessing_context=context,
        persistent_workers=persistent,
    )
    assert len(set(drawn)) == EACH
    assert drawn == all_together


class Bare(Dataset):
    """A transform in a dataset, as in every tutorial."""

    def __init__(self, transform) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, index: int) -> np.ndarray:
        return self.transform(images()[index])


def bare(transform, num_workers: int) -> list[bytes]:
    torch.manual_seed(0)
    loader = DataLoader(
        Bare(transform),
        batch_size=2,
        num_workers=num_workers,
        multiprocessing_context="fork" if num_workers else None,
    )
    return [image.numpy().tobytes() for _ in range(EPOCHS) for batch in loader for image in batch]


def calls() -> dict:
    own = transforms()
    return {
        "albumentations": lambda image: own["albumentations"](image=image)["image"],
        "imgaug": lambda image: own["imgaug"].augment_image(image),
        "a generator of its own": own["a generator of its own"],
        "torchvision": lambda image: (
            own["torchvision"](torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0).numpy()
        ),
        "np.random": from_numpy,
    }


@pytest.mark.parametrize("name", calls())
def test_a_dataset_that_draws_by_itself_draws_the_same_in_any_worker(name):
    drawn = []
    for num_workers in (0, 3):
        loader = build_loader(Bare(calls()[name]), num_workers=num_workers, batch_size=2)
        epochs = [
            image.numpy().tobytes() for _ in range(EPOCHS) for b in loader for image in b.images
        ]
        drawn.append(epochs)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == EACH


@pytest.mark.parametrize("name", list(calls())[:3])
def test_by_themselves_workers_repeat_each_other_and_every_epoch(name):
    """Each worker is a copy of the same generator, and a new copy in each epoch."""
    assert len(set(bare(calls()[name], 3))) == EACH / EPOCHS / 3


@pytest.mark.parametrize("name", list(calls())[3:])
def test_by_themselves_the_draws_depend_on_the_number_of_workers(name):
    """torch seeds its own, Python's and NumPy's global generators for each worker."""
    streams = [bare(calls()[name], workers) for workers in (0, 2, 3)]
    assert len({tuple(stream) for stream in streams}) == 3
