import copy

import pytest
import torch
from torch.nn import functional

from augpipe.train.batches import Labelled
from augpipe.train.clip import by_norm
from augpipe.train.config import AdamWConfig, SgdConfig
from augpipe.train.ema import Ema
from augpipe.train.guard import Guard
from augpipe.train.loss import Loss
from augpipe.train.optim import build_optimizer, parameter_groups
from augpipe.train.precision import Precision
from augpipe.train.rate import Rate
from augpipe.train.score import Tally
from augpipe.train.step import Step

CPU = torch.device("cpu")
SGD = SgdConfig(name="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
ADAMW = AdamWConfig(name="adamw", lr=0.01, weight_decay=0.1)
OPTIMIZERS = pytest.mark.parametrize("config", [SGD, ADAMW], ids=["sgd", "adamw"])


def batch(seed, size=8, device=CPU):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, 8, 8, generator=generator)
    return images.to(device), torch.randint(0, 3, (size,), generator=generator).to(device)


class Bench:
    """A net with everything a step acts on."""

    def __init__(self, net, config=SGD, device=CPU, factors=(1.0,), precision="float32", **options):
        self.net = net.to(device)
        self.optimizer = build_optimizer(config, self.net)
        self.ema = Ema(self.net, 0.9)
        self.guard = Guard(self.net)
        self.rate = Rate(factors, device)
        self.tally = Tally(device)
        self.precision = Precision(precision, device)
        options = {"loss": Loss(), "ema": self.ema, "precision": self.precision} | options
        self.step = Step(self.net, self.optimizer, self.guard, self.rate, **options)

    def __call__(self, *batches):
        window = [Labelled(images, labels, list(range(len(labels)))) for images, labels in batches]
        self.step(window, self.tally)

    def state(self):
        """All that a skipped step must leave alone."""
        return copy.deepcopy(
            {
                "weights": dict(self.net.named_parameters()),
                "optimizer": self.optimizer.state_dict()["state"],
                "ema": dict(self.ema.averaged().named_parameters()),
                "updates": self.ema.updates,
                "taken": self.rate.taken,
            }
        )


def by_hand(net, config, steps, clip_norm):
    """The same training in the plainest torch, with unfused optimizers."""
    groups = parameter_groups(net, config.weight_decay)
    if isinstance(config, SgdConfig):
        optimizer = torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov, foreach=False
        )
    else:
        optimizer = torch.optim.AdamW(groups, lr=config.lr, foreach=False)
    for seed, factor in enumerate(steps):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * factor
        images, labels = batch(seed)
        optimizer.zero_grad()
        functional.cross_entropy(net(images), labels, label_smoothing=0.1).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
        optimizer.step()


@OPTIMIZERS
@pytest.mark.parametrize("clip_norm", [0.1, 1e6])
def test_steps_are_those_written_by_hand(net, config, clip_norm):
    twin, steps = copy.deepcopy(net), [0.5, 1.0, 0.7, 0.1]
    torch.manual_seed(1)
    bench = Bench(net, config, factors=steps, clip=by_norm(clip_norm), loss=Loss(0.1))
    for seed in range(len(steps)):
        bench(batch(seed))
    torch.manual_seed(1)
    by_hand(twin, config, steps, clip_norm)
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), rtol=1e-4, atol=1e-6)


@OPTIMIZERS
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
@pytest.mark.parametrize("good_steps", [0, 2])
def test_a_step_that_is_not_finite_leaves_no_trace(net, config, poison, good_steps):
    bench = Bench(net, config)
    for seed in range(good_steps):
        bench(batch(seed))
    before, scores = bench.state(), bench.tally.scores()
    images, labels = batch(7)
    images[3, 0, 0, 0] = poison
    bench((images, labels))
    after = bench.state()
    torch.testing.assert_close(after["weights"], before["weights"], rtol=0, atol=0)
    torch.testing.assert_close(after["ema"], before["ema"], rtol=0, atol=0)
    for old, new in zip(before["optimizer"].values(), after["optimizer"].values(), strict=False):
        torch.testing.assert_close(new, old, rtol=0, atol=0)
    assert after["updates"] == before["updates"]
    assert after["taken"] == before["taken"]
    assert bench.guard.check() == 1
    assert repr(bench.tally.scores()) == repr(scores)  # NaN equals nothing but its own spelling


def test_a_finite_loss_with_gradients_that_are_not_is_skipped_too(net):
    bench = Bench(net)
    net[5].weight.register_hook(lambda gradient: gradient * torch.inf)
    before = bench.state()
    bench(batch(0))
    torch.testing.assert_close(bench.state()["weights"], before["weights"], rtol=0, atol=0)
    assert bench.guard.check() == 1


def test_an_infinite_loss_with_finite_gradients_is_skipped_too(net):
    bench = Bench(net)
    net.register_forward_hook(
        lambda module, inputs, logits: logits - torch.tensor([0, 0, torch.inf])
    )
    before = bench.state()
    bench(batch(0))
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    torch.testing.assert_close(bench.state()["weights"], before["weights"], rtol=0, atol=0)
    assert bench.guard.check() == 1


@OPTIMIZERS
def test_training_goes_on_after_a_skipped_first_step_as_if_it_had_not_been(net, config):
    twin = copy.deepcopy(net)
    bench, untroubled = Bench(net, config), Bench(twin, config)
    images, labels = batch(9)
    bench((images * torch.nan, labels))
    bench.guard.check()
    for runner in (bench, untroubled):
        torch.manual_seed(2)
        for seed in range(3):
            runner(batch(seed))
    torch.testing.assert_close(
        dict(net.named_parameters()), dict(twin.named_parameters()), rtol=0, atol=0
    )


def test_hard_labels_are_soft_labels_of_one(net):
    twin = copy.deepcopy(net)
    images, labels = batch(0)
    benches = Bench(net), Bench(twin)
    for bench, target in zip(benches, (labels, functional.one_hot(labels, 3).float()), strict=True):
        torch.manual_seed(3)
        bench((images, target))
    torch.testing.assert_close(net.state_dict(), twin.state_dict())
    assert benches[0].tally.scores() == pytest.approx(benches[1].tally.scores())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA: torch sees no GPU")
# torch calls the mode that finds waits a prototype, at every use.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning")
@OPTIMIZERS
def test_on_a_gpu_no_step_waits_for_the_device(net, config):
    device = torch.device("cuda")
    bench = Bench(net, config, device, clip=by_norm(1.0))
    good, bad = batch(0, device=device), batch(1, device=device)
    bad[0].fill_(torch.nan)
    bench(good)  # the first step may set up libraries
    try:
        torch.cuda.set_sync_debug_mode("error")
        for images, labels in (good, bad, good):
            bench((images, labels))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bench.guard.check() == 1
    assert all(parameter.isfinite().all() for parameter in net.parameters())
