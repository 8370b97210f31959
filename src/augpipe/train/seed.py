"""The one global generator training cannot do without: torch's, for initial weights and dropout.

Data and augmentation never touch it; their randomness is a function of the seed, epoch and sample.
"""

from __future__ import annotations

import torch
from torch import Tensor


def seed_torch(seed: int) -> None:
    """Seed torch's global generators, on the CPU and on every GPU."""
    torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Tensor]:
    """The states of the generators a run on `device` draws from, as uint8 tensors."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_rng_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Restore what `rng_state` returned; a generator that was not saved is left alone."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
