"""Attacks against closed forms and brute force; and that they leave no trace."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from augpipe.schema import check
from augpipe.train.attack import (
    PixelScale,
    build_attack,
    fast_fgsm,
    fgsm,
    pgd,
    score_attacked,
)
from augpipe.train.config.robust import AttackConfig
from augpipe.train.score import Tally

HALF = PixelScale((0.5, 0.4, 0.3), (0.5, 0.25, 0.2))
loss = functional.cross_entropy


def batch(seed=0, size=8):
    """Images in the middle of the range, normalised by HALF, and labels."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(6, 3, size, size, generator=generator) * 0.6 + 0.2
    low, high = HALF.bounds(pixels)
    return low + pixels * (high - low), torch.arange(6) % 3


def moved(adversarial, images):
    """How far each pixel has moved, in levels of 255."""
    return (adversarial - images) / HALF.levels(1, images)


@pytest.fixture(params=["fgsm", "fast_fgsm", "pgd"])
def attack(request):
    return build_attack(AttackConfig(name=request.param, eps=6), HALF)


def test_levels_are_those_of_the_normalised_pixels():
    black, white = HALF.bounds(torch.zeros(1))
    torch.testing.assert_close(black.flatten(), torch.tensor([-1.0, -1.6, -1.5]))
    torch.testing.assert_close(white.flatten(), torch.tensor([1.0, 2.4, 3.5]))
    levels = HALF.levels(255, torch.zeros(1)).flatten()
    torch.testing.assert_close(levels, (white - black).flatten())


def test_pictures_stay_within_eps_and_range_and_get_worse(net, attack):
    images, labels = batch()
    adversarial = attack(net, images, labels, loss)
    assert moved(adversarial, images).abs().max() <= 6 * (1 + 1e-5)
    assert not adversarial.requires_grad
    net.eval()
    assert loss(net(adversarial), labels) > loss(net(images), labels)


def test_pixels_stay_between_black_and_white(net, attack):
    images, labels = batch()
    black, white = HALF.bounds(images)
    images = torch.where(images > images.median(), white.expand_as(images), black)
    adversarial = attack(net, images, labels, loss)
    assert (adversarial >= black).all()
    assert (adversarial <= white).all()


def test_fgsm_is_the_papers_equation(net):
    images, labels = batch()
    leaf = images.clone().requires_grad_()
    loss(net.eval()(leaf), labels).backward()
    expected = images + 6 * HALF.levels(1, images) * leaf.grad.sign()
    torch.testing.assert_close(fgsm(6, HALF)(net, images, labels, loss), expected)


