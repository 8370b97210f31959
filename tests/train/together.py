"""`augpipe` with a net that has no batch norm, to be started by `torchrun`; see test_together."""

import torch
from torch import nn

from augpipe.cli.main import run
from augpipe.train import models


def plain(num_classes: int) -> nn.Module:
    """What it computes of a sample does not depend on the rest of the batch."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 5 * 5, num_classes),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    models.MODELS["plain"] = plain
    run()
