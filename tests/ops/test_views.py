"""Several pictures of one: their draws, their order, and how a loader hands them over."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from augpipe import Pipeline, build_loader
from augpipe.data.arrays import ArrayDataset
from augpipe.errors import PlanError, RecipeError, TargetError
from pictures import noise, photo

AFTER = [{"random_resized_crop": {"size": 24}}, {"hsv": {}}]


def test_what_comes_before_is_shared_and_what_follows_is_drawn_anew():
    before = {"rotate90": {"turns": [0, 1, 2, 3], "p": 1}}
    pipeline = Pipeline([before, {"views": {"n": 3}}, *AFTER])
    sample = pipeline(photo(), seed=4)
    assert len(sample.views) == 3
    turns = {view.record[0]["turns"] for view in sample.views}
    hues = {view.record[-1]["hue"] for view in sample.views}
    assert (len(turns), len(hues)) == (1, 3)
    alone = Pipeline([before, *AFTER])(photo(), seed=4)
    assert np.array_equal(sample.views[0].image, alone.image)
    assert np.array_equal(sample.image, alone.image)


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("size", [(75, 100), (48, 63)])
def test_five_and_ten_crops_are_torchvisions(size, vertical):
    image = noise()[: size[0], : size[1]]
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)
    ops = {"size": [20, 31]}, {"size": [20, 31], "vertical_flip": vertical}
    five = Pipeline([{"five_crop": ops[0]}])(image)
    ten = Pipeline([{"ten_crop": ops[1]}])(image)
    theirs = v2.FiveCrop((20, 31))(tensor), v2.TenCrop((20, 31), vertical_flip=vertical)(tensor)
    for ours, crops in zip((five, ten), theirs, strict=True):
        assert len(ours.views) == len(crops)
        for view, crop in zip(ours.views, crops, strict=True):
            assert np.array_equal(view.image, crop.permute(1, 2, 0).numpy())


def test_a_crop_that_does_not_fit_is_refused():
    with pytest.raises(PlanError, match="five_crop#0: a crop of 90 does not fit into 75x100"):
        Pipeline([{"five_crop": {"size": 90}}])(photo())


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_hands_views_over_side_by_side(num_workers):
    data = ArrayDataset(np.stack([photo(), noise(), photo()[::-1]]), np.arange(3))
    pipeline = Pipeline(["views", *AFTER], batch=[{"random_erasing": {"p": 1, "value": 0}}])
    loader = build_loader(data, pipeline, batch_size=2, num_workers=num_workers, shuffle=False)
    first, last = loader
    assert first.images.shape == (2, 2, 3, 24, 24)
    assert last.images.shape == (1, 2, 3, 24, 24)
    assert first.labels.tolist() == [0, 1]
    sample = loader.replay(epoch=0, index=1)
    for view in range(2):
        assert np.array_equal(sample.views[view].image, first.images[1, view].permute(1, 2, 0))
        direct = pipeline(noise(), index=1).views[view].image
        assert np.array_equal(direct, sample.views[view].image)
    erased = [(first.images[b, v] == 0).sum() for b in range(2) for v in range(2)]
    assert len({int(count) for count in erased}) > 1


@pytest.mark.parametrize(
    ("ops", "batch", "message"),
    [
        (["views", {"five_crop": {"size": 8}}], [], "views: one op among those for each picture"),
        (["views", "mixup"], [], "views comes before mixup, which mixes samples"),
        (["views"], ["cutmix"], "views: views share a label"),
        ([], ["views"], "views: one op among those for each picture"),
    ],
)
def test_views_that_make_no_sense_are_refused(ops, batch, message):
    with pytest.raises(RecipeError, match=message):
        Pipeline(ops, batch=batch)


def test_boxes_of_several_views_make_no_batch():
    class Boxes(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return photo(), {"boxes": np.array([[1.0, 2, 30, 40]]), "labels": np.array([0])}

    loader = build_loader(Boxes(), ["views"], num_workers=0)
    with pytest.raises(TargetError, match="several views of a sample have no boxes in common"):
        next(iter(loader))
    views = Pipeline(["views", {"horizontal_flip": {}}])(
        photo(), boxes=np.array([[1.0, 2, 30, 40]]), seed=2
    ).views
    assert all(view.boxes.shape == (1, 4) for view in views)


def test_mixing_may_come_before():
    pipeline = Pipeline([{"mosaic": {"size": 32}}, "views", *AFTER])
    partners = [{"image": photo()}, {"image": noise()}]
    first, second = pipeline(photo(), partners=partners).views
    assert first.image.shape == second.image.shape == (24, 24, 3)
    assert not np.array_equal(first.image, second.image)
