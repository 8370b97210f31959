"""What a checkpoint must hold, and how it is written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from augpipe import build_loader
from augpipe.train import checkpoint
from augpipe.train.score import Tally
from rules.lab import SHAPES, rule


def killed(epoch, index):
    """A hook for loaders that interrupts at one batch."""

    def on_batch(at_epoch, at_index, batch):
        if (at_epoch, at_index) == (epoch, index):
            raise KeyboardInterrupt
        return batch

    return on_batch


EVERYTHING = {
    "checkpoint": {"every_steps": 2},
    "precision": "float16",
    "early_stopping": {"patience": 2, "min_delta": 0.9},
}


@rule(17, "Lightning-AI/pytorch-lightning#18780", "huggingface/pytorch-image-models#1939")
def resuming_restores_everything(lab):
    """Killed amid an epoch and resumed, a run ends as if it had not been, in every number."""
    whole = lab.trainer("whole", **EVERYTHING).fit()
    with pytest.raises(KeyboardInterrupt):
        lab.trainer("killed", killed(2, 2), **EVERYTHING).fit()
    trainer = lab.trainer("killed", **EVERYTHING)
    torch.rand(17)
    trainer.resume(lab.folder / "killed" / "last.pt")
    assert trainer._underway is not None
    trainer.fit()
    one, other = (checkpoint.load(lab.folder / out / "last.pt") for out in ("whole", "killed"))
    assert one.keys() == other.keys()
    for (path, mine), theirs in zip(leaves(one), leaves(other), strict=True):
        assert (path, mine) == theirs
    assert (whole.out / "metrics.csv").read_text() == trainer._record.run.metrics.read_text()


def leaves(tree, path=""):
    """Every number and text in nested containers with the way to it, tensors as lists."""
    if isinstance(tree, dict | list | tuple):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return [leaf for key, value in items for leaf in leaves(value, f"{path}.{key}")]
    return [(path, tree.tolist() if isinstance(tree, torch.Tensor) else tree)]


@resuming_restores_everything.broken
def forgets_the_generator(lab):
    from augpipe.train import trainer

    lab.monkeypatch.setattr(trainer, "set_rng_state", lambda state, device: None)


@resuming_restores_everything.broken
def forgets_the_momentum(lab):
    load = torch.optim.SGD.load_state_dict

    def empty(self, state):
        load(self, state)
        for kept in self.state.values():
            kept["momentum_buffer"].zero_()

    lab.monkeypatch.setattr(torch.optim.SGD, "load_state_dict", empty)


@resuming_restores_everything.broken
def forgets_the_tally(lab):
    lab.monkeypatch.setattr(Tally, "load_state_dict", lambda self, state: None)


@resuming_restores_everything.broken
def forgets_the_schedule(lab):
    from augpipe.train.learner import Learner

    load = Learner.load_state_dict

    def late(self, state):
        load(self, {**state, "taken": 0})

    lab.monkeypatch.setattr(Learner, "load_state_dict", late)


@resuming_restores_everything.broken
def forgets_how_long_it_waits(lab):
    from augpipe.train.stopping import EarlyStopping

    lab.monkeypatch.setattr(EarlyStopping, "load_state_dict", lambda self, state: None)


@resuming_restores_everything.broken
def begins_the_epoch_anew(lab):
    lab.monkeypatch.setattr(
        lab.loader,
        "load_state_dict",
        lambda self, state: setattr(self, "epoch", int(state["epoch"])),
    )


@rule(18, "Lightning-AI/pytorch-lightning#4911")
def the_best_is_restored(lab):
    """A resumed run knows what it has to beat: a worse epoch does not replace `best.pt`."""
    lab.trainer(epochs=2).fit()
    path = lab.folder / "run" / "last.pt"
    state = checkpoint.load(path)
    checkpoint.save(path, {**state, "best": {"accuracy": 2.0, "epoch": 1}, "epoch": 1})
    before = (lab.folder / "run" / "best.pt").read_bytes()
    trainer = lab.trainer(epochs=2)
    trainer.resume(path)
    result = trainer.fit()
    assert (result.accuracy, result.epoch) == (2.0, 1)
    assert (lab.folder / "run" / "best.pt").read_bytes() == before


@the_best_is_restored.broken
def begins_with_no_best(lab):
    load = checkpoint.load
    worst = checkpoint.Best(accuracy=-1.0, epoch=0)
    lab.monkeypatch.setattr(checkpoint, "load", lambda path: {**load(path), "best": worst})


@rule(19, "pytorch/pytorch#5059", "Lightning-AI/pytorch-lightning#20412")
def pixels_do_not_depend_on_workers(lab):
    """The same pixels from workers as from none, and others in the next epoch."""
    options = {"seed": 3, "batch_size": 8}
    alone, workers = noisy(num_workers=0, **options), noisy(num_workers=2, **options)
    epochs = [
        [torch.cat([batch.images for batch in data]) for _ in "ab"] for data in (alone, workers)
    ]
    assert torch.equal(epochs[0][0], epochs[1][0])
    assert torch.equal(epochs[0][1], epochs[1][1])
    assert not torch.equal(epochs[0][0], epochs[0][1])


def noisy(**options):
    """Small pictures with noise that is drawn in the workers."""
    pipeline = [{"resize": {"size": [4, 4]}}, "gaussian_noise"]
    return build_loader(SHAPES, pipeline, shuffle=False, **options)


@pixels_do_not_depend_on_workers.broken
def seeds_by_the_number_of_workers(lab):
    real = noisy
    lab.monkeypatch.setitem(
        globals(),
        "noisy",
        lambda num_workers, seed, **options: real(
            num_workers=num_workers, seed=seed + num_workers, **options
        ),
    )


@rule(20, "huggingface/transformers#27820")
def a_torn_write_leaves_the_old_file(lab):
    """Whoever dies while writing leaves the file as it was."""
    path = lab.folder / "last.pt"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), checkpoint.replacing(path) as file:
        file.write(b"ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    with checkpoint.replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(lab.folder.iterdir()) == [path]


@a_torn_write_leaves_the_old_file.broken
def writes_in_place(lab):
    lab.monkeypatch.setattr(checkpoint, "replacing", lambda path: path.open("wb"))


@rule(21, "huggingface/accelerate#3433")
def own_checkpoints_load_without_code(lab):
    """`torch.load(weights_only=True)` reads what we write, generators included."""
    trainer = lab.trainer(epochs=1, **EVERYTHING)
    result = trainer.fit()
    for path in (result.last, result.best, result.out / "step-2.pt"):
        assert "rng" in torch.load(path, weights_only=True)


@own_checkpoints_load_without_code.broken
def saves_objects(lab):
    save = checkpoint.save
    lab.monkeypatch.setattr(
        checkpoint, "save", lambda path, state: save(path, {**state, "config": SimpleNamespace()})
    )


@rule(22, "huggingface/pytorch-image-models#2003", "mlfoundations/open_clip#639")
def wrappers_are_stripped_in_any_nesting(lab):
    """Compiled and wrapped for several processes in any order, names are the model's own."""
    trainer = lab.trainer(epochs=1)
    path = trainer.fit().last
    state = checkpoint.load(path)
    wrapped = {f"_orig_mod.module._orig_mod.{k}": v for k, v in state["model"].items()}
    checkpoint.save(path, {**state, "model": wrapped})
    assert checkpoint.load(path)["model"].keys() == trainer.model.state_dict().keys()


@wrappers_are_stripped_in_any_nesting.broken
def strips_once(lab):
    lab.monkeypatch.setattr(
        checkpoint,
        "strip_wrappers",
        lambda weights: {k.removeprefix("_orig_mod."): v for k, v in weights.items()},
    )
