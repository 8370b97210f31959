"""What other libraries call our ops: the rows of the tables in `docs/migrate/`, read back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGES = Path(__file__).parents[1] / "migrate"

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Row:
    """A line of a table: what they call it, what we call it, and with which parameters.

    Attributes:
        page: the file's stem, which is the library's name in lower case.
        library: as the table's head spells it.
        theirs: transforms or settings of the library.
        ours: names of ops; none where there is no counterpart.
        their_parameters: those that the row mentions.
        our_parameters: of the ops, likewise.
        remark: what differs.
    """

    page: str
    library: str
    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    their_parameters: frozenset[str]
    our_parameters: frozenset[str]
    remark: str


@cache
def rows() -> tuple[Row, ...]:
    """All rows of all pages, in their order."""
    return tuple(row for page in sorted(PAGES.glob("*.md")) for row in _rows_of(page))


def of_op(name: str) -> list[Row]:
    """The rows that lead to an op."""
    return [row for row in rows() if name in row.ours]


def _rows_of(page: Path) -> Iterator[Row]:
    library = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            library = ""
        elif not library:
            library = cells[0]
        elif len(cells) == 4 and not cells[0].startswith("-"):
            yield _row(page.stem, library, cells)


def _row(page: str, library: str, cells: list[str]) -> Row:
    theirs, ours, parameters, remark = cells
    pairs = [_pair(part) for part in parameters.split(";")]
    return Row(
        page,
        library,
        tuple(_CODE.findall(theirs)),
        tuple(_CODE.findall(ours)),
        frozenset(name for left, _ in pairs for name in left),
        frozenset(name for _, right in pairs for name in right),
        remark,
    )


def _pair(part: str) -> tuple[list[str], list[str]]:
    """`theirs` → `ours`; a name alone is both's."""
    left, arrow, right = part.partition("→")
    return _CODE.findall(left), _CODE.findall(right if arrow else left)
