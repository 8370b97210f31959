"""Other people's transforms: reproducible through us, as they are not by themselves."""

from __future__ import annotations

import json
import random

import albumentations
import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from augpipe import Pipeline, build_loader
from augpipe.adapters import import_library
from augpipe.data.sample import Decoded, Targets
from augpipe.errors import PlanError, RecipeError, TargetError
from augpipe.execute import cv2_image, torch_batch
from augpipe.ops import Foreign
from pictures import photo

NAMED = [
    {"albumentations.RandomBrightnessContrast": {"brightness_limit": 0.4, "p": 1.0}},
    {"torchvision.ColorJitter": {"brightness": 0.4}},
    {"imgaug.AdditiveGaussianNoise": {"scale": 20}},
]
OBJECTS = [
    albumentations.Compose([albumentations.GaussNoise(p=1)], seed=7),
    v2.RandomPosterize(3),
    import_library("imgaug").Multiply((0.5, 1.5), seed=7),
]


def from_all_generators(image: np.ndarray) -> np.ndarray:
    """A transform that reads every global generator there is."""
    draw = random.random() + np.random.rand() + torch.rand(()).item()
    return (image * (draw / 3)).astype(np.uint8)


EVERY = [*NAMED, *OBJECTS, from_all_generators]
ids = pytest.mark.parametrize("spec", EVERY, ids=lambda spec: Pipeline([spec]).slots[0])


@ids
def test_the_same_key_gives_the_same_pixels_whatever_came_before(spec):
    pipeline = Pipeline([spec])
    first = [pipeline(photo(), seed=1, epoch=2, index=index).image for index in range(8)]
    again = [pipeline(photo(), seed=1, epoch=2, index=index).image for index in range(7, -1, -1)]
    assert all(map(np.array_equal, first, again[::-1]))
    assert len({image.tobytes() for image in first}) == 8 or "Posterize" in pipeline.slots[0]


@ids
def test_global_generators_are_as_they_were(spec):
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    Pipeline([spec])(photo())
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after


def draws(num_workers: int, **options) -> list[bytes]:
    """What 12 equal pictures become in two epochs."""
    images = np.repeat(photo()[None], 12, axis=0)
    loader = build_loader(
        images, [OBJECTS[0], OBJECTS[2]], batch_size=2, num_workers=num_workers, **options
    )
    return [image.numpy().tobytes() for _ in range(2) for batch in loader for image in batch.images]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_three_workers_give_twentyfour_draws_of_twentyfour():
    """By itself, albumentations 2.0.8 gives 4 with 3 workers, and repeats them every epoch."""
    one = draws(0)
    assert len(set(one)) == 24
    assert draws(3) == one


def test_they_travel_to_spawned_workers():
    assert draws(1, multiprocessing_context="spawn") == draws(0)


def test_a_named_transform_comes_back_from_yaml():
    pipeline = Pipeline(NAMED)
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert again.fingerprint == pipeline.fingerprint
    assert np.array_equal(again(photo(), index=3).image, pipeline(photo(), index=3).image)


def test_an_object_cannot_be_written_to_a_recipe_and_says_so():
    with pytest.raises(RecipeError, match=r"torchvision\.RandomPosterize was made from an object"):
        Pipeline([OBJECTS[1]]).to_yaml()


def test_objects_with_other_settings_have_other_fingerprints():
    prints = [Pipeline([v2.ColorJitter(amount)]).fingerprint for amount in (0.1, 0.2)]
    assert prints[0] != prints[1]


def test_the_record_names_transform_and_seed():
    record = Pipeline(NAMED[:1])(photo()).record
    (drawn,) = json.loads(json.dumps(record))
    assert drawn["op"] == "albumentations.RandomBrightnessContrast#0"
    assert 0 <= drawn["seed"] < 2**53


def test_what_may_move_pixels_refuses_boxes_and_what_does_not_keeps_them():
    boxes = {"boxes": [[1, 2, 3, 4]], "labels": [0]}
    with pytest.raises(TargetError, match=r"torchvision\.ColorJitter#0 moves pixels and has no"):
        Pipeline(NAMED[1:2])(photo(), **boxes)
    told = Foreign.wrapping(v2.ColorJitter(0.4), moves=False)
    for spec in (told, NAMED[0]):
        assert Pipeline([spec])(photo(), **boxes).boxes.tolist() == [[1, 2, 3, 4]]
    with pytest.raises(TargetError):
        Pipeline([albumentations.HorizontalFlip()])(photo(), **boxes)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("albumentation.Blur", "unknown library 'albumentation'; did you mean 'albumentations'?"),
        ("albumentations.Bluer", "albumentations has no transform 'Bluer'; did you mean 'Blur'?"),
        ({"albumentations.Blur": {"limit": 3}}, "albumentations.Blur: Argument(s) 'limit' are not"),
        ({"imgaug.Affine": {"rot": 3}}, "imgaug.Affine: "),
        ({"torchvision.RandomCrop": {}}, "torchvision.RandomCrop: "),
        ({"torchvision.RandomCrop": 3}, "torchvision.RandomCrop: parameters are a mapping, not 3"),
    ],
    ids=str,
)
def test_a_wrong_name_or_parameter_is_named(spec, message):
    with pytest.raises(RecipeError) as caught:
        Pipeline([spec])
    assert str(caught.value).startswith(f"ops[0]: {message}")


def broken(image: np.ndarray) -> np.ndarray:
    raise KeyError("mean")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (albumentations.Resize(10, 12), r"albumentations\.Resize#0: gave uint8 of shape \(10, 12"),
        (v2.ToDtype(torch.float32), r"ToDtype#0: gave float32"),
        (broken, r"callable\.broken#0: KeyError: 'mean'"),
    ],
    ids=["size", "type", "error"],
)
def test_what_a_transform_must_not_do_is_an_error_that_names_it(spec, message):
    with pytest.raises(PlanError, match=message):
        Pipeline([spec])(photo())


def test_on_a_batch_it_is_refused_by_name():
    plan = Pipeline(NAMED[:1]).plan((75, 100))
    batch = torch.from_numpy(photo()).permute(2, 0, 1)[None]
    with pytest.raises(PlanError, match=r"Contrast#0: torch has no kernel 'foreign'"):
        torch_batch.run(plan, batch)


def test_a_view_is_handed_over_as_an_array_of_its_own():
    plan = Pipeline([{"horizontal_flip": {"p": 1}}, NAMED[0]]).plan((75, 100))
    done = cv2_image.run(plan, 0, Decoded(photo(), np.eye(3)), Targets())
    assert done.image.flags.c_contiguous


def test_an_extra_that_is_not_installed_is_named(monkeypatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("augpipe.adapters.importlib.import_module", missing)
    with pytest.raises(RecipeError, match=r"pip install 'augpipe\[albumentations\]'"):
        Pipeline(["albumentations.Blur"])
