"""What can be wrong before anything is served."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from augpipe.studio import serve
from augpipe.studio.serve import Server

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"


def without_nicegui(name: str) -> object:
    return None if name == "nicegui" else importlib.util.find_spec(name)


def test_without_the_extra_it_is_named(augpipe, monkeypatch):
    monkeypatch.setattr(serve, "find_spec", without_nicegui)
    ended = augpipe("preview", "light", "--data", SHAPES, "--serve")
    assert ended.code == 2
    assert "not installed; pip install 'augpipe[studio]'" in ended.err


@pytest.fixture
def with_nicegui(monkeypatch):
    monkeypatch.setattr(serve, "find_spec", lambda name: name)


@pytest.mark.usefixtures("with_nicegui")
def test_a_port_that_is_taken(augpipe):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = augpipe("preview", "light", "--data", SHAPES, "--serve", "--port", port)
    assert ended.code == 2
    assert f"--port {port}: cannot listen there: Address already in use; give another" in ended.err


@pytest.mark.usefixtures("with_nicegui")
def test_each_server_has_a_key_and_a_loopback_address_of_its_own():
    one, two = Server(0).address, Server(0).address
    assert one.startswith("http://127.0.0.1:")
    assert one.split("key=")[1] != two.split("key=")[1]
    assert len(one.split("key=")[1]) == 16


@pytest.mark.usefixtures("with_nicegui")
def test_data_that_is_not_there_is_told_before_serving(augpipe):
    ended = augpipe("preview", "light", "--data", "nowhere", "--serve", "--port", 0)
    assert ended.code == 2
    assert "nowhere does not exist" in ended.err
    assert "http" not in ended.out
