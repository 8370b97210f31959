"""The order of a step."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from augpipe.train import step
from augpipe.train.batches import Labelled
from augpipe.train.clip import by_norm
from augpipe.train.loss import Loss
from augpipe.train.precision import Precision
from augpipe.train.rate import Rate
from augpipe.train.schedule import Clock, lr_factor
from rules.lab import rule, weights


@rule(1, "Lightning-AI/pytorch-lightning#9330", "pytorch/examples#1196")
def unscale_before_clip(lab):
    """float16 with its loss scale of 65536 clips like float32: to the same update."""
    moves = []
    for precision in ("float32", "float16"):
        bench = lab.bench(precision=precision, clip=by_norm(0.5))
        before = weights(bench.net)
        bench.take(lab.window(8))
        moves.append(weights(bench.net) - before)
    assert moves[0].norm() == pytest.approx(0.05, rel=1e-3)  # lr times the clipped norm
    torch.testing.assert_close(moves[1], moves[0], rtol=0.02, atol=1e-3)


@unscale_before_clip.broken
def clips_scaled_gradients(lab):
    original = step.Step.__init__

    def build(self, *args, clip=None, precision=None, **options):
        def late(parameters, norm):
            for parameter in parameters:
                parameter.grad *= 65536.0
            by_norm(0.5)(parameters, norm * 65536.0)
            for parameter in parameters:
                parameter.grad /= 65536.0

        scaled = precision._scaler.is_enabled()
        original(self, *args, clip=late if scaled else clip, precision=precision, **options)

    lab.monkeypatch.setattr(step.Step, "__init__", build)


@rule(2, "pytorch/vision#4874")
def one_step_after_clipping(lab):
    """The optimizer steps once for each window, with gradients that are clipped already."""
    bench = lab.bench(clip=by_norm(1e-3))
    norms = []

    def note(optimizer, args, kwargs):
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
        norms.append(nn.utils.get_total_norm(grads).item())

    bench.optimizer.register_step_pre_hook(note)
    bench.take(lab.window(8, 8))
    assert norms == [pytest.approx(1e-3, rel=1e-3)]


@one_step_after_clipping.broken
def steps_twice(lab):
    once = step.Step._step_where

    def twice(self, taken):
        once(self, taken)
        once(self, taken)

    lab.monkeypatch.setattr(step.Step, "_step_where", twice)


@rule(3, "pytorch/vision#4874")
def forward_inside_autocast(lab):
    """With bfloat16 the layers compute in bfloat16; their weights stay float32."""
    bench = lab.bench(precision="bfloat16")
    seen = []
    bench.net[1].register_forward_hook(lambda layer, args, out: seen.append(out.dtype))
    bench.take(lab.window(4))
    assert seen == [torch.bfloat16]
    assert {p.dtype for p in bench.net.parameters()} == {torch.float32}


@forward_inside_autocast.broken
def forward_outside(lab):
    lab.monkeypatch.setattr(Precision, "autocast", lambda self: contextlib.nullcontext())


@rule(4, "Lightning-AI/pytorch-lightning#5558", "pytorch/pytorch#44511")
def no_schedule_step_when_skipped(lab):
    """A skipped step uses up no learning rate: the next one has the rate that was its."""
    bench = lab.bench(factors=[0.1, 0.2, 0.3], precision="float16")
    rates = []
    for scale in (1.0, torch.nan, torch.nan, 1.0, 1.0):
        bench.take(lab.window(4, scale=scale))
        rates.append(float(bench.optimizer.param_groups[0]["lr"]))
    assert rates == pytest.approx([0.01, 0.02, 0.02, 0.02, 0.03])


@no_schedule_step_when_skipped.broken
def counts_skipped_steps(lab):
    lab.monkeypatch.setattr(Rate, "advance", lambda self, taken: self.taken.add_(1))


@rule(5, "Lightning-AI/pytorch-lightning#1476", "Lightning-AI/pytorch-lightning#19774")
def optimizer_steps_are_counted(lab):
    """With accumulation the schedule still ends where it should: with the last optimizer step."""
    schedule = {"name": "cosine"}
    trainer = lab.trainer(accumulate=2, schedule=schedule, epochs=3)
    trainer.fit()
    assert trainer.step == 6  # 3 batches make 2 steps in each of 3 epochs
    last = lr_factor(trainer._config.schedule, 5, Clock(6, 2))
    assert trainer._learner.lr == pytest.approx(0.05 * last)


@optimizer_steps_are_counted.broken
def counts_micro_batches(lab):
    from augpipe.train import trainer

    micro = lambda config, loader: Clock(config.epochs * len(loader), len(loader))  # noqa: E731
    lab.monkeypatch.setattr(trainer, "clock_of", micro)


@rule(6, "modelscope/ms-swift#10084", "huggingface/transformers#34191")
def windows_weigh_samples(lab):
    """Batches of 5, 5 and 2 are one batch of 12: not three equal thirds, and not of a fixed k."""
    parts, whole = lab.bench(), lab.bench()
    window = lab.window(5, 5, 2)
    images, labels = (torch.cat([batch[n] for batch in window]) for n in (0, 1))
    parts.take(window)
    whole.take([Labelled(images, labels, list(range(12)))])
    torch.testing.assert_close(weights(parts.net), weights(whole.net))


@windows_weigh_samples.broken
def means_of_means(lab):
    size = Loss.size
    lab.monkeypatch.setattr(Loss, "size", lambda self, labels: 4.0 * size(self, labels[:1]))


@rule(7, "pytorch/ClassyVision#706", "karpathy/build-nanogpt#30")
def no_sync_covers_the_forward(lab):
    """Gradients are exchanged once in a window, not once in a batch."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        net = nn.parallel.DistributedDataParallel(lab.net())
        exchanges = []

        def hook(state, bucket):
            exchanges.append(bucket.index())
            future = torch.futures.Future()
            future.set_result(bucket.buffer())
            return future

        net.register_comm_hook(None, hook)
        lab.bench(net).take(lab.window(4, 4, 4))
        assert exchanges == [0]
    finally:
        torch.distributed.destroy_process_group()


@no_sync_covers_the_forward.broken
def always_exchanges(lab):
    lab.monkeypatch.setattr(step.Step, "_unless_last", lambda self, last: contextlib.nullcontext())
