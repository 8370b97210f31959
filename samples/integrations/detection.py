"""torchvision's detection models: boxes and masks as they take them, mosaic and all.

    python samples/integrations/detection.py

A Mask R-CNN on a small MobileNet, from scratch, for a few steps on 12 drawn scenes. The batches are
what torchvision's detection reference trains on: pictures from 0 to 1, and for each a dictionary of
`boxes`, `labels` and `masks`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, optim
from torchvision.models import mobilenet_v3_small
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from augpipe import Batch, Loader, build_loader

SCENES = Path(__file__).parents[1] / "scenes.json"
EPOCHS = 3

AUGMENTATION = [
    {"mosaic": {"size": 128, "p": 0.5}},
    {"affine": {"scale": [0.8, 1.2], "translate": [0.1, 0.1], "fill": 114}},
    "horizontal_flip",
    {"hsv": {"hue": 0.02, "saturation": 0.5, "value": 0.3}},
    "to_float",
]


def main() -> None:
    """Train, and say what the losses are."""
    loader = build_loader(SCENES, AUGMENTATION, batch_size=4, seed=1, num_workers=2)
    model = make_model(classes=1 + len(loader.source.classes))
    optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.02, momentum=0.9)
    history = []
    for epoch in range(EPOCHS):
        losses = train_one_epoch(model, optimizer, loader)
        history.append(sum(losses.values()))
        parts = ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items())
        print(f"epoch {epoch}: {history[-1]:.2f} = {parts}")
    print(f"it learns? {history[-1] < history[0]}")


def make_model(classes: int) -> MaskRCNN:
    """A small one; `min_size` and `max_size` keep pictures as they come."""
    torch.manual_seed(0)
    backbone = mobilenet_v3_small(weights=None).features
    backbone.out_channels = 576
    anchors = AnchorGenerator(sizes=((16, 32, 64, 96),), aspect_ratios=((0.5, 1.0, 2.0),))
    pools = [MultiScaleRoIAlign(["0"], output_size=size, sampling_ratio=2) for size in (7, 14)]
    return MaskRCNN(
        backbone,
        classes,
        min_size=128,
        max_size=128,
        rpn_anchor_generator=anchors,
        box_roi_pool=pools[0],
        mask_roi_pool=pools[1],
        rpn_batch_size_per_image=64,
        rpn_post_nms_top_n_train=100,
        box_batch_size_per_image=32,
    )


def train_one_epoch(
    model: MaskRCNN, optimizer: optim.Optimizer, loader: Loader
) -> dict[str, float]:
    """As in torchvision's `references/detection/engine.py`; the mean of each loss."""
    model.train()
    sums: dict[str, float] = {}
    for batch in loader:
        losses = model(*as_torchvision_wants(batch))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item() / len(loader)
    return sums


def as_torchvision_wants(batch: Batch) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Lists; and classes counted from 1, for 0 is the background there."""
    images, targets = batch
    wanted = ("boxes", "labels", "masks")
    named = [{name: target[name] for name in wanted} for target in targets]
    return list(images), [target | {"labels": target["labels"] + 1} for target in named]


if __name__ == "__main__":
    main()
