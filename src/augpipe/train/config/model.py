"""Which network."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from augpipe.schema import Fraction
from augpipe.train.config.section import BelowOne, Count, Section


class ConvNetConfig(Section):
    """What `convnet` is built of (see `train/nets/`)."""

    widths: tuple[Count, ...] = Field((24, 48, 96), min_length=1)
    """Channels of each stage; every stage but the first halves the picture."""
    depths: tuple[Count, ...] = Field((1, 1, 1), min_length=1)
    """Blocks of each stage."""
    block: Literal["plain", "residual", "repvgg", "acnet"] = "residual"
    """`repvgg` and `acnet` train several branches that deployment fuses into one convolution."""
    attention: Literal["se", "cbam", "eca", "coordinate"] | None = None
    """What weighs the features of every block."""
    drop_path: BelowOne = 0.0
    """How often the last residual branch is dropped; those before it less, in a straight line."""
    dropout: Fraction = 0.0
    """How much of the pooled features is dropped before the head (Srivastava et al., 2014)."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.widths) != len(self.depths):
            raise ValueError(
                f"widths names {len(self.widths)} stages, but depths {len(self.depths)}; give "
                "each stage both"
            )
        if self.drop_path and self.block != "residual":
            raise ValueError(
                f"drop_path drops residual branches, and {self.block} blocks have none; take "
                "block: residual, or leave drop_path out"
            )
        return self


class ModelConfig(Section):
    """Which network, and how many classes it tells apart."""

    name: str
    """`small_cnn`, `fast_cnn`, `convnet`, a classification model of torchvision, or `timm.` and one
    of timm."""
    num_classes: Count | None = None
    """Outputs of the network; null stands for the number of classes of the data."""
    convnet: ConvNetConfig | None = None
    """What `convnet` is built of; for that name only."""
    options: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    """What the model of torchvision or timm takes besides, such as `dropout: 0.3`."""

    @model_validator(mode="after")
    def _options_are_for_this_model(self) -> Self:
        if self.convnet and self.name != "convnet":
            raise ValueError(f"convnet is for name: convnet, but the name is {self.name}")
        if self.options and self.name in ("small_cnn", "fast_cnn", "convnet"):
            remedy = "; write them under convnet" if self.name == "convnet" else ""
            raise ValueError(f"options are for models of torchvision and timm{remedy}")
        return self
