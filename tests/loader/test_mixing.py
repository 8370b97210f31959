"""Mixing in a loader: who is mixed with whom in the workers, and on whole batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from augpipe import Pipeline, build_loader
from augpipe.data.arrays import ArrayDataset
from augpipe.errors import PlanError, RecipeError
from augpipe.execute.torch import batch as torch_batch
from augpipe.execute.torch.mix import mix_labels
from executors import distance
from pictures import COLORS, noise, plain, shares

SIZE = (48, 64)


def arrays(count: int = 12) -> ArrayDataset:
    pictures = np.stack([np.roll(noise()[:32, :40], 3 * n, axis=1) for n in range(count)])
    return ArrayDataset(pictures, np.arange(count) % 4, classes=list("abcd"))


def stream(**options):
    ops = [{"affine": {"degrees": 20}}, {"mosaic": {"size": 24, "p": 0.7}}, "cutmix", "mixup"]
    loader = build_loader(arrays(), ops, **options)
    found = {}
    for batch in loader:
        for row, image, label in zip(batch.index.tolist(), batch.images, batch.labels, strict=True):
            found[row] = (image.numpy().tobytes(), label.numpy().tobytes())
    return found


@pytest.mark.parametrize(("num_workers", "batch_size"), [(0, 1), (2, 5), (3, 12)])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_partners_depend_on_neither_workers_nor_batches(num_workers, batch_size):
    assert stream(num_workers=num_workers, batch_size=batch_size) == stream(
        num_workers=0, batch_size=4
    )


def test_labels_are_distributions_from_the_loader():
    batch = next(iter(build_loader(arrays(), [{"mixup": {"p": 0.5}}], num_workers=0)))
    assert batch.labels.shape == (12, 4)
    assert batch.labels.dtype == torch.float32
    assert torch.allclose(batch.labels.sum(dim=1), torch.ones(12))


def test_a_partner_that_is_not_needed_is_not_opened():
    opened = []

    class Watched(ArrayDataset):
        def row(self, index):
            opened.append(index)
            return super().row(index)

    data = Watched(np.stack([noise()[:32, :40]] * 12), np.arange(12) % 4)
    list(build_loader(data, [{"mosaic": {"size": 24, "p": 0}}, {"mixup": {"p": 0}}], num_workers=0))
    assert sorted(opened) == list(range(12))


def test_replay_names_the_rows_that_were_mixed():
    loader = build_loader(arrays(), [{"mosaic": {"size": 24}}], num_workers=0)
    record = loader.replay(epoch=1, index=5).record
    assert record[0]["op"] == "rows"
    assert record[0]["rows"][0] == 5
    assert len(record[0]["rows"]) == 4


# On whole batches.


def on_batch(op, count=6, **key):
    pipeline = Pipeline(batch=[op]).batch
    plan = pipeline.plan(SIZE, index=np.arange(count), **key)
    images = np.stack([plain(COLORS[n], SIZE) for n in range(count)])
    labels = mix_labels(plan, torch.arange(count), len(COLORS))
    done = torch_batch.run(plan, torch.from_numpy(images).permute(0, 3, 1, 2))
    return plan, done.permute(0, 2, 3, 1).numpy(), labels.numpy()


def test_mixup_of_a_batch_is_that_of_its_rows():
    plan, images, labels = on_batch("mixup")
    lam = dict(plan.record)["mixup#0"]["lam"]
    colors = np.array(COLORS)
    expected = lam[:, None] * colors + (1 - lam)[:, None] * np.roll(colors, -1, axis=0)
    assert distance(images[:, 0, 0], expected).max() <= 0.5 + 1e-4
    assert np.allclose(
        labels, lam[:, None] * np.eye(6) + (1 - lam)[:, None] * np.eye(6)[[1, 2, 3, 4, 5, 0]]
    )


def test_the_label_of_cutmix_on_a_batch_is_the_exact_share_of_pixels():
    _, images, labels = on_batch("cutmix")
    found = np.stack([shares(image) for image in images])
    assert np.allclose(found, labels, atol=1e-6)
    assert len({label.max() for label in labels}) == 6


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_modes_share_draws(name):
    _, _, one = on_batch({name: {"mode": "batch"}}, seed=1)
    own = np.diagonal(one)
    assert np.allclose(own, own[0])
    plan, _, labels = on_batch({name: {"mode": "pair"}}, seed=1)
    assert plan.steps[0].params["partner"].tolist() == [5, 4, 3, 2, 1, 0]
    weight = np.diagonal(labels)
    assert np.allclose(weight, weight[::-1])
    assert len(set(weight[:3].round(6).tolist())) == 3


def test_a_shared_mode_is_refused_in_the_workers_and_mosaic_on_batches():
    with pytest.raises(RecipeError, match="mixup#0: mode 'pair' shares draws within a batch"):
        Pipeline([{"mixup": {"mode": "pair"}}]).plan(SIZE)
    with pytest.raises(RecipeError, match="mosaic#0: mosaic mixes rows of the dataset"):
        on_batch({"mosaic": {"size": 24}})


def test_partners_from_the_dataset_are_refused_on_a_batch():
    plan = Pipeline(["mixup"]).plan(SIZE)
    with pytest.raises(
        PlanError, match="mixup#0: torch has no kernel 'mixup' for rows of a dataset"
    ):
        torch_batch.run(plan, torch.zeros((1, 3, *SIZE), dtype=torch.uint8))


def test_the_loader_mixes_batches_with_their_labels():
    images = np.stack([plain(color, (8, 8)) for color in COLORS])
    data = ArrayDataset(images, np.arange(6), classes=list("abcdef"))
    loader = build_loader(
        data, Pipeline(batch=["cutmix"]), batch_size=6, num_workers=0, shuffle=False
    )
    (batch,) = loader
    found = np.stack([shares(image) for image in batch.images.permute(0, 2, 3, 1).numpy()])
    assert np.allclose(found, batch.labels, atol=1e-6)
