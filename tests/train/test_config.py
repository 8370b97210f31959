import ast
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from augpipe.train import config
from augpipe.train.config import SgdConfig, TrainConfig, WarmupCosineConfig

DESIGN = """
model: {name: small_cnn, num_classes: 10}
epochs: 15
optimizer: {name: sgd, lr: 0.1, momentum: 0.9, weight_decay: 5e-4}
schedule: {name: warmup_cosine, warmup_epochs: 1}
clip: {norm: 1.0}
ema: {decay: 0.999}
"""


def design(**overrides):
    return {**yaml.safe_load(DESIGN), **overrides}


def test_the_recipe_of_the_design_parses():
    parsed = TrainConfig.model_validate(design())
    assert isinstance(parsed.optimizer, SgdConfig)
    assert parsed.optimizer.weight_decay == 5e-4  # which YAML 1.1 reads as a string
    assert isinstance(parsed.schedule, WarmupCosineConfig)
    assert parsed.clip is not None
    assert parsed.ema is not None


def test_only_model_epochs_and_optimizer_are_needed():
    parsed = TrainConfig.model_validate(
        {"model": {"name": "resnet18"}, "epochs": 1, "optimizer": {"name": "adamw", "lr": 1e-3}}
    )
    assert (parsed.schedule.name, parsed.clip, parsed.ema) == ("constant", None, None)
    assert parsed.model.num_classes is None


def test_configs_survive_being_written_and_read():
    parsed = TrainConfig.model_validate(design(optimizer={"name": "adamw", "lr": 0.1}))
    text = yaml.safe_dump(parsed.model_dump(mode="json"))
    assert TrainConfig.model_validate(yaml.safe_load(text)) == parsed


@pytest.mark.parametrize(
    ("override", "at"),
    [
        ({"epoch": 3}, ("epoch",)),
        ({"epochs": 0}, ("epochs",)),
        ({"epochs": True}, ("epochs",)),
        ({"epochs": 1.5}, ("epochs",)),
        ({"optimizer": {"name": "sgd", "lr": True}}, ("optimizer", "sgd", "lr")),
        ({"optimizer": {"name": "sgd", "lr": "fast"}}, ("optimizer", "sgd", "lr")),
        ({"optimizer": {"name": "sgd", "lr": float("nan")}}, ("optimizer", "sgd", "lr")),
        ({"optimizer": {"name": "sgd", "lr": 0.1, "betas": [0, 0]}}, ("optimizer", "sgd", "betas")),
        ({"optimizer": {"name": "sdg", "lr": 0.1}}, ("optimizer",)),
        (
            {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0, "nesterov": True}},
            ("optimizer", "sgd"),
        ),
        ({"schedule": {"name": "step", "every_epochs": 0}}, ("schedule", "step", "every_epochs")),
        ({"schedule": {"name": "warmup_cosine", "warmup_epochs": 16}}, ()),
        ({"clip": {"norm": 0}}, ("clip", "norm")),
        ({"clip": {"norm": float("inf")}}, ("clip", "norm")),
        ({"clip": {}}, ("clip",)),
        ({"clip": {"norm": 1, "value": 1}}, ("clip",)),
        ({"accumulate": 0}, ("accumulate",)),
        ({"precision": "half"}, ("precision",)),
        ({"early_stopping": {"min_delta": 0.1}}, ("early_stopping", "patience")),
        ({"checkpoint": {"every_steps": 0}}, ("checkpoint", "every_steps")),
        ({"checkpoint": {"keep": -1}}, ("checkpoint", "keep")),
        ({"writers": ["tensorflow"]}, ("writers", 0)),
        ({"ema": {"decay": 1}}, ("ema", "decay")),
        ({"label_smoothing": 1}, ("label_smoothing",)),
        ({"model": {"name": "small_cnn", "num_classes": -1}}, ("model", "num_classes")),
    ],
)
def test_every_mistake_is_an_error_at_its_own_place(override, at):
    with pytest.raises(ValidationError) as caught:
        TrainConfig.model_validate(design(**override))
    assert [error["loc"] for error in caught.value.errors()] == [at]


def test_a_run_may_be_as_short_as_its_warmup():
    assert TrainConfig.model_validate(design(epochs=1)).epochs == 1


def test_configs_are_immutable():
    with pytest.raises(ValidationError, match="frozen"):
        TrainConfig.model_validate(design()).epochs = 3


def test_the_config_needs_no_torch():
    files = Path(config.__file__).parent.glob("*.py")
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    known = {"__future__", "typing", "pydantic", "augpipe.schema"}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            name = str(node.module)
            assert name in known or name.startswith("augpipe.train.config."), name
        assert not isinstance(node, ast.Import)
