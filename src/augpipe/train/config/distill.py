"""Learning from a teacher."""

from __future__ import annotations

from augpipe.schema import Fraction, Positive
from augpipe.train.config.section import Section


class DistillConfig(Section):
    """Knowledge distillation (Hinton et al., 2015; see `train/distill.py`)."""

    teacher: str
    """A run's folder, one of its checkpoints, or `torchvision.NAME` with its trained weights."""
    temperature: Positive = 4.0
    """What logits are divided by before the softmax."""
    weight: Fraction = 0.9
    """Of the teacher in the loss; the labels have the rest."""
