"""Pictures are shown where terminals say that they draw them, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from augpipe.cli import terminal
from augpipe.errors import RecipeError

PICTURE = Image.new("RGB", (40, 20), (200, 30, 30))


class Drawn:
    """Stands for one of textual-image's ways to draw."""

    def __init__(self, picture, **_):
        self.picture = picture

    def __str__(self):
        return f"{type(self).__name__} of {self.picture.size}"


def ways(name: str) -> SimpleNamespace:
    """textual-image in a terminal that draws in this way."""
    kinds = {kind: type(kind, (Drawn,), {}) for kind in ("SixelImage", "TGPImage", "HalfcellImage")}
    return SimpleNamespace(**kinds, Image=kinds[name])


@pytest.mark.parametrize(
    ("way", "wanted", "shown"),
    [
        ("SixelImage", None, True),
        ("TGPImage", None, True),
        ("HalfcellImage", None, False),
        ("HalfcellImage", True, True),
        ("SixelImage", False, False),
    ],
)
def test_by_default_pixels_are_shown_and_blocks_are_not(monkeypatch, capsys, way, wanted, shown):
    monkeypatch.setattr(terminal, "_is_terminal", lambda: True)
    monkeypatch.setitem(sys.modules, "textual_image", SimpleNamespace(renderable=ways(way)))
    terminal.show_picture(PICTURE, wanted)
    assert capsys.readouterr().out == (f"{way} of (40, 20)\n" if shown else "")


@pytest.mark.parametrize("wanted", [None, True])
def test_where_there_is_no_terminal_nobody_is_asked(monkeypatch, capsys, wanted):
    monkeypatch.setitem(sys.modules, "textual_image", None)  # importing it would fail
    terminal.show_picture(PICTURE, wanted)
    assert capsys.readouterr().out == ""


def test_what_is_not_installed_is_named_where_it_is_wanted(monkeypatch):
    monkeypatch.setitem(sys.modules, "textual_image", None)
    monkeypatch.setattr(terminal, "_is_terminal", lambda: True)
    terminal.show_picture(PICTURE, None)
    with pytest.raises(RecipeError, match=r"pip install 'augpipe\[terminal\]'"):
        terminal.show_picture(PICTURE, True)


SCRIPT = """
from PIL import Image
from augpipe.cli.terminal import show_picture
show_picture(Image.new("RGB", (40, 20), (200, 30, 30)), None)
print("end")
"""


@pytest.mark.slow
@pytest.mark.parametrize("columns", [0, 80])
def test_a_terminal_that_knows_sixel_gets_it(columns):
    pytest.importorskip("textual_image", reason="needs augpipe[terminal]")
    pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX's")
    termios = pytest.importorskip("termios", reason="pseudo-terminals are POSIX's")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (columns // 2, columns))
    command, answer = [sys.executable, "-c", SCRIPT], b"\x1b[?62;4c"
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:  # noqa: S603
        os.close(theirs)
        written = b""
        while not written.endswith(b"end\r\n"):
            try:
                written += os.read(ours, 65536)
            except OSError:  # the other side has ended
                break
            if answer and b"\x1b[c" in written:
                os.write(ours, answer)
                answer = b""
    os.close(ours)
    assert process.returncode == 0, written
    assert (b"\x1bP" in written) == (columns > 0)
