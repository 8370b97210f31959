"""What a run leaves behind, beside its best and last weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from augpipe.train.config.section import Count, Section

WriterName = Literal["tensorboard", "wandb"]


class CheckpointConfig(Section):
    """Checkpoints amid an epoch; after each epoch there is one in any case."""

    every_steps: Count | None = None
    """Write `last.pt` and `step-N.pt` after so many optimizer steps; null writes none."""
    keep: Annotated[int, Field(ge=0)] = 1
    """How many of the files `step-N.pt` stay: the latest."""
