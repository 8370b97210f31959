"""What all sections of `train:` are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from augpipe.schema import Settings

BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]


class Section(Settings):
    """A part of a recipe; what its fields mean stands below each of them."""

    model_config = ConfigDict(use_attribute_docstrings=True)
