"""What rules are tested with: a registry of them, and a small net with all that a step acts on."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import torch
from rich.console import Console
from torch import nn

from augpipe.train import step
from augpipe.train.batches import Labelled
from augpipe.train.config import SgdConfig
from augpipe.train.ema import Ema
from augpipe.train.guard import Guard
from augpipe.train.loss import Loss
from augpipe.train.optim import build_optimizer
from augpipe.train.precision import Precision
from augpipe.train.rate import Rate
from augpipe.train.score import Tally
from augpipe.train.trainer import Trainer

CPU = torch.device("cpu")

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"


class Lab:
    """A small net and everything a step acts on, for rules to look at; made anew for each."""

    def __init__(self, make_config, loader, folder, monkeypatch):
        self.make_config, self.loader, self.folder = make_config, loader, folder
        self.monkeypatch = monkeypatch

    def net(self, *, norm=False, classes=3):
        torch.manual_seed(0)
        layers = [nn.BatchNorm2d(3)] if norm else []
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * 4 * 4, classes))

    def window(self, *sizes, seed=0, scale=1.0):
        generator = torch.Generator().manual_seed(seed)
        return [
            Labelled(
                scale * torch.randn(size, 3, 4, 4, generator=generator),
                torch.randint(0, 3, (size,), generator=generator),
                list(range(size)),
            )
            for size in sizes
        ]

    def bench(self, net=None, *, precision="float32", lr=0.1, factors=(1.0,) * 9, **options):
        net = net or self.net()
        config = SgdConfig(name="sgd", lr=lr, momentum=0.9)
        parts = SimpleNamespace(
            net=net,
            optimizer=build_optimizer(config, getattr(net, "module", net)),
            ema=Ema(getattr(net, "module", net), 0.9),
            guard=Guard(net),
            rate=Rate(factors, CPU),
            tally=Tally(CPU),
            precision=Precision(precision, CPU),
        )
        own = {"loss": Loss(), "ema": parts.ema, "precision": parts.precision} | options
        parts.step = step.Step(net, parts.optimizer, parts.guard, parts.rate, **own)
        parts.take = lambda window: parts.step(window, parts.tally)
        return parts

    def trainer(self, out="run", on_batch=None, **overrides):
        config = self.make_config(**overrides)
        train = self.loader(on_batch=on_batch) if on_batch else self.loader()
        return Trainer(
            config,
            train,
            self.loader(samples=30),
            self.folder / out,
            recipe="",
            fingerprint=str(config),
            seed=0,
            console=Console(file=io.StringIO()),
        )


def weights(module):
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


RULES = OrderedDict()


def rule(number, *links):
    """Registers the check of a rule; `broken` then registers how to break it."""

    def register(check):
        RULES[number] = SimpleNamespace(check=check, links=links, mutants=[])

        def broken(mutant):
            RULES[number].mutants.append(mutant)
            return mutant

        check.broken = broken
        return check

    return register