def test_nothing_beats_fgsm_and_pgd_on_a_linear_model():
    """There the worst picture has every pixel at an edge of the box: all of them are tried."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    images, labels = torch.full((1, 3, 2, 2), 0.5), torch.tensor([0])
    corners = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=12))).reshape(-1, 3, 2, 2)
    with torch.no_grad():
        logits = model(images + corners * 6 / 255)
        worst = functional.cross_entropy(logits, labels.expand(len(corners)), reduction="none")
    for found in (fgsm(6), fast_fgsm(6, step=12), pgd(6)):
        adversarial = found(model, images, labels, loss)
        torch.testing.assert_close(loss(model(adversarial), labels).detach(), worst.max())


def test_more_steps_find_worse_pictures(net):
    images, labels = batch()
    net.eval()

    def worst(steps):
        attack = pgd(16, 2, steps, HALF, generator=torch.Generator().manual_seed(0))
        return loss(net(attack(net, images, labels, loss)), labels).item()

    assert worst(1) < worst(3) < worst(10)


def test_pgd_takes_its_steps_and_stays_in_its_box(net):
    images, labels = batch()

    def farthest(eps, step, steps):
        attack = pgd(eps, step, steps, HALF)
        generator = torch.Generator().manual_seed(0)
        start = images + eps * HALF.levels(1, images) * torch.empty_like(images).uniform_(
            -1, 1, generator=generator
        )
        torch.manual_seed(0)
        return float(moved(attack(net, images, labels, loss), start).abs().max())

    assert farthest(8, 1, 3) == pytest.approx(3, rel=1e-3)
    assert farthest(8, 1, 30) > 8


def test_starts_are_random_and_repeat_with_the_generator(net):
    images, labels = batch()

    def start(seed):
        generator = torch.Generator().manual_seed(seed)
        return fast_fgsm(6, 1e-6, HALF, generator=generator)(net, images, labels, loss)

    before = torch.get_rng_state()
    assert torch.equal(start(0), start(0))
    assert not torch.equal(start(0), start(1))
    assert torch.equal(torch.get_rng_state(), before)
    moves = moved(start(0), images)
    assert float(moves.std()) == pytest.approx(6 / 3**0.5, rel=0.1)  # of a uniform distribution
    assert float(moves.abs().max()) > 5.9


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("grad", [True, False])
def test_the_model_and_the_images_are_left_as_they_were(net, attack, mode, grad):
    images, labels = batch()
    kept = images.clone()
    loss(net(images), labels).backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net[1].eval()  # a frozen norm stays frozen
    attack = build_attack(AttackConfig(name="pgd", mode=mode), HALF)
    with torch.set_grad_enabled(grad):
        attack(net, images, labels, loss)
    assert net.training
    assert not net[1].training
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients, strict=True))
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(images, kept)
    assert not images.requires_grad
    assert all(p.requires_grad for p in net.parameters())


def test_the_mode_decides_which_statistics_are_attacked(net):
    images, labels = batch()
    for _ in range(3):
        net(images * 5 + 3)
    seen = []
    net[1].register_forward_hook(lambda module, *_: seen.append(module.training))
    fgsm(6, HALF, "eval")(net, images, labels, loss)
    fgsm(6, HALF, "train")(net, images, labels, loss)
    assert seen == [False, True]


def test_an_attack_that_fails_leaves_the_model_too(net):
    images, labels = batch()

    def broken(logits, labels):
        raise ValueError("no loss")

    before = net[1].running_mean.clone()
    with pytest.raises(ValueError, match="no loss"):
        fgsm(6, HALF, "train")(net, images, labels, broken)
    assert net.training
    assert torch.equal(net[1].running_mean, before)


def test_the_recipe_names_the_papers_attacks():
    def made(**values):
        attack = build_attack(AttackConfig(**values), HALF)
        return attack.eps, attack.step, attack.steps, attack.random_start

    assert made(name="fgsm", eps=4) == (4, 4, 1, False)
    assert made(name="fast_fgsm") == (8, 10, 1, True)
    assert made(name="pgd") == (8, 2, 7, True)
    assert made(name="pgd", step=1, steps=20) == (8, 1, 20, True)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "fgsm", "step": 2}, "fgsm takes one step of eps"),
        ({"name": "fast_fgsm", "steps": 2}, "fast_fgsm takes one step"),
        ({"name": "pgd", "steps": 0}, "steps"),
        ({"name": "cw"}, "name"),
        ({"name": "pgd", "eps": 256}, "eps"),
    ],
)
def test_options_that_do_nothing_are_refused(values, says):
    with pytest.raises(Exception, match=says):
        check(AttackConfig, values)


def test_robust_scores_are_those_of_the_attacked_batch(net):
    images, labels = batch()
    robust, clean = Tally(torch.device("cpu")), Tally(torch.device("cpu"))
    score_attacked(net, fgsm(32, HALF), images, labels, loss, robust)
    score_attacked(net, fgsm(0, HALF), images, labels, loss, clean)
    assert net.training
    assert robust.scores().loss > clean.scores().loss
    net.eval()
    assert clean.scores().loss == pytest.approx(loss(net(images), labels).item(), rel=1e-5)
    adversarial = fgsm(32, HALF)(net, images, labels, loss)
    hits = (net(adversarial).argmax(1) == labels).float().mean()
    assert robust.scores().accuracy == pytest.approx(float(hits))
