"""The command as a process would run it: its output, and the code it ends with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

# Several processes of pytest are each told a width, which a console keeps that is made meanwhile.
os.environ.pop("COLUMNS", None)

from augpipe.cli.main import run


@dataclass
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def augpipe(monkeypatch, capsys) -> Callable[..., Ended]:
    """augpipe("explain", "digits") -> how it ended."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["augpipe", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run()
            sys.exit(0)
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return call
