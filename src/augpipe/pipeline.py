"""A pipeline: a tuple of ops. With a key (seed, epoch, index) it makes a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from augpipe.ahead import Planner
from augpipe.boxes import BoxParams, from_xyxy
from augpipe.compose import check_order, check_views, parse, slots_of
from augpipe.data.sample import Decoded, Picture, Sample
from augpipe.data.targets import read_targets
from augpipe.errors import DataError, RecipeError, within
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.triton.segments import describe
from augpipe.ops.base import Op, OpLike
from augpipe.plan import Plan
from augpipe.planner import (
    AllTargets,
    Keys,
    Record,
    Slotted,
    count_pictures,
    make_plan,
    rows_of_pictures,
)
from augpipe.schema import check, read_yaml


class Pipeline:
    """Ops in the order in which they act.

    Args:
        ops: ops, names of ops, or `{name: {parameter: value}}`.
        batch: ops that act on whole batches, on the batch's device, after the others. Their
            parameters are drawn for each sample all the same.
        boxes: how boxes are written, and which are kept: `BoxParams`, or a mapping of its fields.

    Raises:
        RecipeError: an unknown op or parameter, a value out of its range, or an op after
            `normalize` that cannot act on normalised pixels.
    """

    ops: tuple[Op, ...]
    slots: tuple[str, ...]
    batch: Pipeline | None
    boxes: BoxParams
    _whole_batch = False

    def __init__(
        self,
        ops: Iterable[OpLike] = (),
        *,
        batch: Iterable[OpLike] | None = None,
        boxes: BoxParams | Mapping[str, Any] | None = None,
    ) -> None:
        own, later = parse(ops, "ops"), parse(() if batch is None else batch, "batch")
        check_order((*own, *later))
        slots = slots_of((*own, *later))
        self.ops, self.slots = own, slots[: len(own)]
        if not isinstance(boxes, BoxParams):
            boxes = check(BoxParams, boxes or {}, "boxes")
        self.boxes = boxes
        self.batch = _part(later, slots[len(own) :], boxes) if later else None
        check_views(own, later)

    def __len__(self) -> int:
        return len(self.ops)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[Any, ...]:
        return self.ops, self.slots, self.batch, self.boxes

    def __repr__(self) -> str:
        batch = f", batch={list(self.batch.ops)}" if self.batch else ""
        return f"{type(self).__name__}({list(self.ops)}{batch})"

    def __call__(
        self,
        image: NDArray[np.uint8],
        *,
        seed: int = 0,
        epoch: int = 0,
        index: int = 0,
        partners: Sequence[Mapping[str, Any]] = (),
        record: Record | None = None,
        **targets: Any,
    ) -> Sample:
        """Augment one picture, batch ops included.

        Args:
            image: (H, W, 3) uint8 RGB.
            seed: 0 to 2**64 - 1.
            epoch: 0 to 2**32 - 1.
            index: 0 to 2**40 - 1: which sample this is.
            partners: where ops mix samples, whom they may draw: a list of mappings of `image` and
                targets, which takes the place of the dataset.
            record: do again what another sample's `record` says, instead of drawing.
            **targets: `label`, `boxes`, `labels` of the boxes, `masks`, `keypoints`; see
                `augpipe.data.targets.read_targets`. Boxes are written in `boxes.format`.

        Returns:
            The augmented sample with its record; a pure function of its arguments.

        Raises:
            DataError: an image or a target of another type or shape, or no partners.
        """
        own = _read({"image": image} | targets, self.boxes)
        key: dict[str, Any] = {"seed": seed, "epoch": epoch, "index": index}
        key |= {} if record is None else {"record": record}
        others = self._drawn(partners, **key) if self.pictures > 1 else []
        done = self.apply(own, others, **key)
        views = [self.written(_apart(view, image)) for view in done.views or (done,)]
        return replace(views[0], views=tuple(views)) if done.views else views[0]

    def _drawn(self, partners: Sequence[Mapping[str, Any]], **key: Any) -> list[Sample | None]:
        """The partners that one sample is mixed with; None where one is not needed."""
        if not len(partners):
            raise DataError("the pipeline mixes samples; give partners=[{'image': ..., ...}, ...]")
        rows = self.rows(len(partners), **key)[0, 1:]
        return [_read(partners[row], self.boxes) if row >= 0 else None for row in rows]

    def written(self, sample: Sample) -> Sample:
        """The sample with its boxes as `boxes.format` says."""
        if sample.boxes is None:
            return sample
        boxes = from_xyxy(sample.boxes, self.boxes.format, sample.image.shape[:2])
        return replace(sample, targets=replace(sample.targets, boxes=boxes))

    def apply(self, sample: Sample, partners: Sequence[Sample | None] = (), **key: Any) -> Sample:
        """Augment one sample, batch ops included.

        Args:
            sample: with boxes as `Targets` has them.
            partners: the other `rows` it is made of; None where they are not needed.
            **key: that of `plan`.
        """
        everyone = (sample, *partners)
        views = [self._view(everyone, view, **key) for view in range(self.views)]
        return views[0] if len(views) == 1 else replace(views[0], views=tuple(views))

    def _view(self, everyone: Sequence[Sample | None], view: int, **key: Any) -> Sample:
        sample = cast(Sample, everyone[0])
        for part in (self, self.batch):
            if part is not None:
                plan, row = part._planned(everyone, view=view, **key)
                done = cv2_image.run(plan, row, [_as_decoded(one) for one in everyone])
                sample = replace(done, record=sample.record + plan.params(row))
                everyone = (sample,)
        return sample

    def _planned(self, everyone: Sequence[Sample | None], **key: Any) -> tuple[Plan, int]:
        """A plan for one sample, made of these, and its row there."""
        sample = cast(Sample, everyone[0])
        sizes = [(one or sample).image.shape[:2] for one in everyone]
        if not self._needs_boxes and "record" not in key:
            return self._planner.plan(sizes, **key)
        targets = [[one.targets if one else None for one in everyone]]
        return self.plan([sizes], targets=targets, **key), 0

    @cached_property
    def _planner(self) -> Planner:
        return Planner(self.plan)

    @cached_property
    def _needs_boxes(self) -> bool:
        return any(op.needs_boxes for op in self.ops)

    def plan(
        self,
        size: ArrayLike,
        *,
        seed: int = 0,
        epoch: ArrayLike = 0,
        index: ArrayLike = 0,
        repeat: ArrayLike = 0,
        percentile: float | None = None,
        record: Record | None = None,
        view: int = 0,
        targets: AllTargets | None = None,
    ) -> Plan:
        """Draw parameters and fold the steps, for one picture or for B.

        Args:
            size: (height, width), or (B, 2) of them; or (B, pictures, 2), where ops mix.
            seed: 0 to 2**64 - 1.
            epoch: scalar or (B,).
            index: scalar or (B,), the sample's index in its dataset.
            repeat: scalar or (B,), how often the sampler showed the row before in this epoch.
            percentile: 0 to 100; instead of drawing, put every uniform number there and let
                every `p` above 0 hit: how strong is this pipeline, at the most?
            record: instead of drawing, take the parameters of one sample's `record`, which JSON may
                have held in between; for one picture.
            view: of the `views` of each sample, which one.
            targets: for each sample those of its pictures; for ops that look for boxes.

        Returns:
            A plan of B rows; row b equals the plan of that row alone, to the bit.

        Raises:
            RecipeError: the record is of another pipeline.
        """
        sizes = np.asarray(size, np.int64)
        sizes = sizes.reshape(-1, sizes.shape[1] if sizes.ndim == 3 else 1, 2)
        keys = _keys(seed, epoch, index, repeat, percentile, rows=len(sizes))
        keys = replace(keys, record=record, view=view)
        sizes = np.broadcast_to(sizes, (len(keys.index), self.pictures, 2))
        path = keys.after("") if self._whole_batch else ""
        plan = make_plan(
            self._slotted, sizes, keys, path, targets=targets, whole_batch=self._whole_batch
        )
        return replace(plan, boxes=self.boxes)

    def rows(
        self,
        count: int,
        *,
        seed: int = 0,
        epoch: ArrayLike = 0,
        index: ArrayLike = 0,
        repeat: ArrayLike = 0,
        percentile: float | None = None,
        record: Record | None = None,
    ) -> NDArray[np.int64]:
        """(B, pictures): which rows of a dataset of `count` each sample is made of, its own first.

        -1 stands where a partner is not needed. The other arguments are those of `plan`.
        """
        keys = replace(_keys(seed, epoch, index, repeat, percentile), record=record)
        return rows_of_pictures(self._slotted, keys.index, count, keys)

    @cached_property
    def pictures(self) -> int:
        """How many rows of the dataset one sample is made of: more than 1 where ops mix."""
        return 1 if self._whole_batch else count_pictures(self._slotted)

    @cached_property
    def views(self) -> int:
        """How many pictures come out for each sample."""
        return prod(op.views for op in self.ops)

    @cached_property
    def mixes_labels(self) -> bool:
        """Whether labels come out as distributions over classes."""
        return any(op.mixes_labels for op in self.ops)

    @property
    def _slotted(self) -> Slotted:
        return tuple(zip(self.ops, self.slots, strict=True))

    def explain(self, size: tuple[int, int] = (375, 500), device: str = "cpu") -> str:
        """What is done to a picture of that height and width: steps, fusion, and its limits.

        Args:
            size: height and width.
            device: of batches; of `cuda`, it is told which kernel carries out what.
        """
        plan = self.plan(size)
        text = plan.explain()
        if not self.batch:
            return text
        later = self.batch.plan((int(plan.out_size[0, 0]), int(plan.out_size[0, 1])))
        text += f"\nthen, on each batch:\n{later.explain()}"
        if device.startswith("cuda"):
            kernels = (f"  {ops}  [{where}]" for ops, where in describe(later))
            text = "\n".join([f"{text}\non {device}, where Triton is installed:", *kernels])
        return text

    def spec(self) -> dict[str, Any]:
        """The pipeline in plain values, `{"ops": [...], "batch": [...], "boxes": {...}}`."""
        batch = {"batch": [op.spec() for op in self.batch]} if self.batch else {}
        params = self.boxes.model_dump(exclude_defaults=True)
        boxes = {"boxes": params} if params else {}
        return {"ops": [op.spec() for op in self.ops], **batch, **boxes}

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits; equal if and only if the pipelines are."""
        canonical = json.dumps(self.spec(), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        """The pipeline as YAML; `from_yaml` reads it back.

        Raises:
            RecipeError: an op was made from an object, which has no spelling in YAML.
        """
        for op in (*self, *(self.batch or ())):
            if not op.has_spelling:
                raise RecipeError(
                    f"{op.title()} was made from an object; write its name and parameters instead"
                )
        return str(yaml.safe_dump(self.spec(), sort_keys=False))

    @classmethod
    def from_yaml(cls, text: str | Path) -> Self:
        """A pipeline from YAML text, or from a file if given a `Path`.

        Raises:
            RecipeError: not YAML, or not a list of ops or a mapping of `ops`, `batch` and `boxes`.
        """
        where = str(text) if isinstance(text, Path) else "pipeline"
        raw = text.read_text(encoding="utf-8") if isinstance(text, Path) else text
        with within(where):
            return cls._from_spec(read_yaml(raw))

    @classmethod
    def _from_spec(cls, spec: Any) -> Self:
        if isinstance(spec, list):
            return cls(spec)
        if isinstance(spec, dict) and set(spec) <= {"ops", "batch", "boxes"} and "ops" in spec:
            return cls(spec["ops"], batch=spec.get("batch"), boxes=spec.get("boxes"))
        raise RecipeError("expected a list of ops, or a mapping with the keys ops, batch and boxes")


def _read(given: Mapping[str, Any], boxes: BoxParams) -> Sample:
    """A sample from arrays, checked."""
    image = np.asarray(given["image"])
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise DataError(
            f"the image is {image.dtype} of shape {image.shape}; expected uint8 of (H, W, 3)"
        )
    targets = {name: value for name, value in given.items() if name != "image"}
    return Sample(image, read_targets(targets, image.shape[:2], boxes))


def _apart(sample: Sample, image: NDArray[np.uint8]) -> Sample:
    """The sample with pixels of its own, where no step has made any."""
    shared = np.may_share_memory(sample.image, image)
    return replace(sample, image=sample.image.copy()) if shared else sample


def _as_decoded(sample: Sample | None) -> Picture | None:
    return Picture(Decoded(sample.image, np.eye(3)), sample.targets) if sample else None


def _part(ops: tuple[Op, ...], slots: tuple[str, ...], boxes: BoxParams) -> Pipeline:
    """A pipeline of these ops under slots that were counted elsewhere."""
    part = Pipeline(ops, boxes=boxes)
    part.slots, part._whole_batch = slots, True
    return part


def _keys(
    seed: int,
    epoch: ArrayLike,
    index: ArrayLike,
    repeat: ArrayLike,
    percentile: float | None = None,
    rows: int = 1,
) -> Keys:
    parts = [np.atleast_1d(part) for part in (epoch, index, repeat)]
    shape = np.broadcast_shapes((rows,), *(part.shape for part in parts))
    epochs, indices, repeats = (np.broadcast_to(part, shape) for part in parts)
    return Keys(seed, epochs, indices, repeats, percentile)
