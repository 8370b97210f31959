"""What a batch shows, as one hash for each sample, whatever the batch is made of.

A sample is known by its picture, the largest array that it has: labels do not tell draws apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

Array = NDArray[Any]


def fingerprints(batch: Any, size: int | None = None) -> list[str]:
    """A hash of each sample's picture.

    Args:
        batch: a tensor; or tuples, lists, mappings or dataclasses with tensors, arrays or PIL
            pictures somewhere inside.
        size: how many samples it should have. If nothing in it has so many parts, or with None,
            that is guessed by the number of axes; what cannot be told apart is one sample.

    Returns:
        32 hexadecimal digits for each sample; none if there is no array in the batch.
    """
    groups = list(_groups(batch))
    likely = [group for group in groups if len(group) == size]
    likely = likely or [group for group in groups if _looks_like_a_batch(group)]
    if likely:
        return [_digest(picture) for picture in max(likely, key=_bytes)]
    whole = _largest(batch)
    return [] if whole is None else [_digest(whole)]


def _groups(node: Any) -> Iterator[Sequence[Array]]:
    """All that may be the pictures of a batch: an array's rows, or one array of each part."""
    array = _as_array(node)
    if array is not None:
        yield from [array] if array.ndim else []  # type: ignore[misc]  # an array of rows
        return
    parts = _parts(node)
    pictures = [picture for part in parts if (picture := _largest(part)) is not None]
    if isinstance(node, list | tuple) and len(pictures) == len(parts) and _are_alike(pictures):
        yield pictures
    for part in parts:
        yield from _groups(part)


def _are_alike(arrays: Sequence[Array]) -> bool:
    """Whether they are pictures of one kind, rather than a batch's images, labels and so on."""
    return len({array.ndim for array in arrays}) == 1 and arrays[0].ndim in (2, 3)


def _looks_like_a_batch(group: Sequence[Array]) -> bool:
    return isinstance(group, list) or np.ndim(group) >= 4


def _bytes(group: Sequence[Array]) -> int:
    return sum(picture.nbytes for picture in group)


def _largest(node: Any) -> Array | None:
    return max(_arrays(node), key=lambda array: array.nbytes, default=None)


def _arrays(node: Any) -> Iterator[Array]:
    array = _as_array(node)
    if array is not None:
        yield array
        return
    for part in _parts(node):
        yield from _arrays(part)


def _parts(node: Any) -> list[Any]:
    if isinstance(node, Mapping):
        return list(node.values())
    if isinstance(node, list | tuple):
        return list(node)
    if is_dataclass(node):
        return [getattr(node, field.name) for field in fields(node)]
    return []


def _as_array(node: Any) -> Array | None:
    if isinstance(node, torch.Tensor):
        tensor = node.detach().cpu()
        # NumPy has no bfloat16.
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    if isinstance(node, Image):
        return np.asarray(node)
    return node if isinstance(node, np.ndarray) else None


def _digest(picture: Array) -> str:
    digest = blake2b(f"{picture.dtype}{picture.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()
