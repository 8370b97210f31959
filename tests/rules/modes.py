"""Which parameters decay, and what evaluation leaves behind."""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from augpipe import build_loader
from augpipe.train.optim import parameter_groups
from augpipe.train.score import Tally, evaluate
from rules.lab import CPU, SHAPES, rule


@rule(13, "ServiceNow/Fast-LLM#542", "facebookresearch/ClassyVision#177")
def norms_and_biases_do_not_decay(lab):
    """By the kind of module and the number of axes; each parameter in one group exactly."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SyncBatchNorm(4), nn.LayerNorm([4, 2, 2]))
    groups = parameter_groups(net, 0.1)
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(decays) == sum(len(group["params"]) for group in groups)
    assert decays.keys() == {id(p) for p in net.parameters()}
    assert [p for p in net.parameters() if decays[id(p)]] == [net[0].weight]


@norms_and_biases_do_not_decay.broken
def goes_by_axes_alone(lab):
    from augpipe.train import optim

    lab.monkeypatch.setattr(optim, "_NORMS", ())


@rule(14, "ultralytics/ultralytics#22372", "Harry24k/adversarial-attacks-pytorch#21")
def evaluation_leaves_no_trace(lab):
    """Every module returns to its own mode, a frozen norm too; and training can go on."""
    net = lab.net(norm=True).train()
    net[0].eval()
    bench = lab.bench(net)
    before = copy.deepcopy(net.state_dict())
    data = lab.loader()
    data.on_batch = lambda epoch, n, batch: batch._replace(images=batch.images[:, :, :4, :4])
    evaluate({"net": net, "ema": bench.ema.averaged()}, data, CPU)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    assert [module.training for module in net] == [False, True, True]
    assert not any(t.is_inference() for t in bench.ema.averaged().state_dict().values())
    bench.take(lab.window(4))


@evaluation_leaves_no_trace.broken
def always_back_to_train(lab):
    from augpipe.train import score

    @contextlib.contextmanager
    def crude(model):
        model.eval()
        yield
        model.train()

    lab.monkeypatch.setattr(score, "evaluating", crude)


@rule(15, "pytorch/vision#4559", "pytorch/pytorch#25162")
def no_sample_is_judged_twice(lab):
    """Three processes share 32 samples: what they count adds up to 32, and to one's own scores."""
    net, sums = lab.net(classes=4).eval(), []
    for rank, world_size in ((0, 1), (0, 3), (1, 3), (2, 3)):
        data = shapes(shuffle=False, batch_size=5, rank=rank, world_size=world_size)
        tally = Tally(CPU)
        for batch in data:
            logits = net(batch.images)
            tally.add(functional.cross_entropy(logits, batch.labels), logits, batch.labels)
        sums.append(torch.tensor(tally.state_dict()["sums"]))
    assert sums[0][0] == 32
    torch.testing.assert_close(sum(sums[1:]), sums[0])


@no_sample_is_judged_twice.broken
def pads_the_shares(lab):
    real = shapes

    def padded(**options):
        return real(**options | {"shuffle": True})

    lab.monkeypatch.setitem(globals(), "shapes", padded)


def shapes(**options):
    """Batches of the small pictures in samples/shapes, 4 x 4."""
    pipeline = [{"resize": {"size": [4, 4]}}, "normalize"]
    return build_loader(SHAPES, pipeline, num_workers=0, **options)


@rule(16, "Lightning-AI/pytorch-lightning#21938", "huggingface/accelerate#4071")
def epochs_differ_and_resume_in_their_order(lab):
    """The epoch is set before its iterator is made, so a resumed run is shown the right one."""
    seen = []

    def note(epoch, index, batch):
        seen.append((epoch, index))
        if (epoch, index) == (2, 1) and seen.count((2, 1)) == 1:
            raise KeyboardInterrupt
        return batch

    with pytest.raises(KeyboardInterrupt):
        lab.trainer(on_batch=note).fit()
    trainer = lab.trainer(on_batch=note)
    trainer.resume(lab.folder / "run" / "last.pt")
    trainer.fit()
    whole = [(epoch, index) for epoch in range(4) for index in range(3)]
    assert seen == whole[:8] + whole[6:]


@epochs_differ_and_resume_in_their_order.broken
def forgets_the_epoch(lab):
    lab.monkeypatch.setattr(
        lab.loader, "set_epoch", lambda self, epoch: setattr(self, "interrupted", False)
    )
    lab.monkeypatch.setattr(
        lab.loader, "load_state_dict", lambda self, state: setattr(self, "epoch", 0)
    )
