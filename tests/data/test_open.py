from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, Subset, TensorDataset
from torchvision import datasets as vision

from augpipe.data.arrays import ArrayDataset
from augpipe.data.coco import CocoDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.mapped import MappedDataset
from augpipe.data.open import open_dataset
from augpipe.data.table import TableDataset
from augpipe.data.voc import VocDataset
from augpipe.data.yolo import YoloDataset
from augpipe.errors import DataError

SAMPLES = Path(__file__).parents[2] / "samples"
IMAGES = np.zeros((3, 4, 5, 3), np.uint8)


@pytest.fixture
def table(class_folders):
    file = class_folders / "table.csv"
    file.write_text("which,path,kind\ncat/a.JPG,cat/b.png,cat\n")
    return file


def test_each_kind_of_data_has_its_dataset(class_folders, table):
    for data, kind in [
        (class_folders, FolderDataset),
        (str(class_folders), FolderDataset),
        ({"path": class_folders}, FolderDataset),
        (table, TableDataset),
        (SAMPLES / "scenes.json", CocoDataset),
        ({"path": str(table)}, TableDataset),
        (IMAGES, ArrayDataset),
        (torch.from_numpy(IMAGES), ArrayDataset),
        ((IMAGES, [0, 1, 2]), ArrayDataset),
        ([(IMAGES[0], 1)], MappedDataset),
        (Subset([(IMAGES[0], 1)], [0]), MappedDataset),
        (TensorDataset(torch.zeros(2, 3, 4, 5, dtype=torch.uint8)), MappedDataset),
        (vision.FakeData(2), MappedDataset),
    ]:
        dataset = open_dataset(data)
        assert type(dataset) is kind, data
        assert open_dataset(dataset) is dataset


def test_folders_are_known_by_what_lies_in_them(tmp_path):
    file = SAMPLES / "scenes" / "01.jpg"
    page = "<annotation><size><width>256</width><height>192</height></size></annotation>"
    for path in ("voc/JPEGImages/1.jpg", "yolo/images/1.jpg"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(file.read_bytes())
    for path, text in [("voc/Annotations/1.xml", page), ("yolo/labels/1.txt", "0 0.5 0.5 1 1")]:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "yolo" / "data.yaml").write_text("train: images\nnames: [scene]\n")
    for name, kind in [("voc", VocDataset), ("yolo", YoloDataset), ("yolo/data.yaml", YoloDataset)]:
        dataset = open_dataset({"path": str(tmp_path / name), "on_invalid": "drop"})
        assert type(dataset) is kind
        assert len(dataset) == 1
    (tmp_path / "yolo" / "data.yaml").unlink()
    assert type(open_dataset(tmp_path / "yolo")) is YoloDataset
    with pytest.raises(DataError, match="unknown option 'splits'; did you mean 'split'"):
        open_dataset({"path": tmp_path / "voc", "splits": "train"})


def test_options_reach_the_dataset(class_folders, table):
    dataset = open_dataset({"path": table, "label": "kind", "background": (1, 2, 3)})
    assert dataset.classes == ("cat",)
    assert dataset.background == (1, 2, 3)
    by_column = open_dataset({"table": table, "path": "which", "label": "kind"})
    assert by_column.where(0).endswith("(cat/a.JPG)")


def test_an_unknown_option_offers_the_nearest(class_folders, table):
    with pytest.raises(DataError, match=r"table\.csv: unknown option 'labels'; did you"):
        open_dataset({"path": table, "labels": "kind"})
    with pytest.raises(DataError, match="unknown option 'label'; known: allow_empty, background"):
        open_dataset({"path": class_folders, "label": "kind"})


def test_what_is_not_there_offers_the_nearest(class_folders):
    with pytest.raises(DataError, match=r"animal does not exist; did you mean '.*animals'"):
        open_dataset(class_folders.with_name("animal"))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Stream(), "Stream is an IterableDataset: .* by number"),
        ({"label": "a"}, "no 'path' among its keys label"),
        ({}, r"among its keys \(none\)"),
        (7, "a int is no dataset"),
        ({1, 2}, "a set is no dataset"),
    ],
)
def test_what_is_no_dataset_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        open_dataset(data)


def test_other_files_are_refused(class_folders):
    with pytest.raises(DataError, match=r"b\.png is no dataset by its suffix; expected a folder"):
        open_dataset(class_folders / "cat" / "b.png")
