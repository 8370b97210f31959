import pickle

import numpy as np
import pytest
from PIL import Image

from augpipe.data.arrays import ArrayDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.mapped import MappedDataset
from augpipe.data.table import TableDataset
from augpipe.errors import DataError
from encoded import encode, smooth


@pytest.fixture
def datasets(class_folders):
    """One of each kind, all with the same four pictures."""
    folder = FolderDataset(class_folders)
    rows = [f"{path.as_py()},{path.as_py().split('/')[0]}" for path in folder._paths]
    table = class_folders / "table.csv"
    table.write_text("\n".join(["path,label", *rows]))
    images = np.stack([folder[i].image for i in range(4)])
    labels = [folder[i].label for i in range(4)]
    pairs = [(Image.fromarray(image), label) for image, label in zip(images, labels, strict=True)]
    return [folder, TableDataset(table), ArrayDataset(images, labels), MappedDataset(pairs)]


def test_all_kinds_give_the_same_samples(datasets):
    for dataset in datasets:
        assert len(dataset) == 4
        for index, expected in enumerate(datasets[0]):
            sample = dataset[index]
            assert type(sample.label) is int
            assert sample.label == expected.label
            np.testing.assert_array_equal(sample.image, expected.image)
            assert dataset.row(index).source.size == sample.image.shape[:2]


def test_they_survive_pickling(datasets):
    for dataset in datasets:
        again = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own bytes, as spawn does
        assert again.fingerprint == dataset.fingerprint
        assert again.classes == dataset.classes
        assert again.where(3) == dataset.where(3)
        np.testing.assert_array_equal(again[3].image, dataset[3].image)


def test_they_count_from_either_end(datasets):
    for dataset in datasets:
        np.testing.assert_array_equal(dataset[-1].image, dataset[3].image)
        for index in (4, -5):
            with pytest.raises(IndexError, match=f"row {index} of 4 rows"):
                dataset[index]
        assert len(list(dataset)) == 4  # iteration ends where IndexError says so


def test_samples_may_be_written_to_without_changing_the_dataset(datasets):
    for dataset in datasets:
        before = dataset[2].image.copy()
        dataset[2].image[:] = 99
        np.testing.assert_array_equal(dataset[2].image, before)


def test_a_sample_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "all" / "a").mkdir(parents=True)
    (tmp_path / "all" / "a" / "1.jpg").write_bytes(encode(smooth(16, 24), "JPEG", exif=exif))
    sample = FolderDataset(tmp_path / "all")[0]
    assert sample.image.shape == (24, 16, 3)


def test_fingerprints_are_16_hexadecimal_digits_and_stay(datasets):
    for dataset in datasets:
        assert len(dataset.fingerprint) == 16
        int(dataset.fingerprint, 16)
        assert dataset.fingerprint == dataset.fingerprint


def test_labels_are_known_without_opening_rows(datasets, monkeypatch):
    for dataset in datasets:
        expected = [dataset.row(index).targets.label for index in range(len(dataset))]
        monkeypatch.setattr(type(dataset), "row", None)
        if isinstance(dataset, MappedDataset):
            assert dataset.labels is None
        else:
            assert dataset.labels.dtype == np.int64
            assert dataset.labels.tolist() == expected
        monkeypatch.undo()


def test_only_tables_have_columns(datasets):
    for dataset in datasets:
        if not isinstance(dataset, TableDataset):
            with pytest.raises(DataError, match=f"{type(dataset).__name__} has no column 'w'"):
                dataset.column("w")
