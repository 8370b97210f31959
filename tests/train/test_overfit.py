import pytest

from augpipe.errors import DataError, TrainError
from augpipe.train.learner import Learner
from augpipe.train.overfit import overfit_batch, require

ADAMW = {"name": "adamw", "lr": 0.02}


def test_a_sound_model_learns_one_batch_by_heart(make_config, loader):
    result = overfit_batch(make_config(optimizer=ADAMW), loader(), seed=0)
    assert result.passed
    assert result.samples == 16
    assert result.after.loss < result.before.loss
    require(result)


def test_one_that_cannot_learn_fails_and_says_what_to_look_at(make_config, loader):
    config = make_config(optimizer={"name": "sgd", "lr": 1e-9})
    result = overfit_batch(config, loader(), seed=0, steps=20)
    assert not result.passed
    assert result.steps == 20
    with pytest.raises(TrainError, match=r"by heart \(16 samples, 20 steps: loss .* train\.optim"):
        require(result)


def test_the_rate_stays_at_its_peak(make_config, loader):
    """A warm-up of four epochs would leave these 30 steps at a trickle."""
    slow = {"name": "warmup_cosine", "warmup_epochs": 4}
    one, other = (
        overfit_batch(make_config(optimizer=ADAMW, schedule=schedule), loader(), seed=0, steps=30)
        for schedule in (slow, {"name": "constant"})
    )
    assert one == other


def test_it_trains_in_training_mode_though_it_judges_in_between(make_config, loader, monkeypatch):
    learn, modes = Learner.learn, []

    def note(self, window, tally, step):
        modes.append(self.model.training)
        learn(self, window, tally, step)

    monkeypatch.setattr(Learner, "learn", note)
    slow = {"name": "sgd", "lr": 1e-9}
    overfit_batch(make_config(optimizer=slow), loader(), seed=0, steps=25)
    assert modes == [True] * 25


def test_no_data_is_an_error(make_config, loader):
    with pytest.raises(DataError, match="nothing to train on"):
        overfit_batch(make_config(), loader(samples=0), seed=0)
