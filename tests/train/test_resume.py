"""`kill -9` at any moment: the run goes on from there, to the same weights to the bit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from augpipe.train import checkpoint
from killable import RECIPE, RICH, Death, calls, run

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"
SAVES = 3 * 3  # each of 3 epochs saves amid it, twice, and at its end; and what is best


def saved(path):
    """All that a checkpoint holds but the recipe's text, which tells the number of workers."""
    return {**checkpoint.load(path), "recipe": None}


def run_whole(tmp_path_factory, recipe):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run(folder, SHAPES, recipe=recipe) == 0
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that was never killed."""
    return run_whole(tmp_path_factory, RECIPE)


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """The same, with many techniques at once."""
    return run_whole(tmp_path_factory, RICH)


@pytest.fixture
def assert_killed_and_resumed_is_whole(tmp_path, assert_same):
    """Kills a run again and again, each time with other workers, and lets it go on to its end."""

    def check(deaths, workers, whole, recipe=RECIPE):
        folder = tmp_path / "run"
        for death, number in zip(deaths, workers, strict=False):
            assert run(folder, SHAPES, workers=number, death=death, recipe=recipe) in (-9, 0)
        assert run(folder, SHAPES, workers=workers[-1], recipe=recipe) == 0
        for name in ("last.pt", "best.pt"):
            assert_same(saved(folder / name), saved(whole / name))
        assert (folder / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()

    return check


def test_a_whole_run_has_saved_amid_its_epochs(whole):
    assert [path.name for path in whole.glob("step-*.pt")] == ["step-9.pt"]
    state = checkpoint.load(whole / "step-9.pt")
    assert (state["epoch"], state["step"]) == (2, 9)
    assert state["underway"]["tally"]["sums"][0] == 8  # samples of one step of two batches
    assert state["loader"]["position"] == 8


@pytest.mark.parametrize(
    ("deaths", "workers"),
    [
        ([Death(call=0.5)], [0, 2]),
        ([Death(save=4)], [1, 0]),
        ([Death(call=0.85), Death(call=0.1)], [2, 1, 0]),
    ],
    ids=["amid steps", "amid a checkpoint", "twice"],
)
def test_a_run_killed_is_the_run_never_killed(
    assert_killed_and_resumed_is_whole, whole, deaths, workers
):
    deaths = [d if d.call is None else Death(call=int(d.call * calls(whole))) for d in deaths]
    assert_killed_and_resumed_is_whole(deaths, workers, whole)


@pytest.mark.parametrize("death", [Death(call=0.65), Death(save=7)], ids=["amid steps", "amid SWA"])
def test_so_it_is_with_many_techniques_at_once(assert_killed_and_resumed_is_whole, rich, death):
    death = death if death.call is None else Death(call=int(death.call * calls(rich)))
    assert_killed_and_resumed_is_whole([death], [0, 2], rich, RICH)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", range(50))
def test_a_run_killed_at_random_is_the_run_never_killed(
    assert_killed_and_resumed_is_whole, whole, number
):
    draw = random.Random(number)
    death = (
        Death(save=draw.randint(1, SAVES))
        if number % 5 == 0
        else Death(call=draw.randint(1, calls(whole)))
    )
    workers = [draw.randint(0, 2), draw.randint(0, 2)]
    assert_killed_and_resumed_is_whole([death], workers, whole)
