"""Any pipeline on any picture: it works or refuses by name, and what comes out is well formed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from augpipe.data.sample import Sample
from augpipe.errors import AugpipeError, RecipeError
from augpipe.execute.torch import batch as torch_batch
from augpipe.ops import find_op, make_op
from augpipe.pipeline import Pipeline
from cases import CASES, CPU_ONLY, TORCH_ONLY

Strategy = st.SearchStrategy[Any]

# Everything that may be said instead of a result; any other error is a crash.
REFUSALS = (
    "is smaller than the crop of",
    "moves pixels and has no rule for",
    "mixes pictures of one size, and they differ",
    "pastes objects along their instance masks, and there are none",
    "is made for boxes, and there are none",
    "looks for boxes of one picture; move it before the op that mixes",
    "members whose order is drawn must neither resize nor mix pictures",
)
LAST = ["normalize", "to_float"]
FAR_TOO_WIDE = {"random_resized_crop": {"size": 8, "ratio": [9, 9]}}
MIXERS = [name for name in CASES if find_op(name).partners]
# Their pictures come out in another shape; `test_views` sees to them.
WITH_VIEWS = ["five_crop", "ten_crop", "views"]
INNER = [name for name in CASES if name not in {*LAST, *MIXERS, *WITH_VIEWS, *TORCH_ONLY}]
SIZES = st.sampled_from([(1, 1), (1, 40), (2, 2), (4000, 3), (3, 4000)]) | st.tuples(
    st.integers(1, 130), st.integers(1, 130)
)

set_hypothesis_home_dir(os.devnull)  # where nothing can be left behind

quick = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def part_of(value: Any) -> Strategy:
    """The value itself; or, of a range, any range within it."""
    whole = st.just(value)
    is_pair = isinstance(value, list) and len(value) == 2
    if not is_pair or not isinstance(value[0], int | float) or value[0] >= value[1]:
        return whole
    integral = all(isinstance(end, int) for end in value)
    ends = (st.integers if integral else st.floats)(*value)
    return whole | st.tuples(ends, ends).map(sorted)


@st.composite
def parameters(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Of each parameter: its default, what `CASES` gives, or a part of that range."""
    given: dict[str, Any] = {}
    fields = find_op(name).model_fields
    for field in dict.fromkeys([*CASES[name].typical, *CASES[name].extreme]):
        known = [case[field] for case in CASES[name] if field in case]
        if fields[field].is_required() or draw(st.booleans()):
            given[field] = draw(st.sampled_from(known).flatmap(part_of))
    if "p" in fields:
        given["p"] = draw(st.sampled_from([1, 1, 0.5]))
    return {name: given}


def is_valid(spec: dict[str, Any]) -> bool:
    try:
        make_op(spec)
    except RecipeError:
        return False
    return True


def op_named(name: str) -> Strategy:
    return parameters(name).filter(is_valid)


@st.composite
def pipelines(draw: st.DrawFn, names: list[str], mixers: list[str] | None = None) -> list[Any]:
    """Up to five ops, each at most once, the last of which may end in floats."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=5))
    if mixers and draw(st.integers(0, 3)) == 0:
        chosen.insert(draw(st.integers(0, len(chosen))), draw(st.sampled_from(mixers)))
    chosen += draw(st.sampled_from([[], [], *([last] for last in LAST)]))
    return [draw(op_named(name)) for name in chosen]


def boxes_in(size: tuple[int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Anywhere and of any size; the first is the whole picture."""
    ends = np.sort(rng.uniform(0, size[::-1], (count, 2, 2)), axis=1)
    ends[:1] = [[0, 0], size[::-1]]
    ends[:, 1] = np.maximum(ends[:, 1], ends[:, 0] + 1e-3).clip(0, size[::-1])
    return ends.reshape(count, 4)


def sample_of(size: tuple[int, int], objects: int, kinds: set[str], seed: int) -> dict[str, Any]:
    """A picture of noise with these kinds of targets."""
    rng = np.random.default_rng(seed)
    few = min(objects, 3) if "masks" in kinds else objects
    known: dict[str, Any] = {
        "boxes": boxes_in(size, few, rng),
        "labels": rng.integers(0, 9, few),
        "masks": rng.integers(0, 2, (few, *size), np.uint8),
        "keypoints": rng.uniform(0, size[::-1], (few, 5, 2)),
        "label": np.array([0.25, 0.75], np.float32),
    }
    if "boxes" not in kinds:
        known.pop("labels")
    sample = {name: value for name, value in known.items() if name in {*kinds, "labels"}}
    sample["image"] = rng.integers(0, 256, (*size, 3), np.uint8)
    for array in sample.values():
        array.setflags(write=False)
    return sample


