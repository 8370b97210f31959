"""What most tests share: two pictures, and both executors in turn."""

from __future__ import annotations

import multiprocessing

import pytest
from hypothesis import settings

import executors
import pictures
from cases import CPU_ONLY, TORCH_ONLY

pytest_plugins = ["cli_runner"]

# Once, instead of in each worker that is forked from it.
multiprocessing.get_context("forkserver").set_forkserver_preload(["augpipe", "albumentations"])

# The same examples every time, and nothing left behind.
settings.register_profile("ours", derandomize=True, deadline=None, database=None)
settings.load_profile("ours")


@pytest.fixture
def photo() -> pictures.Picture:
    """(75, 100, 3): smooth, with an edge."""
    return pictures.photo()


@pytest.fixture
def noise() -> pictures.Picture:
    """(75, 100, 3): every pixel on its own."""
    return pictures.noise()


@pytest.fixture(params=list(executors.EXECUTORS))
def execute(request: pytest.FixtureRequest) -> executors.Executor:
    """Each executor in turn: (plan of B rows, one picture) -> B pictures."""
    op = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name")
    if request.param == "torch" and op in CPU_ONLY:
        pytest.skip(f"torch has no {op}: {CPU_ONLY[op]}")
    if request.param == "cv2" and op in TORCH_ONLY:
        pytest.skip(f"OpenCV refuses {op}: {TORCH_ONLY[op]}")
    return executors.EXECUTORS[request.param]
