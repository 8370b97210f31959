"""A plan is a pure function of (seed, epoch, index); pipelines travel through YAML."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from augpipe.errors import DataError, RecipeError
from augpipe.ops import Affine, Resize
from augpipe.pipeline import Pipeline
from augpipe.plan import Branch, Plan, Step
from cases import CASES, EVERY_CASE, single
from executors import Executor

SIZES = np.array([[75, 100], [40, 40], [31, 130], [200, 60], [75, 100]])
KEYS = {
    "epoch": np.array([0, 1, 2, 2**32 - 1, 0]),
    "index": np.array([7, 7, 0, 2**40 - 1, 3]),
    "repeat": np.array([0, 0, 1, 2**35, 9]),
}
WHOLE = [
    "horizontal_flip",
    {"affine": {"degrees": 20, "translate": [0.1, 0.1]}},
    {"random_resized_crop": {"size": [40, 48]}},
    {"color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}},
    {"gaussian_blur": {"p": 0.5}},
]
WITH_BATCH = {"batch": ["random_erasing", "normalize"]}


def ways(branch: Branch, row: int) -> list:
    """The ways that a row takes, and their weights."""
    return [(w, way) for w, way in zip(branch.weights[row], branch.ways, strict=True) if w]


def assert_steps_are(batch: Sequence[Step], row: int, alone: Sequence[Step]) -> None:
    assert len(batch) == len(alone)
    for ours, theirs in zip(batch, alone, strict=True):
        assert type(ours) is type(theirs)
        if isinstance(ours, Branch):
            for one, other in zip(ways(ours, row), ways(theirs, 0), strict=True):
                assert one[0] == other[0]
                assert_steps_are(one[1], row, other[1])
            continue
        for field in fields(ours):
            assert_values_are(getattr(ours, field.name), row, getattr(theirs, field.name))


def assert_values_are(ours: Any, row: int, theirs: Any) -> None:
    """Of arrays, and of what holds arrays, one row; of all else, the whole."""
    if isinstance(ours, np.ndarray):
        assert np.array_equal(ours[row], theirs[0])
    elif isinstance(ours, Mapping):
        assert set(ours) == set(theirs)
        for name in ours:
            assert_values_are(ours[name], row, theirs[name])
    elif isinstance(ours, tuple) and ours and isinstance(ours[0], Plan):
        for one, other in zip(ours, theirs, strict=True):
            assert_row_is_plan(one, row, other)
    else:
        assert ours == theirs


def assert_row_is_plan(batch: Plan, row: int, alone: Plan) -> None:
    assert np.array_equal(batch.size[row], alone.size[0])
    assert_steps_are(batch.steps, row, alone.steps)
    assert batch.params(row) == alone.params(0)


@pytest.mark.parametrize(("name", "parameters"), EVERY_CASE)
def test_a_row_of_a_plan_equals_the_plan_of_that_row(name, parameters):
    pipeline = single(name, parameters)
    batch = pipeline.plan(SIZES, seed=5, **KEYS)
    for row, size in enumerate(SIZES):
        key = {name: int(part[row]) for name, part in KEYS.items()}
        assert_row_is_plan(batch, row, pipeline.plan(tuple(size), seed=5, **key))


def records(pipeline: Pipeline) -> dict[str, dict]:
    plan = pipeline.plan((75, 100), seed=1, epoch=2, index=3)
    return {params["op"]: params for params in plan.params(0)}


@pytest.mark.parametrize("removed", range(len(WHOLE)))
def test_removing_or_inserting_an_op_leaves_the_other_draws_alone(removed):
    whole = records(Pipeline(WHOLE))
    part = records(Pipeline(WHOLE[:removed] + WHOLE[removed + 1 :]))
    assert len(part) == len(whole) - 1
    assert part.items() <= whole.items()


def test_occurrences_of_one_op_draw_apart():
    first, second = (records(Pipeline(["affine", WHOLE[1]]))[f"affine#{n}"] for n in range(2))
    assert first["angle_deg"] == 0
    alone = records(Pipeline([WHOLE[1]]))["affine#0"]
    assert second["angle_deg"] != alone["angle_deg"]


def test_slots_are_counted_across_the_batch_ops():
    pipeline = Pipeline(["random_erasing", "horizontal_flip"], batch=["random_erasing"])
    assert pipeline.slots == ("random_erasing#0", "horizontal_flip#0")
    assert pipeline.batch.slots == ("random_erasing#1",)


def test_the_same_key_gives_the_same_pixels_whatever_came_before(photo):
    pipeline = Pipeline(WHOLE, **WITH_BATCH)
    keys = [{"seed": s, "epoch": e, "index": i} for s in (0, 1) for e in (0, 1) for i in (0, 1)]
    forth = [pipeline(photo, **key) for key in keys]
    back = [Pipeline(WHOLE, **WITH_BATCH)(photo, **key) for key in reversed(keys)]
    for ours, theirs in zip(forth, reversed(back), strict=True):
        assert np.array_equal(ours.image, theirs.image)
        assert ours.record == theirs.record
    assert len({picture.image.tobytes() for picture in forth}) == len(keys)


@pytest.mark.parametrize(
    "indices", [range(70), [5, 6, 7, 6, 3, 4, 5, 90, 91], [2**40 - 3, 2**40 - 2, 2**40 - 1]]
)
def test_what_is_planned_ahead_is_what_is_planned_alone(photo, indices):
    pipeline = Pipeline(WHOLE, **WITH_BATCH)
    for place, index in enumerate(indices):
        image = photo[:, : 50 + 10 * (place // 20 % 2)]
        key = {"seed": 3, "epoch": place // 30, "index": index}
        ours, alone = pipeline(image, **key), Pipeline(WHOLE, **WITH_BATCH)(image, **key)
        assert ours.record == alone.record
        assert np.array_equal(ours.image, alone.image)


def test_pictures_in_order_are_planned_together(photo, monkeypatch):
    pipeline, plan, rows = Pipeline(["horizontal_flip"]), Pipeline.plan, []

    def counted(self: Pipeline, size: list, **key: Any) -> Plan:
        rows.append(len(size))
        return plan(self, size, **key)

    monkeypatch.setattr(Pipeline, "plan", counted)
    for index in range(40):
        pipeline(photo, index=index)
    assert rows == [1, 32, 32]


def test_a_record_that_went_through_json_is_done_again(photo, execute: Executor):
    pipeline = Pipeline([*WHOLE, "cutout", "gaussian_noise"])
    sample = pipeline(photo, seed=5, epoch=2, index=9)
    record = json.loads(json.dumps(sample.record))
    assert np.array_equal(pipeline(photo, record=record).image, sample.image)
    plans = [
        pipeline.plan(photo.shape[:2], seed=5, epoch=2, index=9),
        pipeline.plan(photo.shape[:2], record=record),
    ]
    drawn, recorded = (execute(plan, photo)[0] for plan in plans)
    assert np.array_equal(drawn, recorded)
    other = pipeline(photo, seed=6)
    assert not np.array_equal(other.image, sample.image)
    with pytest.raises(RecipeError, match=r"of another pipeline: of gamma#0 it has nothing"):
        Pipeline(["gamma"])(photo, record=record)


def test_a_record_names_the_partners_too(photo):
    pipeline = Pipeline(["rotate90", {"mosaic": {"size": 40}}, "mixup"])
    partners = [{"image": np.full((9, 9 + n, 3), n, np.uint8)} for n in range(50)]
    sample = pipeline(photo, epoch=3, partners=partners)
    again = pipeline(photo, partners=partners, record=json.loads(json.dumps(sample.record)))
    assert np.array_equal(again.image, sample.image)


def test_the_source_is_never_written_to(photo):
    before = photo.copy()
    photo.setflags(write=False)
    Pipeline(WHOLE, **WITH_BATCH)(photo)
    assert np.array_equal(photo, before)


def forbid_generators(monkeypatch) -> None:
    """Make whatever draws from, or makes, a random generator raise."""

    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("a random generator was used")

    skipped = {"Random", "SystemRandom", "SeedSequence", "BitGenerator", "RandomState", "Generator"}
    for module, names in (
        (random, random.__all__),
        (np.random, np.random.__all__),
        (torch, ["rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "normal"]),
    ):
        for name in set(names) - skipped:
            monkeypatch.setattr(module, name, forbidden)


def generator_states() -> tuple:
    name, *state = np.random.get_state()
    return random.getstate(), name, [np.asarray(s).tolist() for s in state], torch.get_rng_state()


def test_no_random_generator_is_read_or_written(photo, execute: Executor, monkeypatch):
    before = generator_states()
    with monkeypatch.context() as patch:
        forbid_generators(patch)
        pipeline = Pipeline(WHOLE, **WITH_BATCH)
        plan = pipeline.plan(photo.shape[:2], index=np.arange(4))
        picture = execute(plan, photo)[0]
        execute(pipeline.batch.plan(picture.shape[:2], index=np.arange(4)), picture)
    after = generator_states()
    assert before[:-1] == after[:-1]
    assert torch.equal(before[-1], after[-1])


def test_percentile_puts_every_draw_there_and_every_p_hits():
    pipeline = Pipeline(
        ["horizontal_flip", {"affine": {"degrees": [-10, 30], "p": 0.01}}, {"hsv": {"p": 0}}]
    )
    values = {}
    for percentile in (0, 50, 100):
        flip, affine, hsv = pipeline.plan((40, 60), percentile=percentile).params(0)
        values[percentile] = affine["angle_deg"]
        assert flip["flip"] == 1
        assert (hsv["hue"], hsv["saturation"], hsv["value"]) == (0, 1, 1)
    assert values == {0: -10, 50: 10, 100: pytest.approx(30)}
    for beyond in (-1, 101):
        with pytest.raises(
            RecipeError, match=f"percentile must lie between 0 and 100, not {beyond}"
        ):
            pipeline.plan((40, 60), percentile=beyond)


def test_calling_a_pipeline_runs_the_batch_ops_too(photo):
    sample = Pipeline([{"resize": {"size": [20, 30]}}], **WITH_BATCH)(photo)
    assert sample.image.shape == (20, 30, 3)
    assert sample.image.dtype == np.float32
    assert [params["op"] for params in sample.record] == [
        "resize#0",
        "random_erasing#0",
        "normalize#0",
    ]


def test_a_pipeline_is_a_sequence_of_its_ops():
    ops = [Affine(degrees=3), Resize(size=5)]
    pipeline = Pipeline(ops)
    assert (len(pipeline), list(pipeline)) == (2, ops)
    assert pipeline == Pipeline([{"affine": {"degrees": 3}}, {"Resize": {"size": 5}}])
    assert hash(pipeline) == hash(Pipeline(ops))
    assert pipeline not in (Pipeline(ops[::-1]), Pipeline(ops, batch=["normalize"]), ops)
    assert repr(pipeline) == f"Pipeline({ops})"


@pytest.mark.parametrize(("name", "parameters"), EVERY_CASE)
def test_yaml_gives_every_op_back(name, parameters):
    pipeline = single(name, parameters)
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert again == pipeline
    assert again.fingerprint == pipeline.fingerprint


def test_yaml_keeps_order_and_batch_ops(tmp_path):
    pipeline = Pipeline(WHOLE, **WITH_BATCH)
    file = tmp_path / "pipeline.yaml"
    file.write_text(pipeline.to_yaml(), encoding="utf-8")
    assert Pipeline.from_yaml(file) == pipeline
    assert list(Pipeline.from_yaml("- hsv\n- Affine: {degrees: 4}")) == [
        *Pipeline(["hsv", {"affine": {"degrees": 4}}])
    ]


def test_fingerprints_tell_pipelines_apart():
    pipelines = [
        Pipeline([]),
        Pipeline(WHOLE),
        Pipeline(WHOLE[::-1]),
        Pipeline(WHOLE, batch=["normalize"]),
        Pipeline([*WHOLE, "normalize"]),
        *(single(name, case.typical) for name, case in CASES.items()),
    ]
    assert len({pipeline.fingerprint for pipeline in pipelines}) == len(pipelines)
    assert Pipeline([{"affine": {"p": 1.0}}]).fingerprint == Pipeline(["affine"]).fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "pipeline: not YAML: while parsing a flow node"),
        ("!!python/object:os.system {}", "pipeline: not YAML: could not determine a constructor"),
        (
            "hello",
            "pipeline: expected a list of ops, or a mapping with the keys ops, batch and boxes",
        ),
        (
            "{opps: []}",
            "pipeline: expected a list of ops, or a mapping with the keys ops, batch and boxes",
        ),
        ("{ops: 5}", "pipeline: ops: expected a list of ops, not 5"),
        ("{ops: affine}", "pipeline: ops: expected a list of ops, not 'affine'"),
        ("ops:", "pipeline: ops: expected a list of ops, not None"),
        ("{ops: [], batch: 0}", "pipeline: batch: expected a list of ops, not 0"),
        ("[affine, affin]", "pipeline: ops[1]: unknown op 'affin'; did you mean 'affine'?"),
        (
            "{ops: [], batch: [affine: {degres: 3}]}",
            "pipeline: batch[0]: affine.degres: unknown key; did you mean 'degrees'?",
        ),
        ("[5]", "pipeline: ops[0]: an op is written as a name or"),
    ],
)
def test_what_is_wrong_in_yaml_is_said_with_its_place(text, message):
    with pytest.raises(RecipeError) as caught:
        Pipeline.from_yaml(text)
    assert str(caught.value).startswith(message)


def test_a_file_is_named_in_the_error(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("[affin]", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"mine\.yaml: ops\[0\]: unknown op"):
        Pipeline.from_yaml(file)


@pytest.mark.parametrize(
    "ops",
    [
        {"ops": ["normalize", "affine"]},
        {"ops": ["normalize"], "batch": ["affine"]},
        {"ops": [], "batch": ["normalize", "random_erasing", "affine"]},
    ],
)
def test_pixels_are_normalised_last(ops):
    with pytest.raises(RecipeError) as caught:
        Pipeline(**ops)
    assert str(caught.value) == (
        "affine comes after normalize and cannot act on normalised pixels; move normalize behind it"
    )


def test_erasing_may_follow_normalize():
    assert len(Pipeline(["normalize", "random_erasing"])) == 2


def test_an_error_while_planning_names_the_op():
    class Broken(Affine):
        """An op that finds fault with the picture."""

        def lower(self, params, size):
            raise RecipeError("too small")

    with pytest.raises(RecipeError, match=r"^broken#0: too small$"):
        Pipeline([Broken()]).plan((4, 4))


PICTURE = np.zeros((4, 6, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "targets", "message"),
    [
        (PICTURE[..., 0], {}, r"image is uint8 of shape \(4, 6\); expected uint8 of \(H, W, 3\)"),
        (PICTURE.astype(np.float32), {}, "image is float32"),
        (PICTURE[:0], {}, r"shape \(0, 6, 3\)"),
        (PICTURE, {"bboxes": []}, "unknown key 'bboxes'; did you mean 'boxes'"),
        (PICTURE, {"boxes": [[1, 2, 3]]}, r"boxes are int64 of shape \(1, 3\)"),
        (PICTURE, {"masks": np.zeros((1, 5, 6), np.uint8)}, r"masks .*\(N, 4, 6\)"),
    ],
    ids=str,
)
def test_a_picture_or_target_of_another_kind_is_refused(image, targets, message):
    with pytest.raises(DataError, match=message):
        Pipeline(["hsv"])(image, **targets)


def test_the_result_is_never_the_callers_own_array():
    assert not np.shares_memory(Pipeline([])(PICTURE).image, PICTURE)


def test_a_plan_of_no_rows_is_a_plan():
    assert len(Pipeline(["affine", "hsv"]).plan((4, 6), index=np.arange(0))) == 0


def test_explain_says_which_kernel_carries_out_what_on_cuda():
    pipeline = Pipeline([{"resize": {"size": [8, 8]}}], batch=["hsv", "median_blur", "normalize"])
    assert pipeline.explain((20, 30), "cuda").endswith(
        "on cuda, where Triton is installed:\n"
        "  hsv#0  [triton, one kernel]\n"
        "  median_blur#0  [torch]\n"
        "  normalize#0  [triton, one kernel]"
    )
    assert "triton" not in pipeline.explain((20, 30)).lower()
