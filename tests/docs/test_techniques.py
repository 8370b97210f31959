"""Each key on the page of techniques is one that a recipe takes, and none is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from augpipe.train.config.init import WeightConfig
from augpipe.train.config.optimizer import OptimizerConfig
from augpipe.train.config.robust import AttackConfig
from augpipe.train.config.schedule import ScheduleConfig
from augpipe.train.config.train import TrainConfig

PAGE = (Path(__file__).parents[2] / "docs" / "techniques.md").read_text(encoding="utf-8")
KEYS = re.findall(r"^\| [^|]+ \| `([^|]+)` \| \[", PAGE, re.MULTILINE)
SETTINGS = [key for key in KEYS if not key.startswith("augpipe ")]
LEAST = {
    "model": {"name": "small_cnn"},
    "epochs": 20,
    "optimizer": {"name": "sgd", "lr": 0.1},
}


def names(union) -> set[str]:
    """The values of `name` among which a union of settings chooses."""
    members = get_args(get_args(union)[0])
    return {name for one in members for name in get_args(one.model_fields["name"].annotation)}


@pytest.mark.parametrize("key", SETTINGS)
def test_a_key_is_taken(key):
    (changed,) = setting = yaml.safe_load(key)
    config = TrainConfig.model_validate(LEAST | setting)
    assert changed in config.model_fields_set


def test_every_key_is_there():
    assert {key.partition(":")[0] for key in SETTINGS} == set(TrainConfig.model_fields)


def test_every_name_is_there():
    attacks = set(get_args(AttackConfig.model_fields["name"].annotation))
    known = names(OptimizerConfig) | names(ScheduleConfig) | names(WeightConfig) | attacks
    assert known - set(re.findall(r"name: (\w+)", PAGE)) == set()


def test_commands_take_these_options(augpipe):
    commands = [key.split() for key in KEYS if key.startswith("augpipe ")]
    assert len(commands) >= 3
    for _, command, *options in commands:
        usage = augpipe(command, "--help").out
        assert all(option in usage for option in options if option.startswith("--"))
