from __future__ import annotations

import json

from faulty import coco, sound_folder


def test_a_sound_folder_ends_with_zero(augpipe, tmp_path):
    ended = augpipe("check", sound_folder(tmp_path / "photos"))
    assert (ended.code, ended.err) == (0, "")
    assert "6 pictures, 2 classes" in ended.out
    assert "nothing was found" in ended.out


def test_an_error_ends_with_one_and_is_named(augpipe, tmp_path):
    place = coco(tmp_path, [[(1, 2, 30, 40), (9, 9, 0, 5)]])
    ended = augpipe("check", place)
    assert ended.code == 1
    assert "0.jpg): box (9, 9, 9, 14) has no area" in ended.out
    assert augpipe("check", place, "--fail-on", "never").code == 0


def test_a_warning_ends_with_one_if_asked_for(augpipe, tmp_path):
    place = coco(tmp_path, [[(1, 2, 30, 40)]])
    assert augpipe("check", place).code == 0
    assert augpipe("check", place, "--fail-on", "warning").code == 1


def test_json_and_nothing_else(augpipe, tmp_path):
    folder = sound_folder(tmp_path / "photos")
    ended = augpipe("check", folder, "--val", folder, "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["summary"] == {"leak": 6}


def test_a_page_is_written(augpipe, tmp_path):
    page = tmp_path / "page.html"
    ended = augpipe("check", sound_folder(tmp_path / "photos"), "--html", page)
    assert str(page) in ended.out
    assert page.read_text().startswith("<!doctype html>")


def test_long_lists_are_cut(augpipe, tmp_path):
    folder = sound_folder(tmp_path / "photos")
    out = augpipe("check", folder, "--val", folder, "--show", "2").out
    assert "and 4 more; --show 6 prints them all" in out
    assert "2 times" not in augpipe("check", folder, "--val", folder, "--show", "0").out


def test_data_may_have_options(augpipe, tmp_path):
    place = coco(tmp_path, [[(1, 2, 30, 40)]])
    assert augpipe("check", f"{{path: {place}, masks: false}}").code == 0
    ended = augpipe("check", f"{{path: {place}, mask: false}}")
    assert ended.code == 2
    assert "did you mean 'masks'" in ended.err


def test_bad_usage_ends_with_two(augpipe, tmp_path):
    assert augpipe("check", tmp_path / "nowhere").code == 2
    assert augpipe("check", "{path").code == 2
    assert augpipe("check", tmp_path, "--distance", "99").code == 2
