"""NVIDIA DALI on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from loaders.base import LIGHT, SIZE, Job, System
from loaders.opencv import MEAN, STD


class _Pairs:
    """DALI's batches as pairs of images and labels."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        for (batch,) in self.batches:
            yield batch["data"], batch["label"]


def _dali(job: Job, regions: bool) -> Iterable[Any]:
    from nvidia.dali import fn, pipeline_def, types
    from nvidia.dali.plugin.base_iterator import LastBatchPolicy
    from nvidia.dali.plugin.pytorch import DALIClassificationIterator

    floats = job.does.floats
    normalize = {"mean": [255 * m for m in MEAN], "std": [255 * s for s in STD]} if floats else {}

    @pipeline_def(batch_size=job.batch_size, num_threads=job.workers, device_id=None)
    def pipeline() -> Any:
        files, labels = fn.readers.file(file_root=job.folder, random_shuffle=True, name="files")
        if regions:
            images = fn.resize(fn.decoders.image_random_crop(files), size=(SIZE, SIZE))
        else:
            images = fn.random_resized_crop(fn.decoders.image(files), size=(SIZE, SIZE))
        dtype = types.FLOAT if floats else types.UINT8
        mirror = fn.random.coin_flip()
        images = fn.crop_mirror_normalize(images, dtype=dtype, mirror=mirror, **normalize)
        return images, labels

    return _Pairs(
        DALIClassificationIterator(
            pipeline(),
            reader_name="files",
            last_batch_policy=LastBatchPolicy.PARTIAL,
            auto_reset=True,
        )
    )


def _crops(job: Job) -> Iterable[Any]:
    return _dali(job, regions=True)


def _images(job: Job) -> Iterable[Any]:
    return _dali(job, regions=False)


_TASKS = LIGHT | {"large", "cache"}

DALI = {
    "DALI, image_random_crop": System(
        _crops,
        "nvidia-dali-cuda*",
        _TASKS,
        "threads, regions of files decoded; antialiased",
    ),
    "DALI, image": System(
        _images, "nvidia-dali-cuda*", _TASKS, "threads, whole files decoded; antialiased"
    ),
}
