import pytest

from augpipe.errors import DataError
from augpipe.train.dry_run import dry_run, sparkline


def test_it_says_what_the_run_would_do(make_config, loader):
    config = make_config(accumulate=2, precision="bfloat16")
    text = "\n".join(dry_run(config, loader(), loader(samples=30), seed=0))
    for part in (
        "dropout_net, 3 classes, bfloat16 on cpu",
        "parameters  825, of which 825 are trained",
        "810 in 2 tensors: lr 0.05, weight decay 0.0005",
        "15 in 3 tensors: lr 0.05, weight decay 0",
        "2 in an epoch, 8 in 4 epochs; 2 batches of validation",
        "0.025 at first, 0.05 at step 1",
        "(16, 3, 8, 8) float32",
        "labels      (16,) int64",
        "logits      (16, 3) bfloat16",
    ):
        assert part in text


def test_the_rate_is_the_one_that_the_batch_size_gives(make_config, loader):
    optimizer = {"name": "sgd", "lr": 0.05, "lr_scaling": {"base": 8}}
    config = make_config(optimizer=optimizer, accumulate=2)
    assert "0.2 at step 1" in "\n".join(dry_run(config, loader(), loader(), seed=0))


def test_what_would_stop_the_run_stops_it(make_config, loader):
    with pytest.raises(DataError, match="differ in: blue, pink"):
        dry_run(make_config(), loader(), loader(classes=("red", "green", "pink")), seed=0)


def test_a_sparkline_is_as_high_as_its_values():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0] * 600) == "█" * 60
    assert sparkline([0.0, 0.0]) == "▁▁"
    assert len(sparkline([1.0, 2.0, 3.0], columns=2)) == 2
