"""A pipeline: a tuple of ops. With a key (seed, epoch, index) it makes a plan."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from augpipe.data.sample import Decoded, Sample
from augpipe.data.targets import read_targets
from augpipe.errors import DataError, RecipeError, within
from augpipe.execute import cv2_image
from augpipe.ops.base import Op, OpLike, make_op
from augpipe.plan import Plan, Step, chain, fold
from augpipe.rng import uniforms
from augpipe.schema import read_yaml


class Pipeline:
    """Ops in the order in which they act.

    Args:
        ops: ops, names of ops, or `{name: {parameter: value}}`.
        batch: ops that act on whole batches, on the batch's device, after the others. Their
            parameters are drawn for each sample all the same.

    Raises:
        RecipeError: an unknown op or parameter, a value out of its range, or an op after
            `normalize` that cannot act on normalised pixels.
    """

    ops: tuple[Op, ...]
    slots: tuple[str, ...]
    batch: Pipeline | None

    def __init__(
        self, ops: Iterable[OpLike] = (), *, batch: Iterable[OpLike] | None = None
    ) -> None:
        own, later = _parse(ops, "ops"), _parse(() if batch is None else batch, "batch")
        _check_order((*own, *later))
        slots = _slots((*own, *later))
        self.ops, self.slots = own, slots[: len(own)]
        self.batch = _part(later, slots[len(own) :]) if later else None

    def __len__(self) -> int:
        return len(self.ops)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return (self.ops, self.slots, self.batch) == (other.ops, other.slots, other.batch)

    def __hash__(self) -> int:
        return hash((self.ops, self.slots))

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
        **targets: Any,
    ) -> Sample:
        """Augment one picture, batch ops included.

        Args:
            image: (H, W, 3) uint8 RGB.
            seed: 0 to 2**64 - 1.
            epoch: 0 to 2**32 - 1.
            index: 0 to 2**40 - 1: which sample this is.
            **targets: `label`, `boxes`, `labels` of the boxes, `masks`, `keypoints`; see
                `augpipe.data.targets.read_targets`.

        Returns:
            The augmented sample with its record; a pure function of its arguments.

        Raises:
            DataError: an image or a target of another type or shape.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise DataError(
                f"the image is {image.dtype} of shape {image.shape}; expected uint8 of (H, W, 3)"
            )
        sample = Sample(image.copy(), read_targets(targets, image.shape[:2]))
        return self.apply(sample, seed=seed, epoch=epoch, index=index)

    def apply(self, sample: Sample, **key: Any) -> Sample:
        """Augment one sample, batch ops included; `key` is that of `plan`."""
        for part in (self, self.batch):
            if part is not None:
                plan = part.plan(sample.image.shape[:2], **key)
                done = cv2_image.run(plan, 0, Decoded(sample.image, np.eye(3)), sample.targets)
                sample = replace(done, record=sample.record + plan.params(0))
        return sample

    def plan(
        self,
        size: ArrayLike,
        *,
        seed: int = 0,
        epoch: ArrayLike = 0,
        index: ArrayLike = 0,
        repeat: ArrayLike = 0,
        percentile: float | None = None,
    ) -> Plan:
        """Draw parameters and fold the steps, for one picture or for B.

        Args:
            size: (height, width), or (B, 2) of them.
            seed: 0 to 2**64 - 1.
            epoch: scalar or (B,).
            index: scalar or (B,), the sample's index in its dataset.
            repeat: scalar or (B,), how often the sampler showed the row before in this epoch.
            percentile: 0 to 100; instead of drawing, put every uniform number there and let
                every `p` above 0 hit: how strong is this pipeline, at the most?

        Returns:
            A plan of B rows; row b equals the plan of that row alone, to the bit.
        """
        sizes = np.atleast_2d(np.asarray(size, np.int64))
        parts = (np.atleast_1d(part) for part in (sizes[:, 0], epoch, index, repeat))
        (rows,) = np.broadcast_shapes(*(part.shape for part in parts))
        now = sizes = np.broadcast_to(sizes, (rows, 2))
        index = np.broadcast_to(index, rows)
        steps: list[Step] = []
        record = []
        for op, slot in zip(self.ops, self.slots, strict=True):
            if percentile is None:
                u = uniforms(seed, epoch, index, repeat, slot, 1 + op.draws)
            else:
                u = _at_percentile(percentile, rows, op.draws)
            params = op.params(u)
            with within(slot):
                lowered = chain(slot, op.lower(params, now))
            steps.extend(lowered)
            now = Plan(now, lowered).out_size
            record.append((slot, params))
        return Plan(sizes, fold(steps), tuple(record))

    def explain(self, size: tuple[int, int] = (375, 500)) -> str:
        """What is done to a picture of that height and width: steps, fusion, and its limits."""
        plan = self.plan(size)
        text = plan.explain()
        if self.batch:
            out = (int(plan.out_size[0, 0]), int(plan.out_size[0, 1]))
            text += f"\nthen, on each batch:\n{self.batch.plan(out).explain()}"
        return text

    def spec(self) -> dict[str, Any]:
        """The pipeline in plain values, `{"ops": [...], "batch": [...]}`."""
        batch = {"batch": [op.spec() for op in self.batch]} if self.batch else {}
        return {"ops": [op.spec() for op in self.ops], **batch}

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
            RecipeError: not YAML, or not a list of ops or a mapping of `ops` and `batch`.
        """
        where = str(text) if isinstance(text, Path) else "pipeline"
        raw = text.read_text(encoding="utf-8") if isinstance(text, Path) else text
        with within(where):
            return cls._from_spec(read_yaml(raw))

    @classmethod
    def _from_spec(cls, spec: Any) -> Self:
        if isinstance(spec, list):
            return cls(spec)
        if isinstance(spec, dict) and set(spec) <= {"ops", "batch"} and "ops" in spec:
            return cls(spec["ops"], batch=spec.get("batch"))
        raise RecipeError("expected a list of ops, or a mapping with the keys ops and batch")


def _part(ops: tuple[Op, ...], slots: tuple[str, ...]) -> Pipeline:
    """A pipeline of these ops under slots that were counted elsewhere."""
    part = Pipeline(ops)
    part.slots = slots
    return part


def _parse(ops: Iterable[OpLike], where: str) -> tuple[Op, ...]:
    if isinstance(ops, str | Mapping | Op) or not isinstance(ops, Iterable):
        raise RecipeError(f"{where}: expected a list of ops, not {ops!r}")
    parsed = []
    for position, spec in enumerate(ops):
        with within(f"{where}[{position}]"):
            parsed.append(make_op(spec))
    return tuple(parsed)


def _slots(ops: tuple[Op, ...]) -> tuple[str, ...]:
    """Each op's name and occurrence."""
    seen: Counter[str] = Counter()
    slots = []
    for op in ops:
        slots.append(f"{op.title()}#{seen[op.title()]}")
        seen[op.title()] += 1
    return tuple(slots)


def _check_order(ops: tuple[Op, ...]) -> None:
    last: Op | None = None
    for op in ops:
        if last and not op.after_normalize:
            raise RecipeError(
                f"{op.title()} comes after {last.title()} and cannot act on normalised pixels; "
                f"move {last.title()} behind it"
            )
        last = op if op.ends_in_float else last


def _at_percentile(percentile: float, rows: int, draws: int) -> NDArray[np.float64]:
    if not 0 <= percentile <= 100:
        raise RecipeError(f"percentile must lie between 0 and 100, not {percentile}")
    u = np.full((rows, 1 + draws), min(percentile / 100, 1 - 2**-53))
    u[:, 0] = 0.0
    return u
