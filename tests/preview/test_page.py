"""The page stands alone, trusts no name, and does what it says in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from augpipe.data.sample import Targets
from augpipe.errors import RecipeError
from augpipe.preview import Cell, Line, Sheet, write_page
from augpipe.preview.words import Drawn

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


def cell(*ops: str, **fields) -> Cell:
    image = np.zeros((8, 8, 3), np.uint8)
    drawn = [Drawn(op, "angle 1°") for op in ops]
    return Cell(image, Targets(), drawn=[*drawn, Drawn("idle", "not drawn", acted=False)], **fields)


SHEET = Sheet(
    "a <b> & sheet",
    [
        Line("<i>first", "&", [cell(original=True), cell("hsv"), cell("hsv", "a' onclick=\"x")]),
        Line("second", "", [cell(original=True), cell("rotate", title="<script>alert(1)")]),
    ],
    notes=["<script>"],
)


class Reader(HTMLParser):
    """Every element is closed, in order, and nothing is asked of another address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        for name in ("src", "href"):
            assert (dict(attrs).get(name) or "data:").startswith("data:")
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    write_page(SHEET, tmp_path / "new" / "page.html")
    return tmp_path / "new" / "page.html"


def test_it_stands_alone_and_names_are_text(page):
    text = page.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    assert [tag for tag, _ in reader.seen].count("script") == 1
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text
    assert all("onclick" not in attrs for _, attrs in reader.seen)


def test_ops_that_were_drawn_have_a_button_with_their_number(page):
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    assert [a["data-op"] for t, a in reader.seen if t == "button" and "data-op" in a] == [
        "a' onclick=\"x",
        "hsv",
        "rotate",
    ]
    assert ">hsv<small>2</small>" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_an_error(page):
    with pytest.raises(RecipeError, match="cannot write a page"):
        write_page(SHEET, page / "page.html")


def after(page, script: str, profile) -> str:
    """The page as it is in a browser, after a script of a user's clicks."""
    own = page.with_name("clicked.html")
    text = page.read_text(encoding="utf-8")
    own.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ]  # fmt: skip
    command = [str(BROWSER), *quiet, f"--user-data-dir={profile}", "--dump-dom", own.as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603
    return ended.stdout


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_in_a_browser_it_filters_zooms_and_turns_dark(page, tmp_path):
    script = """
      document.querySelector("[data-op=hsv]").click();
      const kept = figures.filter((figure) => figure.checkVisibility()).length;
      document.querySelectorAll(".cells figure > button")[1].click();
      step(1); step(1);
      document.getElementById("scheme").click(); document.getElementById("scheme").click();
      document.title = [kept, document.getElementById("seen").textContent, dialog.open,
        figures.indexOf(shown), dialog.querySelector("aside dl").children.length,
        getComputedStyle(document.body).backgroundColor].join("|");
    """
    title = re.search("<title>([^<]*)", after(page, script, tmp_path / "profile"))
    # Two variants and their original stay; from the first, two steps go round to the original.
    assert title
    assert title[1] == "3|2 of 3|true|0|2|rgb(23, 24, 26)"
