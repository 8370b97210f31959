"""What the rows of large datasets cost; run in a process of its own, whose memory is measured."""

from __future__ import annotations

import gc
import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from augpipe.data import folder
from augpipe.data.arrays import ArrayDataset
from augpipe.data.coco import CocoDataset
from augpipe.data.dataset import ImageDataset
from augpipe.data.folder import FolderDataset
from augpipe.data.table import TableDataset


def proportional_set_size(pid: int | str = "self") -> int:
    """Bytes that a process has for itself, and its share of what is shared, without files.

    The pages of libraries are left out: the share of them changes as other processes, which have
    nothing to do with this one, begin and end. Datasets map no files.
    """
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(map(int, re.findall(r"Pss_(?:Anon|Shmem):\s+(\d+)", text)))


def write_table(file: Path, rows: int) -> Path:
    """Paths and names of classes as ImageNet has them."""
    numbers = np.arange(rows)
    paths = [
        f"n{1440000 + n % 1000:08}/n{1440000 + n % 1000:08}_{n}.JPEG" for n in numbers.tolist()
    ]
    table = pa.table({"path": paths, "label": [path[:9] for path in paths]})
    if file.suffix == ".parquet":
        parquet.write_table(table, file)
    else:
        arrow_csv.write_csv(table, file)
    return file


def make_folder(root: Path, rows: int) -> FolderDataset:
    """As of a folder of so many files, which need not be there."""
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
    folder._walk = lambda _, prefix, __: (f"{prefix}{n:08}.JPEG" for n in range(rows // 2))  # type: ignore[assignment]
    return FolderDataset(root)


def make_coco(root: Path, rows: int) -> CocoDataset:
    """One object in each picture."""
    images = [
        {"id": n, "file_name": f"{n:012}.jpg", "width": 640, "height": 480} for n in range(rows)
    ]
    objects = [
        {
            "id": n,
            "image_id": n,
            "category_id": n % 80,
            "bbox": [1, 2, 3, 4],
            "segmentation": [[1, 2, 3, 4, 5, 6]],
        }
        for n in range(rows)
    ]
    categories = [{"id": n, "name": f"class {n}"} for n in range(80)]
    document = {"images": images, "annotations": objects, "categories": categories}
    (root / "instances.json").write_text(json.dumps(document))
    return CocoDataset(root / "instances.json", root=root)


def make_arrays(rows: int) -> ArrayDataset:
    return ArrayDataset(np.zeros((rows, 2, 2), np.uint8), np.arange(rows) % 10)


def touch_all(dataset: ImageDataset) -> None:
    """Ask for every row's name and, where there is a file, for its path and label."""
    for index in range(0, len(dataset), 7):
        dataset.where(index)
        if isinstance(dataset, FolderDataset | TableDataset):
            dataset.path(index)
            dataset.targets(index, (1, 1))


def cost_of_table(file: str) -> dict[str, Any]:
    """Bytes that a table's rows cost, and how many objects looking at all of them left."""
    small = write_table(Path(file).with_stem("small"), 100)
    touch_all(TableDataset(small))  # so that all code has been loaded
    gc.collect()
    before = proportional_set_size()
    dataset = TableDataset(file)
    gc.collect()
    opened = proportional_set_size()
    objects = len(gc.get_objects())
    touch_all(dataset)
    assert dataset.fingerprint
    gc.collect()
    return {
        "rows": len(dataset),
        "opened": opened - before,
        "used": proportional_set_size() - before,
        "objects": len(gc.get_objects()) - objects,
    }


def in_band(dataset: ImageDataset) -> tuple[int, int]:
    """Bytes of a pickle of the dataset in itself, and beside it in buffers."""
    buffers: list[pickle.PickleBuffer] = []
    own = pickle.dumps(dataset, protocol=5, buffer_callback=buffers.append)
    again = pickle.loads(own, buffers=buffers)  # noqa: S301 (our own bytes)
    assert again.where(len(dataset) - 1) == dataset.where(len(dataset) - 1)
    return len(own), sum(buffer.raw().nbytes for buffer in buffers)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(cost_of_table(sys.argv[1])))
