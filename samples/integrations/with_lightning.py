"""Lightning: the loader as it is, and a run that a checkpoint resumes in the middle of an epoch.

    pip install lightning
    python samples/integrations/with_lightning.py

Lightning saves the loader's state in its checkpoints, and loads it from there. On several GPUs it
would put a sampler of its own into the loader: `use_distributed_sampler=False` says that ours deals
the rows out already, if it is built in `train_dataloader`, when the processes know of each other.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from augpipe import Batch, Loader, build_loader

SHAPES = Path(__file__).parents[1] / "shapes"  # 32 pictures in 4 folders, one for each class

QUIET = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)


class Shapes(LightningModule):
    """Tells shapes apart, and remembers what it has seen.

    Attributes:
        seen: for each step the epoch, and the rows and the sum of all pixels of the batch.
    """

    def __init__(self) -> None:
        super().__init__()
        features = nn.Conv2d(3, 16, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        self.net = nn.Sequential(*features, nn.Linear(16 * 16, 4))
        self.seen: list[tuple[int, list[int], float]] = []

    def train_dataloader(self) -> Loader:
        """Built here, it knows its rank: 4 batches make an epoch."""
        return build_loader(SHAPES, "light", batch_size=8, seed=1, num_workers=2)

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """One step."""
        self.seen.append(fingerprint(batch))
        images, labels = batch
        loss = cross_entropy(self.net(images), labels)
        self.log("loss", loss, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.05)


def fingerprint(batch: Batch) -> tuple[int, list[int], float]:
    """Enough to tell whether two batches are the same."""
    return batch.epoch, batch.index.tolist(), batch.images.double().sum().item()


def main() -> None:
    """Compare Lightning's stream with a plain loop's, then resume amid the second epoch."""
    model = Shapes()
    loader = model.train_dataloader()
    plain = [fingerprint(batch) for _ in range(2) for batch in loader]

    with tempfile.TemporaryDirectory() as folder:
        saving = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1)
        trainer(callbacks=[saving]).fit(model)
        print(f"8 steps by Lightning: the batches of a plain loop? {model.seen == plain}")

        resumed = Shapes()
        trainer(enable_checkpointing=False).fit(resumed, ckpt_path=f"{folder}/step=6.ckpt")
        print(f"resumed after step 6: the last two of them? {resumed.seen == plain[6:]}")


def trainer(**options: object) -> Trainer:
    """Two epochs."""
    own = {"accelerator": "cpu", "use_distributed_sampler": False}
    return Trainer(max_epochs=2, **own, **QUIET, **options)


if __name__ == "__main__":
    main()
