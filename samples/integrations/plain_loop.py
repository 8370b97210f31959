"""A plain PyTorch loop, stopped in the middle of an epoch, and gone on with by another loader.

python samples/integrations/plain_loop.py
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from augpipe import Loader, build_loader

SHAPES = Path(__file__).parents[1] / "shapes"  # 32 pictures in 4 folders, one for each class


def make_loader(num_workers: int) -> Loader:
    """Two epochs of it are 8 batches."""
    return build_loader(SHAPES, "light", batch_size=8, seed=1, num_workers=num_workers)


def make_model() -> nn.Module:
    """A small network, the same each time."""
    torch.manual_seed(0)
    features = nn.Conv2d(3, 16, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
    return nn.Sequential(*features, nn.Linear(16 * 16, 4))


def main() -> None:
    """Train for two epochs at once, and once more with a stop in between."""
    whole = train(make_model(), make_loader(num_workers=2), steps=8)

    loader, model = make_loader(num_workers=2), make_model()
    first = train(model, loader, steps=3)
    state = loader.state_dict()  # seven numbers and names, to be saved with the model's

    resumed = make_loader(num_workers=0)
    resumed.load_state_dict(state)
    rest = train(model, resumed, steps=5)

    for step, loss in enumerate(whole, 1):
        print(f"step {step}  loss {loss:.4f}")
    same = first + rest == whole
    print(f"stopped after step 3, gone on without workers: the same losses? {same}")


def train(model: nn.Module, loader: Loader, steps: int) -> list[float]:
    """So many steps, over as many epochs as they take; the losses on the way."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses: list[float] = []
    while True:
        for images, labels in loader:
            loss = cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == steps:
                return losses


if __name__ == "__main__":
    main()
