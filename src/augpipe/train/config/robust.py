"""Training against the worst case: of pictures, and of weights."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from augpipe.schema import Level, Positive
from augpipe.train.config.section import Count, Section


class AttackConfig(Section):
    """Training and validation on adversarial pictures (see `train/attack.py`)."""

    name: Literal["fgsm", "fast_fgsm", "pgd"]
    eps: Level = 8.0
    """How far a pixel may move, in levels of 255."""
    step: Annotated[Level, Field(gt=0)] | None = None
    """How far it moves in one step; null stands for 1.25 eps in `fast_fgsm`, for 2 in `pgd`."""
    steps: Count | None = None
    """How many steps `pgd` takes; null stands for 7."""
    mode: Literal["eval", "train"] = "eval"
    """The mode of the model while it is attacked: running statistics, or those of the batch."""

    @model_validator(mode="after")
    def _options_are_for_this_attack(self) -> Self:
        if self.step is not None and self.name == "fgsm":
            raise ValueError("fgsm takes one step of eps; leave step out, or take pgd")
        if self.steps is not None and self.name != "pgd":
            raise ValueError(f"{self.name} takes one step; leave steps out, or take pgd")
        return self


class AwpConfig(Section):
    """Adversarial weight perturbation (Wu et al., NeurIPS 2020)."""

    gamma: Annotated[Positive, Field(lt=1)] = 0.005
    """How far each weight moves, relative to its own norm."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs before the first perturbation."""
