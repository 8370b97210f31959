"""What the pages say is so: the tree, the code, the commands, the names."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from augpipe import Pipeline, Recipe, list_ops
from augpipe.recipe import PARTS
from augpipe.schema import read_yaml

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "augpipe"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    SOURCE / "README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]


def blocks(page: Path, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [text for kind, text in fenced if kind == language]


def test_the_tree_is_the_one_on_disk():
    tree = next(block for block in blocks(SOURCE / "README.md", "") if "api.py" in block)
    drawn, folders = set(), [""]
    for indent, name in re.findall(r"^([│├└─ ]+)([\w.]+/?)", tree, re.MULTILINE):
        depth = len(indent) // 4
        if name.endswith("/"):
            folders[depth:] = [name]
        else:
            drawn.add("".join(folders[1:depth]) + name)
    found = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.name != "__init__.py"
    }
    assert drawn == found, "draw the new tree in src/augpipe/README.md"


# One process for a page, as a reader would go through it; each block with names of its own.
RUN = """
import json, sys
for number, code in enumerate(json.load(sys.stdin)):
    exec(compile(code, f"<block {number}>", "exec"), {"__name__": "__main__"})
    print("#", flush=True)
"""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem
)
def test_the_code_on_a_page_runs(page):
    codes = blocks(page, "python")
    ended = subprocess.run(  # noqa: S603 (our own pages)
        [sys.executable, "-W", "error", "-c", RUN],
        cwd=ROOT,
        input=json.dumps(codes),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    *said, rest = ended.stdout.split("#\n")
    assert len(said) == len(codes)
    assert all(said)
    assert "False" not in ended.stdout
    assert rest == ""


def test_the_recipe_on_the_page_is_one(tmp_path):
    text = blocks(ROOT / "docs" / "recipes.md", "yaml")[0]
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = Recipe.load(tmp_path / "recipe.yaml")
    assert recipe.train is not None
    assert all(len(recipe.ops(part)) for part in PARTS)


@pytest.mark.parametrize(
    "text", [text for text in blocks(ROOT / "docs" / "recipes.md", "yaml") if text[0] == "-"]
)
def test_the_lists_of_ops_on_the_page_are_pipelines(text):
    assert len(Pipeline.from_yaml(text)) >= 3


def test_the_sections_about_mixing_and_boxes_are_parts_of_recipes():
    texts = blocks(ROOT / "docs" / "recipes.md", "yaml")
    mixing = next(read_yaml(text) for text in texts if "mosaic" in text)
    boxes = next(read_yaml(text) for text in texts if text.startswith("pipeline:\n  boxes"))
    recipe = Recipe.parse({"pipeline": mixing | boxes["pipeline"]})
    assert recipe.ops("train").pictures == 16
    assert recipe.ops("train").boxes.format == "yolo"


def test_the_commands_on_the_pages_take_these_flags(augpipe):
    for page in PAGES:
        for line in "\n".join(blocks(page, "sh")).splitlines():
            command = shlex.split(line, comments=True)
            if command[:1] == ["augpipe"]:
                usage = augpipe(command[1], "--help").out
                flags = [word for word in command if word.startswith("--")]
                assert all(flag in usage for flag in flags), line


def test_the_explanation_on_the_first_page_is_what_is_printed(augpipe, monkeypatch):
    monkeypatch.setattr("augpipe.explain.account.region_decoder", lambda: "libjpeg-turbo")
    (block,) = (b for b in blocks(ROOT / "README.md", "") if b.startswith("$ augpipe explain"))
    command, *lines = block.splitlines()
    printed = augpipe(*shlex.split(command)[2:]).out
    assert lines == [line.rstrip() for line in printed.splitlines()][: len(lines)]


def test_the_tests_that_pages_name_are_there():
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text())}
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    written = {name for text in sources for name in re.findall(r"^def (test_\w+)", text, re.M)}
    assert named
    assert named <= written, named - written


def test_every_op_is_in_the_changelog():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert [op for op in list_ops() if f"`{op}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
