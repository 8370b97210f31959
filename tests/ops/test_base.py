"""The registry, how ops are spelled, and what `p` means."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from augpipe import ops
from augpipe.errors import RecipeError
from augpipe.ops import Affine, HorizontalFlip, Op, find_op, list_ops, make_op, register
from augpipe.ops.rectangle import first_fit
from augpipe.plan import Kernel
from augpipe.schema import Probability
from cases import CASES, EVERY_CASE, single

ROWS = np.arange(64)
WITH_P = [name for name in CASES if "p" in find_op(name).model_fields]
# A policy's p chooses among members instead; `test_policy` sees to those.
BY_IDENTITY = [name for name in WITH_P if find_op(name).identity]
# These may draw that nothing is done, as their papers say.
IDLE = {"auto_augment", "rand_augment", "random_iou_crop", "trivial_augment_wide"}
NEVER_IDLE = [name for name in BY_IDENTITY if name not in IDLE]


@pytest.fixture
def registry(monkeypatch):
    """A copy of the registry that the test may fill."""
    own = dict(ops.base._registry)
    monkeypatch.setattr(ops.base, "_registry", own)
    return own


def test_names_are_sorted_and_each_op_is_public_under_its_class_name():
    assert list_ops() == sorted(list_ops())
    for name in list_ops():
        op = find_op(name)
        assert op.name() == name
        assert getattr(ops, op.__name__) is op
        assert op.__name__ in ops.__all__


@pytest.mark.parametrize("name", list_ops())
def test_both_spellings_find_the_op(name):
    op = find_op(name)
    assert find_op(op.__name__) is op


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("affin", "unknown op 'affin'; did you mean 'affine'?"),
        ("HorizontalFilp", "unknown op 'HorizontalFilp'; did you mean 'horizontal_flip'?"),
        ("zzzzz", f"unknown op 'zzzzz'; known: {', '.join(list_ops())}"),
    ],
)
def test_an_unknown_op_is_answered_with_the_nearest(name, answer):
    with pytest.raises(RecipeError) as caught:
        make_op(name)
    assert str(caught.value) == answer


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (5, "an op is written as a name or"),
        ({"resize": {"size": 3}, "affine": {}}, "an op is written as a name or"),
        ({}, "an op is written as a name or"),
        ({"affine": 5}, r"affine: parameters are a mapping such as \{degrees: \.\.\.\}, not 5"),
        ({"affine": [1]}, r"affine: parameters are a mapping such as"),
    ],
)
def test_a_wrong_spelling_shows_the_right_one(spec, message):
    with pytest.raises(RecipeError, match=message):
        make_op(spec)


def test_an_op_may_be_given_as_itself_its_name_or_a_mapping():
    op = Affine(degrees=10)
    assert make_op(op) is op
    assert make_op({"affine": {"degrees": 10}}) == make_op({"Affine": {"degrees": [-10, 10]}}) == op
    assert make_op("horizontal_flip") == make_op({"HorizontalFlip": None}) == HorizontalFlip()


def test_a_new_op_is_one_class(registry):
    @register
    class Stencil(Op):
        """Not built in."""

        p: Probability = 0.5
        identity: ClassVar = {"bits": 8.0}

        def sample(self, u):
            return {"bits": np.full(len(u), 4.0)}

        def lower(self, params, size):
            return Kernel("stencil", params)

    assert make_op({"stencil": {"p": 1}}) == Stencil(p=1)
    assert register(Stencil) is Stencil


def test_a_name_is_given_once(registry):
    class Affine(Op):
        """Another op under a name that is taken."""

        sample = lower = HorizontalFlip.sample

    with pytest.raises(RecipeError, match=r"op name 'affine' is taken by augpipe\.ops\.geometry"):
        register(Affine)
    assert find_op("affine") is ops.Affine


def test_p_and_identity_go_together(registry):
    class Halves(Op):
        """Forgot what to do where p misses."""

        p: Probability = 0.5
        sample = lower = HorizontalFlip.sample

    with pytest.raises(RecipeError, match="halves: a field `p` and the class attribute `identity`"):
        register(Halves)
    assert "halves" not in list_ops()


@pytest.mark.parametrize(("name", "parameters"), EVERY_CASE)
def test_parameters_have_one_entry_for_each_row(name, parameters):
    (op,) = single(name, parameters)
    u = np.random.default_rng(0).random((7, 1 + op.draws))
    params = op.params(u)
    assert {len(value) for value in params.values()} <= {7}
    if op.identity:
        assert set(op.identity) == set(params)


@pytest.mark.parametrize("name", BY_IDENTITY)
def test_p_decides_by_its_own_draw_alone(name):
    (op,) = single(name, {**CASES[name].typical, "p": 0.3})
    u = np.random.default_rng(0).random((200, 1 + op.draws))
    hit = u[:, 0] < 0.3
    drawn, params = op.sample(u[:, 1:]), op.params(u)
    for key, value in params.items():
        assert np.array_equal(value[hit], drawn[key][hit])
        assert (value[~hit] == op.identity[key]).all()


@pytest.mark.parametrize("kind", ["typical", "extreme"])
@pytest.mark.parametrize("name", WITH_P)
def test_p_zero_leaves_every_pixel_as_it_is(name, kind, execute, noise):
    pipeline = single(name, {**getattr(CASES[name], kind), "p": 0})
    pictures = execute(pipeline.plan(noise.shape[:2], index=ROWS[:8]), noise)
    assert pictures.dtype == np.uint8
    assert (pictures == noise).all()


@pytest.mark.parametrize("name", NEVER_IDLE)
def test_p_one_always_hits(name, execute, noise):
    muted = noise // 2 + 60  # of full contrast already, auto_contrast would leave it alone
    pipeline = single(name, {**CASES[name].typical, "p": 1})
    pictures = execute(pipeline.plan(muted.shape[:2], index=ROWS[:16]), muted)
    resized = pictures.shape[1:] != muted.shape
    assert resized or (pictures != muted).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("name", NEVER_IDLE)
def test_p_hits_its_share(name, noise):
    rows = np.arange(2000)
    pipeline = single(name, {**CASES[name].typical, "p": 0.3})
    ((_, params),) = pipeline.plan(noise.shape[:2], index=rows).record
    (op,) = pipeline
    still = [(v == op.identity[k]).reshape(len(rows), -1).all(axis=1) for k, v in params.items()]
    hits = (~np.all(still, axis=0)).mean()
    assert abs(hits - 0.3) < 4 * np.sqrt(0.3 * 0.7 / len(rows))


def test_first_fit_takes_the_first_that_fits():
    size = np.array([[10, 20], [10, 20]])
    area = np.array([[2.0, 0.5, 0.1], [2.0, 2.0, 2.0]])
    rectangle, fits = first_fit(area, np.ones((2, 3)), size)
    assert fits.tolist() == [True, False]
    assert rectangle[0].tolist() == [10, 10]  # the root of half of 200


def test_first_fit_takes_no_empty_rectangle():
    rectangle, fits = first_fit(np.array([[1e-9, 0.25]]), np.ones((1, 2)), np.array([[8, 8]]))
    assert (rectangle.tolist(), fits.tolist()) == ([[4, 4]], [True])
