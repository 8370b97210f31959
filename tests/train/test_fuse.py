"""Rule 27: fused only in eval mode, and outputs are compared (RepVGG #9, #19, #35)."""

import pytest
import torch
from torch import nn

from augpipe.errors import TrainError
from augpipe.train import fuse as fusing
from augpipe.train.config.model import ConvNetConfig
from augpipe.train.fuse import fuse
from augpipe.train.nets.reparam import BranchedConv
from augpipe.train.nets.small import ConvNet, small_cnn

MODELS = {
    block: lambda block=block: ConvNet(5, ConvNetConfig(block=block, attention="cbam"))
    for block in ("plain", "residual", "repvgg", "acnet")
} | {"small_cnn": lambda: small_cnn(5)}


@pytest.fixture(params=list(MODELS))
def model(request):
    """A model with some batches behind it, in eval mode."""
    torch.manual_seed(0)
    model = MODELS[request.param]()
    for _ in range(3):
        model(2 * torch.randn(8, 3, 16, 16) + 1)
    return model.eval()


def images(dtype=torch.float32):
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 3e-6), (torch.float64, 1e-10)])
def test_outputs_are_equal(model, dtype, error):
    model = model.to(dtype)
    with torch.no_grad():
        fused = fuse(model, images(dtype))
        assert (fused(images(dtype)) - model(images(dtype))).abs().max() < error
    assert next(fused.parameters()).dtype == dtype
    assert not any(module.training for module in fused.modules())


def test_fused_models_have_no_norms_and_no_branches(model):
    fused = fuse(model, images())
    norms = [m for m in fused.modules() if isinstance(m, nn.BatchNorm2d) and m.num_features > 1]
    assert norms == []
    assert not any(isinstance(module, BranchedConv) for module in fused.modules())
    assert sum(p.numel() for p in fused.parameters()) < sum(p.numel() for p in model.parameters())


def test_the_model_itself_is_left_alone(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fuse(model, images())
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_training_mode_is_refused(model):
    for module in (model, model.modules().__next__()):
        module.train()
        with pytest.raises(TrainError, match=r"call model.eval\(\) first"):
            fuse(model, images())
    model.eval()
    [*model.modules()][-1].train()  # a single part is enough
    with pytest.raises(TrainError, match="only a model in eval mode"):
        fuse(model, images())


def test_other_outputs_are_refused(model, monkeypatch):
    def forgetful(conv, norm):
        weight = conv.weight.detach().clone()
        return fusing_convolution(weight, torch.zeros(len(weight)).to(weight), conv)

    from augpipe.train.nets.reparam import convolution as fusing_convolution

    monkeypatch.setattr(fusing, "fuse_norm", forgetful)
    with pytest.raises(TrainError, match="the fused model's outputs differ by"):
        fuse(model, images())


def test_a_norm_of_the_batch_itself_is_left(monkeypatch):
    batch_norm = nn.BatchNorm2d(4, track_running_stats=False)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), batch_norm, nn.Flatten(), nn.Linear(784, 2)).eval()
    fused = fuse(model, images())
    assert isinstance(fused[1], nn.BatchNorm2d)


def test_a_class_with_a_forward_of_its_own_is_no_sequence():
    class Backwards(nn.Sequential):
        def forward(self, given):
            for module in reversed(self):
                given = module(given)
            return given

    torch.manual_seed(0)
    model = Backwards(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3))
    model[1].running_mean.normal_()
    fused = fuse(model.eval(), images())
    assert isinstance(fused[1], nn.BatchNorm2d)
