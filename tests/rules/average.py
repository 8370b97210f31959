"""The average of the weights."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from augpipe.train import checkpoint, step
from augpipe.train.ema import Ema
from rules.lab import rule, weights


@rule(8, "pytorch/ignite#2590")
def average_after_a_real_step(lab):
    """The average follows the weights as they are after the step; buffers are copied."""
    bench = lab.bench(lab.net(norm=True))
    start = weights(bench.net)
    bench.take(lab.window(8))
    averaged = bench.ema.averaged()
    torch.testing.assert_close(weights(averaged), start + 0.9 * (weights(bench.net) - start))
    assert torch.equal(averaged[0].running_mean, bench.net[0].running_mean)


@average_after_a_real_step.broken
def averages_before_the_step(lab):
    original = step.Step._step_where

    def early(self, taken):
        self._ema.update(taken)
        original(self, taken)
        self._ema = SimpleNamespace(update=lambda taken: None)

    lab.monkeypatch.setattr(step.Step, "_step_where", early)


@rule(9, "huggingface/pytorch-image-models#102")
def average_warms_up(lab):
    """After a hundred steps little is left of the random start, whatever the decay."""
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    ema = Ema(net, 0.9999)
    net.weight.data.fill_(1.0)
    for _ in range(100):
        ema.update(torch.tensor(True))
    assert ema.averaged().weight.item() > 0.95


@average_warms_up.broken
def never_warms_up(lab):
    update = Ema.update

    def cold(self, taken):
        self.updates.fill_(10**9)
        update(self, taken)

    lab.monkeypatch.setattr(Ema, "update", cold)


@rule(10, "ultralytics/ultralytics#24986")
def nan_never_reaches_the_average(lab):
    """One step of NaN leaves the average as it was, to the bit."""
    bench = lab.bench()
    bench.take(lab.window(8))
    before = weights(bench.ema.averaged())
    bench.take(lab.window(8, scale=torch.nan))
    assert torch.equal(weights(bench.ema.averaged()), before)


@nan_never_reaches_the_average.broken
def averages_skipped_steps(lab):
    update = Ema.update
    lab.monkeypatch.setattr(Ema, "update", lambda self, taken: update(self, torch.ones_like(taken)))


@rule(11, "ultralytics/ultralytics#17282")
def both_weights_are_saved_in_full(lab):
    """A checkpoint holds live and averaged weights, and they are float32."""
    trainer = lab.trainer(epochs=1, precision="bfloat16")
    state = checkpoint.load(trainer.fit().last)
    for name in ("model", "ema"):
        floats = [t for t in state[name].values() if t.is_floating_point()]
        assert floats
        assert {tensor.dtype for tensor in floats} == {torch.float32}
    live = dict(trainer.model.named_parameters())
    assert all(torch.equal(state["model"][name], tensor) for name, tensor in live.items())
    assert any(not torch.equal(state["ema"][name], tensor) for name, tensor in live.items())


@both_weights_are_saved_in_full.broken
def saves_halves(lab):
    save = checkpoint.save

    def halved(path, state):
        model = {k: t.half() if t.is_floating_point() else t for k, t in state["model"].items()}
        save(path, {**state, "model": model})

    lab.monkeypatch.setattr(checkpoint, "save", halved)
