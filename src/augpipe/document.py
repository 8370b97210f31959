"""HTML files that stand alone: no other file, no outside address; light or dark."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from augpipe.errors import RecipeError

# Whatever a page holds by mistake, browsers load nothing for it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

_STYLE = """
:root { color-scheme: light dark;
  --ink: light-dark(#202124, #e8eaed); --pale: light-dark(#5f6368, #9aa0a6);
  --paper: light-dark(#fff, #17181a); --card: light-dark(#f3f4f6, #232529);
  --rule: light-dark(#dadce0, #3c4043); --accent: light-dark(#2f6fab, #7ab1e6);
  --error: light-dark(#b3261e, #ff8a80); --warning: light-dark(#8a5a00, #f2c14e); }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 1.5rem auto; padding: 0 1.5rem; max-width: 88rem; }
header { display: flex; align-items: baseline; gap: 1rem; }
h1 { font-size: 1.4rem; margin: 0; flex: 1; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .2rem; }
small { font-weight: normal; color: var(--pale); margin-left: .5rem; }
p { margin: .2rem 0 .8rem; color: var(--pale); } a { color: inherit; }
button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--rule); border-radius: 1rem; padding: .15rem .75rem; cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--accent); }
button[aria-pressed="true"] { background: var(--accent); color: var(--paper); }
figure { margin: 0; } img { display: block; max-width: 100%; border-radius: 4px; }
figcaption { font-size: .8rem; color: var(--pale); overflow-wrap: anywhere; margin-top: .25rem; }
"""

_SCHEME = """
const scheme = document.getElementById("scheme"), schemes = ["auto", "light", "dark"];
scheme.onclick = () => {
  const next = schemes[(schemes.indexOf(scheme.textContent) + 1) % schemes.length];
  scheme.textContent = next;
  document.documentElement.style.colorScheme = next === "auto" ? "" : next;
};
"""


def write_document(
    place: str | Path, title: str, body: Iterable[str], *, style: str = "", script: str = ""
) -> None:
    """Write a page.

    Args:
        place: the file, in a folder that is made if need be.
        title: what it shows, as text.
        body: its parts, as HTML: who makes them escapes what comes from data.
        style: CSS of its own.
        script: JavaScript of its own.

    Raises:
        RecipeError: nothing can be written there.
    """
    text = "\n".join(_document(html.escape(title), body, style, script))
    try:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{place}: cannot write a page there: {error}") from error


def _document(title: str, body: Iterable[str], style: str, script: str) -> Iterable[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield f"<title>{title}</title><style>{_STYLE}{style}</style></head><body>"
    yield f"<header><h1>{title}</h1>"
    yield '<button id="scheme" title="light or dark">auto</button></header>'
    yield from body
    yield f"<script>{_SCHEME}{script}</script></body></html>"


def picture_url(picture: Image.Image) -> str:
    """A picture as an address that holds it."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
