"""What pictures are handed over as: the same values, converted once, and no nonsense."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augpipe import Pipeline, build_loader
from augpipe.errors import RecipeError
from augpipe.recipe import Recipe

OPTIONS = {"batch_size": 9, "num_workers": 0}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("given", [str, lambda name: getattr(torch, name)], ids=["name", "type"])
@pytest.mark.parametrize("cache", [None, "device"])
def test_pixels_are_converted_once_at_the_end(dtype, given, cache):
    data = np.random.default_rng(0).integers(0, 256, (20, 12, 12), dtype=np.uint8)
    pipeline = Pipeline(["horizontal_flip"], batch=["random_erasing", "normalize"])
    where = {"cache": cache, "device": "cpu"}
    loader = build_loader((data, np.zeros(20, int)), pipeline, dtype=given(dtype), **where)
    plain = build_loader((data, np.zeros(20, int)), pipeline)
    for ours, theirs in zip(loader, plain, strict=True):
        assert ours.images.dtype == getattr(torch, dtype)
        assert torch.equal(ours.images, theirs.images.to(ours.images.dtype))


def test_channels_lie_last_and_values_stay(shapes, pipeline):
    plain = build_loader(shapes, pipeline, **OPTIONS)
    loader = build_loader(shapes, pipeline, channels_last=True, **OPTIONS)
    for ours, theirs in zip(loader, plain, strict=True):
        assert ours.images.is_contiguous(memory_format=torch.channels_last)
        assert not theirs.images.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(ours.images, theirs.images)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_workers_normalise_is_converted_too(shapes, num_workers):
    ops = [{"resize": {"size": [16, 16]}}, "normalize"]
    options = {"batch_size": 9, "num_workers": num_workers}
    plain = build_loader(shapes, ops, **options)
    loader = build_loader(shapes, ops, dtype="float16", channels_last=True, **options)
    for ours, theirs in zip(loader, plain, strict=True):
        assert ours.images.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(ours.images, theirs.images.half())


def test_levels_may_lie_last_too(shapes):
    ops = [{"resize": {"size": [16, 16]}}]
    (batch,) = build_loader(shapes, ops, channels_last=True, batch_size=32, num_workers=0)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_views_are_converted_each(shapes):
    ops = [{"resize": {"size": [16, 16]}}, {"five_crop": {"size": 8}}, "normalize"]
    (ours,) = build_loader(shapes, ops, dtype="bfloat16", batch_size=32, num_workers=0)
    (theirs,) = build_loader(shapes, ops, batch_size=32, num_workers=0)
    assert torch.equal(ours.images, theirs.images.bfloat16())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_replayed_sample_is_what_was_handed_over(shapes, pipeline, dtype):
    loader = build_loader(shapes, pipeline, dtype=dtype, **OPTIONS)
    batch = next(iter(loader))
    image = loader.replay(0, int(batch.index[0])).image
    assert np.array_equal(image, batch.images[0].permute(1, 2, 0).float().numpy())


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("bfloat61", "dtype: no pixels .*; did you mean 'bfloat16'"),
        ("float64", "no pixels are handed over as that"),
        (torch.int64, "known: bfloat16, float16, float32, not torch.int64"),
        ("uint8", "leave it out"),
        (16, "known: bfloat16"),
    ],
)
def test_other_types_are_refused(shapes, pipeline, dtype, message):
    with pytest.raises(RecipeError, match=message):
        build_loader(shapes, pipeline, dtype=dtype)


def test_floats_that_are_levels_are_refused(shapes):
    with pytest.raises(RecipeError, match="end the pipeline with normalize, or with to_float"):
        build_loader(shapes, ["horizontal_flip"], dtype="float16")
    build_loader(shapes, ["to_float"], dtype="float16")


def test_views_have_no_place_for_channels(shapes):
    with pytest.raises(RecipeError, match="channels_last has no meaning for batches of several"):
        build_loader(shapes, [{"five_crop": {"size": 8}}], channels_last=True)


def test_recipes_may_say_so():
    values = {"loader": {"dtype": "bfloat16", "channels_last": True}}
    loader = Recipe.parse(values).loader
    assert (loader.dtype, loader.channels_last) == ("bfloat16", True)
    with pytest.raises(RecipeError, match=r"loader.dtype: .*did you mean 'float16'"):
        Recipe.parse({"loader": {"dtype": "flaot16"}})
    with pytest.raises(RecipeError, match=r"channel_last: unknown key; did you mean 'channels_l"):
        Recipe.parse({"loader": {"channel_last": True}})
