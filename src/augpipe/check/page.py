"""The report as one HTML file."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from augpipe.check.findings import KINDS, Finding, PartSummary, Place, Report
from augpipe.data.dataset import ImageDataset
from augpipe.data.detection import DetectionDataset
from augpipe.data.orientation import upright
from augpipe.document import picture_url, write_document
from augpipe.errors import DataError

# A page with more pictures than this nobody looks at, and browsers become slow.
_FINDINGS, _PLACES, _ROWS = 60, 8, 20
_SIDE = 176
_INVALID = (214, 40, 57)

_STYLE = """
h2 small.error, td.error { color: var(--error); }
h2 small.warning, td.warning { color: var(--warning); }
table { border-collapse: collapse; font-size: .9rem; margin-bottom: .6rem; }
td, th { padding: .15rem 1rem .15rem 0; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: var(--accent); height: .7rem; border-radius: 2px; min-width: 1px; }
.parts { display: flex; flex-wrap: wrap; gap: 1rem 3rem; }
.finding { background: var(--card); border-radius: 8px; padding: .7rem .9rem; margin: .6rem 0; }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: .5rem; }
.pictures figure { width: 11rem; }
"""


def write_page(report: Report, datasets: Mapping[str, ImageDataset], place: str | Path) -> None:
    """Write the report with the pictures that it is about.

    Args:
        report: what was found.
        datasets: by the name of their part: where the pictures are.
        place: the file, in a folder that is made if need be.

    Raises:
        RecipeError: nothing can be written there.
    """
    write_document(place, "augpipe check", _body(report, datasets), style=_STYLE)


def _body(report: Report, datasets: Mapping[str, ImageDataset]) -> Iterator[str]:
    yield f"<p>{report.count('error'):,} errors, {report.count('warning'):,} warnings</p>"
    yield from _overview(report)
    yield '<div class="parts">'
    for part in report.parts:
        yield from _part(part)
    yield "</div>"
    for kind, findings in report.by_kind():
        yield from _section(kind, findings, datasets)


def _overview(report: Report) -> Iterator[str]:
    yield "<table>"
    for kind, findings in report.by_kind():
        means, severity = KINDS[kind].means, KINDS[kind].severity
        yield (
            f'<tr><td class="n">{len(findings):,}</td><td class="{severity}">{severity}</td>'
            f'<td><a href="#{kind}">{html.escape(means)}</a></td></tr>'
        )
    yield "</table>"


def _part(part: PartSummary) -> Iterator[str]:
    objects = "" if part.objects is None else f", {part.objects:,} objects"
    yield f"<div><h2>{part.name}</h2><p>{part.rows:,} pictures{objects}</p>"
    yield from _bars("class", part.classes.items())
    sizes = [(f"{height} x {width}", count) for (height, width), count in part.sizes.items()]
    yield from _bars("height x width", sizes)
    yield "</div>"


def _bars(title: str, counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    """The most frequent of some things, as a table with bars."""
    ordered = sorted(counts, key=lambda item: -item[1])
    if not ordered:
        return
    yield f'<table><tr><th colspan="3">{title}</th></tr>'
    for name, count in ordered[:_ROWS]:
        width = f"{14 * count / ordered[0][1]:.2f}rem"
        yield (
            f'<tr><td>{html.escape(name)}</td><td class="n">{count:,}</td>'
            f'<td><div class="bar" style="width:{width}"></div></td></tr>'
        )
    yield "</table>"
    if rest := len(ordered) - _ROWS:
        yield f"<p>and {rest:,} more</p>" if rest > 0 else ""


def _section(
    kind: str, findings: Sequence[Finding], datasets: Mapping[str, ImageDataset]
) -> Iterator[str]:
    of = KINDS[kind]
    yield f'<section><h2 id="{kind}">{html.escape(of.means)}'
    yield f'<small class="{of.severity}">{of.severity} · {len(findings):,}</small></h2>'
    yield f"<p>{html.escape(of.remedy)}</p>"
    for finding in findings[:_FINDINGS]:
        yield f'<div class="finding">{html.escape(finding.message)}<div class="pictures">'
        yield from (_figure(place, finding, datasets) for place in finding.places[:_PLACES])
        rest = len(finding.places) - _PLACES
        yield f"<p>and {rest:,} more</p></div></div>" if rest > 0 else "</div></div>"
    if len(findings) > _FINDINGS:
        yield f"<p>and {len(findings) - _FINDINGS:,} more; --json lists them all</p>"
    yield "</section>"


def _figure(place: Place, finding: Finding, datasets: Mapping[str, ImageDataset]) -> str:
    caption = html.escape(f"{place.part}: {place.where}")
    picture = _picture(place, finding, datasets[place.part])
    shown = "" if picture is None else f'<img alt="" src="{picture_url(picture)}">'
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _picture(place: Place, finding: Finding, dataset: ImageDataset) -> Image.Image | None:
    """The row, shrunk, with its invalid boxes where the finding is about them."""
    if place.row is None:
        return None
    try:
        source = dataset.row(place.row).source
        image = upright(source.decode(), source.size)
    except DataError:  # which is what the finding says
        return None
    scale = _SIDE / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    shown = cv2.resize(
        image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    )
    picture = Image.fromarray(np.asarray(shown, np.uint8))
    if finding.kind == "box" and isinstance(dataset, DetectionDataset):
        _draw_boxes(picture, _fractions(dataset, place.row))
    return picture


def _fractions(dataset: DetectionDataset, row: int) -> NDArray[np.float64]:
    """(n, 4) the row's invalid boxes as fractions of its sides."""
    mine = dataset.invalid.rows == row
    return np.asarray(dataset.invalid.boxes[mine] / dataset.invalid.limits[mine])


def _draw_boxes(picture: Image.Image, boxes: NDArray[np.float64]) -> None:
    draw = ImageDraw.Draw(picture)
    for x0, y0, x1, y1 in (boxes * np.tile(picture.size, 2)).clip(-1, _SIDE).tolist():
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        # A ring about it: of a box without an area, nothing else would be seen.
        draw.ellipse((x - 9, y - 9, x + 9, y + 9), outline=_INVALID, width=2)
        if x1 > x0 and y1 > y0:
            draw.rectangle((x0, y0, x1, y1), outline=_INVALID, width=2)
