from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from augpipe import Recipe, build_loader
from augpipe.errors import RecipeError
from augpipe.recipe import PARTS, shipped_recipes

SAMPLES = Path(__file__).parents[1] / "samples"
SHAPES, SCENES = SAMPLES / "shapes", SAMPLES / "scenes.json"
SHIPPED = shipped_recipes()


def test_these_recipes_are_shipped():
    assert sorted(SHIPPED) == [
        "detection",
        "digits",
        "digits_robust",
        "fashion_mnist",
        "heavy",
        "imagenet",
        "light",
        "segmentation",
    ]


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("part", PARTS)
def test_a_shipped_recipe_loads_and_renders(name, part):
    recipe = Recipe.load(name).provisional
    data = SCENES if name in ("detection", "segmentation") else SHAPES
    loader = build_loader(data, recipe.ops(part), batch_size=8, num_workers=0)
    images, _ = next(iter(loader))
    assert images.isfinite().all()
    assert images.float().std() > 0.1


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recipe_comes_back_from_its_own_yaml(name, tmp_path):
    recipe = Recipe.load(name)
    (tmp_path / "again.yaml").write_text(recipe.to_yaml())
    again = Recipe.load(tmp_path / "again.yaml")
    assert again.fingerprint == recipe.fingerprint
    assert [again.provisional.ops(part) for part in PARTS] == [
        recipe.provisional.ops(part) for part in PARTS
    ]


def test_the_fingerprint_ignores_paths_and_workers_and_nothing_else():
    def fingerprint(**overrides):
        return Recipe.load("digits", overrides).fingerprint

    same = fingerprint()
    assert fingerprint(**{"data.train": "elsewhere", "loader.num_workers": 0}) == same
    for key, value in [
        ("loader.seed", 1),
        ("loader.batch_size", 64),
        ("train.epochs", 3),
        ("train.optimizer.lr", 0.2),
        ("pipeline.normalize", "imagenet"),
        ("pipeline.batch", []),
    ]:
        assert fingerprint(**{key: value}) != same, key


def test_ops_for_batches_belong_to_training_and_normalize_to_both():
    recipe = Recipe.load("digits")
    assert recipe.ops("train").batch.slots == ("random_erasing#0", "normalize#0")
    assert recipe.ops("val").batch.slots == ("normalize#0",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- resize", "a recipe is a mapping with the keys data, pipeline, loader, train"),
        ("", "a recipe is a mapping with the keys"),
        ("a: [", "not YAML"),
        ("piplines: {}", "piplines: unknown key; did you mean 'pipeline'?"),
        ("loader: {batchsize: 3}", "loader.batchsize: unknown key; did you mean 'batch_size'?"),
        ("loader: {batch_size: many}", "loader.batch_size: should be a valid integer"),
        ("loader: {batch_size: true}", "loader.batch_size: should be a valid integer, not true"),
        ("pipeline: {train: resize}", "pipeline.train: should be a list, not 'resize'"),
        (
            "pipeline: {train: [horizontal_flip, {afine: {}}]}",
            "pipeline.train[1]: unknown op 'afine'; did you mean 'affine'?",
        ),
        (
            "pipeline: {train: [{affine: {degress: 3}}]}",
            "pipeline.train[0]: affine.degress: unknown key; did you mean 'degrees'?",
        ),
        (
            "pipeline: {batch: [{random_erasing: {p: 5}}]}",
            "pipeline.batch[0]: random_erasing.p: should be less than or equal to 1, not 5",
        ),
        ("pipeline: {train: [{affine: 3}]}", "parameters are a mapping"),
        (
            "pipeline: {normalize: imagnet}",
            "pipeline.normalize: unknown statistics; did you mean 'imagenet'?",
        ),
        ("pipeline: {train: [normalize, hsv]}", "hsv comes after normalize"),
        (
            "train: {model: {name: small_cnn}, epochs: 1, optimizer: {name: sdg, lr: 1}}",
            "train.optimizer.name: unknown 'sdg'; did you mean 'sgd'?",
        ),
        (
            "train: {model: {name: small_cnn}, epochs: 1, optimizer: {lr: 1}}",
            "train.optimizer.name: is required",
        ),
        (
            "train: {model: {name: small_cnn}, epochs: 1, optimizer: {name: sgd, rate: 1}}",
            "train.optimizer",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_an_error_names_the_file_the_key_and_the_remedy(tmp_path, text, message):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        Recipe.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_yaml_that_would_run_code_is_not_yaml(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("data: !!python/object/apply:os.getcwd []")
    with pytest.raises(RecipeError, match="not YAML"):
        Recipe.load(path)


def test_an_unknown_recipe_offers_the_nearest():
    with pytest.raises(RecipeError, match=r"no recipe 'imagenet2'.*did you mean 'imagenet'"):
        Recipe.load("imagenet2")


def test_overrides_reach_into_sections_that_are_absent():
    recipe = Recipe.load("light", {"loader.batch_size": 3, "data.train.path": "x"})
    assert recipe.loader.batch_size == 3
    assert recipe.data.train == {"path": "x"}
    with pytest.raises(RecipeError, match=r"cannot set loader\.seed\.x: seed is not a mapping"):
        Recipe.load("digits", {"loader.seed.x": 1})


@pytest.mark.parametrize("path", SHIPPED.values(), ids=lambda path: path.stem)
def test_shipped_numbers_are_numbers(path):
    """YAML reads 5e-4 as a string, where 5.0e-4 is a number."""

    def strings(values):
        if isinstance(values, dict):
            return [s for value in values.values() for s in strings(value)]
        if isinstance(values, list):
            return [s for value in values for s in strings(value)]
        return [values] if isinstance(values, str) else []

    assert not [s for s in strings(yaml.safe_load(path.read_text())) if s[:1].isdigit()]
