from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from augpipe import __version__
from augpipe.cli.main import app
from augpipe.data.decode import decoder_name

ROOT = Path(__file__).parents[2]

FLAGS = {
    "train": [
        "recipe", "--data", "--set", "--epochs", "--lr", "--batch-size", "--seed", "--device",
        "--out", "--resume", "--folds", "--stratify", "--inspect", "--dry-run", "--overfit-batch",
    ],
    "preview": [
        "recipe", "--data", "--set", "--out", "--count", "--variants", "--epoch", "--index",
        "--percentile", "--part", "--html", "--stages", "--compare", "--side", "--show", "--json",
        "--serve", "--port",
    ],
    "explain": ["recipe", "--size", "--device", "--set", "--time", "--json"],
    "check": [
        "data", "--val", "--html", "--json", "--distance", "--show", "--fail-on", "--threads",
    ],
    "init": ["data", "--val", "--out", "--json"],
    "schema": ["--out"],
    "convert": ["pipeline", "--out", "--json"],
    "ops": ["--out", "--params", "--json", "name"],
    "evaluate": ["run", "--data", "--attack", "--device", "--json"],
    "average": ["checkpoints", "--weights", "--ema", "--out", "--device"],
    "export": ["run", "--format", "--size", "--out"],
    "doctor": ["target", "--workers", "--samples", "--limit", "--skip", "--json"],
    "bench": [
        "recipe", "--data", "--set", "--part", "--batches", "--workers", "--device", "--json",
    ],
    "stats": ["data", "--threads", "--json"],
    "split": [
        "data", "--ratios", "--folds", "--stratify", "--group", "--seed", "--out",
        "--json",
    ],
}  # fmt: skip


def test_the_flags_are_these():
    commands = typer.main.get_command(app).commands
    found = {
        name: sorted(option for parameter in command.params for option in parameter.opts)
        for name, command in commands.items()
    }
    assert found == {name: sorted(flags) for name, flags in FLAGS.items()}, (
        "a flag came or went: say so in CHANGELOG.md, and change this table"
    )


def test_version(augpipe):
    ended = augpipe("--version")
    assert (ended.code, ended.out.strip()) == (0, f"augpipe {__version__} ({decoder_name()})")


@pytest.mark.parametrize("name", FLAGS)
def test_every_command_shows_how_it_is_used(augpipe, name):
    lines = [line.strip() for line in augpipe(name, "--help").out.splitlines()]
    examples = lines[lines.index("For example:") :]
    assert any(re.match(rf"augpipe {name}\b", line) for line in examples)


@pytest.mark.parametrize(
    "arguments",
    [["explain", "light", "--no-time"], ["ops"], ["check", "samples/shapes"], ["check", "--help"]],
    ids=" ".join,
)
def test_colour_is_for_terminals(augpipe, monkeypatch, arguments):
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.chdir(ROOT)
    ended = augpipe(*arguments)
    assert ended.out
    assert "\x1b" not in ended.out + ended.err


def test_without_a_command_it_helps(augpipe):
    ended = augpipe()
    assert ended.code == 2
    assert all(name in ended.out + ended.err for name in FLAGS)


def test_an_error_is_one_line_on_standard_error(augpipe):
    ended = augpipe("explain", "imagent")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("error: no recipe 'imagent'")
    assert ended.err.count("\n") == 1


def test_bad_usage_ends_with_two(augpipe):
    for arguments in (["explan"], ["explain"], ["explain", "digits", "--sice", "3x3"]):
        assert augpipe(*arguments).code == 2
