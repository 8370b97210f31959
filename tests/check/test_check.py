"""Whatever is put wrong into a sound dataset is found, and nothing else."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from augpipe.check import KINDS, check_datasets
from augpipe.data.arrays import ArrayDataset
from augpipe.errors import DataError, RecipeError
from encoded import encode, smooth
from faulty import coco, picture, shrunk, sound_folder, voc, yolo


def kinds(report) -> list[str]:
    return [finding.kind for finding in report.findings]


def only(report):
    (finding,) = report.findings
    return finding


@pytest.fixture
def folder(tmp_path):
    return sound_folder(tmp_path / "train")


def test_nothing_is_wrong_with_a_sound_folder(folder):
    report = check_datasets(folder, distance=8)
    assert report.findings == ()
    (part,) = report.parts
    assert (part.rows, part.objects) == (6, None)
    assert part.classes == {"a": 3, "b": 3}
    assert part.sizes == {(60, 80): 6}


def test_a_file_cut_in_half(folder):
    file = folder / "a" / "2.jpg"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found = only(check_datasets(folder))
    assert (found.kind, found.places[0].where) == ("unreadable", str(file))
    assert "truncated" in found.message
    assert not found.message.startswith(str(file))


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"\xff\xd8\xff"])
def test_what_is_no_picture(folder, data):
    (folder / "a" / "2.jpg").write_bytes(data)
    assert only(check_datasets(folder)).kind == "unreadable"


def test_a_file_that_a_table_names_and_is_not_there(folder):
    table = folder / "table.csv"
    table.write_text("path,label\na/0.jpg,a\na/2.jpg,a\nb/1.jpg,b\nb/9.jpg,b\n")
    found = only(check_datasets(table))
    assert found.kind == "missing"
    assert "row 5" in found.places[0].where


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_without_a_label(folder, suffix):
    rows = {"path": ["a/0.jpg", "a/2.jpg", "b/1.jpg"], "label": ["a", "", "b"]}
    table = folder / f"table.{suffix}"
    write = {"csv": pyarrow.csv.write_csv, "parquet": pyarrow.parquet.write_table}[suffix]
    write(pa.table(rows), table)
    (folder / "a" / "0.jpg").write_bytes(b"")
    report = check_datasets(table)
    assert kinds(report) == ["unreadable", "unlabelled"]
    assert "a/2.jpg" in report.findings[1].places[0].where


def test_the_same_file_twice(folder):
    shutil.copy(folder / "a" / "0.jpg", folder / "a" / "again.jpg")
    found = only(check_datasets(folder))
    assert found.kind == "duplicate"
    assert [place.row for place in found.places] == [0, 3]


def test_the_same_file_in_two_classes(folder):
    shutil.copy(folder / "a" / "0.jpg", folder / "b" / "again.jpg")
    report = check_datasets(folder)
    assert kinds(report) == ["conflict", "duplicate"]
    assert report.findings[0].message == "is labelled a and b"


def test_nearly_the_same_picture(folder):
    shrunk(folder / "a" / "0.jpg", folder / "a" / "small.jpg")
    assert only(check_datasets(folder)).kind == "near_duplicate"
    assert check_datasets(folder, distance=0).count("error") == 0


def test_leaks_into_validation(folder, tmp_path):
    val = sound_folder(tmp_path / "val", first=100)
    assert check_datasets(folder, val).findings == ()
    shutil.copy(folder / "a" / "0.jpg", val / "a" / "same.jpg")
    shrunk(folder / "b" / "1.jpg", val / "b" / "near.jpg")
    report = check_datasets(folder, val)
    assert kinds(report) == ["leak", "near_leak"]
    assert [place.part for place in report.findings[0].places] == ["train", "val"]


def test_flat_pictures_are_suspicious_and_no_duplicates(folder):
    for number, level in enumerate((10, 11)):
        flat = np.full((60, 80, 3), level, np.uint8)
        Image.fromarray(flat).save(folder / "a" / f"flat{number}.png")
    report = check_datasets(folder)
    assert kinds(report) == ["suspicious"] * 2
    assert "one colour" in report.findings[0].message


def test_a_cut_file_that_was_saved_again(folder):
    image = smooth(160, 120, seed=50)
    image[100:] = 128
    (folder / "a" / "saved.jpg").write_bytes(encode(image, "JPEG"))
    assert "one grey" in only(check_datasets(folder)).message


def test_tiny_narrow_and_misnamed_pictures(folder):
    picture(folder / "a" / "tiny.png", 50, size=(9, 30), kind="PNG")
    picture(folder / "a" / "narrow.png", 51, size=(20, 300), kind="PNG")
    picture(folder / "a" / "png.jpg", 52, kind="PNG")
    messages = " ".join(finding.message for finding in check_datasets(folder).findings)
    assert all(word in messages for word in ("tiny", "narrow", "is a PNG"))


def test_rare_and_empty_classes(folder):
    for number in range(40):
        picture(folder / "common" / f"{number}.jpg", 1000 + number)
    report = check_datasets(folder)
    assert kinds(report) == ["class", "class"]
    assert "3 of it, 40" in report.findings[0].message


def test_a_class_folder_without_pictures(folder):
    (folder / "nothing").mkdir()
    found = only(check_datasets(folder))
    assert (found.kind, found.message[:7]) == ("class", "0 of it")


def test_a_folder_too_high_has_one_class(folder):
    assert "the only one" in only(check_datasets(folder.parent)).message


def test_a_folder_of_pictures_without_classes(folder):
    shutil.copy(folder / "a" / "0.jpg", folder / "a" / "again.jpg")
    report = check_datasets(folder / "a")
    assert only(report).kind == "duplicate"
    assert only(report).places[1].where == str(folder / "a" / "again.jpg")
    assert report.parts[0].classes == {}


@pytest.mark.parametrize(
    ("box", "fault"), [((10, 10, 0, 5), "no area"), ((70, 10, 20, 5), "leaves the picture")]
)
def test_wrong_boxes_of_coco(tmp_path, box, fault):
    report = check_datasets(coco(tmp_path, [[(1, 2, 30, 40), box]]))
    assert kinds(report) == ["box", "empty"]
    assert fault in report.findings[0].message
    assert report.parts[0].objects == 1


def test_wrong_boxes_of_voc_and_pictures_without_a_page(tmp_path):
    root = voc(tmp_path / "voc", [[(1, 1, 30, 30), (5, 5, 5, 5)], [(1, 1, 99, 30)]])
    picture(root / "JPEGImages" / "alone.jpg", 9)
    assert kinds(check_datasets(root)) == ["box", "box", "unlabelled", "empty"]


def test_wrong_boxes_of_yolo(tmp_path):
    root = yolo(tmp_path / "yolo", ["0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0 0.2\n", "0 0.9 0.5 0.4 0.2\n"])
    assert kinds(check_datasets(root)) == ["box", "box", "empty"]


def test_annotations_of_another_size(tmp_path):
    root = voc(tmp_path / "voc", [[(1, 1, 30, 30)]], size=(80, 60))
    assert only(check_datasets(root)).kind == "annotation"


def test_masks_without_a_pixel(tmp_path):
    place = coco(tmp_path, [[(1, 2, 30, 40)]])
    document = json.loads(place.read_text())
    document["annotations"][0]["segmentation"] = [[5, 5, 5.2, 5, 5.2, 5.2]]
    place.write_text(json.dumps(document))
    assert "mask" in kinds(check_datasets(place))


def test_arrays_are_compared_by_their_pixels():
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    images[4] = images[0]
    report = check_datasets(ArrayDataset(images, np.array([0, 1, 0, 1, 1])))
    assert kinds(report) == ["conflict", "duplicate"]


def test_threads_change_nothing(folder):
    shutil.copy(folder / "a" / "0.jpg", folder / "b" / "again.jpg")
    (folder / "a" / "2.jpg").write_bytes(b"")
    assert check_datasets(folder, threads=1) == check_datasets(folder, threads=3)


def test_progress_comes_to_all_rows(folder):
    rows = []
    check_datasets(folder, folder, on_start=rows.append, on_rows=rows.append)
    assert rows[0] == sum(rows[1:]) == 12


def test_plain_values_are_json(folder):
    shutil.copy(folder / "a" / "0.jpg", folder / "b" / "again.jpg")
    found = json.loads(json.dumps(check_datasets(folder).as_json()))
    assert found["summary"] == {"conflict": 1, "duplicate": 1}
    assert found["parts"][0]["sizes"] == [{"height": 60, "width": 80, "count": 7}]
    assert found["findings"][0]["places"][1]["where"].endswith("again.jpg")


def test_errors_come_before_warnings():
    severities = [kind.severity for kind in KINDS.values()]
    assert severities == sorted(severities)


def test_what_cannot_be_opened_is_an_error(folder, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        check_datasets(tmp_path / "nowhere")
    with pytest.raises(RecipeError, match="distance is 16"):
        check_datasets(folder, distance=16)