def run(ops: list[Any], sample: dict[str, Any], partners: list[Any], seed: int) -> Sample | None:
    """The result; None where it is refused in words that are known."""
    try:
        return Pipeline(ops)(seed=seed, partners=partners, **sample)
    except AugpipeError as error:
        if any(refusal in str(error) for refusal in REFUSALS):
            return None
        raise


def assert_well_formed(image: np.ndarray, ops: list[Any]) -> None:
    ends_in_float = any(op.ends_in_float for op in map(make_op, ops))
    assert image.dtype == (np.float32 if ends_in_float else np.uint8)
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.size
    assert np.isfinite(image).all()


def assert_targets_fit(done: Sample, given: dict[str, Any]) -> None:
    """All kinds are still there, of as many objects, inside of the picture."""
    targets, size = done.targets, done.image.shape[:2]
    kinds = {"boxes", "masks", "keypoints"} & set(given)
    counts = {len(getattr(targets, kind)) for kind in kinds}
    if targets.boxes is not None:
        counts.add(len(targets.box_labels))
        assert targets.boxes.min(initial=0) >= 0
        assert (targets.boxes[:, 2:] <= size[::-1]).all()
        assert (targets.boxes[:, 2:] > targets.boxes[:, :2]).all()
    if targets.masks is not None:
        assert targets.masks.shape[1:] == size
        assert targets.masks.dtype == np.uint8
        assert targets.masks.max(initial=0) <= 1
    if targets.keypoints is not None:
        assert targets.keypoints.shape[1:] == (5, 2)
        assert np.isfinite(targets.keypoints).all()
    assert len(counts) <= 1
    if "label" in given:
        assert np.isclose(np.sum(targets.label), 1, atol=1e-5)


@settings(quick, max_examples=700)
@given(
    ops=pipelines(INNER, MIXERS),
    size=SIZES,
    objects=st.sampled_from([0, 1, 3, 300, 300]),
    kinds=st.sets(st.sampled_from(["boxes", "masks", "keypoints", "label"])),
    seed=st.integers(0, 2**64 - 1),
)
# What once went wrong: a scalar taken for a column of pixels, masks without boxes, an empty crop.
@example(ops=["hsv"], size=(1, 1), objects=0, kinds=set(), seed=0)
@example(ops=["copy_paste"], size=(9, 9), objects=3, kinds={"masks"}, seed=0)
@example(ops=[FAR_TOO_WIDE], size=(1, 1), objects=0, kinds=set(), seed=0)
def test_any_pipeline_on_any_picture_with_any_targets(ops, size, objects, kinds, seed):
    sample, *partners = (sample_of(size, objects, kinds, number) for number in range(3))
    done = run(ops, sample, partners, seed)
    if done is not None:
        assert_well_formed(done.image, ops)
        assert_targets_fit(done, sample)
        assert len(done.record) >= len(ops)


@settings(quick, max_examples=150)
@given(
    ops=pipelines([name for name in INNER if name not in CPU_ONLY]),
    size=SIZES,
    seed=st.integers(0, 2**64 - 1),
)
def test_any_pipeline_on_a_batch(ops, size, seed):
    image = sample_of(size, 0, set(), seed=0)["image"]
    try:
        plan = Pipeline(ops).plan(size, seed=seed)
    except AugpipeError as error:
        assert any(refusal in str(error) for refusal in REFUSALS), error
        return
    batch = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())
    done = torch_batch.run(plan, batch).numpy()[0].transpose(1, 2, 0)
    assert done.shape[:2] == tuple(plan.out_size[0])
    assert_well_formed(done, ops)


@settings(quick, max_examples=300)
@given(spec=st.sampled_from([*CASES]).flatmap(op_named))
def test_any_op_comes_back_from_yaml_and_from_python(spec):
    pipeline = Pipeline([spec])
    assert Pipeline.from_yaml(pipeline.to_yaml()) == pipeline
    assert Pipeline(pipeline.ops).fingerprint == pipeline.fingerprint
    assert [make_op(op.spec()) for op in pipeline] == list(pipeline)
