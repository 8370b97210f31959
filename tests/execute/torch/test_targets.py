"""Targets of batches: mixed as the workers mix them, and refused where there is no rule."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from augpipe import Pipeline
from augpipe.boxes import BoxParams
from augpipe.data.sample import Targets
from augpipe.errors import DataError, PlanError, TargetError
from augpipe.execute.targets import Moving, follow
from augpipe.execute.torch import masks as torch_masks
from augpipe.execute.torch.objects import settled, through_warps
from augpipe.execute.torch.targets import move
from augpipe.plan import Branch, Kernel, Plan, Warp

SIZE, ROWS = (48, 64), 6
AFTER = {"nothing": [], "crop": [{"center_crop": {"size": [30, 40]}}], "flip": ["vertical_flip"]}


def targets(row: int) -> Targets:
    """Objects, as many as the row's number allows, with keypoints."""
    rng, count = np.random.default_rng(row), row % 4
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1) * [56, 40]
    return Targets(
        label=np.eye(ROWS, dtype=np.float32)[row],
        boxes=np.concatenate([corners[:, 0], corners[:, 1] + 5], axis=1),
        box_labels=rng.integers(0, 9, count),
        keypoints=rng.uniform(0, 40, (count, 3, 2)),
    )


def masks(row: int) -> torch.Tensor:
    rng = np.random.default_rng(row)
    return torch.from_numpy((rng.random((row % 4, *SIZE)) < 0.5).astype(np.uint8))


def plan_of(ops: list, rows: int = ROWS, **pipeline) -> Plan:
    return Pipeline(batch=ops, **pipeline).batch.plan(SIZE, seed=2, index=np.arange(rows))


def as_given(row: int) -> dict:
    own = targets(row)
    return {
        "image": np.zeros((*SIZE, 3), np.uint8),
        "label": own.label,
        "boxes": own.boxes,
        "labels": own.box_labels,
        "masks": masks(row).numpy(),
        "keypoints": own.keypoints,
    }


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_targets_are_those_that_workers_make_with_the_same_partner(name, after):
    """Where the only partner that a worker may draw is the row of the batch."""
    ops = [{name: {"p": 0.7}}, *AFTER[after]]
    done, planes = move(
        plan_of(ops), [targets(n) for n in range(ROWS)], list(map(masks, range(ROWS)))
    )
    mixed = 0
    for row in range(ROWS):
        own, other = as_given(row), as_given((row + 1) % ROWS)
        expected = Pipeline(ops)(**own, partners=[other], seed=2, index=row).targets
        assert np.allclose(done[row].label, expected.label)
        assert np.allclose(done[row].boxes, expected.boxes)
        assert done[row].box_labels.tolist() == expected.box_labels.tolist()
        assert np.allclose(done[row].keypoints, expected.keypoints)
        assert np.array_equal(planes[row], expected.masks)
        mixed += expected.label.max() < 1
    assert 0 < mixed < ROWS


def test_maps_of_classes_are_cut_and_pasted_as_workers_do():
    maps = [np.random.default_rng(n).integers(0, 99, SIZE, np.int32) for n in range(ROWS)]
    _, done = move(plan_of(["cutmix"]), [Targets()] * ROWS, [torch.from_numpy(own) for own in maps])
    black = np.zeros((*SIZE, 3), np.uint8)
    for row, own in enumerate(maps):
        other = {"image": black, "masks": maps[(row + 1) % ROWS]}
        expected = Pipeline(["cutmix"])(black, masks=own, partners=[other], seed=2, index=row)
        assert np.array_equal(done[row], expected.masks)


def test_classes_have_no_average():
    maps = [torch.zeros(SIZE, dtype=torch.int64)] * ROWS
    with pytest.raises(TargetError, match="mixup#0: averages pictures, and a mask of classes"):
        move(plan_of(["mixup"]), [Targets()] * ROWS, maps)
    _, same = move(plan_of([{"mixup": {"p": 0}}]), [Targets()] * ROWS, maps)
    assert len(same) == ROWS


