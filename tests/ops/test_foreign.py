"""Other people's transforms: reproducible through us, as they are not by themselves."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import albumentations
import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from augpipe import Pipeline
from augpipe.adapters import import_library
from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.errors import PlanError, RecipeError, TargetError
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.torch import batch as torch_batch
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


def test_a_callable_refuses_boxes_unless_it_is_said_to_move_nothing():
    boxes = {"boxes": [[1, 2, 3, 4]], "labels": [0]}
    with pytest.raises(TargetError, match=r"callable\.from_all_generators#0: from_all_gen.* boxes"):
        Pipeline([from_all_generators])(photo(), **boxes)
    told = Foreign.wrapping(from_all_generators, moves=False)
    for spec in (told, *NAMED):
        assert Pipeline([spec])(photo(), **boxes).boxes.tolist() == [[1, 2, 3, 4]]


def test_between_our_own_warps_targets_are_where_the_pixels_are():
    flip = {"horizontal_flip": {"p": 1}}
    pipeline = Pipeline([flip, albumentations.VerticalFlip(p=1), flip])
    done = pipeline(photo(), boxes=[[10, 20, 30, 40]], labels=[5])
    assert np.array_equal(done.image, photo()[::-1])
    assert np.allclose(done.boxes, [[10, 35, 30, 55]], atol=1e-4)


IMGAUG = """
import numpy as np
from augpipe import Pipeline
names = ["Add", "Cutout", "Cartoon", "GaussianBlur", "MotionBlur", "AddToHue", "Grayscale",
         "GammaContrast", "CLAHE", "Emboss", "Canny", "Fliplr", "Affine", "PiecewiseAffine",
         "ElasticTransformation", "PerspectiveTransform", "Jigsaw", "Identity", "MaxPooling",
         "Superpixels", "CropAndPad", "Fog", "Rain", "Snowflakes"]
parameters = {"Add": {"value": 9}, "Jigsaw": {"nb_rows": 2, "nb_cols": 2},
              "MaxPooling": {"kernel_size": 2}, "CropAndPad": {"percent": 0.1}}
image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
for name in names:
    done = Pipeline([{f"imgaug.{name}": parameters.get(name, {})}])(image)
    assert done.image.shape == image.shape, name
print(len(names))
"""


def test_imgaug_imports_and_each_family_runs_where_nothing_was_imported_before():
    done = subprocess.run(  # noqa: S603 (our own interpreter, our own code)
        [sys.executable, "-W", "ignore", "-c", IMGAUG], capture_output=True, text=True, check=False
    )
    assert done.stdout == "24\n", done.stderr


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
    done = cv2_image.run(plan, 0, [Picture(Decoded(photo(), np.eye(3)), Targets())])
    assert done.image.flags.c_contiguous


def test_an_extra_that_is_not_installed_is_named(monkeypatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("augpipe.adapters.libraries.importlib.import_module", missing)
    with pytest.raises(RecipeError, match=r"pip install 'augpipe\[albumentations\]'"):
        Pipeline(["albumentations.Blur"])
