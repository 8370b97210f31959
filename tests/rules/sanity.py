"""Steps that are not finite, schedules, and the overfit check."""

from __future__ import annotations

import pytest
import torch

from augpipe.errors import TrainError
from augpipe.train.config import WarmupCosineConfig
from augpipe.train.guard import NotFiniteError
from augpipe.train.overfit import overfit_batch
from augpipe.train.rate import Rate
from augpipe.train.schedule import Clock, lr_factor
from rules.lab import CPU, rule, weights


@rule(23, "mosaicml/composer#NaNMonitor")
def what_is_not_finite_is_skipped_and_counted(lab):
    """NaN and infinity, in the loss or in a gradient; and a run of them ends, naming its rows."""
    bench = lab.bench()
    bench.guard.limit = 3
    before = weights(bench.net)
    bench.take(lab.window(4, scale=torch.nan))
    hook = bench.net.register_forward_hook(
        lambda net, images, logits: logits - torch.tensor([0, 0, torch.inf])
    )
    bench.take(lab.window(9))  # an infinite loss, of which all gradients are finite
    hook.remove()
    assert torch.equal(weights(bench.net), before)
    assert bench.guard.check() == 2
    bench.take(lab.window(4, scale=torch.nan))
    with pytest.raises(NotFiniteError, match="in 3 steps in a row, of rows 0, 1, 2, 3") as caught:
        bench.guard.check()
    assert isinstance(caught.value, TrainError)


@what_is_not_finite_is_skipped_and_counted.broken
def looks_for_nan_only(lab):
    lab.monkeypatch.setattr(torch.Tensor, "isfinite", lambda tensor: ~tensor.isnan())


@rule(24, "pytorch/pytorch#162591")
def schedules_need_no_history(lab):
    """The rate of a step is the same whether asked for in order, alone, or after a resume."""
    config = WarmupCosineConfig(name="warmup_cosine", warmup_epochs=1)
    clock = Clock(30, 10)
    in_order = [lr_factor(config, number, clock) for number in range(30)]
    assert [lr_factor(config, number, clock) for number in reversed(range(30))] == in_order[::-1]
    fresh = Rate([lr_factor(config, number, clock) for number in range(30)], CPU)
    fresh.taken.fill_(17)
    assert float(fresh.now()) == pytest.approx(in_order[17])


@schedules_need_no_history.broken
def remembers_the_last_call(lab):
    calls = []

    def stateful(config, number, clock):
        calls.append(number)
        return 0.9 ** len(calls)

    lab.monkeypatch.setitem(globals(), "lr_factor", stateful)


@rule(25, "Lightning-AI/pytorch-lightning#2600", "Lightning-AI/pytorch-lightning#15021")
def overfitting_judges_the_same_batch(lab):
    """Labels that are noise can be learnt by heart, and so only on the batch that was shown."""

    def noise(epoch, index, batch):
        torch.manual_seed(100 * epoch + index)
        return batch._replace(labels=torch.randint(0, 3, (len(batch.labels),)))

    config = lab.make_config(optimizer={"name": "adamw", "lr": 0.02})
    result = overfit_batch(config, lab.loader(on_batch=noise), seed=0)
    assert result.passed, result


@overfitting_judges_the_same_batch.broken
def judges_another_batch(lab):
    from augpipe.train import overfit

    def another(self):
        self.calls = getattr(self, "calls", 0) + 1
        labels = self._batch.labels
        yield self._batch._replace(labels=labels if self.calls == 1 else (labels + 1) % 3)

    lab.monkeypatch.setattr(overfit.OneBatch, "__iter__", another)
