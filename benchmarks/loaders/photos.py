"""Pictures made of the folder's own: large ones, and equal ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from loaders.base import pictures

LARGE = 4000, 3000
LARGE_COUNT, EQUAL_COUNT = 64, 64


def write_large(folder: Path, to: Path) -> Path:
    """Photos of 12 megapixels, each one picture mirrored again and again, with its detail kept."""
    paths = [path for path, _ in pictures(folder)]
    width, height = LARGE
    for number, target in enumerate(_targets(to, LARGE_COUNT)):
        image = cv2.imread(paths[number * len(paths) // LARGE_COUNT])[:height, :width]
        missing = (0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)
        cv2.imwrite(
            str(target), np.pad(image, missing, "symmetric"), [cv2.IMWRITE_JPEG_QUALITY, 92]
        )
    return to


def write_equal(folder: Path, to: Path) -> Path:
    """One picture again and again, so that results differ by what is drawn alone."""
    path, _ = pictures(folder)[0]
    for target in _targets(to, EQUAL_COUNT):
        shutil.copyfile(path, target)
    return to


def _targets(to: Path, count: int) -> list[Path]:
    """Files in two folders of classes."""
    for label in ("a", "b"):
        (to / label).mkdir(parents=True)
    return [to / "ab"[number % 2] / f"{number:03}.jpg" for number in range(count)]
