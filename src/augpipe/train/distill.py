"""Knowledge distillation: a student learns from labels and from a teacher's probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from augpipe.errors import RecipeError, suggest
from augpipe.train.config import DistillConfig
from augpipe.train.restore import trained
from augpipe.train.seed import rng_state, set_rng_state


def soft_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """How far a student's softened probabilities are from a teacher's: T^2 KL(teacher || student).

    Hinton et al., 2015, section 2.1. They minimise the cross-entropy, which differs from the
    divergence by the teacher's entropy: a constant, without which a perfect student has loss 0. T^2
    keeps the size of the gradients, which shrink by it.

    Args:
        student: (B, C) logits.
        teacher: (B, C) logits.
        temperature: T, by which both are divided before the softmax.

    Returns:
        () the mean over the batch.
    """
    divergence = functional.kl_div(
        functional.log_softmax(student / temperature, 1),
        functional.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    return temperature**2 * divergence


class Distiller:
    """Mixes a loss on labels with the loss against a teacher that sees the same augmented batch.

    Args:
        teacher: a trained model of images to logits over the student's classes, on the device. It
            is frozen and put in eval mode, for good.
        temperature: above 0; the higher, the more the wrong classes count.
        weight: of the teacher, in [0, 1]; the labels have the rest.
    """

    def __init__(self, teacher: nn.Module, temperature: float = 4.0, weight: float = 0.9) -> None:
        self._teacher = teacher.requires_grad_(False).eval()
        self._temperature = temperature
        self._weight = weight

    def __call__(self, hard: Tensor, logits: Tensor, images: Tensor) -> Tensor:
        """The loss to train on.

        Args:
            hard: () the loss on the labels.
            logits: (B, C), of the student.
            images: (B, 3, H, W), the very ones that the student saw.

        Raises:
            RecipeError: the teacher tells apart other classes than the student.
        """
        with torch.no_grad():
            taught = self._teacher(images)
        if taught.shape != logits.shape:
            raise RecipeError(
                f"train.distill: the teacher has {taught.shape[1]} outputs, but the model has "
                f"{logits.shape[1]}; take a teacher that was trained on the same classes"
            )
        soft = soft_loss(logits, taught, self._temperature)
        return (1 - self._weight) * hard + self._weight * soft


def load_teacher(name: str, classes: Sequence[str]) -> nn.Module:
    """A trained teacher, on the CPU.

    Args:
        name: a run's folder or one of its checkpoints; or `torchvision.NAME`, whose trained weights
            torchvision may have to download.
        classes: the names of the student's classes.

    Raises:
        RecipeError: torchvision has no such model; the teacher knows other classes, or the same in
            another order.
        StateError: there is no such checkpoint.
    """
    if name.startswith("torchvision."):
        return _torchvision(name.removeprefix("torchvision."))
    teacher = trained(Path(name))
    if teacher.classes != list(classes):
        raise RecipeError(
            f"train.distill.teacher: {name} was trained on the classes {teacher.classes}, but the "
            f"data has {list(classes)}; take data with the same class folders, or another teacher"
        )
    return teacher.model


def _torchvision(name: str) -> nn.Module:
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise RecipeError(f"train.distill.teacher: unknown model {name!r}; {suggest(name, known)}")
    model: nn.Module = torchvision.models.get_model(name, weights="DEFAULT")
    return model


def build_distiller(
    config: DistillConfig | None, classes: Sequence[str], device: torch.device
) -> Distiller | None:
    """What a recipe asks for, with its teacher on the device; the errors are `load_teacher`'s.

    Building the teacher draws weights, only to replace them; torch's generator is put back, so that
    the student's run is the same whoever teaches it.
    """
    if config is None:
        return None
    before = rng_state(device)
    teacher = load_teacher(config.teacher, classes).to(device)
    set_rng_state(before, device)
    return Distiller(teacher, config.temperature, config.weight)
