import io
import json

import pytest
import torch
import yaml
from rich.console import Console

from augpipe.errors import RecipeError, StateError, TrainError
from augpipe.train import checkpoint
from augpipe.train import trainer as trainer_module
from augpipe.train.trainer import Trainer

ADAMW = {"name": "adamw", "lr": 0.01}


@pytest.fixture
def make_trainer(make_config, loader, tmp_path):
    """Trainers on the same data; everything else as given."""

    def make(out="run", on_batch=None, console=None, seed=0, device="cpu", **overrides):
        config = make_config(**overrides)
        train = loader(on_batch=on_batch) if on_batch else loader()
        return Trainer(
            config,
            train,
            loader(samples=30),
            tmp_path / out,
            recipe=yaml.safe_dump(config.model_dump(mode="json")),
            fingerprint=str(config),
            seed=seed,
            device=device,
            console=console or Console(file=io.StringIO()),
        )

    return make


def kill_at(epoch, index):
    """A hook for loaders that interrupts at one batch, as Ctrl-C would."""

    def on_batch(at_epoch, at_index, batch):
        if (at_epoch, at_index) == (epoch, index):
            raise KeyboardInterrupt
        return batch

    return on_batch


def poison(*epochs, index=None):
    """A hook for loaders that spoils batches, all of an epoch's or one."""

    def on_batch(epoch, at, batch):
        if epoch in epochs and index in (None, at):
            batch.images[0] = torch.nan
        return batch

    return on_batch


@pytest.fixture
def assert_same_run(assert_same):
    """Asserts that two runs are equal to the bit: metrics, and everything in the checkpoints."""

    def check(one, other):
        assert (one / "metrics.csv").read_text() == (other / "metrics.csv").read_text()
        for name in ("last.pt", "best.pt"):
            assert_same(checkpoint.load(one / name), checkpoint.load(other / name))

    return check


def test_a_run_learns_and_leaves_all_its_files(make_trainer, tmp_path):
    result = make_trainer(epochs=6).fit()
    assert result.accuracy > 0.9
    assert result.epochs == 6
    assert sorted(file.name for file in result.out.iterdir()) == [
        "best.pt",
        "classes.csv",
        "config.yaml",
        "confusion.csv",
        "curves.png",
        "env.json",
        "events.jsonl",
        "last.pt",
        "metrics.csv",
    ]
    assert json.loads((result.out / "env.json").read_text())["seed"] == 0


def test_the_seed_decides_everything(make_trainer, assert_same_run):
    runs = [make_trainer(out, seed=seed).fit().out for out, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert_same_run(runs[0], runs[1])
    assert (runs[0] / "metrics.csv").read_text() != (runs[2] / "metrics.csv").read_text()


@pytest.mark.parametrize(
    "overrides",
    [{}, {"ema": None}, {"optimizer": ADAMW, "clip": None}],
    ids=["all", "no average", "adamw"],
)
@pytest.mark.parametrize("at", [(1, 0), (2, 2), (3, 1)], ids=str)
def test_a_run_killed_in_an_epoch_and_resumed_is_the_run_never_killed(
    make_trainer, assert_same_run, overrides, at
):
    whole = make_trainer("whole", **overrides).fit()
    with pytest.raises(KeyboardInterrupt):
        make_trainer("killed", kill_at(*at), **overrides).fit()
    resumed = make_trainer("killed", **overrides)
    torch.rand(17)  # a new process would be in another random state, too
    resumed.resume(whole.out.parent / "killed" / "last.pt")
    assert resumed.fit().accuracy == whole.accuracy
    assert_same_run(whole.out, whole.out.parent / "killed")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["best.pt", "last.pt"])
def test_a_run_killed_around_a_checkpoint_and_resumed_is_the_run_never_killed(
    make_trainer, assert_same_run, monkeypatch, tmp_path, when, name
):
    whole = make_trainer("whole", epochs=8).fit()
    assert 1 < whole.epoch < whole.epochs, "the test needs a best epoch amid the run"

    def save_and_die(path, state, save=checkpoint.save):
        dies = (path.name, state["epoch"]) == (name, whole.epoch)
        if not dies or when == "after":
            save(path, state)
        if dies:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "save", save_and_die)
        make_trainer("killed", epochs=8).fit()
    trainer = make_trainer("killed", epochs=8)
    trainer.resume(tmp_path / "killed" / "last.pt")
    trainer.fit()
    assert_same_run(whole.out, tmp_path / "killed")


def test_what_was_done_with_model_and_loaders_before_does_not_matter(make_trainer, assert_same_run):
    expected = make_trainer("fresh").fit().out
    used = make_trainer("used")
    used.model.eval()
    used._train_loader.set_epoch(5)
    used._val_loader.set_epoch(7)
    assert_same_run(used.fit().out, expected)


def test_on_a_processor_a_step_may_use_the_memory_of_the_last(make_trainer, monkeypatch):
    asked = []
    monkeypatch.setattr(trainer_module, "keep_memory", lambda: asked.append(True))
    make_trainer()
    assert asked == [True]


def test_other_data_does_not_resume(make_trainer):
    result = make_trainer().fit()
    trainer = make_trainer()
    trainer._train_loader.samples = 50
    with pytest.raises(StateError, match="the state is of 40 blobs"):
        trainer.resume(result.last)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA: torch sees no GPU")
