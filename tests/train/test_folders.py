import pytest

from augpipe.errors import StateError
from augpipe.train.folders import last_folder, next_folder


def test_runs_are_numbered_and_never_share_a_folder(tmp_path):
    assert next_folder(tmp_path / "runs", "a") == tmp_path / "runs" / "a-001"
    for name in ("a-001", "a-012", "a-b-030", "b-040", "a-x"):
        (tmp_path / name).mkdir()
    assert next_folder(tmp_path, "a") == tmp_path / "a-013"
    assert last_folder(tmp_path, "a") == tmp_path / "a-012"
    (tmp_path / "a-1000").touch()  # a file takes the number, too
    assert next_folder(tmp_path, "a") == tmp_path / "a-1001"


def test_where_nothing_ran_nothing_is_resumed(tmp_path):
    with pytest.raises(StateError, match=r"there is no run .*a-NNN to resume"):
        last_folder(tmp_path, "a")
