"""Datasets that are dangerous to read, for tests of what a loader does about it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

ROWS = 12


class Plain(Dataset):
    """Row i is of level i."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int):
        return np.full((8, 8, 3), index, np.uint8), index


class Perilous(Plain):
    """Something happens at row 5, the first so many times that a worker is there."""

    def __init__(self, folder: Path, peril: str, times: int = 10**6) -> None:
        self.folder, self.peril, self.times = folder, peril, times

    def __getitem__(self, index: int):
        if index == 5 and len(list(self.folder.iterdir())) < self.times:
            (self.folder / f"{time.monotonic_ns()}").touch()
            PERILS[self.peril]()
        return super().__getitem__(index)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def sleep_for_ever() -> None:
    time.sleep(10**6)


PERILS = {
    "SIGKILL": kill_itself,
    "SIGSEGV": segfault,
    "exit code 3": leave,
    "over 0.5 s": sleep_for_ever,
}
