"""The settings of a loader that a recipe may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from augpipe.rng import MAX_SEED
from augpipe.schema import Settings

OnError = Literal["raise", "skip", "replace"]


class LoaderConfig(Settings):
    """How batches are made: arguments of `augpipe.build_loader`, which see."""

    batch_size: Annotated[int, Field(ge=1)] = 64
    num_workers: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    drop_last: bool = False
    on_error: OnError = "raise"
    max_errors: Annotated[int, Field(ge=0)] = 100
