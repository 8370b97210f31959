"""Which network."""

from __future__ import annotations

from augpipe.train.config.section import Count, Section


class ModelConfig(Section):
    """Which network, and how many classes it tells apart."""

    name: str
    """`small_cnn`, or any classification model of torchvision."""
    num_classes: Count | None = None
    """Outputs of the network; null stands for the number of classes of the data."""
