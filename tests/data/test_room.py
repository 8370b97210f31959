import sys

import pytest

from augpipe.data import room


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/meminfo is Linux's")
def test_free_memory_is_some_and_no_more_than_there_is(monkeypatch):
    assert 0 < room.free_memory() <= room._available() + 2**28  # which others may have freed since


def test_the_limit_of_any_group_counts(tmp_path, monkeypatch):
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    own = tmp_path / "own"
    own.write_text("0::/outer/inner\n")
    monkeypatch.setattr(room, "_GROUPS", tmp_path)
    monkeypatch.setattr(room, "_OWN_GROUP", own)
    monkeypatch.setattr(room, "_available", lambda: 5000)
    assert room.free_memory() == 5000
    for folder, limit, used, expected in [
        (inner, "max", "77", 5000),
        (tmp_path / "outer", "4000", "1000", 3000),
        (inner, "2500", "500", 2000),
        (inner, "500", "501", 0),
    ]:
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        assert room.free_memory() == expected


def test_without_such_files_all_the_memory_counts(tmp_path, monkeypatch):
    for name in ("_MEMORY", "_OWN_GROUP"):
        monkeypatch.setattr(room, name, tmp_path / "none")
    assert room.free_memory() > 10**8
