"""Which generators are found in other people's objects, and that seeding them decides all."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest
import torch

from augpipe.generators import held_by, reseed, seeded

KINDS = {
    "Generator": lambda: np.random.default_rng(),
    "MT19937": lambda: np.random.Generator(np.random.MT19937()),
    "Philox": lambda: np.random.Generator(np.random.Philox()),
    "RandomState": lambda: np.random.RandomState(),
    "Random": lambda: random.Random(),
    "torch": torch.Generator,
}


def drawn(generator) -> list[float]:
    if isinstance(generator, torch.Generator):
        return torch.rand(3, generator=generator).tolist()
    return [generator.random() for _ in range(3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_a_seed_decides_what_is_drawn(kind, seed):
    one, other = KINDS[kind](), KINDS[kind]()
    drawn(other)
    reseed(one, seed)
    reseed(other, seed)
    assert drawn(one) == drawn(other)
    reseed(other, seed ^ 1)
    assert drawn(one) != drawn(other)


class Holder:
    def __init__(self, **parts) -> None:
        self.__dict__.update(parts)

    def method(self) -> None: ...


def closure(generator):
    return lambda: generator


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda own: Holder(rng=own),
        lambda own: Holder(inner=Holder(parts=[1, {"deep": (own,)}])),
        lambda own: Holder(rng=own).method,
        lambda own: partial(print, own),
        closure,
        lambda own: torch.utils.data.Subset(Holder(transform=Holder(rng=own)), range(10**6)),
    ],
    ids=["attribute", "nested", "method", "partial", "closure", "subset"],
)
def test_a_generator_is_found_wherever_it_is_held(kind, wrap):
    own = KINDS[kind]()
    assert held_by(wrap(own)) == [own]


def test_what_refers_to_itself_is_looked_through_once():
    own = random.Random()
    one = Holder(rng=own)
    one.self, one.list = one, [one, own]
    assert held_by(one) == [own]


def test_data_is_not_searched():
    assert held_by(Holder(paths=[random.Random()] * 10**5, module=np.random)) == []


def test_held_generators_draw_apart_and_global_ones_are_put_back():
    held = [random.Random(), random.Random()]
    before = random.getstate()
    with seeded(5, held):
        assert len({random.random(), held[0].random(), held[1].random()}) == 3
    assert random.getstate() == before
