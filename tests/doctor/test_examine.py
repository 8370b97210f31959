"""Whole examinations, in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augpipe.doctor import examine
from augpipe.errors import RecipeError


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


def test_a_loader_that_breaks_is_found():
    report = examine("patients:broken", workers=[2])
    assert not report.healthy
    assert "with no workers: TypeError: unsupported operand" in report.verdicts[0].evidence


@pytest.mark.slow
def test_a_loader_that_hangs_is_ended():
    report = examine("patients:hanging", workers=[2], seconds=15)
    assert "with 2 workers: no end after 15 s" in report.verdicts[0].evidence
    assert report.workers == (0, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["albumentations", "imgaug", "held"])
def test_the_known_bugs(name):
    states = {one.check: one.state for one in examine(f"patients:{name}").verdicts}
    assert (states["duplicates"], states["epochs"]) == ("found", "found")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ours", "by_row", "untouched"])
def test_healthy_ones(name):
    report = examine(f"patients:{name}", workers=[1, 2, 3])
    assert report.healthy, report.verdicts


def test_the_command(augpipe):
    ended = augpipe("doctor", "patients:held", "--workers", 2, "--json")
    assert ended.code == 1
    report = json.loads(ended.out)
    assert (report["healthy"], report["workers"]) == (False, [0, 2])
    found = [one["check"] for one in report["verdicts"] if one["state"] == "found"]
    assert found == ["duplicates", "epochs", "workers"]


@pytest.mark.slow
def test_a_check_that_is_skipped(augpipe):
    ended = augpipe("doctor", "patients:untouched", "--workers", 2, "--skip", "threads")
    assert ended.code == 0
    assert "threads" not in ended.out
    assert ended.out.endswith("patients:untouched: healthy\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("patients:held", "--skip", "thread"), "did you mean 'threads'"),
        (("patients:held", "--workers", 0), "expected numbers of 1 or more"),
        (("patients:held", "--samples", 0), "expected 1 or more"),
        (("patients",), "expected MODULE:FUNCTION"),
    ],
)
def test_bad_usage(augpipe, arguments, message):
    ended = augpipe("doctor", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_examples_are_in_the_help(augpipe):
    assert "augpipe doctor my_module:make_loader" in augpipe("doctor", "--help").out


def test_too_few_samples_are_refused():
    with pytest.raises(RecipeError, match="samples 0"):
        examine("patients:held", samples=0)