@pytest.mark.parametrize("mode", ["pair", "batch"])
def test_in_every_mode_the_objects_are_those_of_both(mode):
    plan = plan_of([{"mixup": {"mode": mode}}])
    done, planes = move(plan, [targets(n) for n in range(ROWS)], list(map(masks, range(ROWS))))
    partner = plan.steps[0].params["partner"]
    for row, other in enumerate(partner):
        own, its = targets(row).box_labels.tolist(), targets(other).box_labels.tolist()
        assert done[row].box_labels.tolist() == own + its
        assert torch.equal(planes[row], torch.cat([masks(row), masks(other)]))


def test_mixes_nest():
    plan = plan_of(["mixup", {"mixup": {"mode": "pair"}}], rows=4)
    done, planes = move(plan, [targets(n) for n in range(4)], list(map(masks, range(4))))
    rows = [0, 1, 3, 0]
    expected = [label for row in rows for label in targets(row).box_labels.tolist()]
    assert done[0].box_labels.tolist() == expected
    assert torch.equal(planes[0], torch.cat([masks(row) for row in rows]))


def test_pictures_that_are_mixed_have_the_same_kinds_of_targets():
    with pytest.raises(DataError, match="mixup#0: some pictures have boxes and others none"):
        move(plan_of(["mixup"], rows=2), [targets(1), Targets(label=targets(0).label)])


def turned(degrees: float) -> Warp:
    pipeline = Pipeline([{"rotate": {"degrees": [degrees, degrees]}}])
    return pipeline.plan(SIZE, index=[0, 0]).steps[0]


MOVES = Kernel("melt", {}, moves=True, ops=("melt#0",))
BLEND = Branch(np.full((2, 2), 0.5), ((turned(30),), ()), ops=("blend#0",))


@pytest.mark.parametrize("step", [MOVES, BLEND], ids=["kernel", "blend"])
@pytest.mark.parametrize(
    "given", [{"boxes": np.ones((1, 4))}, {"keypoints": np.ones((1, 1, 2))}, {}]
)
def test_what_has_no_rule_is_refused_by_name(step, given):
    plan = Plan(np.array([SIZE, SIZE]), (step,))
    planes = None if given else [masks(1), masks(1)]
    with pytest.raises(TargetError, match=r"(melt|blend)#0 moves pixels and has no rule for"):
        move(plan, [Targets(**given)] * 2, planes)
    assert move(plan, [Targets(label=3)] * 2) == ([Targets(label=3)] * 2, None)


def test_pictures_that_come_out_in_several_sizes_are_refused():
    warp = turned(0)
    apart = Warp(warp.matrix, np.array([SIZE, (9, 9)]), "nearest", ops=("mine#0",))
    with pytest.raises(PlanError, match="must come out in one size"):
        move(Plan(np.array([SIZE, SIZE]), (apart,)), [Targets()] * 2, [masks(1), masks(1)])


def test_rows_of_one_way_are_moved_together_and_the_others_stay():
    way = Branch(np.array([[1.0, 0.0], [0.0, 1.0]]), ((turned(180),), ()), ops=("either#0",))
    _, (first, second) = move(Plan(np.array([SIZE, SIZE]), (way,)), [Targets()] * 2, [masks(3)] * 2)
    assert torch.equal(first, masks(3).flip(1, 2))
    assert torch.equal(second, masks(3))


def test_masks_are_the_same_however_many_are_looked_up_at_a_time(monkeypatch):
    plan = plan_of([{"affine": {"degrees": 50}}, "elastic"])
    given = [targets(n) for n in range(ROWS)], [masks(n) for n in range(ROWS)]
    _, expected = move(plan, *given)
    monkeypatch.setattr(torch_masks, "_AT_ONCE", 1)
    _, done = move(plan, *given)
    assert all(map(torch.equal, done, expected))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("ops", [["cutmix"], [{"affine": {"degrees": 50}}, "elastic", "cutmix"]])
