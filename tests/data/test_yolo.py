import numpy as np
import pytest

from augpipe import YoloDataset
from augpipe.errors import DataError
from encoded import encode

BOXES = {"a": "1 0.5 0.5 0.5 0.25\n\n0 0.25 0.75 0.5 0.5\n", "b": "", "deep/c": "1 0.5 0.5 1 1"}


@pytest.fixture
def folder(tmp_path):
    """Three pictures of 20 x 40 in images/train; b has an empty file of labels."""
    root = tmp_path / "cats"
    for number, (name, lines) in enumerate(BOXES.items()):
        picture, labels = root / f"images/train/{name}.png", root / f"labels/train/{name}.txt"
        for file in (picture, labels):
            file.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(encode(np.full((20, 40, 3), number, np.uint8), "PNG"))
        labels.write_text(lines)
    return root


def describe(folder, text):
    (folder / "data.yaml").write_text(text)
    return folder / "data.yaml"


def write(folder, name, text):
    (folder / f"labels/train/{name}.txt").write_text(text)


def test_fractions_become_pixels(folder):
    dataset = YoloDataset(folder)
    assert len(dataset) == 3
    assert dataset.classes == ("0", "1")
    assert [int(dataset[row].image[0, 0, 0]) for row in range(3)] == [0, 1, 2]
    targets = dataset.row(0).targets
    assert targets.boxes.tolist() == [[10, 7.5, 30, 12.5], [0, 10, 20, 20]]
    assert targets.box_labels.tolist() == [1, 0]
    assert targets.masks is None
    assert targets.keypoints is None
    assert dataset.row(1).targets.boxes.shape == (0, 4)


def test_a_picture_without_a_label_file_has_no_objects(folder):
    (folder / "labels/train/a.txt").unlink()
    assert len(YoloDataset(folder).row(0).targets.boxes) == 0
    for name in ("b", "deep/c"):
        (folder / f"labels/train/{name}.txt").unlink()
    with pytest.raises(DataError, match=r"no picture has labels: those of .* would be .*a\.txt"):
        YoloDataset(folder)


def test_names_come_from_either_file(folder):
    (folder / "classes.txt").write_text("tom\nkitty\n")
    assert YoloDataset(folder).classes == ("tom", "kitty")
    file = describe(folder, "train: images/train\nnames: {0: tiger, 1: lion}\n")
    assert YoloDataset(folder).classes == YoloDataset(file).classes == ("tiger", "lion")
    describe(folder, "train: images/train\nnames: [lynx]\n")
    with pytest.raises(DataError, match=r"a\.txt, line 1 has class 1; there are names for 0 to 0"):
        YoloDataset(folder)


def test_splits_are_entries_or_folders(folder):
    assert len(YoloDataset(folder, split="train")) == 3
    with pytest.raises(DataError, match=r"images/val does not exist"):
        YoloDataset(folder, split="val")
    file = describe(folder, "train: images/train\nval: images/train/deep\nnames: [a, b]\n")
    assert len(YoloDataset(file)) == 3
    assert YoloDataset(file, split="val").row(0).targets.boxes.tolist() == [[0, 0, 40, 20]]
    with pytest.raises(DataError, match="no folder of pictures for 'vall'; did you mean 'val'"):
        YoloDataset(file, split="vall")


def test_the_split_may_be_the_outer_folder(folder):
    for kind in ("images", "labels"):
        (folder / "train").mkdir(exist_ok=True)
        (folder / kind / "train").rename(folder / "train" / kind)
        (folder / kind).rmdir()
    assert len(YoloDataset(folder, split="train").row(0).targets.boxes) == 2


def test_polygons_give_masks_and_boxes(folder):
    write(folder, "a", "0 0.25 0.25 0.75 0.25 0.75 0.5 0.25 0.5")
    write(folder, "deep/c", "0 0 0 1 0 1 1")
    targets = YoloDataset(folder).row(0).targets
    assert targets.boxes.tolist() == [[10, 5, 30, 10]]
    expected = np.zeros((1, 20, 40), np.uint8)
    expected[:, 5:10, 10:30] = 1
    assert np.array_equal(targets.masks, expected)
    assert YoloDataset(folder, masks=False).row(0).targets.masks is None
    write(folder, "deep/c", "0 0.5 0.5 1 1")
    with pytest.raises(DataError, match=r"c\.txt, line 1 has no masks, though others do"):
        YoloDataset(folder)
    write(folder, "a", "")
    with pytest.raises(DataError, match=r"c\.txt, line 1 has no masks, nor has any"):
        YoloDataset(folder, masks=True)


