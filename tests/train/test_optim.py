import pytest
import torch
import torchvision
from torch import nn

from augpipe.errors import RecipeError, TrainError
from augpipe.train.config.optimizer import (
    AdagradConfig,
    AdamConfig,
    AdamWConfig,
    LayerDecayConfig,
    LrScalingConfig,
    RmspropConfig,
    SgdConfig,
)
from augpipe.train.models import small_cnn
from augpipe.train.optim import build_optimizer, parameter_groups, set_lr, set_momentum

# Each with the plainest optimizer of torch that does the same.
CONFIGS = {
    "sgd": (SgdConfig(name="sgd", lr=0.02, momentum=0.0, weight_decay=0.1), torch.optim.SGD, {}),
    "momentum": (
        SgdConfig(name="sgd", lr=0.02, momentum=0.8), torch.optim.SGD, {"momentum": 0.8},
    ),
    "nesterov": (
        SgdConfig(name="sgd", lr=0.02, momentum=0.8, nesterov=True, weight_decay=0.1),
        torch.optim.SGD,
        {"momentum": 0.8, "nesterov": True},
    ),
    "adagrad": (
        AdagradConfig(
            name="adagrad", lr=0.02, initial_accumulator_value=0.1, eps=1e-3, weight_decay=0.1
        ),
        torch.optim.Adagrad,
        {"initial_accumulator_value": 0.1, "eps": 1e-3},
    ),
    "rmsprop": (
        RmspropConfig(name="rmsprop", lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1),
        torch.optim.RMSprop,
        {"alpha": 0.9, "eps": 1e-3},
    ),
    "rmsprop centered": (
        RmspropConfig(name="rmsprop", lr=0.02, momentum=0.5, centered=True),
        torch.optim.RMSprop,
        {"momentum": 0.5, "centered": True},
    ),
    "adam": (
        AdamConfig(name="adam", lr=0.02, betas=(0.7, 0.8), eps=1e-3, weight_decay=0.1),
        torch.optim.Adam,
        {"betas": (0.7, 0.8), "eps": 1e-3},
    ),
    "adamw": (
        AdamWConfig(name="adamw", lr=0.02, betas=(0.7, 0.8), eps=1e-3, weight_decay=0.1),
        torch.optim.AdamW,
        {"betas": (0.7, 0.8), "eps": 1e-3},
    ),
}  # fmt: skip
EVERY = pytest.mark.parametrize(("config", "kind", "options"), CONFIGS.values(), ids=CONFIGS)


def backward(model, step):
    model.zero_grad()
    generator = torch.Generator().manual_seed(step)
    model(torch.randn(4, 3, generator=generator)).square().sum().backward()


def pair_of(config):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    return model, build_optimizer(config, model)


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


@EVERY
def test_every_optimizer_is_torchs_plain_one(config, kind, options):
    (model, optimizer), (twin, _) = pair_of(config), pair_of(config)
    groups = parameter_groups(twin, config.weight_decay)
    plain = kind(groups, lr=config.lr, foreach=False, **options)
    for step in range(5):
        backward(model, step)
        backward(twin, step)
        optimizer.step()
        plain.step()
    torch.testing.assert_close(model.state_dict(), twin.state_dict())


@EVERY
@pytest.mark.parametrize("skipped", [0, 2])
def test_a_step_with_the_flag_up_leaves_no_trace(config, kind, options, skipped, assert_same):
    (model, optimizer), (twin, untroubled) = pair_of(config), pair_of(config)
    number = 0
    for step in range(5):
        backward(model, number)
        number += step != skipped
        optimizer.found_inf = torch.tensor(float(step == skipped))
        if step == skipped:
            for parameter in model.parameters():
                parameter.grad.fill_(torch.nan)
        optimizer.step()
    for step in range(4):
        backward(twin, step)
        untroubled.found_inf = torch.tensor(0.0)
        untroubled.step()
    assert_same(model.state_dict(), twin.state_dict())
    assert_same(optimizer.state_dict()["state"], untroubled.state_dict()["state"])


