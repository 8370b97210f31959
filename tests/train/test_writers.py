import sys
from types import SimpleNamespace

import pytest

from augpipe.errors import RecipeError
from augpipe.train.writers import check_writers, open_writers

ROW = {"epoch": 1, "lr": 0.5, "val_loss": 0.25}


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for the package, which remembers what it was told."""
    told = []

    def init(**options):
        told.append(options)
        return SimpleNamespace(
            log=lambda row, step: told.append((row, step)), finish=lambda: told.append("finish")
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    return told


@pytest.fixture
def tensorboard(monkeypatch):
    told = []

    def writer(folder):
        return SimpleNamespace(
            add_scalar=lambda *scalar: told.append(scalar), close=lambda: told.append(folder)
        )

    module = SimpleNamespace(SummaryWriter=writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return told


def test_wandb_gets_rows_and_a_resumed_run_keeps_its_id(wandb, tmp_path):
    for step in (3, 6):
        (writer,) = open_writers(["wandb"], tmp_path)
        writer.write(ROW, step)
        writer.close()
    assert wandb[1:3] == [(ROW, 3), "finish"]
    assert wandb[0]["id"] == wandb[3]["id"] == (tmp_path / "wandb.id").read_text()
    assert wandb[0]["resume"] == "allow"
    (tmp_path / "other").mkdir()
    open_writers(["wandb"], tmp_path / "other")
    assert wandb[-1]["id"] != wandb[0]["id"]


def test_the_real_wandb_takes_what_it_is_told(tmp_path, monkeypatch):
    package = pytest.importorskip("wandb", reason="wandb (extra wandb) is not installed")
    for name in ("CONFIG_DIR", "CACHE_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "its"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = tmp_path / "run"
    run.mkdir()
    for step in (3, 6):  # and once more, as a resumed run does
        (writer,) = open_writers(["wandb"], run)
        writer.write(ROW, step)
        writer.close()
    package.teardown()
    name = (run / "wandb.id").read_text()
    logs = list(run.glob(f"wandb/offline-run-*/run-{name}.wandb"))
    assert logs
    content = b"".join(log.read_bytes() for log in logs)
    for word in (*ROW, "augpipe", "0.25"):
        assert word.encode() in content


def test_the_real_tensorboard_reads_what_was_written(tmp_path):
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard (extra tensorboard) is not installed",
    )
    (writer,) = open_writers(["tensorboard"], tmp_path)
    for step in (3, 6):
        writer.write({**ROW, "val_loss": step / 8}, step)
    writer.close()
    read = events.EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    assert sorted(read.Tags()["scalars"]) == ["epoch", "loss/val", "lr"]
    assert [(one.step, one.value) for one in read.Scalars("loss/val")] == [(3, 0.375), (6, 0.75)]


def test_tensorboard_groups_scalars_by_what_they_measure(tensorboard, tmp_path):
    (writer,) = open_writers(["tensorboard"], tmp_path)
    writer.write(ROW, 3)
    writer.close()
    assert tensorboard == [
        ("epoch", 1, 3),
        ("lr", 0.5, 3),
        ("loss/val", 0.25, 3),
        str(tmp_path / "tensorboard"),
    ]


@pytest.mark.parametrize(
    ("name", "module"), [("wandb", "wandb"), ("tensorboard", "torch.utils.tensorboard")]
)
def test_an_extra_that_is_absent_is_named(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RecipeError, match=rf"pip install 'augpipe\[{name}\]'"):
        check_writers([name])
