"""The extension is built where it can be, and done without where it cannot."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import types
from pathlib import Path

import pytest

from augpipe.data import jpeg

ROOT = Path(__file__).parents[1]
SOURCE = "src/augpipe/data/_jpeg.c"


@pytest.fixture
def hook(monkeypatch, tmp_path):
    """The build hook for a copy of the project, without hatchling around it, and what it says."""
    pytest.importorskip("setuptools")
    plugin = types.ModuleType("plugin")
    plugin.BuildHookInterface = type("Any", (), {"__class_getitem__": classmethod(lambda c, _: c)})
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", plugin)
    for parent in ("hatchling", "hatchling.builders", "hatchling.builders.hooks"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin", plugin)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / SOURCE).parent.mkdir(parents=True)
    shutil.copy(ROOT / SOURCE, tmp_path / SOURCE)
    hook = module.JpegBuildHook()
    hook.root, hook.said = str(tmp_path), []
    hook.app = types.SimpleNamespace(display_warning=hook.said.append)
    return hook


@pytest.mark.skipif(jpeg.region_decoder() is None, reason="the extension was not built here either")
def test_the_extension_is_built_beside_its_source_and_goes_into_the_wheel(hook):
    data = {"artifacts": []}
    hook.initialize("standard", data)
    assert hook.said == []
    (library,) = data["artifacts"]
    assert Path(library).parent == Path(SOURCE).parent
    assert (Path(hook.root) / library).is_file()
    assert data["pure_python"] is False
    assert data.get("tag", "").startswith("cp311-abi3-") or data["infer_tag"]
    assert not list(Path(hook.root).glob("build"))


def test_without_a_compiler_the_build_goes_on_and_says_so(hook, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    data = {"artifacts": []}
    hook.initialize("standard", data)
    assert data == {"artifacts": []}
    (said,) = hook.said
    assert "simplejpeg decodes whole files instead" in said


def test_without_the_headers_the_build_goes_on_and_says_so(hook):
    (Path(hook.root) / SOURCE).write_text("#include <no_such_jpeglib.h>\n")
    hook.initialize("standard", {"artifacts": []})
    assert len(hook.said) == 1
