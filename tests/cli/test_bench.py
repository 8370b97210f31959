from __future__ import annotations

import json

import pytest

WORKER = ["read", "decode", "augment", "collate"]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(
        """
        pipeline:
          train: [{resize: {size: [32, 32]}}, horizontal_flip]
          val: [{resize: {size: [32, 32]}}]
          normalize: half
        loader: {batch_size: 4}
        train:
          model: {name: small_cnn}
          epochs: 1
          optimizer: {name: sgd, lr: 0.1}
        """
    )
    return path


def test_all_stages_of_training(augpipe, recipe, shapes):
    ended = augpipe(
        *("bench", recipe, "--data", shapes, "--device", "cpu", "--batches", 2),
        *("--workers", 0, "--json"),
    )
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert list(found["seconds"]) == [*WORKER, "batch", "step"]
    rates, seconds = found["images_per_second"], found["seconds"]
    assert all(rates[stage] == pytest.approx(1 / seconds[stage]) for stage in seconds)
    assert found["loader"]["workers"] == 0
    assert found["loader"]["images_per_second"] > 0
    assert found["advice"]["bottleneck"] in seconds


def test_a_page_for_people(augpipe, recipe, shapes):
    ended = augpipe(
        *("bench", recipe, "--set", f"data.val={shapes}", "--part", "val", "--device", "cpu"),
        *("--batches", 1, "--workers", 0),
    )
    assert ended.code == 0, ended.err
    for word in ("decoder", "simplejpeg", *WORKER, "bottleneck", "workers", "cache", "no workers"):
        assert word in ended.out
    assert "step" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "names no data.train; give --data"),
        (("--data", "nowhere"), "nowhere"),
        (("--batches", 0), "--batches 0"),
        (("--workers", -1), "--workers -1"),
        (("--set", "pipeline.normalize=null", "--data", "{shapes}"), "add pipeline.normalize"),
        (("--part", "test"), "--part test"),
        (("--device", "cuda:99", "--data", "{shapes}"), "cuda:99"),
    ],
)
def test_bad_usage(augpipe, recipe, shapes, arguments, message):
    ended = augpipe("bench", recipe, *(str(one).format(shapes=shapes) for one in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