@EVERY
def test_what_the_optimizer_remembers_survives_a_checkpoint(
    config, kind, options, tmp_path, assert_same
):
    (model, optimizer), (twin, resumed) = pair_of(config), pair_of(config)
    for step in range(4):
        if step == 2:
            torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "last.pt")
            weights, state = torch.load(tmp_path / "last.pt", weights_only=True)
            twin.load_state_dict(weights)
            resumed.load_state_dict(state)
        backward(model, step)
        optimizer.step()
        if step >= 2:
            backward(twin, step)
            resumed.step()
    assert_same(model.state_dict(), twin.state_dict())


def test_layers_learn_at_their_own_rates():
    config = SgdConfig(
        name="sgd",
        lr=0.2,
        weight_decay=0.1,
        lr_factors={"0": 0.5, "*.bias": 2.0},
        layer_decay=LayerDecayConfig(factor=0.5, layers=("0", "1", "2")),
    )
    model, optimizer = pair_of(config)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(p)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    expected = {
        "0.weight": (0.2 * 0.25 * 0.5, 0.1),
        "0.bias": (0.2 * 0.25 * 2, 0),
        "1.weight": (0.2 * 0.5, 0),
        "1.bias": (0.2 * 0.5 * 2, 0),
        "2.weight": (0.2, 0.1),
        "2.bias": (0.2 * 2, 0),
    }
    assert found == {name: pytest.approx(pair) for name, pair in expected.items()}
    assert optimizer.param_groups[0]["lr"] == 0.2  # the one that reports show
    set_lr(optimizer, 0.5)
    assert {g["lr"] for g in optimizer.param_groups} == {
        g["initial_lr"] / 2 for g in optimizer.param_groups
    }


@pytest.mark.parametrize(
    ("rule", "batch_size", "factor"), [("linear", 512, 2), ("linear", 64, 0.25), ("sqrt", 1024, 2)]
)
def test_the_rate_follows_the_batch_size(rule, batch_size, factor):
    config = SgdConfig(name="sgd", lr=0.1, lr_scaling=LrScalingConfig(rule=rule, base=256))
    optimizer = build_optimizer(config, nn.Linear(2, 2), batch_size)
    assert [g["initial_lr"] for g in optimizer.param_groups] == pytest.approx([0.1 * factor] * 2)
    with pytest.raises(ValueError, match="batch_size"):
        build_optimizer(config, nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr_factors": {"layer9": 0.5}}, "lr_factors: no part of Sequential is named 'layer9'"),
        ({"layer_decay": {"factor": 0.5, "layers": ["0", "9"]}}, "layers: no part of Sequential"),
        ({"layer_decay": {"factor": 0.5, "layers": ["0", "*.bias"]}}, "both name 0.bias"),
    ],
)
def test_patterns_that_name_nothing_or_twice_are_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        pair_of(SgdConfig.model_validate({"name": "sgd", "lr": 0.1, **options}))


def test_layer_decay_takes_the_parts_of_the_model_by_itself():
    config = SgdConfig(name="sgd", lr=1.0, layer_decay=LayerDecayConfig(factor=0.1))
    _, optimizer = pair_of(config)
    rates = sorted({g["lr"] for g in optimizer.param_groups})
    assert rates == pytest.approx([0.01, 0.1, 1])


@pytest.mark.parametrize("name", ["momentum", "rmsprop centered", "adam", "adamw"])
def test_momentum_is_set_and_given_back(name):
    _, optimizer = pair_of(CONFIGS[name][0])
    momenta = [
        [g["betas"][0] if "betas" in g else g["momentum"] for g in optimizer.param_groups]
        for wanted in (0.3, None)
        if not set_momentum(optimizer, wanted)
    ]
    assert momenta[0] == [0.3, 0.3]
    assert momenta[1] == [CONFIGS[name][0].model_dump().get("momentum", 0.7)] * 2
    assert optimizer.param_groups[0].get("betas", (0, 0.8))[1] == 0.8


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adagrad"])
def test_momentum_cannot_be_cycled_where_there_is_none(name):
    _, optimizer = pair_of(CONFIGS[name][0])
    set_momentum(optimizer, None)
    with pytest.raises(TrainError, match="runs without momentum"):
        set_momentum(optimizer, 0.3)


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
