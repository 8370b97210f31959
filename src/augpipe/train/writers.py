"""Metrics for other people's viewers, each an extra: TensorBoard, Weights & Biases."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

from augpipe.errors import RecipeError
from augpipe.train.config import WriterName


class Writer(Protocol):
    """Where metrics go after each epoch."""

    def write(self, row: Mapping[str, float], step: int) -> None:
        """Take one row of metrics, by name, as they were after an optimizer step."""

    def close(self) -> None:
        """Take no more."""


class _Extra:
    """A writer that needs something installed."""

    module: ClassVar[str]
    extra: ClassVar[WriterName]

    @classmethod
    def load(cls) -> Any:
        """Import what it needs.

        Raises:
            RecipeError: it is not installed.
        """
        try:
            return import_module(cls.module)
        except ImportError as error:
            raise RecipeError(
                f"train.writers has {cls.extra}, which is not installed; "
                f"pip install 'augpipe[{cls.extra}]'"
            ) from error


class TensorBoard(_Extra):
    """Event files in `tensorboard/` of the run's folder."""

    module, extra = "torch.utils.tensorboard", "tensorboard"

    def __init__(self, run: Path) -> None:
        self._writer = self.load().SummaryWriter(str(run / "tensorboard"))

    def write(self, row: Mapping[str, float], step: int) -> None:
        """One scalar for each metric; `val_loss` is `loss/val`, beside the other losses."""
        for name, value in row.items():
            part, _, metric = name.partition("_")
            self._writer.add_scalar(f"{metric}/{part}" if metric else name, value, step)

    def close(self) -> None:
        """Write what is still held back."""
        self._writer.close()


class WandB(_Extra):
    """A run of Weights & Biases in the project `augpipe`, which a resumed run continues."""

    module, extra = "wandb", "wandb"

    def __init__(self, run: Path) -> None:
        module = self.load()
        # Kept with the run: an id that could be computed would collide with other folders'.
        kept = run / "wandb.id"
        if not kept.exists():
            kept.write_text(secrets.token_hex(4))
        self._run = module.init(
            project="augpipe", name=run.name, id=kept.read_text(), resume="allow", dir=str(run)
        )

    def write(self, row: Mapping[str, float], step: int) -> None:
        """All metrics at one step."""
        self._run.log(dict(row), step=step)

    def close(self) -> None:
        """Say that the run is over."""
        self._run.finish()


_WRITERS: Mapping[WriterName, type[TensorBoard] | type[WandB]] = {
    "tensorboard": TensorBoard,
    "wandb": WandB,
}


def check_writers(names: Sequence[WriterName]) -> None:
    """Find out before a run begins whether its writers are there.

    Raises:
        RecipeError: what one of them needs is not installed.
    """
    for name in names:
        _WRITERS[name].load()


def open_writers(names: Sequence[WriterName], run: Path) -> list[Writer]:
    """The writers of a recipe for a run's folder, which exists."""
    return [_WRITERS[name](run) for name in names]
