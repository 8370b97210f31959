"""Adversarial pictures: the worst that a small change of every pixel can do to a model.

One algorithm with three names, by its number of steps and where it starts:

    FGSM        one step of size eps from the picture itself (Goodfellow et al., ICLR 2015)
    fast FGSM   one step of size 1.25 eps from a random place (Wong et al., ICLR 2020, alg. 3)
    PGD         many small steps from a random place (Madry et al., ICLR 2018)

Sizes are in levels of 255, as in the papers, whatever the normalisation. Every step goes up the
sign of the loss's gradient, then back into the box of eps around the picture and of black and
white. Gradients are taken with respect to a fresh leaf by `torch.autograd.grad`, which leaves those
of the parameters alone, and running statistics are put back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from augpipe.train.batches import Batches, pair
from augpipe.train.config.robust import AttackConfig
from augpipe.train.precision import Precision
from augpipe.train.score import Scores, Tally, evaluating
from augpipe.train.untouched import buffers_restored

Loss = Callable[[Tensor, Tensor], Tensor]
"""(B, C) logits and labels to a loss, of which only the direction of the gradient matters."""

Mode = Literal["eval", "train"]


class PixelScale:
    """What levels of 255 are in the units of a model's images: (x / 255 - mean) / std.

    Args:
        mean: of the normalisation, for each channel, in [0, 1]; 0 for images in [0, 1].
        std: likewise; 1 for images in [0, 1].
    """

    def __init__(
        self, mean: Sequence[float] = (0.0, 0.0, 0.0), std: Sequence[float] = (1.0, 1.0, 1.0)
    ) -> None:
        self._mean = torch.tensor(mean)[:, None, None]
        self._std = torch.tensor(std)[:, None, None]

    def levels(self, count: float, like: Tensor) -> Tensor:
        """(C, 1, 1): how much so many levels are, for images such as `like`."""
        return (count / 255 / self._std).to(like)

    def bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """(C, 1, 1) each: black and white, for images such as `like`."""
        return (-self._mean / self._std).to(like), ((1 - self._mean) / self._std).to(like)


@dataclass(frozen=True)
class Attack:
    """Turns images into adversarial ones; made by `fgsm`, `fast_fgsm` or `pgd`.

    Attributes:
        eps: how far a pixel may move, in levels of 255.
        step: how far it moves in one step, in levels of 255.
        steps: how many steps.
        random_start: start at a random place in the box, not at the picture.
        scale: the normalisation of the images.
        mode: `eval` attacks the model as it will be deployed, with running statistics and without
            dropout. `train` attacks it in the mode that it is in, with the batch's statistics.
            Which trains better is open: github.com/locuslab/fast_adversarial/issues/14.
        generator: of the random start, on the images' device; torch's global one by default.
    """

    eps: float
    step: float
    steps: int
    random_start: bool
    scale: PixelScale
    mode: Mode = "eval"
    generator: torch.Generator | None = None

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> Tensor:
        """The adversarial images; the model and the images are left as they were.

        Args:
            model: of images to logits; without a wrapper such as DDP, whose hooks want `backward`.
            images: (B, C, H, W) float, normalised as `scale` says.
            labels: whatever `loss` takes.
            loss: what to make worse.

        Returns:
            (B, C, H, W) without a gradient, at most `eps` from `images` and within black and white
            (where an image lay outside, its pixels are clamped).
        """
        eps, step = (self.scale.levels(n, images) for n in (self.eps, self.step))
        black, white = self.scale.bounds(images)
        low, high = (images - eps).maximum(black), (images + eps).minimum(white)
        adversarial = self._start(images, eps).clamp(low, high)
        with ExitStack() as stack:
            if self.mode == "eval":
                stack.enter_context(evaluating(model))
            stack.enter_context(buffers_restored(model))
            for _ in range(self.steps):
                uphill = _gradient(model, adversarial, labels, loss).sign()
                adversarial = (adversarial + step * uphill).clamp(low, high)
        return adversarial

    def _start(self, images: Tensor, eps: Tensor) -> Tensor:
        if not self.random_start:
            return images.detach()
        noise = torch.empty_like(images, requires_grad=False)
        return images.detach() + eps * noise.uniform_(-1, 1, generator=self.generator)


def fgsm(eps: float = 8, scale: PixelScale | None = None, mode: Mode = "eval") -> Attack:
    """One step from the picture itself (Goodfellow et al., ICLR 2015, section 4).

    Good for evaluation; training on it alone ends in a model that only these cannot fool.
    """
    return Attack(eps, eps, 1, False, scale or PixelScale(), mode)


def fast_fgsm(
    eps: float = 8,
    step: float | None = None,
    scale: PixelScale | None = None,
    mode: Mode = "eval",
    generator: torch.Generator | None = None,
) -> Attack:
    """One step from a random place, 1.25 eps long by default (Wong et al., ICLR 2020, alg. 3)."""
    return Attack(
        eps, 1.25 * eps if step is None else step, 1, True, scale or PixelScale(), mode, generator
    )


def pgd(
    eps: float = 8,
    step: float = 2,
    steps: int = 7,
    scale: PixelScale | None = None,
    mode: Mode = "eval",
    generator: torch.Generator | None = None,
) -> Attack:
    """Many steps from a random place (Madry et al., ICLR 2018, eq. 3; the defaults for CIFAR)."""
    return Attack(eps, step, steps, True, scale or PixelScale(), mode, generator)


def build_attack(config: AttackConfig, scale: PixelScale) -> Attack:
    """The attack of a recipe, on images of this normalisation."""
    if config.name == "fgsm":
        return fgsm(config.eps, scale, config.mode)
    if config.name == "fast_fgsm":
        return fast_fgsm(config.eps, config.step, scale, config.mode)
    return pgd(config.eps, config.step or 2, config.steps or 7, scale, config.mode)


def score_attacked(
    model: nn.Module, attack: Attack, images: Tensor, labels: Tensor, loss: Loss, tally: Tally
) -> None:
    """Add the scores of one adversarial batch to a tally, the model in eval mode.

    Not under `inference_mode` or `no_grad`: an attack needs gradients, and takes them itself.
    """
    adversarial = attack(model, images, labels, loss)
    with evaluating(model), torch.inference_mode():
        logits = model(adversarial)
        tally.add(loss(logits, labels), logits, labels)


def evaluate_attacked(
    model: nn.Module,
    attack: Attack,
    loader: Batches,
    device: torch.device,
    *,
    precision: Precision,
    layout: torch.memory_format = torch.preserve_format,
) -> Scores:
    """Score a model on adversarial pictures of one epoch of a loader, over all processes.

    The random starts are the same each time, and leave torch's generator alone.

    Args:
        model: on the device; it is attacked and scored in eval mode.
        attack: whose `mode` and `generator` are not asked.
        loader: what to judge it by; of several views of a sample the first.
        device: where it is.
        precision: what it computes in.
        layout: of the pictures in memory.
    """
    generator = torch.Generator(device).manual_seed(0)
    attack, tally = replace(attack, mode="eval", generator=generator), Tally(device)
    for batch in loader:
        images, labels, _ = pair(batch, device, layout)
        single = images if images.ndim == 4 else images[:, 0]
        with precision.autocast():
            score_attacked(model, attack, single, labels, functional.cross_entropy, tally)
    tally.gather()
    return tally.scores()


def _gradient(model: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """Of the loss with respect to the images, whatever the caller's gradient mode is."""
    leaf = images.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss(model(leaf), labels), leaf)
    return gradient
