"""Where batches go."""

from __future__ import annotations

import torch

from augpipe.errors import RecipeError

_KNOWN = "known: cpu, cuda, cuda:N, mps"


def find_device(name: str | torch.device) -> torch.device:
    """The device of a name: `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        RecipeError: there is no such device, here or at all.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RecipeError(f"there is no device {name!r}; {_KNOWN}") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RecipeError(f"device {name!r} is not there; torch sees no such GPU; use cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise RecipeError(f"no batch can go to device {name!r}; {_KNOWN}")
    return device


def describe(device: torch.device) -> str:
    """Its name and, for a GPU, what it is called in shops."""
    if device.type != "cuda":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)})"
