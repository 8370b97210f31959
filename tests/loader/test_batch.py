from __future__ import annotations

import numpy as np
import pytest
import torch

from augpipe import Sample
from augpipe.data.sample import Targets
from augpipe.errors import DataError, PlanError
from augpipe.loader.batch import collate


def sample(height=4, width=5, **targets) -> Sample:
    generator = np.random.default_rng(height * width)
    image = generator.integers(0, 256, (height, width, 3), np.uint8)
    return Sample(image, Targets(**targets))


def batch_of(*samples):
    rows = torch.arange(len(samples))
    return collate(samples, "picture {}".format, index=rows, repeat=torch.zeros_like(rows), epoch=0)


def test_pictures_become_planes():
    one = sample()
    images, labels = batch_of(one, one)
    assert images.shape == (2, 3, 4, 5)
    assert images.dtype == torch.uint8
    assert images.is_contiguous()
    assert np.array_equal(images[1].permute(1, 2, 0).numpy(), one.image)
    assert labels is None


def test_classes_are_int64_and_distributions_float32():
    assert batch_of(sample(label=1), sample(label=2)).labels.tolist() == [1, 2]
    soft = batch_of(sample(label=np.array([0.25, 0.75], np.float32)))
    assert (soft.labels.dtype, soft.labels.tolist()) == (torch.float32, [[0.25, 0.75]])


def test_detection_targets_are_a_dictionary_for_each_picture():
    boxes = np.array([[0, 1, 2, 3]], np.float64)
    found = sample(boxes=boxes, box_labels=np.array([7]))
    empty = sample(boxes=np.zeros((0, 4)), box_labels=np.zeros(0, np.int64))
    _, targets = batch_of(found, empty)
    assert [target["boxes"].shape for target in targets] == [(1, 4), (0, 4)]
    assert targets[0]["labels"].tolist() == [7]
    assert targets[0]["boxes"].dtype == torch.float32
    assert set(targets[0]) == {"boxes", "labels"}


def test_sizes_that_differ_name_two_pictures_and_the_remedy():
    with pytest.raises(PlanError, match=r"picture 0 gives 4x5, picture 1 6x5; .*resize"):
        batch_of(sample(), sample(height=6))


def test_a_target_that_only_some_have_names_both():
    with pytest.raises(DataError, match="picture 1 has no label, but picture 0 does"):
        batch_of(sample(label=1), sample())


def test_to_moves_tensors_and_leaves_provenance():
    boxes = np.zeros((1, 4))
    moved = batch_of(sample(boxes=boxes, box_labels=np.array([0]))).to("meta")
    assert moved.images.is_meta
    assert moved.boxes[0].is_meta
    assert moved.index.tolist() == [0]
