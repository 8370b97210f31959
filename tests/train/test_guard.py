import pytest
import torch
from torch import nn

from augpipe.errors import TrainError
from augpipe.train.guard import Guard, NotFiniteError


@pytest.fixture
def guard():
    return Guard(nn.BatchNorm2d(2))


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


@pytest.mark.parametrize("after", [0, 3, 30])
@pytest.mark.parametrize("before", [0, 7])
def test_the_rows_of_the_steps_that_ended_the_run_are_named(before, after):
    guard = Guard(nn.BatchNorm2d(2), limit=3)
    for step, character in enumerate("." * before + "xxx" + "." * after):
        guard.note(torch.tensor(character == "."), rows=[10 * step, 10 * step + 1])
    with pytest.raises(NotFiniteError) as caught:
        guard.check()
    steps = range(before, before + 3)
    assert caught.value.rows == [row for step in steps for row in (10 * step, 10 * step + 1)]


def test_rows_from_before_the_last_check_are_known_still():
    guard = Guard(nn.BatchNorm2d(2), limit=3)
    for step in range(2):
        guard.note(torch.tensor(False), rows=[step])
    guard.check()
    guard.note(torch.tensor(False), rows=[2])
    with pytest.raises(NotFiniteError, match=r"in 3 steps in a row, of rows 0, 1, 2;"):
        guard.check()


def test_a_guard_goes_on_with_its_streak():
    one, other = (Guard(nn.BatchNorm2d(2)) for _ in "ab")
    note(one, "xx")
    one.check()
    other.load_state_dict(one.state_dict())
    note(other, "x" * (other.limit - 2))
    with pytest.raises(NotFiniteError):
        other.check()


def test_a_streak_outlives_a_check(guard):
    note(guard, "x" * (guard.limit - 1))
    guard.check()
    note(guard, "x")
    with pytest.raises(TrainError):
        guard.check()


def test_spoilt_statistics_become_those_of_the_last_good_check():
    norm = nn.BatchNorm2d(2)
    guard = Guard(norm)
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
    guard = Guard(norm)
    norm(torch.tensor([1e30, -1e30]).reshape(2, 1, 1, 1).expand(2, 2, 1, 1))
    note(guard, ".")
    assert norm.running_var.isinf().all()
    assert guard.check() == 0
    assert torch.equal(norm.running_var, torch.ones(2))
