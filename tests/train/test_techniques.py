"""What each technique of a recipe does to a run: it differs in the way that it must."""

import csv
import io
import math

import pytest
import torch
import yaml
from rich.console import Console
from torch import nn

from augpipe.errors import RecipeError, StateError, TrainError
from augpipe.train import checkpoint, curves
from augpipe.train.averaging import recompute_norms
from augpipe.train.restore import trained
from augpipe.train.schedule import Clock, lr_factor, momentum
from augpipe.train.trainer import Trainer

SGD = {"name": "sgd", "lr": 0.05, "momentum": 0.9}
PLAIN = {"ema": None, "clip": None, "schedule": None, "optimizer": SGD, "epochs": 3}


@pytest.fixture
def make_trainer(make_config, loader, tmp_path, monkeypatch):
    """Trainers on the same data with nothing but what is asked for."""
    monkeypatch.setattr(curves, "draw", lambda rows, path: None)

    def make(out="run", on_batch=None, statistics=None, **overrides):
        config = make_config(**{**PLAIN, **overrides})
        return Trainer(
            config,
            loader(on_batch=on_batch) if on_batch else loader(),
            loader(samples=30),
            tmp_path / out,
            recipe=yaml.safe_dump({"train": config.model_dump(mode="json")}),
            fingerprint=str(config),
            seed=0,
            console=Console(file=io.StringIO()),
            statistics=statistics,
        )

    return make


