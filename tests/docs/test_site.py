"""The site: what is generated for it, what it links to, and that it can be built."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import api_pages
import augpipe
import augpipe.ops
import augpipe.testing
import links
import op_pages
import op_pictures
from augpipe.ops import find_op, list_ops
from augpipe.recipe import Recipe
from words import limits_in_words, value_in_words

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def pages_of(navigation) -> list[str]:
    """The pages of a navigation, in its order."""
    if isinstance(navigation, str):
        return [navigation]
    parts = navigation.values() if isinstance(navigation, dict) else navigation
    return [page for part in parts for page in pages_of(part)]


def test_the_navigation_has_every_page_once():
    written = {page.relative_to(DOCS).as_posix() for page in DOCS.glob("**/*.md")}
    expected = {*written, *links.ELSEWHERE.values(), "ops/index.md"}
    listed = pages_of(CONFIG["nav"])
    assert len(listed) == len(set(listed))
    assert set(listed) == expected


def test_every_op_has_a_family_and_a_page():
    assert sorted(pages_of(op_pages.navigation())) == [f"ops/{name}.md" for name in list_ops()]


@pytest.mark.parametrize("name", ["mosaic", "histogram_matching", "barrier"])
def test_a_page_says_all_about_an_op(name):
    page = op_pages.page(name)
    op = find_op(name)
    assert all(f"| `{field}` | " in page for field in op.model_fields)
    assert "Attributes" not in page
    assert (inspect.getdoc(op) or "").splitlines()[0] in page
    assert sys.prefix not in page
    (recipe,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert name in str(yaml.safe_load(recipe))


def test_pictures_are_the_same_at_every_build():
    first = op_pictures.strip_of("affine"), op_pictures.thumbnail_of("affine")
    op_pictures.strip_of.cache_clear()
    op_pictures.thumbnail_of.cache_clear()
    assert (op_pictures.strip_of("affine"), op_pictures.thumbnail_of("affine")) == first
    assert first[0] != op_pictures.strip_of("hsv")
    assert first[0][8:12] == b"WEBP"


def test_what_differs_from_the_source_is_set_apart():
    page = op_pages.page("contrast")
    assert '!!! note "Differs from its source"\n    The mean is not rounded' in page
    assert "Deviation" not in page


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "minimum": 0, "maximum": 1}, "0 to 1"),
        ({"type": "integer", "exclusiveMinimum": 0}, "above 0"),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 2}, "[number, number]"),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 4}, "4 numbers"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "array", "items": {}}, "list"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "above 0 to 1"),
        ({"type": "integer", "minimum": -1, "maximum": -1}, "-1"),
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, "at least 1 or null"),
        ({"type": "string", "enum": ["shorter", "longer"]}, "shorter, longer"),
    ],
)
def test_limits_in_words(schema, words):
    assert limits_in_words(schema) == words


def test_values_in_words():
    assert value_in_words((0.75, 4 / 3)) == "[0.75, 1.333]"
    assert value_in_words(None) == "null"
    assert value_in_words({"degrees": 30, "border": "reflect"}) == "{degrees: 30, border: reflect}"


def test_links_lead_to_the_sites_own_pages():
    text = "[a](../benchmarks/RESULTS.md#on-a-gpu) [b](../src/augpipe/rng.py) [c](data.md) [d](#e)"
    assert links.on_site(text, "x.md") == (
        "[a](benchmarks.md#on-a-gpu) [b](source/src/augpipe/rng.py.md) [c](data.md) [d](#e)"
    )
    assert links.on_site("[a](../data.md)", "migrate/x.md") == "[a](../data.md)"
    assert links.on_site("[a](../docs/data.md)", "benchmarks.md") == "[a](data.md)"


def test_every_public_name_is_in_the_reference():
    testing = {
        name
        for name, one in vars(augpipe.testing).items()
        if inspect.isfunction(one) and one.__module__ == "augpipe.testing" and name[0] != "_"
    }
    public = {f"augpipe.{name}" for name in augpipe.__all__}
    public |= {f"augpipe.ops.{name}" for name in augpipe.ops.__all__}
    public |= {f"augpipe.testing.{name}" for name in testing}
    # Those three stand with the contract of ops, and with the errors.
    elsewhere = {"augpipe.Op", "augpipe.list_ops", "augpipe.register", "augpipe.AugpipeError"}
    assert public - api_pages.documented() == elsewhere


def test_names_in_the_reference_are_there():
    for name in api_pages.documented() - {"augpipe.errors"}:
        module, _, attribute = name.rpartition(".")
        assert inspect.getdoc(getattr(import_module(module), attribute))


@pytest.mark.parametrize("page", ["quickstart.md", "migrate/yolo.md"])
def test_recipes_on_the_pages_are_recipes(page):
    for text in re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL):
        written = yaml.safe_load(text)
        recipe = Recipe.parse(written if "pipeline" in written else {"pipeline": written})
        assert len(recipe.ops("train")) >= 3


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nobody(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed; pip install 'augpipe[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    pages = {page.relative_to(tmp_path).as_posix(): page for page in tmp_path.rglob("*.html")}
    assert {f"ops/{name}.html" for name in list_ops()} <= set(pages)
    for page in pages.values():
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?https?:", text)
        assert str(ROOT) not in text
        assert sys.prefix not in text
