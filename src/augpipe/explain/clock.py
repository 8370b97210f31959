"""How long each step takes by itself, here and now, on a photo of the size that is asked about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from statistics import median
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from torch import Tensor

from augpipe.bench.stages import one_thread, wait
from augpipe.data.decode import open_image
from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute import batch as executor
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.triton.segments import cut
from augpipe.explain.outline import Seconds
from augpipe.ops import CopyPaste
from augpipe.pipeline import Pipeline
from augpipe.plan import Mix, Plan, Step
from augpipe.region import Region

T = TypeVar("T")

# For each draw, the pictures that its sample is made of.
Pictures = Sequence[Sequence[Picture]]

# Each step is timed in so many rounds, of which the median counts, unless one is very long.
_ROUNDS = 3
_LONG = 0.5

# Over so many draws times are averaged; over fewer where their pictures would have more pixels.
_DRAWS = 32
_PIXELS = 2**24


class Clock:
    """Carries out steps on a photo, on one thread, as a worker would.

    Args:
        size: its height and width.
        device: where batches are; None if that is not here, so that nothing is measured there.
    """

    def __init__(self, size: tuple[int, int], device: torch.device | str | None) -> None:
        self.size = size
        self._device = None if device is None else torch.device(device)
        self.draws = _draws(size)

    @cached_property
    def _photo(self) -> NDArray[np.uint8]:
        photo = load_sample_image("china.jpg")
        return np.asarray(cv2.resize(photo, self.size[::-1], interpolation=cv2.INTER_AREA))

    def decode(self, leaves: Sequence[Plan]) -> float:
        """Seconds to decode one picture, as a JPEG, as far as these plans look at it.

        Raises:
            AugpipeError: it cannot be decoded.
        """
        written = cv2.imencode(".jpg", self._photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        wanted = [
            (int(leaf.decode_scale[row]), leaf.sight.regions[row])
            for leaf in leaves
            for row in range(self.draws)
        ]
        return _timed(partial(_decoded, written.tobytes(), wanted))[1] / len(wanted)

    def worker(self, pipeline: Pipeline) -> Seconds:
        """Seconds for each of the steps on one picture.

        Raises:
            AugpipeError: one cannot be carried out.
        """
        targets = self._object if _wants_objects(pipeline) else Targets()
        plan = pipeline.plan(
            self.size,
            index=np.arange(self.draws),
            targets=[[targets] * pipeline.pictures] * self.draws,
        )
        own = Picture(Decoded(self._photo, np.eye(3)), targets)
        return dict(self._steps(plan, [[own] * pipeline.pictures] * self.draws, ()))

    @property
    def _object(self) -> Targets:
        """The middle of the photo, as an object in it."""
        height, width = self.size
        box = np.array([[width / 4, height / 4, width * 3 / 4, height * 3 / 4]])
        left, top, right, bottom = box[0].astype(int)
        mask = np.zeros((1, height, width), np.uint8)
        mask[0, top:bottom, left:right] = 1
        return Targets(boxes=box, box_labels=np.array([0]), masks=mask)

    def _steps(
        self, plan: Plan, pictures: Pictures, path: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], float]]:
        """Step after step, each on what the one before has made of the pictures."""
        size = plan.size
        for number, step in enumerate(plan.steps):
            if isinstance(step, Mix):
                yield from self._parts(step, pictures, (*path, number))
            alone = Plan(size, (step,))
            pictures, seconds = _timed(partial(_carried_out, alone, pictures))
            yield (*path, number), seconds / self.draws
            size = alone.out_size

    def _parts(
        self, mix: Mix, pictures: Pictures, path: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], float]]:
        """Of each picture that goes in; unless the mix makes no more of it than will be seen."""
        if mix.absorbs:
            return
        each = len(pictures[0]) // len(mix.parts)
        for number, part in enumerate(mix.parts):
            own = [row[number * each : (number + 1) * each] for row in pictures]
            yield from self._steps(part, own, (*path, number))

    def batch(self, pipeline: Pipeline, size: tuple[int, int]) -> Seconds:
        """Seconds for each of the steps on a picture of a batch; of those done together, the first.

        Args:
            pipeline: that of batches.
            size: height and width of their pictures.

        Raises:
            AugpipeError: a step cannot be carried out.
        """
        if self._device is None:
            return {}
        device = self._device
        plan = pipeline.plan(size, index=np.arange(_draws(size)))
        photo = cv2.resize(self._photo, size[::-1], interpolation=cv2.INTER_AREA)
        images = torch.from_numpy(photo).permute(2, 0, 1).repeat(len(plan), 1, 1, 1).to(device)
        now = plan.size
        seconds: dict[tuple[int, ...], float] = {}
        number = 0
        for steps in _passes(plan, device):
            alone = Plan(now, steps)
            images, took = _timed(partial(_on_batch, alone, images))
            seconds[(number,)] = took / len(plan)
            now, number = alone.out_size, number + len(steps)
        return seconds


def _decoded(data: bytes, wanted: Sequence[tuple[int, Region | None]]) -> None:
    for scale, region in wanted:
        open_image(data, "photo").decode(scale, region)


def _carried_out(plan: Plan, pictures: Pictures) -> Pictures:
    """The picture that comes of each draw."""
    samples = [cv2_image.run(plan, row, own) for row, own in enumerate(pictures)]
    return [[Picture(Decoded(sample.image, np.eye(3)), sample.targets)] for sample in samples]


def _on_batch(plan: Plan, images: Tensor) -> Tensor:
    done = executor.run(plan, images)
    wait(images.device)
    return done


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What comes of it, and the seconds: the median of some rounds, or of one if that is long."""
    with one_thread():
        done, first = _once(work)
        if first > _LONG:
            return done, first
        return done, median(_once(work)[1] for _ in range(_ROUNDS))


def _once(work: Callable[[], T]) -> tuple[T, float]:
    begin = time.perf_counter()
    done = work()
    return done, time.perf_counter() - begin


def _draws(size: tuple[int, int]) -> int:
    return max(1, min(_DRAWS, _PIXELS // (size[0] * size[1])))


def _passes(plan: Plan, device: torch.device) -> list[tuple[Step, ...]]:
    """The steps that are carried out together there."""
    if device.type == "cuda":
        return [segment.steps for segment in cut(plan.steps)]
    return [(step,) for step in plan.steps]


def _wants_objects(pipeline: Pipeline) -> bool:
    """Whether it can do nothing with a picture in which nothing is marked."""
    return any(op.needs_boxes or isinstance(op, CopyPaste) for op in pipeline.ops)