@pytest.mark.parametrize("optimizer", [{"name": "sgd", "lr": 0.05}, ADAMW], ids=["sgd", "adamw"])
def test_a_run_killed_on_a_gpu_and_resumed_is_the_run_never_killed(
    make_trainer, assert_same_run, optimizer
):
    options = {"device": "cuda", "optimizer": optimizer}
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        whole = make_trainer("whole", **options).fit()
        with pytest.raises(KeyboardInterrupt):
            make_trainer("killed", kill_at(2, 1), **options).fit()
        resumed = make_trainer("killed", **options)
        torch.rand(17, device="cuda")
        resumed.resume(whole.out.parent / "killed" / "last.pt")
        resumed.fit()
    assert_same_run(whole.out, whole.out.parent / "killed")


def test_going_back_to_the_best_checkpoint_repeats_what_followed_it(make_trainer, assert_same_run):
    whole = make_trainer("whole", epochs=8).fit()
    again = make_trainer("again", epochs=8).fit()
    assert again.epoch < again.epochs, "the test needs a best epoch before the last"
    trainer = make_trainer("again", epochs=8)
    trainer.resume(again.best)
    trainer.fit()
    assert_same_run(whole.out, again.out)


def test_resuming_a_finished_run_trains_no_further(make_trainer):
    result = make_trainer().fit()
    before = (result.out / "metrics.csv").read_text()
    trainer = make_trainer()
    trainer.resume(result.last)
    assert trainer.fit() == result
    assert (result.out / "metrics.csv").read_text() == before


def test_an_interrupted_run_says_how_to_go_on(make_trainer, tmp_path):
    console = Console(file=io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        make_trainer(on_batch=kill_at(2, 1), console=console).fit()
    last = tmp_path / "run" / "last.pt"
    assert f"{last} is whole, repeat the command with --resume" in console.file.getvalue()
    assert checkpoint.load(last)["epoch"] == 2
    assert (tmp_path / "run" / "curves.png").exists()


def test_interrupted_before_the_first_checkpoint(make_trainer, tmp_path):
    console = Console(file=io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        make_trainer(on_batch=kill_at(0, 1), console=console).fit()
    assert "nothing was saved" in console.file.getvalue()
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "config.yaml",
        "env.json",
        "events.jsonl",
    ]


def test_interrupted_while_the_first_checkpoint_is_written(make_trainer, monkeypatch):
    def die(path, state):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", die)
    console = Console(file=io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        make_trainer(console=console).fit()
    assert "nothing was saved" in console.file.getvalue()


def test_a_new_run_in_the_folder_of_an_older_one_says_where_that_went(
    make_trainer, assert_same_run
):
    make_trainer().fit()
    console = Console(file=io.StringIO())
    result = make_trainer(console=console).fit()
    assert f"an older run, which is now in {result.out / 'previous'}" in console.file.getvalue()
    assert_same_run(result.out, result.out / "previous")


def test_another_recipe_does_not_resume(make_trainer):
    result = make_trainer().fit()
    with pytest.raises(StateError, match="belongs to recipe"):
        make_trainer(epochs=5).resume(result.last)


def test_a_run_goes_on_in_its_own_folder_only(make_trainer):
    result = make_trainer("a").fit()
    with pytest.raises(StateError, match=f"use --out {result.out}"):
        make_trainer("b").resume(result.last)


def test_the_best_checkpoint_is_the_first_of_the_best_rows(make_trainer):
    result = make_trainer(epochs=8).fit()
    with (result.out / "metrics.csv").open() as file:
        header, *lines = [line.strip().split(",") for line in file]
    accuracies = [float(line[header.index("ema_accuracy")]) for line in lines]
    assert accuracies.count(max(accuracies)) > 1, "the test needs a tie"
    assert result.epoch == accuracies.index(max(accuracies)) + 1
    best = checkpoint.load(result.best)
    assert (best["epoch"], best["best"]) == (
        result.epoch,
        {"accuracy": result.accuracy, "epoch": result.epoch},
    )


def test_the_metrics_follow_the_schedule(make_trainer):
    result = make_trainer(
        optimizer={"name": "sgd", "lr": 0.1}, schedule={"name": "step", "every_epochs": 2}
    ).fit()
    with (result.out / "metrics.csv").open() as file:
        rates = [float(line.split(",")[1]) for line in list(file)[1:]]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01])


def test_a_spoilt_batch_is_skipped_counted_and_survived(make_trainer):
    result = make_trainer(on_batch=poison(1, index=2)).fit()
    with (result.out / "metrics.csv").open() as file:
        assert [line.strip().rsplit(",", 1)[1] for line in file] == [
            "skipped_steps",
            *"0100",
        ]
    state = checkpoint.load(result.last)
    for tensor in (*state["model"].values(), *state["ema"].values()):
        assert tensor.isfinite().all()
    assert result.accuracy > 0.7


def test_data_that_is_never_finite_ends_the_run_and_keeps_the_last_good_checkpoint(
    make_trainer, tmp_path
):
    with pytest.raises(TrainError, match="not one step of epoch 3 had a finite loss"):
        make_trainer(on_batch=poison(2, 3)).fit()
    assert checkpoint.load(tmp_path / "run" / "last.pt")["epoch"] == 2


def test_a_network_too_narrow_for_the_data_is_refused(make_trainer):
    with pytest.raises(RecipeError, match="num_classes is 2, but the data has 3"):
        make_trainer(model={"name": "dropout_net", "num_classes": 2})
