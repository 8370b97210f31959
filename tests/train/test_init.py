import math
from typing import get_args

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from augpipe.errors import RecipeError
from augpipe.train.config.init import InitConfig, WeightConfig
from augpipe.train.init import _draw, init_weights


def way(name, **options):
    return TypeAdapter(WeightConfig).validate_python({"name": name, **options})


def drawn(config, layer=None, seed=0):
    layer = layer or nn.Linear(400, 300)
    init_weights(layer, config, torch.Generator().manual_seed(seed))
    return layer.weight.detach()


# Standard deviations of a layer of 400 inputs and 300 outputs, by the formulas of the papers.
CLOSED = {
    "xavier normal": (way("xavier", distribution="normal"), "tanh", 5 / 3 * math.sqrt(2 / 700)),
    "xavier uniform": (way("xavier"), "linear", math.sqrt(2 / 700)),
    "kaiming": (way("kaiming"), "relu", math.sqrt(2 / 400)),
    "kaiming out": (way("kaiming", mode="fan_out"), "relu", math.sqrt(2 / 300)),
    "kaiming uniform": (way("kaiming", distribution="uniform"), "linear", math.sqrt(1 / 400)),
    "kaiming leaky": (way("kaiming"), "leaky_relu", math.sqrt(2 / 1.04 / 400)),
    "normal": (way("normal", std=0.3), "relu", 0.3),
    "uniform": (way("uniform", low=-0.3, high=0.3), "relu", 0.3 / math.sqrt(3)),
    "truncated": (way("truncated_normal", std=0.5, cut=1), "relu", 0.5 * 0.5396),
}


@pytest.mark.parametrize(("weights", "activation", "std"), CLOSED.values(), ids=CLOSED)
def test_spreads_are_those_of_the_papers(weights, activation, std):
    weight = drawn(InitConfig(weights=weights, activation=activation, slope=0.2))
    assert weight.std().item() == pytest.approx(std, rel=0.01)
    assert weight.mean().abs() < 0.02 * std


def test_uniform_and_truncated_weights_stay_within_their_bounds():
    assert drawn(InitConfig(weights=way("uniform", low=1, high=2))).min() >= 1
    weight = drawn(InitConfig(weights=way("truncated_normal", mean=5, std=0.5, cut=2)))
    assert 4 <= weight.min() < 4.1
    assert 5.9 < weight.max() <= 6


def test_orthogonal_rows_times_the_gain():
    weight = drawn(InitConfig(weights=way("orthogonal"), activation="relu"))
    torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(300), atol=1e-4, rtol=0)


def test_a_dirac_convolution_hands_on_what_it_gets():
    layer = nn.Conv2d(3, 3, 3, padding=1)
    drawn(InitConfig(weights=way("dirac")), layer)
    images = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(layer(images), images)


def test_every_way_draws():
    ways = set(get_args(get_args(WeightConfig)[0]))
    assert ways <= set(_draw.registry)


def net():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Sequential(nn.ConvTranspose2d(4, 4, 2), nn.GroupNorm(2, 4)),
        nn.Embedding(3, 4),
        nn.Linear(4, 2),
    )


def test_norms_begin_at_one_and_zero_and_have_seen_nothing():
    model = net()
    model[1](torch.randn(2, 4, 5, 5))
    for norm in (model[1], model[2][1]):
        nn.init.constant_(norm.weight, 7)
        nn.init.constant_(norm.bias, 7)
    init_weights(model, InitConfig())
    for norm in (model[1], model[2][1]):
        assert norm.weight.tolist() == [1] * 4
        assert norm.bias.tolist() == [0] * 4
    assert model[1].num_batches_tracked == 0
    assert model[1].running_var.tolist() == [1] * 4


def test_types_and_names_have_ways_of_their_own_and_the_last_counts():
    model = net()
    embedding = model[3].weight.clone()
    fixed = {key: way("constant", value=value) for key, value in [("Conv2d", 1), ("2", 2)]}
    layers = {**fixed, "ConvTranspose2d": way("constant", value=3)}
    config = InitConfig(weights=way("constant", value=4), bias=0.5, layers=layers)
    init_weights(model, config)
    assert [module.weight.unique().tolist() for module in (model[0], model[2][0], model[4])] == [
        [1], [3], [4],
    ]  # fmt: skip
    assert [module.bias.unique().tolist() for module in (model[0], model[2][0], model[4])] == [
        [0.5]
    ] * 3
    assert torch.equal(model[3].weight, embedding)
    init_weights(model, InitConfig(layers={"Embedding": way("constant", value=9)}))
    assert model[3].weight.unique().tolist() == [9]


def test_a_generator_decides_and_without_one_torchs_does():
    config = InitConfig()
    assert torch.equal(drawn(config, seed=1), drawn(config, seed=1))
    assert not torch.equal(drawn(config, seed=1), drawn(config, seed=2))
    layers = [nn.Linear(3, 3) for _ in range(2)]
    for layer in layers:
        torch.manual_seed(3)
        init_weights(layer, config)
    assert torch.equal(layers[0].weight, layers[1].weight)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (InitConfig(layers={"Conv3d": way("dirac")}), "no part of Sequential is named 'Conv3d'"),
        (InitConfig(layers={"Linear": way("dirac")}), "dirac does not suit 4, a Linear"),
        (InitConfig(layers={"2.1": way("normal")}, weights=way("dirac")), "does not suit 4"),
    ],
)
def test_what_does_not_suit_the_model_is_refused(config, message):
    with pytest.raises(RecipeError, match=message):
        init_weights(net(), config)


def test_bounds_that_run_backwards_are_refused():
    with pytest.raises(ValidationError):
        way("uniform", low=1, high=0)
