import pytest
import torch
from torchvision.ops import StochasticDepth

from augpipe.train.nets.drop_path import DropPath, linear_rates


def test_samples_are_kept_whole_and_scaled_or_dropped():
    torch.manual_seed(0)
    branch = 2.0 ** torch.randint(-3, 3, (4000, 2, 3))  # divides without rounding
    dropped = DropPath(0.25)(branch)
    factors = dropped / branch
    assert (factors == factors[:, :1, :1]).all()
    assert (factors[:, 0, 0].isclose(torch.tensor(1 / 0.75)) | (factors[:, 0, 0] == 0)).all()
    # Four standard deviations of the mean of 4000 samples.
    assert float(factors[:, 0, 0].mean()) == pytest.approx(1, abs=4 * (0.25 / 0.75 / 4000) ** 0.5)


def test_the_distribution_is_torchvisions():
    branch = torch.ones(4000, 1, 1, 1)
    torch.manual_seed(0)
    ours, theirs = DropPath(0.3)(branch), StochasticDepth(0.3, "row")(branch)
    torch.testing.assert_close(ours.unique(), theirs.unique())
    shares = [float((kept > 0).float().mean()) for kept in (ours, theirs)]
    assert shares == pytest.approx([0.7, 0.7], abs=0.03)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_nothing_happens_and_nothing_is_drawn_where_nothing_is_dropped(rate):
    branch, before = torch.randn(8, 2, 3, 3), torch.get_rng_state()
    assert DropPath(rate).train(rate == 0)(branch) is branch
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_follow():
    torch.manual_seed(0)
    branch = torch.randn(16, 3, requires_grad=True)
    dropped = DropPath(0.5)(branch)
    dropped.sum().backward()
    assert torch.equal(branch.grad != 0, dropped != 0)


def test_rates_grow_in_a_straight_line():
    assert linear_rates(0.4, 4) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert linear_rates(0.0, 2) == [0.0, 0.0]
