"""Builds the optional extension that decodes rectangles of JPEG files, if it can be built here.

It takes a C compiler and libjpeg-turbo with its headers, which CFLAGS and LDFLAGS may point to.
Without them the installation succeeds all the same, and says so: simplejpeg then decodes whole
files. `augpipe --version` tells which it is.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

_OLDEST = (3, 11)  # as `requires-python` says
_NAME, _SOURCE = "augpipe.data._jpeg", "src/augpipe/data/_jpeg.c"


def build_extension(root: Path, temporary: Path) -> Path:
    """Compile it beside its source and return the library; one for all versions of Python."""
    # Python without a global lock has no stable interface yet.
    stable = not sysconfig.get_config_var("Py_GIL_DISABLED")
    version = f"0x{_OLDEST[0]:02x}{_OLDEST[1]:02x}0000"
    extension = Extension(
        _NAME,
        [str(root / _SOURCE)],
        libraries=["jpeg"],
        define_macros=[("Py_LIMITED_API", version)] if stable else [],
        py_limited_api=stable,
    )
    command = build_ext(Distribution({"ext_modules": [extension]}))
    command.build_lib, command.build_temp = str(root / "src"), str(temporary)
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(_NAME))


def wheel_tag() -> str:
    """The tag of a wheel that holds the extension."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"cp{_OLDEST[0]}{_OLDEST[1]}-abi3-{platform}"


class JpegBuildHook(BuildHookInterface[Any]):
    """Called by hatchling for wheels and for editable installations."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the extension and put it into the wheel, or go on without."""
        root = Path(self.root)
        with TemporaryDirectory() as temporary:
            try:
                library = build_extension(root, Path(temporary))
            except Exception as error:  # whatever a compiler or its absence comes up with
                self.app.display_warning(
                    f"augpipe is installed without its decoder of JPEG regions ({error}); "
                    "simplejpeg decodes whole files instead, to the same pixels but slower"
                )
                return
        build_data["pure_python"] = False
        build_data["artifacts"].append(library.relative_to(root).as_posix())
        if ".abi3." in library.name:
            build_data["tag"] = wheel_tag()
        else:
            build_data["infer_tag"] = True