def metrics(result):
    with (result.out / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def weights(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def test_initial_weights_are_those_asked_for(make_trainer):
    init = {"weights": {"name": "constant", "value": 0.25}, "bias": 0.5}
    model = make_trainer(init=init).model
    assert all((layer.weight == 0.25).all() for layer in (model[0], model[5]))
    assert (model[5].bias == 0.5).all()
    assert not (make_trainer("plain").model[0].weight == 0.25).any()


def test_lsuv_scales_to_the_first_batch_of_training(make_trainer, loader):
    run = make_trainer(init={"lsuv": {}}, ema={"decay": 0.9}, epochs=1)
    spread = []

    def note(layer, args, output):
        spread.append((layer.training, output.var(correction=0).item()))

    run._learner.model[5].register_forward_hook(note)
    run.fit()
    first = next(at for at, (training, _) in enumerate(spread) if training)
    assert spread[first - 1][1] == pytest.approx(1, abs=0.1)  # the last of LSUV's own passes
    images, _ = loader().draw(0)
    untouched = make_trainer("untouched", init={})
    assert untouched._learner.model.eval()(images[:16]).var().item() != pytest.approx(1, abs=0.1)


def test_the_average_begins_where_lsuv_has_ended(make_trainer, loader):
    run = make_trainer(init={"lsuv": {}}, ema={"decay": 0.9})
    run._suit()
    assert torch.equal(weights(run.ema.averaged()), weights(run.model))


def test_frozen_parts_stay_as_they_are_with_their_statistics(make_trainer):
    run = make_trainer(freeze=["0", "1"])
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    run.fit()
    after = run.model.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name[0] for name in same} == {"0", "1"}
    assert len(same) == len([name for name in before if name[0] in "01"])


def test_a_frozen_part_that_is_not_there_is_an_error(make_trainer):
    with pytest.raises(RecipeError, match=r"train\.freeze"):
        make_trainer(freeze=["layer9"])


def test_swa_is_the_mean_of_the_epochs_with_statistics_of_its_own(make_trainer, loader):
    run = make_trainer(swa={"start_epoch": 2}, epochs=4)
    seen, rows = trace(run), metrics(run._result())
    swa = run._learner.swa.average
    torch.testing.assert_close(weights(swa), torch.stack(seen[1:]).mean(0))
    kept = swa[1].running_mean.clone()
    recompute_norms(swa, loader().draw(3)[0].split(16))
    assert torch.equal(swa[1].running_mean, kept)
    assert not torch.equal(run.model[1].running_mean, kept)
    assert math.isnan(rows[0]["swa_accuracy"])
    assert not any(math.isnan(row["swa_accuracy"]) for row in rows[1:])


def test_swa_is_what_a_run_is_judged_by_and_gives_out(make_trainer):
    run = make_trainer(swa={"start_epoch": 1}, ema={"decay": 0.9})
    result = run.fit()
    assert run._learner.judged == "swa"
    assert result.accuracy == max(row["swa_accuracy"] for row in metrics(result))
    restored = trained(result.last).model
    assert torch.equal(weights(restored), weights(run._learner.swa.average))


def test_a_run_is_judged_by_what_it_would_give_out(make_trainer):
    assert make_trainer()._learner.judged == "val"
    early = {"ema": {"decay": 0.9}, "swa": {"start_epoch": 2}}
    assert make_trainer(**early)._learner.judged == "ema"  # until SWA has begun


def test_swa_leaves_the_training_alone(make_trainer):
    ends = []
    for asked in ({}, {"swa": {"start_epoch": 1}}):
        run = make_trainer(**asked)
        run.fit()
        ends.append(weights(run.model))
    assert torch.equal(*ends)


def test_frozen_norms_keep_their_statistics_in_swa_too(make_trainer):
    run = make_trainer(swa={"start_epoch": 1}, freeze=["1"])
    run.fit()
    assert (run._learner.swa.average[1].running_mean == 0).all()


def test_the_rate_is_lowered_where_training_no_longer_helps(make_trainer):
    """An accuracy cannot be doubled every epoch, so it always is time to lower the rate."""
    plateau = {"monitor": "accuracy", "patience": 0, "threshold": 9.0, "factor": 0.1}
    rows = metrics(make_trainer(plateau=plateau, epochs=4).fit())
    assert [row["lr"] for row in rows] == pytest.approx([0.05, 0.05, 0.005, 0.0005])
    assert [row["lr"] for row in metrics(make_trainer("b", epochs=2).fit())] == [
        pytest.approx(0.05)
    ] * 2


def test_a_plateau_goes_with_a_schedule(make_trainer):
    plateau = {"monitor": "accuracy", "patience": 0, "threshold": 9.0, "factor": 0.5}
    schedule = {"name": "step", "every_epochs": 2, "gamma": 0.1}
    rows = metrics(make_trainer(plateau=plateau, schedule=schedule, epochs=3).fit())
    assert [row["lr"] for row in rows] == pytest.approx([0.05, 0.05, 0.0025])


def test_momentum_is_cycled_against_the_rate(make_trainer):
    schedule = {"name": "one_cycle", "momentum": [0.5, 0.95]}
    run, seen = make_trainer(schedule=schedule, epochs=4), []
    group = run._learner.optimizer.param_groups[0]
    run._learner.optimizer.register_step_pre_hook(
        lambda *_: seen.append((float(group["lr"]), group["momentum"]))
    )
    run.fit()
    clock, config = Clock(12, 3), run._config.schedule
    assert seen == [
        (
            pytest.approx(0.05 * lr_factor(config, step, clock)),
            pytest.approx(momentum(config, step, clock)),
        )
        for step in range(12)
    ]
    assert min(each for _, each in seen) < 0.6


def test_a_momentum_that_is_not_there_cannot_be_cycled(make_trainer):
    with pytest.raises(TrainError, match="runs without momentum"):
        make_trainer(schedule={"name": "one_cycle"}, optimizer={"name": "adagrad", "lr": 0.1})


def test_the_rate_scales_with_what_a_step_sees(make_trainer):
    """Batches of 16, two of them a step, for a rate meant for 8."""
    optimizer = SGD | {"lr_scaling": {"base": 8}}
    rows = metrics(make_trainer(optimizer=optimizer, accumulate=2, epochs=1).fit())
    assert rows[0]["lr"] == pytest.approx(0.05 * 32 / 8)


HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PGD = {"name": "pgd", "eps": 32, "step": 16, "steps": 3}


def images_seen(run):
    seen = []
    run.model[0].register_forward_pre_hook(
        lambda layer, args: seen.append(args[0].detach().clone()) if run.model.training else None
    )
    return seen


def test_what_is_learnt_from_is_the_attacked_picture(make_trainer, loader):
    def gray(epoch, index, batch):
        return batch._replace(images=torch.full_like(batch.images, 0.1))

    run = make_trainer(attack=PGD, statistics=HALF, epochs=1, on_batch=gray)
    seen = images_seen(run)
    run.fit()
    far = max((images - 0.1).abs().max().item() for images in seen)
    assert far == pytest.approx(32 / 255 / 0.5, rel=1e-4)  # eps in units of the normalised pictures
    assert len(seen) == 3


def test_training_on_attacks_withstands_them_better(make_trainer):
    bright = {"epochs": 8, "statistics": ((0.5,) * 3, (0.25,) * 3)}
    run = make_trainer("a", attack=PGD, **bright)
    rows = metrics(run.fit())
    plain = make_trainer("b", **bright)
    plain.fit()
    assert rows[-1]["attacked_accuracy"] <= rows[-1]["val_accuracy"]
    plain._learner.attack = run._learner.attack
    assert rows[-1]["attacked_loss"] < plain._evaluate()["attacked"].loss


def test_judging_under_attack_leaves_the_training_alone(make_trainer):
    ends = []
    for is_judged in (True, False):
        run = make_trainer(attack=PGD, statistics=HALF)
        if not is_judged:
            run._learner.attack = None
        run.fit()
        ends.append(weights(run.model))
    assert torch.equal(*ends)


def trace(run):
    """The weights at the end of each epoch."""
    seen, end = [], run._learner.end_epoch

    def note(epoch, images):
        seen.append(weights(run.model))
        end(epoch, images)

    run._learner.end_epoch = note
    run.fit()
    return seen


def test_gradients_are_those_of_perturbed_weights_once_it_is_time(make_trainer):
    plain = trace(make_trainer())
    late = trace(make_trainer(awp={"gamma": 0.1, "warmup_epochs": 2}))
    now = trace(make_trainer(awp={"gamma": 0.1}))
    for epoch in (0, 1):
        assert torch.equal(plain[epoch], late[epoch])
        assert not torch.equal(plain[epoch], now[epoch])
    assert not torch.equal(plain[2], late[2])


def test_a_perturbed_step_in_half_precision_computes_with_perturbed_weights(make_trainer):
    """Autocast keeps copies of weights; those from before the perturbation must not be used."""
    run = make_trainer(awp={"gamma": 0.5}, precision="bfloat16", epochs=1)
    plain = make_trainer("plain", precision="bfloat16", epochs=1)
    losses = [metrics(one.fit())[0]["train_loss"] for one in (run, plain)]
    assert losses[0] > losses[1] + 0.05


def test_a_student_of_a_teacher_alone_learns_what_it_says(make_trainer, tmp_path):
    teacher = make_trainer("teacher", epochs=6).fit()

    def unlabelled(epoch, index, batch):
        """Labels that say nothing: only the teacher knows."""
        return batch._replace(labels=torch.zeros_like(batch.labels))

    taught = {"teacher": str(teacher.out), "temperature": 2.0, "weight": 1.0}
    student = make_trainer("student", distill=taught, on_batch=unlabelled, epochs=6).fit()
    alone = make_trainer("alone", on_batch=unlabelled, epochs=6).fit()
    assert student.accuracy > 0.7
    assert alone.accuracy < 0.5


def test_a_teacher_without_weight_changes_nothing(make_trainer):
    teacher = make_trainer("teacher", epochs=1).fit()
    silent = {"teacher": str(teacher.out), "weight": 0.0}
    ends = []
    for asked in ({}, {"distill": silent}):
        run = make_trainer(**asked)
        run.fit()
        ends.append(weights(run.model))
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-4)


