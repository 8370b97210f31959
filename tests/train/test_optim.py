import pytest
import torch
import torchvision
from torch import nn

from augpipe.errors import TrainError
from augpipe.train.config import AdamWConfig, SgdConfig
from augpipe.train.models import small_cnn
from augpipe.train.optim import build_optimizer, parameter_groups, set_lr


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.norm = nn.LayerNorm((5, 4))  # its scale has two dimensions
        self.scale = nn.Parameter(torch.ones(()))
        self.out = nn.Linear(4, 5)
        self.out.weight = self.embed.weight


MODELS = {
    "small_cnn": lambda: small_cnn(10),
    "tied": Tied,
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2),
    "norms": lambda: nn.Sequential(
        nn.SyncBatchNorm(2), nn.GroupNorm(1, 2), nn.InstanceNorm2d(2, affine=True), nn.RMSNorm(2)
    ),
    "convnext": lambda: torchvision.models.get_model("convnext_tiny"),
}


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_every_trainable_parameter_lands_in_exactly_one_group(build):
    model = build()
    next(model.parameters()).requires_grad_(False)
    grouped = [id(p) for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("build", "decayed"),
    [
        (Tied, {"embed.weight"}),
        (
            MODELS["transformer"],
            {"self_attn.in_proj_weight", "self_attn.out_proj.weight"}
            | {"linear1.weight", "linear2.weight"},
        ),
        (MODELS["norms"], set()),
        (lambda: nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)), {"0.weight"}),
    ],
    ids=["tied", "transformer", "norms", "conv"],
)
def test_norms_biases_and_scales_are_not_decayed(build, decayed):
    model = build()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = {
        group["weight_decay"]: {names[id(p)] for p in group["params"]}
        for group in parameter_groups(model, 0.1)
    }
    assert groups.get(0.1, set()) == decayed
    assert groups.get(0.0, set()) == set(names.values()) - decayed


def test_a_model_with_nothing_to_train_is_refused():
    with pytest.raises(TrainError, match="ReLU has no trainable parameter"):
        parameter_groups(nn.ReLU(), 0.1)


@pytest.mark.parametrize(
    "config",
    [
        SgdConfig(name="sgd", lr=0.2, momentum=0.8, nesterov=True, weight_decay=0.3),
        SgdConfig(name="sgd", lr=0.2, momentum=0.0),
        AdamWConfig(name="adamw", lr=0.2, betas=(0.7, 0.8), eps=1e-3, weight_decay=0.3),
    ],
    ids=repr,
)
def test_every_setting_reaches_the_optimizer(config):
    group = build_optimizer(config, nn.Linear(2, 2)).param_groups[0]
    assert {key: group[key] for key in config.model_dump() if key != "name"} == config.model_dump(
        exclude={"name"}
    )


def test_set_lr_is_relative_to_the_peak_however_often():
    optimizer = build_optimizer(SgdConfig(name="sgd", lr=0.2), nn.Linear(2, 2))
    for factor in (0.5, 0.5, 0.25):
        set_lr(optimizer, factor)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.05]


def test_the_fused_sgd_of_the_first_step_is_the_plain_one():
    fused, plain = nn.Linear(3, 3), nn.Linear(3, 3)
    plain.load_state_dict(fused.state_dict())
    config = SgdConfig(name="sgd", lr=0.2, momentum=0.9, nesterov=True, weight_decay=0.0)
    optimizers = (
        build_optimizer(config, fused),
        torch.optim.SGD(plain.parameters(), lr=0.2, momentum=0.9, nesterov=True, fused=False),
    )
    for model, optimizer in zip((fused, plain), optimizers, strict=True):
        for step in range(3):
            optimizer.zero_grad()
            model(torch.full((2, 3), 1.0 + step)).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(fused.state_dict(), plain.state_dict())
