"""What the weights are before training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from augpipe.schema import NonNegative, Positive
from augpipe.train.config.section import Count, Section

Distribution = Literal["normal", "uniform"]
Activation = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


class XavierConfig(Section):
    """Variance 2 gain^2 / (fan_in + fan_out) (Glorot & Bengio, AISTATS 2010, eq. 16)."""

    name: Literal["xavier"]
    distribution: Distribution = "uniform"


class KaimingConfig(Section):
    """Variance gain^2 / fan (He et al., ICCV 2015, eq. 10 and 14)."""

    name: Literal["kaiming"]
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """Keep the variance of activations on the way there, or of gradients on the way back."""
    distribution: Distribution = "normal"


class OrthogonalConfig(Section):
    """A random (semi-)orthogonal matrix times the gain (Saxe et al., ICLR 2014)."""

    name: Literal["orthogonal"]


class NormalConfig(Section):
    """A normal distribution."""

    name: Literal["normal"]
    mean: float = 0.0
    std: NonNegative = 0.01


class TruncatedNormalConfig(Section):
    """A normal distribution, drawn again outside of `cut` standard deviations."""

    name: Literal["truncated_normal"]
    mean: float = 0.0
    std: Positive = 0.02
    cut: Positive = 2.0


class UniformConfig(Section):
    """A uniform distribution."""

    name: Literal["uniform"]
    low: float = -0.05
    high: float = 0.05

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) has to be less than high ({self.high:g})")
        return self


class FixedConfig(Section):
    """One value everywhere."""

    name: Literal["constant"]
    value: float = 0.0


class DiracConfig(Section):
    """Convolutions that hand on what they get, as far as channels reach (Zagoruyko, 2017)."""

    name: Literal["dirac"]


WeightConfig = Annotated[
    XavierConfig
    | KaimingConfig
    | OrthogonalConfig
    | NormalConfig
    | TruncatedNormalConfig
    | UniformConfig
    | FixedConfig
    | DiracConfig,
    Field(discriminator="name"),
]


class LsuvConfig(Section):
    """Layers scaled, one after the other, to outputs of variance 1 (Mishkin & Matas, ICLR 2016)."""

    tolerance: Positive = 0.1
    """How far from 1 a variance may be left."""
    max_tries: Count = 10
    """How often one layer is scaled."""


class InitConfig(Section):
    """Initial weights by type of layer; norms begin at scale 1 and shift 0, biases at `bias`."""

    weights: WeightConfig = KaimingConfig(name="kaiming")
    """Of convolutions and linear layers."""
    activation: Activation = "relu"
    """What follows the layers, and so which gain xavier, kaiming and orthogonal take."""
    slope: NonNegative = 0.01
    """Of leaky_relu below 0."""
    bias: float = 0.0
    layers: dict[str, WeightConfig] = Field(default_factory=dict)
    """Instead of `weights`: by type (Conv2d, Linear, Embedding) or by name (fc, layer1.*); of
    several that match a layer the last counts."""
    lsuv: LsuvConfig | None = None
    """Afterwards, on the first batch of training."""
