"""Pictures in the terminal, where it can show them."""

from __future__ import annotations

import os
import sys

from PIL import Image
from rich.console import Console

from augpipe.errors import RecipeError


def show_picture(picture: Image.Image, wanted: bool | None) -> None:
    """Show a picture between the lines of standard output.

    Terminals are asked whether they know Sixel or kitty's protocol. Where standard output is none,
    nothing is shown.

    Args:
        picture: what to show, no wider than the terminal.
        wanted: None shows it where terminals draw pixels; True also where they have to draw them as
            coloured blocks; False never.

    Raises:
        RecipeError: it is wanted, and what shows pictures is not installed.
    """
    if wanted is False or not _is_terminal():
        return
    try:
        # Importing it asks the terminal.
        from textual_image import renderable
    except ImportError:
        if wanted:
            raise RecipeError(
                "--show needs textual-image: pip install 'augpipe[terminal]'"
            ) from None
        return
    if wanted or renderable.Image in (renderable.SixelImage, renderable.TGPImage):
        Console().print(renderable.Image(picture, width="auto", height="auto"))


def _is_terminal() -> bool:
    """Whether there is one to ask, and to draw on; some say that they have no columns."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return os.get_terminal_size(sys.stdout.fileno()).columns > 0
