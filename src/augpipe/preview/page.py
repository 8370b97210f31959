"""A sheet as one HTML file: pictures to zoom into, to filter by op, and what was drawn for each."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from augpipe.document import picture_url, write_document
from augpipe.preview.draw import class_name, color_of, draw_picture
from augpipe.preview.sheet import Cell, Line, Sheet, classes_shown

# In the page pictures are as large as this; a click shows them so, or larger.
_SIDE = 512


def write_page(sheet: Sheet, place: str | Path) -> None:
    """Write the page.

    Args:
        sheet: what is to be seen.
        place: the file, in a folder that is made if need be.

    Raises:
        RecipeError: nothing can be written there.
    """
    own = files("augpipe.preview")
    style, script = (own.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    side = "--side: 13rem" if sheet.staged or classes_shown(sheet) else "--side: 9rem"
    write_document(
        place, sheet.heading, _body(sheet), style=f":root {{ {side}; }}\n{style}", script=script
    )


def _body(sheet: Sheet) -> Iterator[str]:
    yield from (f"<p>{html.escape(note)}</p>" for note in sheet.notes)
    yield from _legend(sheet)
    yield from _tools(sheet)
    yield '<main class="staged">' if sheet.staged else "<main>"
    group = ""
    for line in sheet.lines:
        if line.group != group:
            yield f'<h2 class="group">{html.escape(line.group)}</h2>'
        yield from _line(line, sheet)
        group = line.group
    yield "</main>"
    yield '<dialog aria-label="one picture"><img alt=""><aside></aside></dialog>'


def _legend(sheet: Sheet) -> Iterator[str]:
    """The colours of boxes."""
    yield '<div class="legend">'
    for label in classes_shown(sheet):
        color = "#{:02x}{:02x}{:02x}".format(*color_of(label))
        name = html.escape(class_name(label, sheet.classes))
        yield f'<span><i style="background: {color}"></i>{name}</span>'
    yield "</div>"


def _tools(sheet: Sheet) -> Iterator[str]:
    """A button for each op that was drawn, with how often it was."""
    counts = Counter(op for line in sheet.lines for cell in line.cells for op in _ops(cell))
    yield '<div class="tools"><span>drawn:</span>'
    for op, count in sorted(counts.items()):
        name = html.escape(op)
        yield (
            f'<button data-op="{name}" aria-pressed="false">{name}<small>{count}</small></button>'
        )
    yield '<span id="seen"></span></div>'


def _line(line: Line, sheet: Sheet) -> Iterator[str]:
    name, note = html.escape(line.name), html.escape(line.note)
    yield f'<section class="line"><h3>{name}<small>{note}</small></h3><div class="cells">'
    for cell in line.cells:
        yield from _figure(cell, sheet)
    yield "</div></section>"


def _figure(cell: Cell, sheet: Sheet) -> Iterator[str]:
    url = picture_url(draw_picture(cell.image, cell.targets, _SIDE, sheet.classes))
    title = html.escape(" · ".join(filter(None, (cell.group, cell.title))))
    original = " data-original" if cell.original else ""
    yield f"<figure data-ops='{html.escape(json.dumps(_ops(cell)))}'{original}>"
    yield f'<button title="larger"><img alt="{title}" src="{url}"></button>'
    yield f"<figcaption><b>{title}</b>"
    yield from (f"<span>{html.escape(note)}</span>" for note in cell.notes)
    yield "</figcaption>"
    yield '<dl class="hover">' if cell.drawn and not sheet.staged else "<dl>"
    for op, words, acted in cell.drawn:
        idle = "" if acted else ' class="idle"'
        yield f"<dt{idle}>{html.escape(op)}</dt><dd>{html.escape(words)}</dd>"
    yield "</dl></figure>"


def _ops(cell: Cell) -> list[str]:
    return list(dict.fromkeys(drawn.op for drawn in cell.drawn if drawn.acted))
