import os

import pytest

from augpipe.data.paths import (
    existing,
    existing_file,
    existing_folder,
    read_file,
    read_text,
    refuse_escape,
    refuse_outside,
)
from augpipe.errors import DataError


def test_what_is_missing_offers_the_nearest_sibling(tmp_path):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError, match=r"flower does not exist; did you mean '.*flowers'\?"):
        existing(tmp_path / "flower")
    with pytest.raises(DataError, match=r"zzz does not exist$"):
        existing(tmp_path / "zzz")
    with pytest.raises(DataError, match="nor does the folder"):
        existing(tmp_path / "no" / "where")


def test_files_and_folders_are_told_apart(tmp_path):
    file = tmp_path / "a.csv"
    file.touch()
    with pytest.raises(DataError, match="is a file, not a folder"):
        existing_folder(file)
    with pytest.raises(DataError, match="is a folder, not a file"):
        existing_file(tmp_path)


def test_only_regular_files_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_file(tmp_path / "a") == b"abc"
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("none", "no such file"), ("pipe", "not a regular file")):
        with pytest.raises(DataError, match=f"{message}: .*{name}"):
            read_file(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read: Not a directory"):
        read_file(tmp_path / "a" / "b")


def test_links_that_leave_the_root_are_refused(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "in").touch()
    (root / "link_in").symlink_to(root / "in")
    (root / "link_out").symlink_to(tmp_path / "secret")
    refuse_escape(root / "link_in", root)
    with pytest.raises(DataError, match="leads out of the image root"):
        refuse_escape(root / "link_out", root)


def test_a_path_below_the_root_is_relative_to_it(tmp_path):
    for path in ("a/b.png", "./a//b.png", "a/c/../b.png"):
        assert refuse_outside(path, tmp_path) == "a/b.png"
    assert refuse_outside(f"{tmp_path}/a/b.png", tmp_path) == "a/b.png"
    assert refuse_outside(str(tmp_path), tmp_path) == "."
    for path in ("/a/b.png", "..", "a/../../b.png", f"{tmp_path}-2/b.png"):
        with pytest.raises(DataError, match="give a root that holds all pictures"):
            refuse_outside(path, tmp_path)


def test_text_is_utf8(tmp_path):
    file = tmp_path / "text"
    file.write_bytes("\ufeffé".encode())
    assert read_text(file) == "é"
    file.write_bytes(b"\xff")
    with pytest.raises(DataError, match="is not UTF-8"):
        read_text(file)
