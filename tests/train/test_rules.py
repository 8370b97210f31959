"""What a trainer must get right, a test for each rule, and a broken trainer that the test catches.

Each rule is a function that fails where the rule is broken; they stand in tests/rules, with links
to where others have met the bug. Each is run on our trainer, and on trainers that break it on
purpose, which it must notice.
"""

from __future__ import annotations

import pickle
from importlib import import_module

import pytest

from augpipe.errors import StateError, TrainError
from rules.lab import RULES, Lab

for group in ("steps", "average", "modes", "resuming", "sanity", "beside"):
    import_module(f"rules.{group}")  # which registers its rules


@pytest.fixture
def lab(make_config, loader, tmp_path, monkeypatch):
    return Lab(make_config, loader, tmp_path, monkeypatch)


FAILS = (AssertionError, StateError, TrainError, pickle.UnpicklingError, pytest.fail.Exception)


@pytest.mark.parametrize("number", RULES)
def test_the_rule_is_kept(lab, number):
    RULES[number].check(lab)


@pytest.mark.parametrize(
    ("number", "mutant"),
    [(number, mutant) for number, one in RULES.items() for mutant in one.mutants],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_trainer_that_breaks_it_is_found_out(lab, number, mutant):
    mutant(lab)
    with pytest.raises(FAILS):
        RULES[number].check(lab)


def test_every_rule_has_a_mutant_and_a_link():
    assert sorted(RULES) == [*range(1, 28)]
    for number, one in RULES.items():
        assert one.mutants, number
        assert one.links, number
