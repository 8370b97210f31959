import io

import pytest
from rich.console import Console

from augpipe.train.report import Report

ROW = {
    "epoch": 3,
    "lr": 0.05,
    "train_loss": 1.25,
    "train_accuracy": 0.5,
    "val_loss": 0.75,
    "val_accuracy": 0.875,
    "skipped_steps": 0,
}


def report(*, terminal=False):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=60)
    return Report(console, epochs=15), console.file


def test_an_epoch_is_one_plain_line():
    voice, file = report()
    voice.epoch(ROW, seconds=2.04)
    assert file.getvalue() == (
        "epoch  3/15   train 1.2500 50.00%   val 0.7500 87.50%   lr 0.05   "
        "0 images/s, 0% waiting   2.0 s\n"
    )


def test_the_average_and_skipped_steps_are_told_where_there_are_any():
    voice, file = report()
    voice.epoch({**ROW, "ema_loss": 0.5, "ema_accuracy": 1.0, "skipped_steps": 2}, seconds=1)
    assert "ema 0.5000 100.00%" in file.getvalue()
    assert "2 steps skipped: not finite" in file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_watching_passes_every_batch_on_and_draws_on_terminals_only(loader, terminal):
    voice, file = report(terminal=terminal)
    assert len(list(voice.watch(loader(), epoch=3))) == len(loader())
    assert ("epoch 3/15" in file.getvalue()) == terminal


@pytest.mark.parametrize("terminal", [False, True])
def test_so_does_judging_each_time_and_the_pace_stays_that_of_training(loader, terminal):
    voice, file = report(terminal=terminal)
    list(voice.watch(loader(), epoch=3))
    images = voice.pace.images
    judged = voice.judge(loader(), epoch=3)
    assert [len(list(judged)), len(list(judged)), len(judged)] == 3 * [len(loader())]
    assert ("epoch 3/15, validation" in file.getvalue()) == terminal
    assert voice.pace.images == images


def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    last = tmp_path / "[bold]last.pt"
    last.touch()
    voice, file = report()
    voice.interrupted(last)
    assert file.getvalue() == (
        f"interrupted; {last} is whole, repeat the command with --resume to go on\n"
    )


def test_an_interrupted_run_without_a_checkpoint_says_so(tmp_path):
    voice, file = report()
    voice.interrupted(tmp_path / "last.pt")
    assert "nothing was saved" in file.getvalue()
