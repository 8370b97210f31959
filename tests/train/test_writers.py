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

    ids = iter("xyz")
    module = SimpleNamespace(init=init, util=SimpleNamespace(generate_id=lambda: next(ids)))
    monkeypatch.setitem(sys.modules, "wandb", module)
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
    assert [options["id"] for options in (wandb[0], wandb[3])] == ["x", "x"]
    assert wandb[0]["resume"] == "allow"


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
