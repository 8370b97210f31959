"""Where links lead on the site: pages link to files as they lie in the repository.

Pages that stand elsewhere have a place of their own on the site, and every other file that a page
links to is shown as it is. So no link of the site needs the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]

ELSEWHERE = {
    "benchmarks/RESULTS.md": "benchmarks.md",
    "src/augpipe/README.md": "code.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages outside of `docs/`, by where they lie, and where they stand on the site."""

_AT_HOME = {place: file for file, place in ELSEWHERE.items()}

_LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".json": "json", ".csv": "text"}

_LINK = re.compile(r"(\]\()(?!\w+:|#|/)([^)#\s]+)((?:#[^)]*)?\))")


def targets(text: str, place: str) -> Iterator[str]:
    """The files that a page links to, as paths from the repository's root.

    Args:
        text: Markdown.
        place: where the page stands on the site.
    """
    for match in _LINK.finditer(text):
        yield _target(match[2], place)


def _target(link: str, place: str) -> str:
    here = PurePosixPath(_AT_HOME.get(place, f"docs/{place}"))
    return normpath(str(here.parent / link))


def on_site(text: str, place: str) -> str:
    """The page with links that are right where it stands on the site; arguments as above."""
    folder = str(PurePosixPath(place).parent)

    def moved(match: re.Match[str]) -> str:
        return f"{match[1]}{relpath(place_of(_target(match[2], place)), folder)}{match[3]}"

    return _LINK.sub(moved, text)


def place_of(file: str) -> str:
    """Where a file of the repository stands on the site."""
    if file == "README.md":
        return "index.md"
    if file in ELSEWHERE:
        return ELSEWHERE[file]
    return file.removeprefix("docs/") if file.startswith("docs/") else f"source/{file}.md"


def source_page(file: str) -> str:
    """A file of the repository, shown as it is."""
    language = _LANGUAGES.get(PurePosixPath(file).suffix, "text")
    text = (ROOT / file).read_text(encoding="utf-8")
    return f"---\nsearch: {{exclude: true}}\n---\n\n# {file}\n\n````{language}\n{text}````\n"