def test_a_teacher_that_is_not_there_stops_a_run_before_it_begins(make_trainer, tmp_path):
    with pytest.raises(StateError, match="there is no checkpoint"):
        make_trainer(distill={"teacher": str(tmp_path / "nobody")})
    assert not (tmp_path / "run").exists()


def test_the_average_without_warmup_clings_to_its_start(make_trainer):
    cold = make_trainer("a", ema={"decay": 0.999, "warmup": False})
    start = weights(cold.model)
    cold.fit()
    warm = make_trainer("b", ema={"decay": 0.999})
    warm.fit()
    moved = [(weights(run.ema.averaged()) - start).norm() for run in (cold, warm)]
    assert moved[0] < 0.1 * moved[1]


def test_buffers_of_the_average_are_averaged_where_asked(make_trainer):
    run = make_trainer(ema={"decay": 0.9, "buffers": "ema"})
    run.fit()
    assert not torch.equal(run.ema.averaged()[1].running_mean, run.model[1].running_mean)


def test_layers_are_inspected_and_hooks_are_gone(make_trainer):
    run = make_trainer(epochs=1)
    result = run.fit()
    figures = run.inspect(["0", "5"])
    assert sorted(path.name for path in (result.out / "inspect").iterdir()) == [
        "0.png",
        "5.png",
        "gradients.png",
    ]
    assert all(path.exists() for path in figures)
    assert not any(module._forward_hooks for module in run.model.modules())
    with pytest.raises(RecipeError, match="has no layer 'layer3'"):
        run.inspect(["layer3"])


EVERYTHING = {
    "epochs": 4,
    "init": {"lsuv": {}},
    "freeze": ["1"],
    "schedule": {"name": "one_cycle"},
    "plateau": {"monitor": "accuracy", "patience": 0, "threshold": 9.0},
    "ema": {"decay": 0.9, "buffers": "ema"},
    "swa": {"start_epoch": 2},
    "attack": {"name": "fast_fgsm", "eps": 8},
    "awp": {"gamma": 0.01, "warmup_epochs": 1},
    "checkpoint": {"every_steps": 2},
}


def kill_at(epoch, index):
    def on_batch(at_epoch, at_index, batch):
        if (at_epoch, at_index) == (epoch, index):
            raise KeyboardInterrupt
        return batch

    return on_batch


@pytest.mark.parametrize("at", [(1, 1), (2, 2), (3, 0)], ids=str)
def test_with_all_of_them_a_killed_run_goes_on_to_the_same_end(make_trainer, assert_same, at):
    teacher = make_trainer("teacher", epochs=1).fit()
    asked = EVERYTHING | {"distill": {"teacher": str(teacher.out)}, "statistics": HALF}
    whole = make_trainer("whole", **asked).fit()
    with pytest.raises(KeyboardInterrupt):
        make_trainer("killed", kill_at(*at), **asked).fit()
    run = make_trainer("killed", **asked)
    torch.rand(17)
    run.resume(whole.out.parent / "killed" / "last.pt")
    result = run.fit()
    assert (result.out / "metrics.csv").read_text() == (whole.out / "metrics.csv").read_text()
    assert_same(checkpoint.load(result.last), checkpoint.load(whole.last))
