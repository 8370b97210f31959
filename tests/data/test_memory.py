"""What rows cost: `memory` measures, here is how much it may be."""

import json
import subprocess
import sys

import pytest

import memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's proportional set")
@pytest.mark.parametrize(
    ("rows", "suffix"),
    [
        (10**6, ".csv"),
        pytest.param(5 * 10**6, ".csv", marks=pytest.mark.slow),
        pytest.param(5 * 10**6, ".parquet", marks=pytest.mark.slow),
    ],
)
def test_a_row_of_a_table_costs_less_than_100_bytes(tmp_path, rows, suffix):
    table = memory.write_table(tmp_path / f"table{suffix}", rows)
    command = [sys.executable, memory.__file__, str(table)]
    ended = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 (our own script)
    assert ended.returncode == 0, ended.stderr
    cost = json.loads(ended.stdout)
    assert cost["rows"] == rows
    assert cost["opened"] < 100 * rows
    assert cost["used"] < 100 * rows
    assert cost["objects"] < 100


@pytest.mark.parametrize("kind", ["folder", "table", "coco", "arrays"])
def test_a_pickle_of_many_rows_is_buffers_that_processes_can_share(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(memory.folder, "_walk", memory.folder._walk)  # which is replaced below
    rows = 50_000 if kind == "coco" else 10**6  # COCO's JSON takes long to read
    dataset = {
        "folder": lambda: memory.make_folder(tmp_path / "folder", rows),
        "table": lambda: memory.TableDataset(memory.write_table(tmp_path / "table.csv", rows)),
        "coco": lambda: memory.make_coco(tmp_path, rows),
        "arrays": lambda: memory.make_arrays(rows),
    }[kind]()
    assert len(dataset) == rows
    own, beside = memory.in_band(dataset)
    assert own < 100_000
    assert beside > 10 * rows
