import numpy as np
import pytest

from augpipe import VocDataset
from augpipe.errors import DataError
from encoded import encode

OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)
PAGE = "<annotation><size><width>20</width><height>10</height></size>{}</annotation>"

OBJECTS = {
    "one": [("dog", 0, 1, 1, 20, 10), ("cat", 1, 3, 2, 5, 4)],
    "two": [],
    "three": [("fox", 0, 2.5, 2, 5, 4)],
}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "VOC"
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    for number, (name, objects) in enumerate(OBJECTS.items()):
        write(root, name, objects)
        pixels = np.full((10, 20, 3), number, np.uint8)
        (root / "JPEGImages" / f"{name}.png").write_bytes(encode(pixels, "PNG"))
    (root / "ImageSets" / "Main" / "train.txt").write_text("two\none\n")
    return root


def write(root, name, objects):
    page = PAGE.format("".join(OBJECT.format(*one) for one in objects))
    (root / "Annotations" / f"{name}.xml").write_text(page)


def test_first_and_last_pixels_become_edges(folder):
    dataset = VocDataset(folder)
    assert dataset.classes == ("cat", "dog", "fox")
    assert [int(dataset[row].image[0, 0, 0]) for row in range(3)] == [0, 2, 1]
    targets = dataset.row(0).targets
    assert targets.boxes.tolist() == [[0, 0, 20, 10], [2, 1, 5, 4]]
    assert targets.box_labels.tolist() == [1, 0]
    assert dataset.row(1).targets.boxes.tolist() == [[1.5, 1, 5, 4]]
    assert dataset.row(2).targets.boxes.shape == (0, 4)
    continuous = VocDataset(folder, offset=0).row(0).targets
    assert continuous.boxes.tolist() == [[1, 1, 20, 10], [3, 2, 5, 4]]


def test_a_split_has_its_rows_in_its_order_and_the_classes_of_all(folder):
    dataset = VocDataset(folder, split="train")
    assert dataset.classes == ("cat", "dog", "fox")
    assert [int(dataset[row].image[0, 0, 0]) for row in range(2)] == [1, 0]
    assert [len(dataset.row(row).targets.boxes) for row in range(2)] == [0, 2]
    assert dataset.fingerprint != VocDataset(folder).fingerprint
    with pytest.raises(DataError, match="no split 'trian'; did you mean 'train'"):
        VocDataset(folder, split="trian")
    (folder / "ImageSets" / "Main" / "train.txt").write_text("../Annotations/one\n")
    with pytest.raises(DataError, match=r"train\.txt: '\.\./Annotations/one' has no XML file"):
        VocDataset(folder, split="train")


def test_classes_may_be_given_and_difficult_objects_left_out(folder):
    dataset = VocDataset(folder, classes=["fox", "dog", "cat"], difficult=False)
    assert dataset.classes == ("fox", "dog", "cat")
    assert dataset.row(0).targets.box_labels.tolist() == [1]
    with pytest.raises(DataError, match=r"one\.xml has the unknown class 'cat'"):
        VocDataset(folder, classes=["fox", "dog"])


@pytest.mark.parametrize("offset", [0, 1])
def test_a_click_is_no_box(folder, offset):
    write(folder, "three", [("fox", 0, 4, 4, 9, 9), ("fox", 0, 5, 2, 5, 2)])
    with pytest.raises(DataError, match=r"row 1 of .*three\.png\): box 1 .* has no area"):
        VocDataset(folder, offset=offset)
    for on_invalid in ("drop", "clip"):
        dataset = VocDataset(folder, offset=offset, on_invalid=on_invalid)
        assert dataset.row(1).targets.boxes.tolist() == [[4 - offset, 4 - offset, 9, 9]]


def test_a_box_may_not_leave_the_picture(folder):
    write(folder, "three", [("fox", 0, 15, 2, 22, 11)])
    with pytest.raises(DataError, match=r"box 0 .*leaves the picture, 20 wide, 10 high"):
        VocDataset(folder)
    clipped = VocDataset(folder, on_invalid="clip").row(1).targets.boxes
    assert clipped.tolist() == [[14, 1, 20, 10]]


BOMB = '<!DOCTYPE a [<!ENTITY b "cccc"><!ENTITY d "&b;&b;">]><annotation>&d;</annotation>'


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (BOMB.encode(), "has a document type 'a'"),
        (BOMB.encode("utf-16"), "has a document type 'a'"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><annotation/>', "has a document type"),
        (b"<annotation>&d;</annotation>", "is not XML"),
        (b"<annotation>", "is not XML"),
        (b"", "is not XML"),
        (b"<?xml version='1.0' encoding='nonsense'?><a/>", "is not XML"),
        (b"<annotation/>", "<annotation> has no size/width"),
        (PAGE.format("<object/>").encode(), "<object> has no name"),
        (PAGE.format("<object><name>a</name></object>").encode(), "no bndbox/xmin"),
        (PAGE.format(OBJECT.format("a", 0, "x", 1, 2, 3)).encode(), "'x', not a number"),
        (PAGE.format(OBJECT.format("a", 0, "nan", 1, 2, 3)).encode(), "xmin is nan"),
    ],
)
def test_pages_that_are_wrong_or_hostile_are_refused(folder, page, message):
    (folder / "Annotations" / "two.xml").write_bytes(page)
    with pytest.raises(DataError, match=rf"two\.xml: .*{message}"):
        VocDataset(folder)


def test_pictures_belong_to_pages_by_name(folder):
    (folder / "JPEGImages" / "one.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"one\.jpg and one\.png are pictures for one"):
        VocDataset(folder)
    (folder / "JPEGImages" / "one.jpg").unlink()
    (folder / "JPEGImages" / "one.png").unlink()
    with pytest.raises(DataError, match=r"no picture for one\.xml"):
        VocDataset(folder)


def test_folders_go_by_other_names(folder):
    (folder / "JPEGImages").rename(folder / "pictures")
    with pytest.raises(DataError, match="JPEGImages does not exist"):
        VocDataset(folder)
    assert len(VocDataset(folder, images="pictures")) == 3
