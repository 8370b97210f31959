"""What a recipe can ask of a run, beyond the rules: see test_rules.py."""

import csv
import io

import pytest
import torch
import yaml
from rich.console import Console

from augpipe.errors import RecipeError, StateError
from augpipe.train import checkpoint, network, record
from augpipe.train.guard import NotFiniteError
from augpipe.train.trainer import Trainer

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture
def make_trainer(make_config, loader, tmp_path):
    """Trainers on the same data; everything else as given."""

    def make(out="run", on_batch=None, console=None, statistics=None, **overrides):
        config = make_config(**overrides)
        return Trainer(
            config,
            loader(on_batch=on_batch) if on_batch else loader(),
            loader(samples=30),
            tmp_path / out,
            recipe=yaml.safe_dump(config.model_dump(mode="json")),
            fingerprint=str(config),
            seed=0,
            console=console or Console(file=io.StringIO()),
            statistics=statistics,
        )

    return make


def metrics(result):
    with (result.out / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def spoil(epoch, index, batch):
    """From the second epoch on there is nothing but NaN."""
    if epoch >= 1:
        batch.images.fill_(torch.nan)
    return batch


@pytest.mark.parametrize(
    "asked",
    [
        {"accumulate": 2},
        {"precision": "bfloat16"},
        {"precision": "float16"},
        {"clip": {"value": 0.1}},
        {"clip": {"adaptive": 0.1}},
        {"channels_last": True},
        {"class_weights": "balanced"},
        {"class_weights": [1.0, 2.0, 3.0], "label_smoothing": 0.1},
    ],
    ids=str,
)
def test_a_run_learns_whatever_the_recipe_asks_for(make_trainer, asked):
    plain = make_trainer("plain").fit()
    result = make_trainer(**asked).fit()
    assert result.accuracy > 0.7
    assert metrics(result) != metrics(plain)


def test_channels_last_is_a_matter_of_layout(make_trainer):
    run = make_trainer(channels_last=True)
    seen = []
    run.model[0].register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    run.fit()
    last = torch.channels_last
    assert all(images.is_contiguous(memory_format=last) for images in seen)
    assert run.model[0].weight.is_contiguous(memory_format=last)


def test_compiling_is_for_training_alone_and_leaves_names_alone(make_trainer, monkeypatch):
    compiled = []

    def rewrite(model):
        compiled.append(model)
        return torch.nn.Sequential(model)

    monkeypatch.setattr(network.torch, "compile", rewrite)
    run = make_trainer(compile=True, epochs=1)
    assert compiled == [run.model]
    state = checkpoint.load(run.fit().last)
    assert state["model"].keys() == run.model.state_dict().keys()


@pytest.mark.slow
def test_a_compiled_run_is_the_plain_one_up_to_rounding(make_trainer):
    """Without dropout, whose random numbers the compiler draws in another way."""
    net = {"name": "convnet", "convnet": {"widths": [4, 8], "depths": [1, 1]}}
    asked = {"model": net, "epochs": 2}
    plain, compiled = make_trainer("a", **asked), make_trainer("b", compile=True, **asked)
    assert compiled.fit().epochs == plain.fit().epochs == 2
    ours, theirs = plain.model.state_dict(), compiled.model.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=1e-3, atol=1e-3, msg=name)


@pytest.mark.slow
def test_a_compiled_run_goes_on_where_it_was_stopped(make_trainer, assert_same):
    asked = {"compile": True, "checkpoint": {"every_steps": 5}}
    result = make_trainer(**asked).fit()
    expected = checkpoint.load(result.last)
    again = make_trainer(**asked)
    again.resume(result.out / "step-10.pt")
    again.fit()
    assert_same(checkpoint.load(result.last), expected)


def test_a_run_ends_early_where_nothing_gets_better(make_trainer):
    console = Console(file=io.StringIO())
    asked = {"epochs": 9, "early_stopping": {"patience": 2, "min_delta": 0.9}}
    run = make_trainer(console=console, **asked)
    result = run.fit()
    assert result.epochs == 3
    assert "stopping early: no better than in epoch" in console.file.getvalue()
    again = make_trainer(**asked)
    again.resume(result.last)
    assert again.fit() == result


def test_top_k_is_reported_where_it_is_asked_for(make_trainer):
    rows = metrics(make_trainer(top_k=2).fit())
    assert all(float(row["val_top_k"]) >= float(row["val_accuracy"]) for row in rows)
    assert "val_top_k" not in metrics(make_trainer("plain", epochs=1).fit())[0]


