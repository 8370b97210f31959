"""Who may import whom, and that no global generator is used: read from the sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import augpipe

ROOT = Path(augpipe.__file__).parent
MODULES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}

# Whoever lives under the first part must not import what starts with the others.
LIBRARY = ("augpipe.train", "augpipe.cli")
FORBIDDEN = {
    "ops/": ("augpipe.execute", "augpipe.data", "augpipe.loader", *LIBRARY, "torch", "cv2"),
    "plan.py": ("augpipe.ops", "augpipe.execute", "augpipe.data", "torch", "cv2", *LIBRARY),
    "recolor.py": ("augpipe",),
    "rows.py": ("augpipe.ops", "augpipe.execute", "augpipe.data", "torch", "cv2", *LIBRARY),
    "rng.py": (
        "augpipe.plan",
        "augpipe.ops",
        "augpipe.execute",
        "augpipe.data",
        "torch",
        "cv2",
        *LIBRARY,
    ),
    "schema.py": ("augpipe.ops", "augpipe.execute", "augpipe.data", "torch", "cv2", *LIBRARY),
    "errors.py": ("augpipe",),
    "execute/": ("augpipe.ops", "augpipe.pipeline", "augpipe.loader", *LIBRARY),
    "execute/cv2/": ("torch",),
    "execute/torch/": ("cv2",),
    "data/": ("augpipe.ops", "augpipe.execute", "augpipe.loader", *LIBRARY),
    "pipeline.py": ("torch", "augpipe.loader", *LIBRARY),
    "recipe.py": ("augpipe.cli",),
    "loader/": LIBRARY,
    "train/": ("augpipe.cli",),
    "preview/": LIBRARY,
    "document.py": ("augpipe.check", "augpipe.preview", *LIBRARY),
}

# The only places that touch global generators: the trainer seeds torch's, for the weights and for
# dropout; and what other people wrote draws from them, so they are seeded for it and put back.
GENERATORS = {
    "train/seed.py": {"torch.manual_seed"},
    "generators.py": {
        "random",
        "random.getstate",
        "random.seed",
        "random.setstate",
        "np.random",
        "np.random.get_state",
        "np.random.seed",
        "np.random.set_state",
        # The types of the generators that it finds.
        "random.Random",
        "np.random.Generator",
        "np.random.RandomState",
    },
    # albumentations asks for generators of its own.
    "adapters/albumentations.py": {"random", "random.Random", "np.random", "np.random.default_rng"},
}
GLOBAL_GENERATOR = re.compile(
    r"random|(np|numpy)\.random|torch\.(cuda\.)?(manual_seed|seed|rand|bernoulli|multinomial|normal)"
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a file imports, wherever in the file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}:{node.lineno}: import by the full name"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def attributes(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a file reads, such as `np.random.default_rng`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)


def starts_with(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layers_do_not_import_upwards(layer):
    files = {name: path for name, path in MODULES.items() if name.startswith(layer)}
    assert files, f"{layer} is gone: update FORBIDDEN"
    found = [
        f"{name}:{line} imports {imported}"
        for name, path in files.items()
        for line, imported in imports(path)
        if starts_with(imported, FORBIDDEN[layer])
    ]
    assert not found, f"{layer} must not: {found}"


@pytest.mark.parametrize("name", MODULES)
def test_no_global_generator_is_used(name):
    allowed = GENERATORS.get(name, set())
    found = [
        f"{name}:{line} uses {used}"
        for line, used in [*imports(MODULES[name]), *attributes(MODULES[name])]
        if GLOBAL_GENERATOR.match(used) and used not in allowed
    ]
    assert not found, f"draw from augpipe.rng instead, or list the place in GENERATORS: {found}"


def test_every_exception_is_still_needed():
    for name, allowed in GENERATORS.items():
        used = [*imports(MODULES[name]), *attributes(MODULES[name])]
        assert allowed <= {what for _, what in used}
