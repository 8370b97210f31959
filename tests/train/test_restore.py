import pytest
import torch
import yaml
from rich.console import Console

from augpipe.errors import RecipeError, StateError
from augpipe.train.config import TrainConfig
from augpipe.train.distill import load_teacher
from augpipe.train.restore import trained
from augpipe.train.trainer import Trainer

TRAIN = {
    "model": {"name": "convnet", "convnet": {"widths": [4], "depths": [1], "block": "acnet"}},
    "epochs": 1,
    "optimizer": {"name": "sgd", "lr": 0.05},
}
IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def run(loader, tmp_path):
    """run(**changes of the section train) -> the trainer, done."""

    def train(**changes):
        section = TRAIN | changes
        trainer = Trainer(
            TrainConfig.model_validate(section),
            loader(),
            loader(),
            tmp_path,
            recipe=yaml.safe_dump({"train": section}),
            fingerprint="0",
            seed=0,
            console=Console(quiet=True),
        )
        trainer.fit()
        return trainer

    return train


def test_the_live_weights_where_there_is_no_average(run, tmp_path):
    trainer = run()
    restored = trained(tmp_path)
    assert restored.classes == ["red", "green", "blue"]
    assert restored.recipe.train.model.convnet.block == "acnet"
    assert not any(module.training for module in restored.model.modules())
    assert torch.equal(restored.model(IMAGES), trainer.model.eval()(IMAGES))


def test_the_averaged_weights_where_there_is_one(run, tmp_path):
    trainer = run(ema={"decay": 0.9})
    restored = trained(tmp_path / "last.pt").model
    assert torch.equal(restored(IMAGES), trainer.ema.averaged()(IMAGES))
    assert not torch.equal(restored(IMAGES), trainer.model.eval()(IMAGES))


def test_a_run_teaches_another_of_the_same_classes_only(run, tmp_path):
    trainer = run()
    teacher = load_teacher(str(tmp_path), ["red", "green", "blue"])
    assert torch.equal(teacher(IMAGES), trainer.model.eval()(IMAGES))
    with pytest.raises(RecipeError, match=r"trained on the classes \['red', 'green', 'blue'\]"):
        load_teacher(str(tmp_path), ["green", "red", "blue"])


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(StateError, match=r"there is no checkpoint .*best.pt"):
        trained(tmp_path)
