from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from augpipe.doctor.fingerprint import fingerprints

PICTURES = torch.arange(4 * 3 * 8 * 8, dtype=torch.uint8).reshape(4, 3, 8, 8)
LABELS = torch.arange(4)


@dataclass
class Held:
    images: torch.Tensor
    labels: torch.Tensor


ARRAY = PICTURES.movedim(1, -1).numpy()
EQUAL = {
    "a tensor": PICTURES,
    "a pair": (PICTURES, LABELS),
    "a list": [PICTURES, LABELS],
    "a mapping": {"label": LABELS, "image": PICTURES},
    "nested": {"inputs": {"pixels": PICTURES}, "ids": ["a", "b", "c", "d"]},
    "a dataclass": Held(PICTURES, LABELS),
    "an array": PICTURES.numpy(),
    "lists of tensors": (list(PICTURES), [{"boxes": torch.zeros(n, 4)} for n in range(4)]),
    "samples": [(picture, 3) for picture in PICTURES],
}


@pytest.mark.parametrize("size", [4, None])
@pytest.mark.parametrize("batch", EQUAL.values(), ids=EQUAL)
def test_a_batch_is_known_by_its_pictures(batch, size):
    expected = fingerprints(PICTURES, 4)
    assert len(set(expected)) == 4
    assert fingerprints(batch, size) == expected


def test_pillow():
    pictures = [(Image.fromarray(array), 1) for array in ARRAY]
    assert fingerprints(pictures, 4) == fingerprints(ARRAY, 4)


def test_grey_pictures():
    assert len(fingerprints((PICTURES[:, 0], PICTURES[:, 1]), 4)) == 4


def test_one_sample():
    assert len(fingerprints((PICTURES[0], 3))) == 1


def test_every_pixel_counts():
    other = PICTURES.clone()
    other[2, 1, 4, 4] += 1
    same = [a == b for a, b in zip(fingerprints(PICTURES), fingerprints(other), strict=True)]
    assert same == [True, True, False, True]


def test_dtypes_and_shapes_count():
    pictures = torch.zeros(4, 3, 8, 8), torch.zeros(4, 3, 16, 4), torch.zeros(4, 3, 8, 8).double()
    assert len({fingerprints(batch)[0] for batch in pictures}) == 3


def test_bfloat16():
    rounded = PICTURES.bfloat16()
    assert fingerprints(rounded) == fingerprints(rounded.float())


def test_without_arrays():
    assert fingerprints(["a", 1, None]) == []


def test_views_of_memory():
    assert fingerprints(np.ascontiguousarray(ARRAY[:, ::-1])) == fingerprints(ARRAY[:, ::-1])
