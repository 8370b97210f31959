import math

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from augpipe.errors import RecipeError
from augpipe.train.distill import Distiller, load_teacher, soft_loss


def logits(seed, rows=5, classes=4):
    return 3 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed))


def softmax(row, temperature):
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def test_the_soft_loss_is_the_papers_by_loops():
    student, teacher = logits(0), logits(1)
    total = 0.0
    for mine, theirs in zip(student.tolist(), teacher.tolist(), strict=True):
        pairs = zip(softmax(theirs, 3.0), softmax(mine, 3.0), strict=True)
        total += sum(p * math.log(p / q) for p, q in pairs)
    assert float(soft_loss(student, teacher, 3.0)) == pytest.approx(9 * total / 5, rel=1e-5)


def test_its_gradient_is_that_of_the_cross_entropy():
    """Section 2.1, eq. 2: (q - p) / T for each logit, here times T^2 and over the batch."""
    student, teacher = logits(0).requires_grad_(), logits(1)
    soft_loss(student, teacher, 3.0).backward()
    expected = 3 * ((student / 3).softmax(1) - (teacher / 3).softmax(1)) / 5
    torch.testing.assert_close(student.grad, expected.detach())


def test_hot_softmax_matches_logits():
    """Eq. 4: at high temperatures the gradient is the difference of centred logits, over N."""
    student, teacher = logits(0).requires_grad_(), logits(1)
    soft_loss(student.double(), teacher.double(), 1e4).backward()
    difference = student - student.mean(1, keepdim=True) - teacher + teacher.mean(1, keepdim=True)
    torch.testing.assert_close(student.grad, (difference / 4 / 5).detach(), rtol=1e-2, atol=1e-3)


def test_a_perfect_student_loses_nothing():
    assert float(soft_loss(logits(0), logits(0) + 7, 2.0)) == pytest.approx(0, abs=1e-6)


def test_hard_and_soft_are_mixed(net):
    images, student = torch.randn(5, 3, 8, 8), logits(0, classes=3)
    hard = functional.cross_entropy(student, torch.arange(5) % 3)
    soft = soft_loss(student, net.eval()(images), 4.0).detach()
    for weight in (0.0, 0.3, 1.0):
        mixed = Distiller(net, 4.0, weight)(hard, student, images)
        assert float(mixed) == pytest.approx(float((1 - weight) * hard + weight * soft), rel=1e-5)


def test_the_teacher_is_frozen_and_in_eval_mode_and_learns_nothing(net):
    net(torch.randn(4, 3, 8, 8))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    student = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    distiller = Distiller(net.train())
    student.train()
    images = torch.randn(5, 3, 8, 8)
    logits = student(images)
    distiller(functional.cross_entropy(logits, torch.arange(5) % 3), logits, images).backward()
    assert not any(module.training for module in net.modules())
    assert all(p.grad is None and not p.requires_grad for p in net.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(p.grad.abs().max() > 0 for p in student.parameters())


def test_the_teacher_sees_what_the_student_sees(net):
    seen = []
    net.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    images = torch.randn(2, 3, 8, 8)
    Distiller(net)(torch.zeros(()), logits(0, 2, 3), images)
    assert seen[0] is images


def test_a_student_with_a_good_teacher_learns_without_labels(net):
    torch.manual_seed(0)
    images = torch.randn(64, 3, 8, 8)
    student = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    optimizer = torch.optim.Adam(student.parameters(), lr=0.02)
    distiller = Distiller(net, 2.0, weight=1.0)
    for _ in range(60):
        optimizer.zero_grad()
        logits = student(images)
        distiller(logits.sum() * 0, logits, images).backward()
        optimizer.step()
    assert (student(images).argmax(1) == net(images).argmax(1)).float().mean() > 0.95


def test_a_teacher_of_other_classes_is_refused(net):
    with pytest.raises(RecipeError, match=r"the teacher has 3 outputs, but the model has 4"):
        Distiller(net)(torch.zeros(()), logits(0), torch.randn(5, 3, 8, 8))


def test_a_teacher_may_be_torchvisions(monkeypatch, net):
    asked = []

    def get_model(name, weights):
        asked.append((name, weights))
        return net

    monkeypatch.setattr(torchvision.models, "get_model", get_model)
    assert load_teacher("torchvision.resnet18", []) is net
    assert asked == [("resnet18", "DEFAULT")]
    with pytest.raises(RecipeError, match=r"unknown model 'resnet17'; did you mean"):
        load_teacher("torchvision.resnet17", [])
