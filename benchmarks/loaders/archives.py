"""Loaders that read pictures from files of their own: webdataset, litdata, ffcv."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from loaders.base import LIGHT, SIZE, Job, System, pictures
from loaders.opencv import MEAN, STD, decode, light, read
from loaders.torch_loaders import in_workers

_SHARDS = 16
_BETON_PAGE = 2**26  # bytes; no picture may be larger


def _write_tars(folder: Path, archive: Path) -> None:
    import webdataset as wds

    rows = pictures(folder)
    for shard in range(_SHARDS):
        with wds.TarWriter(str(archive / f"{shard:02}.tar")) as tar:
            for number, (path, label) in enumerate(rows[shard::_SHARDS]):
                tar.write({"__key__": f"{number:06}", "jpg": Path(path).read_bytes(), "cls": label})


def _webdataset(job: Job) -> Iterable[Any]:
    import webdataset as wds
    from torch.utils.data import default_collate

    def augment(row: tuple[bytes, bytes]) -> tuple[np.ndarray, int]:
        return light(decode(row[0]), job.does.floats), int(row[1])

    shards = [str(path) for path in sorted(Path(job.archive).glob("*.tar"))]
    dataset = wds.WebDataset(shards, shardshuffle=_SHARDS).shuffle(256).to_tuple("jpg", "cls")
    dataset = dataset.map(augment).batched(job.batch_size, collation_fn=default_collate)
    return wds.WebLoader(dataset, batch_size=None, **in_workers(job))


def _write_chunks(folder: Path, archive: Path) -> None:
    import litdata

    litdata.optimize(
        _litdata_row, pictures(folder), str(archive), chunk_bytes="16MB", num_workers=1
    )


def _litdata_row(row: tuple[str, int]) -> dict[str, Any]:
    return {"image": Path(row[0]).read_bytes(), "label": row[1]}


def _litdata(job: Job) -> Iterable[Any]:
    import litdata

    def augment(row: dict[str, Any]) -> tuple[np.ndarray, int]:
        return light(decode(row["image"]), job.does.floats), row["label"]

    return litdata.StreamingDataLoader(
        litdata.StreamingDataset(job.archive, shuffle=True, drop_last=False, transform=augment),
        batch_size=job.batch_size,
        **in_workers(job),
    )


class _Pixels:
    """Decoded pictures by number, for ffcv's writer."""

    def __init__(self, folder: Path) -> None:
        self.rows = pictures(folder)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        path, label = self.rows[number]
        return read(path), label


def _write_beton(folder: Path, archive: Path, mode: str) -> None:
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    fields = {"image": RGBImageField(mode, jpeg_quality=95), "label": IntField()}
    writer = DatasetWriter(
        str(archive / "pictures.beton"), fields, page_size=_BETON_PAGE, num_workers=1
    )
    writer.from_indexed_dataset(_Pixels(folder))


def _ffcv(job: Job) -> Iterable[Any]:
    from ffcv.fields.decoders import IntDecoder, RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import NormalizeImage, RandomHorizontalFlip, ToTensor, ToTorchImage

    mean, std = 255 * np.array(MEAN), 255 * np.array(STD)
    normalize = [NormalizeImage(mean, std, np.float32)] if job.does.floats else []
    image = [RandomResizedCropRGBImageDecoder((SIZE, SIZE)), RandomHorizontalFlip(), *normalize]
    return Loader(
        str(Path(job.archive) / "pictures.beton"),
        job.batch_size,
        job.workers,
        order=OrderOption.RANDOM,
        pipelines={
            "image": [*image, ToTensor(), ToTorchImage()],
            "label": [IntDecoder(), ToTensor()],
        },
        drop_last=False,
    )


_TASKS = LIGHT | {"cache"}

ARCHIVES = {
    "webdataset": System(
        _webdataset,
        "webdataset",
        _TASKS,
        "the files' bytes in tars, functions of OpenCV by hand; not antialiased",
        _write_tars,
    ),
    "litdata": System(
        _litdata,
        "litdata",
        _TASKS,
        "the files' bytes in chunks, functions of OpenCV by hand; not antialiased",
        _write_chunks,
    ),
    "ffcv": System(
        _ffcv,
        "ffcv",
        _TASKS,
        "threads; pictures encoded anew, quality 95, in one file; its own resize; channels last",
        partial(_write_beton, mode="jpg"),
    ),
    "ffcv, raw": System(
        _ffcv,
        "ffcv",
        frozenset({"cache"}),
        "the same with decoded pictures in the file, mapped into memory",
        partial(_write_beton, mode="raw"),
    ),
}
