"""What mkdocs calls while it builds the site: generated pages come in, links are put right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

import api_pages
import links
import op_pages
from augpipe.ops import list_ops

_SHOWN_AT_HOME = "affine mosaic hsv rain cutmix clahe perspective grid_mask motion_blur"

_HOME_GALLERY = "<!-- the gallery of the site -->"
_CELL_OF_OPS = re.compile(r"(?<=\| )`(\w+)`(?:, `\w+`)*(?= \|)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let the navigation have the generated pages too."""
    generated = {"All ops": op_pages.navigation(), "API": api_pages.navigation()}
    for entry in config.nav or ():
        for title, pages in generated.items():
            if title in entry:
                entry[title] += pages
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that nobody writes, those that lie outside of `docs/`, and linked files."""
    for place, content in _generated():
        files.append(File.generated(config, place, content=content))
    linked = {
        file
        for page in files.documentation_pages()
        for file in links.targets(page.content_string, page.src_uri)
    }
    for file in sorted(linked):
        place = links.place_of(file)
        if place.startswith("source/") and (links.ROOT / file).is_file():
            page = links.source_page(file)
            unlisted = InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, place, content=page, inclusion=unlisted))
    return files


def _generated() -> Iterator[tuple[str, str | bytes]]:
    yield from op_pages.files()
    for stem in api_pages.PAGES:
        yield f"api/{stem}.md", api_pages.page(stem)
    for file, place in links.ELSEWHERE.items():
        yield place, (links.ROOT / file).read_text(encoding="utf-8")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as the site has them; ops in tables lead to their pages; the home page's gallery."""
    place = page.file.src_uri
    if place.startswith("source/"):
        return markdown
    if place == "index.md":
        page.meta["hide"] = ["navigation", "toc"]
        gallery = op_pages.gallery(_SHOWN_AT_HOME.split(), "ops/")
        return links.on_site(markdown, place).replace(_HOME_GALLERY, gallery)
    up = "../" * place.count("/")
    return _CELL_OF_OPS.sub(lambda cell: _linked_ops(cell[0], up), links.on_site(markdown, place))


def _linked_ops(cell: str, up: str) -> str:
    """`name` in a cell that holds nothing but ops, as links to their pages."""
    known = set(list_ops())
    names = re.findall(r"`(\w+)`", cell)
    if not known.issuperset(names):
        return cell
    return ", ".join(f"[`{name}`]({up}ops/{name}.md)" for name in names)
