"""A draft is a pipeline that can be changed; its YAML is a recipe's section."""

from __future__ import annotations

import pytest

from augpipe import Pipeline, Recipe
from augpipe.errors import RecipeError
from augpipe.recipe import PARTS, shipped_recipes
from augpipe.schema import read_yaml
from augpipe.studio.draft import Draft
from augpipe.studio.draft_ops import DraftOp, DraftOps, addable


@pytest.fixture
def draft() -> Draft:
    return Draft(Recipe.load("heavy"), "train")


def names(draft: Draft, section: str = "train") -> list[str]:
    return [op.name for op in draft.sections[section]]


def op_of(draft: Draft, name: str) -> DraftOp:
    return next(op for op in draft if op.name == name)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", shipped_recipes())
def test_an_untouched_draft_is_the_recipe(name, part):
    recipe = Recipe.load(name)
    draft = Draft(recipe, part)
    assert draft.pipeline() == recipe.provisional.ops(part)
    again = Recipe.parse(read_yaml(draft.to_yaml()))
    assert all(again.provisional.ops(one) == recipe.provisional.ops(one) for one in PARTS)


def test_what_is_not_touched_is_written_as_it_was(draft):
    text = draft.to_yaml()
    assert "    - affine: {degrees: 20, translate: [0.1, 0.1], scale: [0.8, 1.2]" in text
    assert "    - horizontal_flip\n" in text
    assert "  normalize: imagenet\n" in text


def test_a_field_is_changed_and_its_default_left_out(draft):
    affine = op_of(draft, "affine")
    affine.set("degrees", [-5, 30])
    affine.set("translate", [0, 0.0])
    assert affine.make().degrees == (-5, 30)
    assert "affine: {degrees: [-5, 30], scale: [0.8, 1.2], shear: 10, p: 0.8}" in draft.to_yaml()


def test_an_op_that_is_off_is_left_out_and_leaves_all_other_draws_alone(draft):
    before = draft.pipeline().plan((60, 80), seed=3).params(0)
    op_of(draft, "affine").on = False
    after = draft.pipeline().plan((60, 80), seed=3).params(0)
    assert after == tuple(one for one in before if one["op"] != "affine#0")
    assert "affine" not in draft.to_yaml()


def test_ops_are_moved_added_and_removed(draft):
    first = draft.sections["train"][0]
    draft.move(first, "train", 2)
    assert names(draft)[:3] == ["horizontal_flip", "affine", "random_resized_crop"]
    draft.move(op_of(draft, "hsv"), "batch", 0)
    assert names(draft, "batch") == ["hsv", "random_erasing"]
    assert draft.add("train", "rotate").fields == {"degrees": 30}
    draft.remove(op_of(draft, "affine"))
    expected = ["horizontal_flip", "random_resized_crop", "color_jitter", "gaussian_blur", "rotate"]
    assert names(draft) == expected
    assert [op.name() for op in draft.pipeline()] == expected
    draft.reset()
    assert draft.pipeline() == Recipe.load("heavy").ops("train")


@pytest.mark.parametrize("name", addable())
def test_every_op_can_be_added(name):
    draft = Draft(Recipe(), "train")
    op = draft.add("train", name)
    assert op.help == addable()[name]
    assert [one.field for one in op.controls] == list(op.values)
    assert draft.pipeline().ops == (op.make(),)


def test_an_op_that_there_is_not_cannot_be_added(draft):
    with pytest.raises(RecipeError, match="did you mean 'rotate'"):
        draft.add("train", "rotat")


def test_a_wrong_value_is_kept_and_told_with_its_place(draft):
    op_of(draft, "affine").set("p", 5)
    with pytest.raises(RecipeError, match=r"train\[2\]: affine.p: should be less than or equal"):
        draft.pipeline()
    with pytest.raises(RecipeError, match=r"affine\.p"):
        draft.to_yaml()
    op_of(draft, "affine").set("p", 0.5)
    assert len(draft.pipeline()) == 6


@pytest.mark.parametrize(
    "text",
    [
        "[{rotate: {degrees: 9}}, Invert]",
        "train: [{rotate: {degrees: 9}}, Invert]",
        "pipeline: {train: [{rotate: {degrees: 9}}, Invert]}\nloader: {batch_size: 3}",
    ],
)
def test_a_list_a_section_and_a_recipe_are_read(draft, text):
    draft.read(text)
    assert names(draft) == ["rotate", "invert"]
    assert list(draft.pipeline()) == list(Pipeline([{"rotate": {"degrees": 9}}, "invert"]))


def test_a_list_leaves_the_other_sections(draft):
    draft.read("[invert]")
    assert names(draft, "batch") == ["random_erasing"]
    assert "normalize: imagenet" in draft.to_yaml()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [", "not YAML"),
        ("3", "expected a list of ops"),
        ("", "expected a list of ops"),
        ("train: [rotat]", r"pipeline.train\[0\]: unknown op 'rotat'; did you mean 'rotate'"),
        ("val: [{affine: {p: 3}}]", r"pipeline.val\[0\]: affine.p"),
        ("trian: []", "pipeline.trian: unknown key; did you mean 'train'"),
        ("train: [normalize, normalize]", "normalize"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_wrong_text_is_told_and_changes_nothing(draft, text, message):
    before = draft.to_yaml()
    with pytest.raises(RecipeError, match=message):
        draft.read(text)
    assert draft.to_yaml() == before


def test_another_librarys_transform_has_its_parameters_as_text():
    pytest.importorskip("albumentations", reason="albumentations is not installed")
    draft = Draft(Recipe(), "train")
    draft.read("[{albumentations.GaussianBlur: {sigma_limit: [0.1, 1.0], p: 0.5}}]")
    (op,) = draft
    assert [(one.field, one.kind) for one in op.controls] == [
        ("sigma_limit", "text"),
        ("p", "text"),
    ]
    op.set("p", 1)
    assert "albumentations.GaussianBlur: {sigma_limit: [0.1, 1.0], p: 1}" in draft.to_yaml()


def test_ops_that_are_made_of_ops():
    draft = Draft(Recipe(), "train")
    members = DraftOps({"ops": draft.add("train", "one_of").fields["ops"]})
    members.add("ops", "invert")
    next(iter(members)).on = False
    op_of(draft, "one_of").set("ops", members.specs["ops"])
    assert "    - one_of: {ops: [{hsv: {}}, {gaussian_blur: {}}, {invert: {}}]}" in draft.to_yaml()
    assert len(draft.pipeline().ops[0].ops) == 3


def test_validation_has_no_batch_section():
    draft = Draft(Recipe.load("heavy"), "val")
    assert list(draft.sections) == ["val"]
    assert names(draft, "val") == ["resize"]
