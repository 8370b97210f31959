import shutil

import numpy as np
import pytest

from augpipe.data.folder import FolderDataset
from augpipe.errors import DataError, DecodeError
from encoded import encode


def names(dataset):
    return [dataset.where(index).removeprefix(f"{dataset.root}/") for index in range(len(dataset))]


def test_classes_and_files_are_sorted_and_found_at_any_depth(class_folders):
    dataset = FolderDataset(class_folders)
    assert dataset.classes == ("cat", "dog")
    assert names(dataset) == ["cat/a.JPG", "cat/b.png", "dog/c.png", "dog/deep/er/d.png"]
    assert [sample.label for sample in dataset] == [0, 0, 1, 1]
    assert [sample.image[0, 0, 0] for sample in dataset] == [40, 0, 120, 80]


def test_the_samples_are_those_of_torchvision(class_folders):
    from torchvision.datasets import ImageFolder

    theirs = ImageFolder(str(class_folders))
    ours = FolderDataset(class_folders)
    assert list(ours.classes) == theirs.classes
    assert [(ours.where(index), ours[index].label) for index in range(len(ours))] == theirs.samples


def test_hidden_and_other_files_are_passed_over(class_folders):
    before = FolderDataset(class_folders)
    for extra in (".hidden/a.png", "__MACOSX/cat/a.png", "cat/._a.png", "cat/Thumbs.db", "x.png"):
        file = class_folders / extra
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"no picture")
    assert names(FolderDataset(class_folders)) == names(before)


def test_links_are_followed_but_not_in_circles(class_folders, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "z.png").write_bytes(encode(np.zeros((2, 3, 3), np.uint8)))
    (class_folders / "cat" / "linked.png").symlink_to(store / "z.png")
    (class_folders / "dog" / "store").symlink_to(store)
    (class_folders / "dog" / "deep" / "circle").symlink_to(class_folders / "dog")
    assert names(FolderDataset(class_folders)) == [
        *("cat/a.JPG", "cat/b.png", "cat/linked.png"),
        *("dog/c.png", "dog/deep/er/d.png", "dog/store/z.png"),
    ]


def test_a_broken_link_is_an_error_when_its_row_is_read(class_folders):
    (class_folders / "cat" / "gone.png").symlink_to(class_folders / "nowhere.png")
    dataset = FolderDataset(class_folders)
    with pytest.raises(DataError, match=r"cat/gone\.png: no such file"):
        dataset.row(2)


def test_the_fingerprint_does_not_depend_on_place_or_time(class_folders, tmp_path):
    dataset = FolderDataset(class_folders)
    moved = shutil.copytree(class_folders, tmp_path / "elsewhere" / "other")
    (moved / "cat" / "b.png").touch()
    assert FolderDataset(moved).fingerprint == dataset.fingerprint
    (moved / "cat" / "b.png").rename(moved / "dog" / "b.png")
    assert FolderDataset(moved).fingerprint != dataset.fingerprint


def test_a_damaged_file_is_named_once(class_folders):
    (class_folders / "cat" / "b.png").write_bytes(b"")
    dataset = FolderDataset(class_folders)
    with pytest.raises(DecodeError) as caught:
        dataset.row(1)
    assert str(caught.value) == f"{class_folders}/cat/b.png: is empty (0 bytes)"


def test_a_class_without_pictures_is_an_error_unless_it_is_allowed(class_folders):
    (class_folders / "bee" / "sub").mkdir(parents=True)
    (class_folders / "bee" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no picture in the class folder\(s\) bee;"):
        FolderDataset(class_folders)
    dataset = FolderDataset(class_folders, allow_empty=True)
    assert dataset.classes == ("bee", "cat", "dog")
    assert [sample.label for sample in dataset] == [1, 1, 2, 2]


def test_what_is_no_folder_of_class_folders(class_folders, tmp_path):
    with pytest.raises(DataError, match=r"animal does not exist; did you mean '.*animals'"):
        FolderDataset(tmp_path / "animal")
    with pytest.raises(DataError, match="is a file, not a folder"):
        FolderDataset(class_folders / "cat" / "b.png")
    with pytest.raises(DataError, match="found 1 pictures but no class folders; expected er/<c"):
        FolderDataset(class_folders / "dog" / "deep" / "er")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no class folders"):
        FolderDataset(tmp_path / "empty")
    (tmp_path / "empty" / "a").mkdir()
    with pytest.raises(DataError, match="no picture in the class folder"):
        FolderDataset(tmp_path / "empty", allow_empty=True)


def test_transparent_pixels_show_the_background(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(encode(np.zeros((2, 3, 4), np.uint8)))
    assert (FolderDataset(tmp_path)[0].image == 255).all()
    assert (FolderDataset(tmp_path, background=(9, 8, 7))[0].image == (9, 8, 7)).all()
