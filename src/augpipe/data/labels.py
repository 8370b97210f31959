"""A column of labels, as numbers or names, to class indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augpipe.errors import DataError, suggest

LabelTransform = Callable[[Any], int | str]
Lines = NDArray[np.int64]

_MOST_CLASSES = 2**20


def encode_labels(
    column: Any,
    lines: Lines,
    transform: LabelTransform | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices, and the names of the classes.

    Whole numbers, also those a CSV spells out, are class indices already and stay as they are.
    Everything else is a name, whose index is its place in `classes` or among the sorted names.

    Args:
        column: an Arrow array of N labels: integers, whole floats, booleans or strings.
        lines: (N,) the row numbers that errors name.
        transform: turns a raw label into an index (int) or a name (str). It is called once for
            each distinct label, not once for each row.
        classes: the names of all classes, in order.

    Returns:
        (N,) int64 and the names.

    Raises:
        DataError: a label is missing, negative, not whole, or not among `classes`.
    """
    _refuse_missing(column, lines)
    known = None if classes is None else _checked_classes(classes)
    raw, codes = _distinct(_numbers_if_whole(column, lines))
    values = pa.array(_transformed(raw, transform) if transform else raw)
    if pa.types.is_integer(values.type):
        indices = values.to_numpy(zero_copy_only=False).astype(np.int64)
        names = _index_names(indices, known)
    else:
        names = known or tuple(sorted(set(values.to_pylist())))
        indices = pc.index_in(values, pa.array(names, values.type)).fill_null(-1).to_numpy()
    labels = indices.astype(np.int64)[codes]
    _refuse_unknown(labels, names, values.take(pa.array(codes)), lines)
    return labels, names


def _refuse_missing(column: Any, lines: Lines) -> None:
    missing = column.is_null()
    if pa.types.is_large_string(column.type):
        missing = pc.or_kleene(missing, pc.equal(column, ""))
    at = pc.index(missing, True).as_py()
    if at >= 0:
        raise DataError(f"row {lines[at]} has no label; fill it in or remove the row")


def _numbers_if_whole(column: Any, lines: Lines) -> Any:
    """Integers where all labels are whole numbers, or else the names as they are."""
    if pa.types.is_large_string(column.type):
        column = _parsed(column)
    if pa.types.is_large_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        odd = pc.index(pc.equal(pc.floor(column), column), False).as_py()
        if odd >= 0:
            raise DataError(
                f"row {lines[odd]} has the label {column[odd]}, which is not a whole number; "
                "labels are classes: use label_transform to make names or whole numbers of them"
            )
    return _cast(column, pa.int64())


def _parsed(column: Any) -> Any:
    for kind in (pa.int64(), pa.float64()):
        with suppress(pa.ArrowInvalid):
            return pc.cast(column, kind)
    return column


def _cast(column: Any, kind: Any) -> Any:
    try:
        return pc.cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"labels of type {column.type} are neither names nor classes") from error


def _distinct(column: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """The distinct values, and for each row which of them it has."""
    encoded = column.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _transformed(raw: list[Any], transform: LabelTransform) -> list[int | str]:
    labels = [transform(value) for value in raw]
    for value, label in zip(raw, labels, strict=True):
        if type(label) is not type(labels[0]) or not isinstance(label, int | str):
            raise DataError(
                f"label_transform({value!r}) is {label!r}; it has to return an int for every "
                "label or a str for every label"
            )
    return labels


def _checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    if not classes or isinstance(classes, str):
        raise DataError(f"classes are {classes!r}; give a list of all names, in order")
    for at, name in enumerate(classes):
        if not isinstance(name, str):
            raise DataError(f"classes[{at}] is {name!r}, a {type(name).__name__}; names are text")
        if name in classes[:at]:
            raise DataError(f"classes has {name!r} twice")
    return tuple(classes)


def _index_names(indices: NDArray[np.int64], classes: tuple[str, ...] | None) -> tuple[str, ...]:
    if classes is not None:
        return classes
    count = int(indices.max()) + 1
    if count > _MOST_CLASSES:
        raise DataError(
            f"the largest label is {count - 1}: whole numbers are class indices, 0 to C - 1; "
            "label_transform=str makes names of them"
        )
    return tuple(map(str, range(count)))


def _refuse_unknown(
    labels: NDArray[np.int64], names: tuple[str, ...], values: Any, lines: Lines
) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if not wrong.size:
        return
    label = values[int(wrong[0])].as_py()
    if isinstance(label, str):
        hint = suggest(label, names)
    else:
        hint = f"class indices here are 0 to {len(names) - 1}"
    raise DataError(f"row {lines[wrong[0]]} has the unknown label {label!r}; {hint}")
