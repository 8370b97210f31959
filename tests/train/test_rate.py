import pytest
import torch

from augpipe.train.rate import Rate


def test_only_steps_that_were_taken_move_the_schedule_on():
    rate, seen = Rate([0.1, 0.2, 0.3], torch.device("cpu")), []
    for taken in (True, False, True, True, True):
        seen.append(rate.now().item())
        rate.advance(torch.tensor(taken))
    assert seen == pytest.approx([0.1, 0.2, 0.2, 0.3, 0.3])
    assert rate.taken == 4
