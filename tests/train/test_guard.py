import pytest
import torch
from torch import nn

from augpipe.errors import TrainError
from augpipe.train.guard import Guard


@pytest.fixture
def guard():
    return Guard(nn.BatchNorm2d(2), torch.device("cpu"))


def note(guard, pattern):
    """Note a step for each character: `.` taken, `x` skipped."""
    for character in pattern:
        guard.note(torch.tensor(character == "."))


def test_skipped_steps_are_counted_since_the_last_check(guard):
    note(guard, "..x.xx")
    assert guard.check() == 3
    note(guard, ".x")
    assert guard.check() == 1
    assert guard.check() == 0


def test_as_many_in_a_row_as_the_limit_end_the_run(guard):
    note(guard, "x" * (guard.limit - 1) + "." + "x" * (guard.limit - 1))
    guard.check()
    note(guard, ".." + "x" * guard.limit + "..")
    with pytest.raises(TrainError, match=rf"not finite in {guard.limit} steps in a row; lower"):
        guard.check()


def test_a_streak_outlives_a_check(guard):
    note(guard, "x" * (guard.limit - 1))
    guard.check()
    note(guard, "x")
    with pytest.raises(TrainError):
        guard.check()


def test_spoilt_statistics_become_those_of_the_last_good_check():
    norm = nn.BatchNorm2d(2)
    guard = Guard(norm, torch.device("cpu"))
    norm(torch.randn(4, 2, 3, 3))
    note(guard, ".")
    guard.check()
    good = norm.running_mean.clone(), norm.running_var.clone()
    norm(torch.full((4, 2, 3, 3), torch.nan))
    note(guard, "x.")
    assert norm.running_mean.isnan().all()
    guard.check()
    assert torch.equal(norm.running_mean, good[0])
    assert torch.equal(norm.running_var, good[1])


def test_statistics_that_overflow_without_a_skipped_step_are_put_back_too():
    norm = nn.BatchNorm2d(2)
    guard = Guard(norm, torch.device("cpu"))
    norm(torch.tensor([1e30, -1e30]).reshape(2, 1, 1, 1).expand(2, 2, 1, 1))
    note(guard, ".")
    assert norm.running_var.isinf().all()
    assert guard.check() == 0
    assert torch.equal(norm.running_var, torch.ones(2))