@pytest.mark.parametrize(("numbers", "points"), [(2, "0.5 0.5 1 0"), (3, "0.5 0.5 2 1 0 1")])
def test_keypoints_are_continuous(folder, numbers, points):
    text = f"train: images/train\nkpt_shape: [2, {numbers}]\nflip_idx: [1, 0]\n"
    describe(folder, text)
    write(folder, "a", f"0 0.5 0.5 0.5 0.25 {points}")
    write(folder, "deep/c", "")
    targets = YoloDataset(folder).row(0).targets
    assert targets.keypoints.shape == (1, 2, numbers)
    assert targets.keypoints[0, :, :2].tolist() == [[20, 10], [40, 0]]
    assert targets.keypoints[0, :, 2:].ravel().tolist() == [2, 1][: 2 * (numbers - 2)]
    assert targets.mirrored_keypoints.tolist() == [1, 0]
    assert YoloDataset(folder).row(1).targets.keypoints.shape == (0, 2, numbers)
    write(folder, "deep/c", "0 0.5 0.5 1 1")
    with pytest.raises(DataError, match=f"5 numbers; expected {5 + 2 * numbers} for a box and"):
        YoloDataset(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.5", "has 4 numbers; expected 5 for a box, or 7, 9"),
        ("0 0.5 0.5 0.5 0.5 0.9", "has 6 numbers"),
        ("cat 0.5 0.5 0.5 0.5", "are not numbers"),
        ("0.5 0.5 0.5 0.5 0.5", "begins with 0.5, which is no class"),
        ("-1 0.5 0.5 0.5 0.5", "begins with -1"),
        ("nan 0.5 0.5 0.5 0.5", "begins with nan"),
        ("99999999 0.5 0.5 0.5 0.5", "which is no class"),
        ("0 nan 0.5 0.5 0.5", "no fractions"),
        ("0 1e300 0.5 0.5 0.5", "no fractions"),
    ],
)
def test_wrong_lines_are_errors_that_name_them(folder, line, message):
    write(folder, "deep/c", f"1 0.5 0.5 1 1\n{line}\n")
    with pytest.raises(DataError, match=rf"c\.txt, line 2: .*{message}"):
        YoloDataset(folder)


def test_invalid_boxes_are_found_and_dropped_or_clipped(folder):
    write(folder, "deep/c", "0 0.5 0.5 0 0.5\n1 1 0.5 0.5 0.5\n1 0.7499996 0.5 0.500002 0.5\n")
    with pytest.raises(DataError, match=r"row 2 .*c\.png\): box 0 .* has no area.*\(2 such"):
        YoloDataset(folder)
    (dropped,) = YoloDataset(folder, on_invalid="drop").row(2).targets.boxes
    assert dropped[2] == 40
    clipped = YoloDataset(folder, on_invalid="clip").row(2).targets
    assert clipped.boxes[0].tolist() == [30, 5, 40, 15]
    assert len(clipped.boxes) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [", "is not YAML"),
        ("3", "is no mapping"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
        ("names: [a]", "has no folder of pictures for .train.; it names no folder"),
        ("train: ../images/train", "train: ../images/train lies outside .*give a root"),
        ("train: /images/train", "train: /images/train lies outside"),
        ("path: /elsewhere\ntrain: images", "path: /elsewhere lies outside"),
        ("train: labels/train", "the pictures are in labels/train, which has no"),
        ("train: images/train\nnames: {1: a}", "names are numbered"),
        ("train: images/train\nnames: cat", "names are 'cat'; expected a list"),
        ("train: images/train\nkpt_shape: [2, 4]", "kpt_shape is .2, 4.; expected"),
        ("train: images/train\nkpt_shape: [2, 3]\nflip_idx: [0, 0]", "flip_idx is .0, 0.; expect"),
    ],
)
def test_wrong_configurations_are_errors(folder, text, message):
    file = describe(folder, text)
    with pytest.raises(DataError, match=rf"data\.yaml: {message}"):
        YoloDataset(file)


def test_the_root_may_be_given(folder, tmp_path):
    describe(folder, "path: /elsewhere\ntrain: images/train\n")
    assert len(YoloDataset(folder, root=folder)) == 3
    describe(folder, "path: ..\ntrain: cats/images/train\n")
    with pytest.raises(DataError, match=r"path: \.\. lies outside"):
        YoloDataset(folder)
    assert len(YoloDataset(folder, root=tmp_path)) == 3
    describe(folder, f"path: {folder}\ntrain: images/train\n")
    assert len(YoloDataset(folder)) == 3


def test_the_fingerprint_follows_the_labels(folder):
    first = YoloDataset(folder).fingerprint
    assert YoloDataset(folder).fingerprint == first
    write(folder, "deep/c", "1 0.5 0.5 1 0.99")
    assert YoloDataset(folder).fingerprint != first