def test_masks_on_a_gpu_are_those_on_a_processor(ops):
    given = [targets(n) for n in range(ROWS)]
    _, expected = move(plan_of(ops), given, [masks(n) for n in range(ROWS)])
    torch.cuda.set_sync_debug_mode("error")
    _, done = move(plan_of(ops), given, [masks(n).cuda() for n in range(ROWS)])
    torch.cuda.set_sync_debug_mode("default")
    apart = sum(int((a.cpu() != b).sum()) for a, b in zip(done, expected, strict=True))
    assert apart <= 1e-4 * sum(own.numel() for own in expected)


BEYOND_HORIZON = np.array([[1, 0, 0], [0, 1, 0], [0.02, -0.03, 1]])
CHAINS = {
    "flip": ["horizontal_flip"],
    "affine": [{"affine": {"degrees": 60, "shear": 20, "scale": [0.5, 2]}}, "vertical_flip"],
    "crop": [{"random_resized_crop": {"size": [30, 40]}}, "hsv"],
    "perspective": [{"perspective": {"distortion_scale": 0.6, "p": 1}}],
    "bent": [{"perspective": {}}, {"elastic": {"alpha": 60, "sigma": 6, "p": 1}}, "rotate90"],
    "ways": [{"one_of": {"ops": ["horizontal_flip", {"rotate": {"degrees": 40}}]}}],
    "still": ["hsv"],
}


@pytest.mark.parametrize("kept", [{}, {"min_visibility": 0.9, "min_area": 30}], ids=["all", "some"])
@pytest.mark.parametrize("name", CHAINS)
def test_objects_of_all_pictures_at_once_move_as_those_of_each(name, kept):
    plan = replace(plan_of(CHAINS[name]), boxes=BoxParams(**kept))
    assert_moved_as_alone(plan, [with_all_kinds(row) for row in range(ROWS)])


def test_edges_that_meet_the_horizon_are_those_of_their_own_picture():
    """Of every other picture, some objects lie beyond it."""
    matrix = np.stack([BEYOND_HORIZON if row % 2 else np.eye(3) for row in range(ROWS)])
    tilted = Warp(np.linalg.inv(matrix), np.array([SIZE] * ROWS), "bilinear", ops=("tilt#0",))
    given = [with_all_kinds(row) for row in range(ROWS)]
    assert_moved_as_alone(Plan(np.array([SIZE] * ROWS), (tilted,)), given)
    moving = through_warps([tilted], [Moving.start(own, SIZE) for own in given])
    points = set()
    for own, together in zip(moving, settled(moving), strict=True):
        alone = own.settled().outlines
        assert (alone is None) == (together.outlines is None)
        if alone is not None:
            assert np.allclose(alone, together.outlines, rtol=0, atol=1e-9, equal_nan=True)
            points.add(len(alone))
    assert points == {4, 8}


def test_no_pictures_have_no_targets():
    plan = Pipeline(["vertical_flip"]).plan(SIZE, index=np.arange(0))
    assert move(plan, []) == ([], None)


def with_all_kinds(row: int) -> Targets:
    """Objects, some with a visibility, that swap; or no boxes at all, or nothing but a label."""
    own = targets(row)
    visible = np.ones((*own.keypoints.shape[:2], 1))
    points = np.concatenate([own.keypoints, visible], axis=2) if row % 2 else own.keypoints
    own = replace(own, keypoints=points, mirrored_keypoints=np.array([1, 0, 2]))
    only_points = Targets(label=row, keypoints=points, mirrored_keypoints=np.array([1, 0, 2]))
    return {4: only_points, 5: Targets(label=row)}.get(row, own)


def assert_moved_as_alone(plan: Plan, given: list[Targets]) -> None:
    done, _ = move(plan, given)
    left = 0
    for row, own in enumerate(done):
        alone = follow(given[row], plan, row)
        for field in fields(Targets):
            value, expected = getattr(own, field.name), getattr(alone, field.name)
            assert type(value) is type(expected)
            if value is not None:
                assert np.shape(value) == np.shape(expected)
                assert np.allclose(value, expected, rtol=0, atol=1e-9)
        left += 0 if own.boxes is None else len(own.boxes)
    assert left