def test_tables_tell_how_the_best_model_does_at_each_class(make_trainer):
    result = make_trainer(epochs=6).fit()
    with (result.out / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["red", "green", "blue"]
    samples = [int(row["samples"]) for row in rows]
    recalled = sum(n * float(row["recall"]) for n, row in zip(samples, rows, strict=True))
    assert sum(samples) == 30
    assert recalled / 30 == pytest.approx(result.accuracy)
    with (result.out / "confusion.csv").open() as file:
        table = list(csv.reader(file))
    assert [sum(map(int, row[1:])) for row in table[1:]] == samples


def test_a_diverged_run_names_its_rows_and_logs_all_of_them(make_trainer):
    run = make_trainer(on_batch=spoil, max_skipped=2)
    with pytest.raises(NotFiniteError, match="2 steps in a row, of rows 0, 1, 2") as caught:
        run.fit()
    assert caught.value.rows == list(range(32))
    assert run._record.run.events.events()[-1]["rows"] == list(range(32))


def test_checkpoints_amid_an_epoch_are_those_of_their_steps(make_trainer):
    result = make_trainer(checkpoint={"every_steps": 2, "keep": 2}).fit()
    names = sorted(path.name for path in result.out.glob("step-*.pt"))
    assert names == ["step-10.pt", "step-8.pt"]
    state = checkpoint.load(result.out / "step-8.pt")
    assert (state["epoch"], state["step"], state["loader"]["position"]) == (2, 8, 32)


def test_none_are_written_where_an_epoch_ends_or_none_are_kept(make_trainer):
    ends = make_trainer("a", checkpoint={"every_steps": 3, "keep": 9}).fit()
    kept = make_trainer("b", checkpoint={"every_steps": 2, "keep": 0}).fit()
    assert not [*ends.out.glob("step-*.pt"), *kept.out.glob("step-*.pt")]


def test_any_checkpoint_of_a_run_can_be_gone_on_from(make_trainer, assert_same):
    asked = {"checkpoint": {"every_steps": 2, "keep": 9}}
    result = make_trainer(**asked).fit()
    expected = checkpoint.load(result.last)
    for path in sorted(result.out.glob("*.pt")):
        run = make_trainer(**asked)
        torch.rand(5)
        run.resume(path)
        run.fit()
        assert_same(checkpoint.load(result.last), expected)


def test_skipped_steps_before_a_checkpoint_amid_an_epoch_are_counted_after_it(make_trainer):
    def spoil_and_kill(epoch, index, batch):
        if (epoch, index) == (1, 0):
            batch.images.fill_(torch.nan)
        if (epoch, index) == fatal:
            raise KeyboardInterrupt
        return batch

    asked, fatal = {"on_batch": spoil_and_kill, "checkpoint": {"every_steps": 2}}, None
    whole = make_trainer("whole", **asked).fit()
    fatal = (1, 1)
    with pytest.raises(KeyboardInterrupt):
        make_trainer(**asked).fit()
    fatal = None
    run = make_trainer(**asked)
    run.resume(whole.out.parent / "run" / "last.pt")
    assert metrics(run.fit()) == metrics(whole)
    assert [row["skipped_steps"] for row in metrics(whole)] == ["0", "1", "0", "0"]


def test_events_tell_the_story_of_a_run(make_trainer):
    result = make_trainer(epochs=2).fit()
    run = make_trainer(epochs=2)
    run.resume(result.last)
    run.fit()
    told = [event["event"] for event in run._record.run.events.events()]
    assert told == ["begin", "epoch", "epoch", "resume"]


def test_the_first_batches_are_drawn(make_trainer, monkeypatch):
    drawn = []
    monkeypatch.setattr(record, "draw_batch", lambda *args: drawn.append(args))
    result = make_trainer(statistics=HALF).fit()
    assert [args[3] for args in drawn] == [result.out / f"batch-{n}.png" for n in (1, 2, 3)]
    assert all(args[4] == HALF for args in drawn)
    assert not torch.equal(drawn[0][0], drawn[1][0])


def test_writers_get_every_epoch_and_are_closed(make_trainer, monkeypatch):
    told = []

    class Writer:
        def write(self, row, step):
            told.append((row["epoch"], step))

        def close(self):
            told.append("closed")

    monkeypatch.setattr(record, "open_writers", lambda names, path: [Writer()])
    make_trainer(epochs=2).fit()
    assert told == [(1, 3), (2, 6), "closed"]


def test_a_writer_that_is_not_installed_stops_a_run_before_it_begins(make_trainer, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "wandb", None)
        with pytest.raises(RecipeError, match=r"augpipe\[wandb\]"):
            make_trainer(writers=["wandb"])
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_other_classes_is_refused(make_trainer):
    result = make_trainer(epochs=1).fit()
    state = checkpoint.load(result.last)
    checkpoint.save(result.last, {**state, "classes": ["red", "green", "pink"]})
    before = result.last.read_bytes()
    with pytest.raises(StateError, match="differ in: blue, pink"):
        make_trainer(epochs=1).resume(result.last)
    assert result.last.read_bytes() == before
