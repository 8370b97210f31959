"""Every patient is probed in this process, and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from augpipe.doctor.judge import judge
from augpipe.doctor.probe import observe
from augpipe.doctor.seen import Request
from augpipe.errors import RecipeError


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)
    monkeypatch.syspath_prepend(Path(__file__).parent)


def probe(name, workers, *, again=False, use=False):
    return observe(Request(f"patients:{name}", workers, 48, 2, again=again, use=use))


def diagnose(name, *, use=False, workers=(0, 2)):
    """The verdict of each check."""
    seen = [probe(name, count, use=use and count == workers[-1]) for count in workers]
    verdicts = judge(seen, probe(name, 0, again=True))
    return {verdict.check: verdict for verdict in verdicts}


def found(name, **options):
    verdicts = diagnose(name, **options).values()
    return {verdict.check for verdict in verdicts if verdict.state == "found"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("held", "dataset.transform.rng"),
        ("held_flip", "dataset.transform.rng"),
        ("albumentations", "dataset.transform.compose"),
        ("imgaug", "dataset.transform.augmenter"),
    ],
)
def test_a_generator_that_workers_copy_is_found_and_named(name, path):
    verdicts = diagnose(name)
    for check in ("duplicates", "epochs"):
        assert verdicts[check].state == "found"
        assert f"get_worker_info().{path}" in verdicts[check].remedy
    assert "worker 1 draws what worker 0 draws" in verdicts["duplicates"].evidence


def test_of_what_is_distinct_it_tells_how_much():
    evidence = diagnose("held")["duplicates"].evidence
    assert "asked for 48 times, looks 24 different ways with 2 workers and 48 with none" in evidence


@pytest.mark.parametrize("name", ["untouched", "by_row", "ours", "Module"])
def test_healthy(name):
    assert found(name) == set()


@pytest.mark.parametrize("name", ["free_flip", "albumentations_mended"])
def test_without_copies_only_the_number_of_workers_matters(name):
    assert found(name) == {"workers"}


@pytest.mark.parametrize("workers", [0, 2])
def test_our_loader_is_asked_for_one_row_too(workers):
    first, second = probe("ours_undrawn", workers).repeated
    assert len(set(first + second)) == 1


def test_one_worker_repeats_epochs_but_nobody():
    assert found("held", workers=(0, 1)) == {"epochs", "workers"}


def test_workers_that_do_not_see_the_epoch():
    verdicts = diagnose("stale")
    assert {name for name, one in verdicts.items() if one.state == "found"} == {"epochs", "workers"}
    assert "share_memory_" in verdicts["epochs"].remedy


def test_workers_that_do_not_share_a_stream():
    verdict = diagnose("stream")["duplicates"]
    assert (verdict.state, verdict.evidence) == (
        "found",
        "with 2 workers 8 of 16 samples are shown again",
    )


def test_memory_that_grows():
    verdict = diagnose("leak", use=True)["memory"]
    assert verdict.state == "found"
    # A picture of 24 x 32 pixels, forty times.
    assert int(verdict.evidence.split(", ")[1].split()[0]) == pytest.approx(92, rel=0.3)


def test_memory_that_does_not():
    assert diagnose("untouched", use=True)["memory"].state == "ok"
    assert diagnose("ours", use=True)["memory"].state == "ok"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("patients:nothing", "returned a NoneType"),
        ("patients:unwilling", "takes num_workers alone"),
        ("patients:hold", "did you mean 'held'"),
        ("patient:held", "no module 'patient' in"),
        ("patients.py", "expected MODULE:FUNCTION"),
        ("patients:other-workers", "expected MODULE:FUNCTION"),
    ],
)
def test_what_is_no_loader(target, message):
    with pytest.raises(RecipeError, match=message):
        observe(Request(target, 0, 8, 2, again=False, use=False))


def test_a_loader_that_ignores_the_number_is_refused():
    with pytest.raises(RecipeError, match=r"hand num_workers on to the loader"):
        probe("other_workers", 2)


def test_a_module_that_lacks_another_says_so(tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import no_such_library")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        observe(Request("needy:make", 0, 8, 2, again=False, use=False))
