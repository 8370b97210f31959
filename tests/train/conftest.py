"""A loader as training sees one, and a net with dropout, small enough for hundreds of runs."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from augpipe.errors import StateError
from augpipe.train import models
from augpipe.train.config import TrainConfig

RECIPE = {
    "model": {"name": "dropout_net"},
    "epochs": 4,
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4},
    "schedule": {"name": "warmup_cosine", "warmup_epochs": 1},
    "clip": {"norm": 1.0},
    "ema": {"decay": 0.9},
}


class FakeBatch(NamedTuple):
    images: Tensor
    labels: Tensor | None
    index: Tensor


@dataclass
class FakeLoader:
    """Blobs of light: an image of class c is bright in channel c. A pure function of the epoch.

    Like ours it knows its position after every batch, and goes on from there; it forgets the
    position when another epoch is set, or when an epoch is left early.
    """

    samples: int = 40
    batch_size: int = 16
    epoch: int = 0
    position: int = 0
    interrupted: bool = False
    classes: tuple[str, ...] = ("red", "green", "blue")
    on_batch: Callable[[int, int, FakeBatch], FakeBatch] = lambda epoch, index, batch: batch

    @property
    def dataset(self) -> SimpleNamespace:
        return SimpleNamespace(classes=self.classes, labels=self.draw(0)[1].numpy())

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        if epoch != self.epoch or self.interrupted:
            self.epoch, self.position, self.interrupted = epoch, 0, False

    def state_dict(self) -> dict[str, int | str]:
        over = self.position >= self.samples > 0
        epoch, position = (self.epoch + 1, 0) if over else (self.epoch, self.position)
        data = f"{self.samples} blobs"
        return {"version": 1, "epoch": epoch, "position": position, "data": data}

    def load_state_dict(self, state: dict[str, int | str]) -> None:
        if state["data"] != self.state_dict()["data"]:
            raise StateError(f"the state is of {state['data']}")
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
        self.interrupted = False

    def draw(self, epoch: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1000 + epoch)
        labels = torch.randint(0, len(self.classes), (self.samples,), generator=generator)
        images = torch.randn(self.samples, 3, 8, 8, generator=generator)
        images[torch.arange(self.samples), labels % 3] += 1
        return images, labels

    def __iter__(self):
        if self.interrupted:
            self.epoch, self.position = self.epoch + 1, 0
        self.interrupted = True
        epoch, columns = self.epoch, (*self.draw(self.epoch), torch.arange(self.samples))
        if not self.samples:
            return
        left = (column[self.position :].split(self.batch_size) for column in columns)
        for images, labels, index in zip(*left, strict=True):
            number = self.position // self.batch_size
            self.position += len(images)
            yield self.on_batch(epoch, number, FakeBatch(images, labels, index))
        self.epoch, self.position, self.interrupted = epoch + 1, 0, False


def dropout_net(num_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(6 * 6 * 6, num_classes),
    )


@pytest.fixture
def loader():
    """The class of fake loaders."""
    return FakeLoader


@pytest.fixture
def make_config(monkeypatch):
    """A valid config by overrides of a small recipe; an override of None takes the key out."""
    monkeypatch.setitem(models.MODELS, "dropout_net", dropout_net)

    def make(**overrides) -> TrainConfig:
        recipe = {key: value for key, value in {**RECIPE, **overrides}.items() if value is not None}
        return TrainConfig.model_validate(recipe)

    return make


@pytest.fixture
def net():
    """A seeded net for 3 classes."""
    torch.manual_seed(0)
    return dropout_net(3)


def leaves(tree, path=""):
    """Every tensor, number and text in nested dictionaries and lists, with the way to it."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}")
    elif isinstance(tree, list | tuple):
        for key, value in enumerate(tree):
            yield from leaves(value, f"{path}.{key}")
    else:
        yield path, tree


@pytest.fixture
def assert_same():
    """Asserts that two nested states are equal to the bit."""

    def check(one, other):
        mine, theirs = dict(leaves(one)), dict(leaves(other))
        assert list(mine) == list(theirs)
        for path, value in mine.items():
            same = torch.equal if isinstance(value, Tensor) else type(value).__eq__
            assert same(value, theirs[path]), path

    return check
