"""The settings of a loader that a recipe may hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator

from augpipe.errors import suggest
from augpipe.rng import MAX_REPEAT, MAX_SEED
from augpipe.schema import Settings

OnError = Literal["raise", "skip", "replace"]

# What normalised pixels may be handed over as, by torch's names.
FloatType = Literal["float32", "float16", "bfloat16"]

# The value of `cache` that keeps pictures where the model is.
ON_DEVICE = "device"

# The positions of an epoch; a row that is drawn is told apart by its position.
MAX_POSITIONS = MAX_REPEAT + 1


# Row numbers as Python slices them, such as 100:200.
_SLICE = r"^(-?\d+)?:(-?\d+)?(?::(-?\d+))?$"


def _rows(value: Any) -> slice | range | tuple[int, ...] | NDArray[np.integer]:
    """Row numbers as they came, without an object for each where they came as an array."""
    if isinstance(value, str) and (parts := re.fullmatch(_SLICE, value)):
        value = slice(*(int(part) if part else None for part in parts.groups()))
    if isinstance(value, range) or (isinstance(value, slice) and value.step != 0):
        return value
    if not _is_vector(value, "iu"):
        raise ValueError("should be row numbers, or a slice such as '100:200'")
    return tuple(value) if isinstance(value, list | tuple) else np.asarray(value)


def _weights(value: Any) -> str | tuple[float, ...] | NDArray[np.float64]:
    """A column's name, or numbers, without an object for each where they came as an array."""
    if isinstance(value, str):
        return value
    if not _is_vector(value, "iuf"):
        raise ValueError("should be a number for each row, or the name of a column")
    return tuple(value) if isinstance(value, list | tuple) else np.asarray(value, np.float64)


def _is_vector(value: Any, kinds: str) -> bool:
    """Whether it is, or makes, an array of one axis, not empty, of one of these kinds of dtype."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return False
    return array.ndim == 1 and array.size > 0 and array.dtype.kind in kinds


def _as_written(value: Any) -> Any:
    """As YAML holds it."""
    if isinstance(value, slice):
        parts = [value.start, value.stop, *([] if value.step is None else [value.step])]
        return ":".join("" if part is None else str(part) for part in parts)
    return value if isinstance(value, str) else np.asarray(value).tolist()


_Written = PlainSerializer(_as_written, when_used="json")
_Rows = Annotated[
    slice | range | tuple[int, ...] | NDArray[np.integer],
    PlainValidator(
        _rows,
        json_schema_input_type=Annotated[str, Field(pattern=_SLICE)]
        | Annotated[list[int], Field(min_length=1)],
    ),
    _Written,
]
_Weights = Annotated[
    str | tuple[float, ...] | NDArray[np.float64],
    PlainValidator(
        _weights, json_schema_input_type=str | Annotated[list[float], Field(min_length=1)]
    ),
    _Written,
]


def _float_type(value: Any) -> Any:
    """Its name, where torch's own type was given."""
    if value is None or (name := str(value).removeprefix("torch.")) in get_args(FloatType):
        return value and name
    if name == "uint8":
        raise ValueError("leave it out: pixels that are not normalised are uint8 as they are")
    raise ValueError(f"no pixels are handed over as that; {suggest(name, get_args(FloatType))}")


_ByName = BeforeValidator(_float_type, json_schema_input_type=FloatType | None)


class Sampling(Settings):
    """Which rows an epoch shows, and how often; by default each once.

    `balanced`, `weights` and `replacement` draw rows, each in its way; the other keys go with any
    of them and with none. What is drawn is a function of the position in the epoch, so workers,
    ranks, batches and resuming change nothing.

    A key (row, repeat) occurs once in an epoch, so no two showings of a row are augmented alike:
    `repeat` counts the times that the rows (`balanced`: those of the class) have been gone through;
    where rows are drawn independently of each other, it is the position.

    Attributes:
        balanced: each class as often as every other: one row of each in every C positions, where C
            counts the classes that have rows; the dataset has to know its `labels`. An epoch has as
            many positions as rows, rounded up to a multiple of C.
        weights: how often to draw each row of the dataset, with replacement: N numbers, not
            negative, of any sum; or a column of a table. A row of weight 0 is never shown.
        replacement: draw each row independently of those before.
        repeats: show each row that comes up so often in succession (repeated augmentation); ranks
            get different ones. An epoch is as much longer, unless `length` is given.
        rows: only these of the dataset's: distinct row numbers, or a slice (in YAML as text,
            "100:200" or "::2"). Rows are still known by their numbers in the dataset.
        length: the positions of an epoch, if other than what follows from the rest.
    """

    balanced: bool = False
    weights: _Weights | None = None
    replacement: bool = False
    repeats: Annotated[int, Field(ge=1, le=MAX_POSITIONS)] = 1
    rows: _Rows | None = None
    length: Annotated[int, Field(ge=1, le=MAX_POSITIONS)] | None = None

    @property
    def draws(self) -> list[str]:
        """Which of the settings that draw rows are given."""
        given = self.balanced, self.weights is not None, self.replacement
        names = ("balanced", "weights", "replacement")
        return [name for name, is_given in zip(names, given, strict=True) if is_given]

    @model_validator(mode="after")
    def _drawn_one_way(self) -> Self:
        if len(self.draws) > 1:
            raise ValueError(
                f"{' and '.join(self.draws)} each say how rows are drawn; give one of them"
            )
        return self


class LoaderConfig(Settings):
    """How batches are made: arguments of `augpipe.build_loader`, which see."""

    batch_size: Annotated[int, Field(ge=1)] = 64
    num_workers: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    drop_last: bool = False
    sampling: Sampling = Sampling()
    cache: str | Path | None = None
    dtype: Annotated[FloatType | None, _ByName] = None
    channels_last: bool = False
    on_error: OnError = "raise"
    max_errors: Annotated[int, Field(ge=0)] = 100
