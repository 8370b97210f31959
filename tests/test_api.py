from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import augpipe
from augpipe import Pipeline, build_loader
from augpipe.errors import AugpipeError, DataError, RecipeError

SHAPES = Path(__file__).parents[1] / "samples" / "shapes"


def test_the_public_names_are_these():
    assert augpipe.__all__ == [
        "ArrayDataset",
        "AugmentBatch",
        "AugpipeError",
        "Batch",
        "BoxParams",
        "CocoDataset",
        "FolderDataset",
        "Loader",
        "MappedDataset",
        "Op",
        "Pipeline",
        "Recipe",
        "Sample",
        "TableDataset",
        "VocDataset",
        "YoloDataset",
        "build_loader",
        "list_ops",
        "register",
    ], "a public name came or went: say so in CHANGELOG.md, and change this list"
    assert all(hasattr(augpipe, name) for name in augpipe.__all__)


def test_a_folder_and_a_recipe_give_normalised_batches():
    loader = build_loader(SHAPES, "light", batch_size=8, num_workers=0)
    images, labels = next(iter(loader))
    assert images.shape == (8, 3, 224, 224)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert loader.dataset.classes == ("circle", "square", "star", "triangle")
    assert isinstance(loader, torch.utils.data.DataLoader)


def test_the_part_of_a_recipe_stands_behind_a_hash():
    train, val = build_loader(SHAPES, "light"), build_loader(SHAPES, "light#val")
    assert train.pipeline.slots == ("random_resized_crop#0", "horizontal_flip#0")
    assert val.pipeline.slots == ("resize#0",)
    with pytest.raises(RecipeError, match="parts #train and #val, not #test"):
        build_loader(SHAPES, "light#test")


def test_without_a_pipeline_pictures_are_only_decoded():
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), np.uint8)
    (batch,) = build_loader((images, [0, 1, 0, 1]), shuffle=False)
    assert np.array_equal(batch.images.permute(0, 2, 3, 1).numpy(), images)
    assert batch.labels.tolist() == [0, 1, 0, 1]


def test_arrays_need_no_workers_and_files_do():
    images = np.zeros((4, 6, 5, 3), np.uint8)
    assert build_loader(images).num_workers == 0
    assert build_loader(SHAPES).num_workers > 0
    assert build_loader(SHAPES, num_workers=1).num_workers == 1


def test_pictures_of_many_sizes_need_an_op_that_fixes_the_size():
    with pytest.raises(AugpipeError, match=r"one size: .*\d+x\d+, .*\d+x\d+; end the pipeline"):
        list(build_loader(SHAPES, ["horizontal_flip"], num_workers=0))


def test_a_device_gets_the_batch_with_its_ops_done():
    pipeline = Pipeline([{"resize": {"size": [8, 8]}}], batch=["normalize"])
    batch = next(iter(build_loader(SHAPES, pipeline, device="cpu", num_workers=0)))
    assert batch.images.dtype == torch.float32
    assert batch.images.device.type == "cpu"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: should be greater than or equal to 1, not 0"),
        ({"num_workers": -1}, "num_workers: should be greater than or equal to 0, not -1"),
        ({"seed": -1}, "seed: should be greater than or equal to 0, not -1"),
        ({"seed": 2**64}, "seed: should be less than or equal to"),
        ({"on_error": "ignore"}, "on_error: should be 'raise', 'skip' or 'replace', not 'ignore'"),
        ({"rank": 2, "world_size": 2}, "rank 2 is not one of 0 to 1"),
        ({"pipeline": "hevy"}, "no recipe 'hevy': no such file; did you mean 'heavy'?"),
        ({"pipeline": ["hflip"]}, "unknown op 'hflip'; did you mean 'horizontal_flip'?"),
        ({"pipeline": {"hsv": {}}}, "expected a list of ops"),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_would_be_right(options, message):
    with pytest.raises(RecipeError) as caught:
        build_loader(SHAPES, **options)
    assert message in str(caught.value)


def test_a_missing_path_is_a_data_error():
    with pytest.raises(DataError, match="shapez does not exist"):
        build_loader(SHAPES.with_name("shapez"))


def test_datasets_and_pipelines_travel_to_spawned_workers():
    loader = build_loader(SHAPES, "heavy")
    for part in (loader.dataset, loader.pipeline):
        pickle.loads(pickle.dumps(part))  # noqa: S301 (our own, a line above)
