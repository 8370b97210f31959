"""Accelerate: `prepare` takes the loader as it is, and `save_state` saves where it stands.

    pip install accelerate
    python samples/integrations/with_accelerate.py

Build the loader after the Accelerator: then the processes know of each other, and each gets its
share of one global order (`accelerate launch` starts them). `device` is for us to copy to.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from accelerate import Accelerator
from torch import nn, optim
from torch.nn.functional import cross_entropy

from augpipe import Batch, Loader, build_loader

SHAPES = Path(__file__).parents[1] / "shapes"  # 32 pictures in 4 folders, one for each class


def main() -> None:
    """Train for two epochs, save in the middle of the second, and go on from there."""
    accelerator = Accelerator(cpu=True)
    loader, other = make_loader(accelerator), make_loader(accelerator)
    plain = [fingerprint(batch) for _ in range(2) for batch in other]

    features = nn.Conv2d(3, 16, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
    network = nn.Sequential(*features, nn.Linear(16 * 16, 4))
    model, optimizer, prepared = accelerator.prepare(
        network, optim.SGD(network.parameters(), lr=0.05), loader
    )
    print(f"prepare leaves the loader as it is? {prepared is loader}")

    with tempfile.TemporaryDirectory() as folder:
        seen = []
        for _ in range(2):
            for batch in prepared:
                images, labels = batch
                accelerator.backward(cross_entropy(model(images), labels))
                optimizer.step()
                optimizer.zero_grad()
                seen.append(fingerprint(batch))
                if len(seen) == 6:
                    accelerator.save_state(folder)
        print(f"8 steps by Accelerate: the batches of a plain loop? {seen == plain}")

        accelerator.load_state(folder)
        rest = [fingerprint(batch) for batch in prepared]
        print(f"loaded the state of step 6: the last two of them? {rest == plain[6:]}")


def make_loader(accelerator: Accelerator) -> Loader:
    """4 batches make an epoch."""
    options = {"batch_size": 8, "seed": 1, "num_workers": 2}
    return build_loader(SHAPES, "light", device=accelerator.device, **options)


def fingerprint(batch: Batch) -> tuple[int, list[int], float]:
    """Enough to tell whether two batches are the same."""
    return batch.epoch, batch.index.tolist(), batch.images.double().sum().item()


if __name__ == "__main__":
    main()
