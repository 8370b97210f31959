"""Averages over epochs, attacks, and what is deployed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from augpipe.train import attack, averaging, awp, fuse
from rules.lab import rule, weights


@rule(12, "Lightning-AI/pytorch-lightning#14866")
def averaged_weights_get_their_own_statistics(lab):
    """Norms are reset, then take the plain mean over all batches, in which each counts alike."""
    net = lab.net(norm=True)
    batches = [batch.images + n for n, batch in enumerate(lab.window(8, 8, 8))]
    net[0].running_mean.fill_(100.0)
    averaging.recompute_norms(net, batches)
    mean = torch.stack([images.mean((0, 2, 3)) for images in batches]).mean(0)
    torch.testing.assert_close(net[0].running_mean, mean)
    assert net[0].momentum == 0.1


@averaged_weights_get_their_own_statistics.broken
def keeps_the_momentum(lab):
    def recompute(model, images):
        model.train()
        model[0].reset_running_stats()
        for batch in images:
            model(batch)

    lab.monkeypatch.setattr(averaging, "recompute_norms", recompute)


@rule(26, "locuslab/fast_adversarial#14")
def attacks_leave_no_trace(lab):
    """Neither gradients nor statistics nor weights are touched, also when training fails."""
    net, (batch,) = lab.net(norm=True).train(), lab.window(8)
    before, kept = weights(net), net[0].running_mean.clone()
    attack.pgd(steps=2)(net, batch.images, batch.labels, functional.cross_entropy)
    try:
        with awp.perturbed(net, batch.images, batch.labels, functional.cross_entropy, gamma=0.1):
            assert not torch.equal(weights(net), before)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert torch.equal(weights(net), before)
    assert torch.equal(net[0].running_mean, kept)
    assert all(parameter.grad is None for parameter in net.parameters())


@attacks_leave_no_trace.broken
def attacks_through_backward(lab):
    def gradient(model, images, labels, loss):
        leaf = images.detach().requires_grad_()
        torch.autograd.backward(loss(model(leaf), labels))
        return leaf.grad

    lab.monkeypatch.setattr(attack, "_gradient", gradient)


@rule(27, "DingXiaoH/RepVGG#9", "DingXiaoH/RepVGG#35")
def fused_models_answer_alike(lab):
    """Fused outputs are those of the model in eval mode, to rounding."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    net(3 * torch.randn(16, 3, 8, 8))  # statistics that are not 0 and 1
    images = torch.randn(4, 3, 8, 8)
    fused = fuse.fuse(net.eval(), images)
    torch.testing.assert_close(fused(images), net(images), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())


@fused_models_answer_alike.broken
def forgets_the_statistics(lab):
    lab.monkeypatch.setattr(fuse, "fuse_norm", lambda conv, norm: conv)
