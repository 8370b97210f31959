from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from augpipe.doctor.held import MANY, held_by
from augpipe.doctor.seen import Held


def test_generators_wherever_they_are():
    rng = np.random.default_rng(0)
    transform = SimpleNamespace(steps=[1, SimpleNamespace(generator=torch.Generator())])
    dataset = SimpleNamespace(by_name={"flip": rng}, transform=transform)
    assert held_by(dataset) == [
        Held("dataset.by_name['flip']", "generator"),
        Held("dataset.transform.steps[1].generator", "generator"),
    ]


def test_closures():
    rng = np.random.default_rng(0)
    dataset = SimpleNamespace(transform=lambda image: image * rng.random())
    assert held_by(dataset) == [Held("rng", "generator")]


def test_long_lists_are_counted_and_not_entered():
    dataset = SimpleNamespace(samples=["path"] * MANY, few=["path"] * 300)
    assert held_by(dataset) == [Held("dataset.samples", "objects", MANY)]


def test_arrays_and_cycles():
    dataset = SimpleNamespace(paths=np.zeros(MANY))
    dataset.self = dataset
    assert held_by(dataset) == []
