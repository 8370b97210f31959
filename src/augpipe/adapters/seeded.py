"""The global generators, seeded for somebody else's code and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators, and put them back afterwards."""
    generator = torch.default_generator  # of the CPU; a GPU's is left alone
    before = random.getstate(), np.random.get_state(), generator.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (somebody else's code reads it)
    generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        generator.set_state(before[2])
