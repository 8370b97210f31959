"""Budgets: what grows beyond them is more than one idea."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

import augpipe

ROOT = Path(augpipe.__file__).parent
TESTS = Path(__file__).parent
FILES = [*sorted(ROOT.rglob("*.py")), *sorted(TESTS.rglob("*.py"))]
SOURCES = [path for path in FILES if path.is_relative_to(ROOT)]

FILE_LINES = 400
FUNCTION_LINES = 50
NINE_OF_TEN_FUNCTIONS = 35
MEDIAN_FUNCTION = 10


def label(path: Path) -> str:
    base = ROOT.parent if path.is_relative_to(ROOT) else TESTS.parent
    return path.relative_to(base).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(place and name, lines without decorators and docstring) of every function in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield f"{label(path)}:{node.lineno} {node.name}", lines


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_holds_one_idea(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, (
        f"{label(path)} has {lines} lines, more than {FILE_LINES}: it holds two ideas, split it"
    )


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_function_fits_a_screen(path):
    long = {place: lines for place, lines in functions(path) if lines > FUNCTION_LINES}
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_a_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
        f"{label(path)} has no docstring: say in one line what it is"
    )


def test_most_functions_are_short():
    lengths = sorted(((n, place) for path in SOURCES for place, n in functions(path)))
    nine_of_ten, place = lengths[int(0.9 * len(lengths))]
    assert median(n for n, _ in lengths) <= MEDIAN_FUNCTION
    assert nine_of_ten <= NINE_OF_TEN_FUNCTIONS, f"one in ten is longer than {place}"
