"""Hugging Face `datasets`: a dataset as it is, decoded no further than the pipeline looks.

    pip install datasets
    python samples/integrations/hugging_face.py

With `Image(decode=False)` a dataset hands over files instead of pictures: augpipe then decodes a
JPEG at the scale, and of it the region, that the plan asks for. Without, it takes the pictures.
"""

from __future__ import annotations

from pathlib import Path

import torch
from datasets import ClassLabel, Dataset, Features, Image

from augpipe import build_loader

SHAPES = Path(__file__).parents[1] / "shapes"  # 32 pictures in 4 folders, one for each class


def main() -> None:
    """Batches of files and of pictures: the same, whatever the number of workers."""
    dataset = make_dataset()
    print(f"{len(dataset)} rows of {', '.join(dataset.features)}")
    files = dataset.cast_column("image", Image(decode=False))
    loader = build_loader(files, "light", batch_size=8, seed=1, num_workers=2)
    print(f"classes: {', '.join(loader.source.classes)}")

    pictures = build_loader(dataset, "light", batch_size=8, seed=1, num_workers=0)
    gaps = []
    for ours, theirs in zip(loader, pictures, strict=True):
        images, labels = ours
        print(f"{tuple(images.shape)} {images.dtype}, labels {labels.tolist()}")
        gaps.append((images - theirs.images).abs().max().item())
    print(f"decoded here or there: the same pictures? {max(gaps) < 0.1}")

    balanced = build_loader(files, "light", batch_size=8, sampling={"balanced": True})
    counts = torch.bincount(next(iter(balanced)).labels)
    print(f"balanced sampling knows the labels: two of each class? {counts.tolist() == [2] * 4}")


def make_dataset() -> Dataset:
    """What `load_dataset` would give of a folder of class folders."""
    paths = sorted(SHAPES.glob("*/*"))
    names = sorted({path.parent.name for path in paths})
    rows = {"image": list(map(str, paths)), "label": [path.parent.name for path in paths]}
    return Dataset.from_dict(rows, Features({"image": Image(), "label": ClassLabel(names=names)}))


if __name__ == "__main__":
    main()
