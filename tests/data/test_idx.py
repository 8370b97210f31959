import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from torchvision.datasets.mnist import read_image_file, read_label_file

from augpipe.data.idx import IdxDataset
from augpipe.data.open import open_dataset
from augpipe.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5)).astype(np.uint8)
LABELS = np.array([0, 2, 1, 0, 2, 1], np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def files(tmp_path):
    """The pictures' file; the labels lie beside it."""
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx(IMAGES))
    return path


def packed(path):
    """The same two files, gzipped."""
    for file in list(path.parent.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return path.with_name(f"{path.name}.gz")


def test_files_are_read_as_torchvision_reads_them(files):
    dataset = open_dataset(files)
    pictures = read_image_file(str(files)).numpy()
    labels = read_label_file(str(files.with_name("train-labels-idx1-ubyte")))
    assert dataset.labels.tolist() == labels.tolist() == LABELS.tolist()
    for index, picture in enumerate(pictures):
        np.testing.assert_array_equal(dataset[index].image, np.stack([picture] * 3, 2))
    assert dataset.classes == ("0", "1", "2")
    assert dataset.where(3) == f"{files}: picture 3"


def test_packed_files_are_the_same_data(files):
    plain = open_dataset(files).fingerprint
    assert open_dataset(str(packed(files))).fingerprint == plain


def test_labels_and_classes_may_be_given(files, tmp_path):
    (tmp_path / "other").write_bytes(idx(LABELS[::-1]))
    classes = ["shirt", "coat", "boot"]
    dataset = open_dataset({"path": files, "labels": tmp_path / "other", "classes": classes})
    assert dataset.labels.tolist() == LABELS[::-1].tolist()
    assert dataset.classes == ("shirt", "coat", "boot")


def test_pictures_may_have_colours(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
    (tmp_path / "a-images-idx4-ubyte").write_bytes(idx(colours))
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(LABELS))
    dataset = open_dataset(tmp_path / "a-images-idx4-ubyte")
    np.testing.assert_array_equal(dataset[5].image, colours[5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(IMAGES)[:-1], r"announces \(6, 4, 5\) bytes, but 119 follow"),
        (idx(IMAGES) + b"!", "but more follow"),
        (gzip.compress(idx(IMAGES) + b"!"), "but more follow"),
        (idx(IMAGES)[:9], "no IDX file"),
        (b"\0\0\x08", "no IDX file"),
        (b"", "no IDX file"),
        (b"\0\0\x0d" + idx(IMAGES)[3:], "no IDX file of unsigned bytes"),
        (gzip.compress(idx(IMAGES))[:-9], "cannot be unpacked"),
        (b"\x1f\x8bnothing", "cannot be unpacked"),
        (idx(IMAGES[0]), "images are uint8 of shape"),
    ],
)
def test_damaged_files_are_refused_by_name(files, content, message):
    files.write_bytes(content)
    with pytest.raises(DataError, match=rf"train-images-idx3-ubyte.*{message}"):
        open_dataset(files)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_file_is_not_unpacked_beyond_what_there_is_memory_for(files, pack):
    files.write_bytes(pack(struct.pack(">HBB3I", 0, 8, 3, 2**20, 2**20, 2**20) + bytes(2**20)))
    with pytest.raises(DataError, match=r"announces \(1048576, .*bytes of memory are free"):
        open_dataset(files)


def test_of_a_bomb_no_more_is_unpacked_than_its_head_announces(files):
    files.write_bytes(gzip.compress(idx(IMAGES) + bytes(2**26)))
    tracemalloc.start()
    with pytest.raises(DataError, match="but more follow"):
        open_dataset(files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_labels_that_are_not_there_are_named(files, tmp_path):
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte does not exist"):
        open_dataset(files)
    odd = tmp_path / "pictures-idx3-ubyte"
    odd.write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="no images-idx3 in its name"):
        IdxDataset(odd)
