"""Export scikit-learn's handwritten digits as PNG files: `python samples/export_digits.py DIR`.

The 1,797 digits (Alpaydin and Kaynak, 1998, UCI) are 8 x 8 pixels of 0 to 16: real data, but too
small to look at. They are stretched to 0..255 and enlarged to 32 x 32 by cubic interpolation,
which keeps the strokes smooth.

    DIR/train/<digit>/<index>.png, DIR/val/<digit>/<index>.png    class folders
    DIR/digits.csv                                                path,label,split for all of them
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIZE = (32, 32)


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0].split(":")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--val", type=float, default=0.2, help="share kept for validation (0.2)")
    arguments = parser.parse_args()
    if not 0 < arguments.val < 1:
        parser.error(f"--val is a share between 0 and 1, not {arguments.val}")
    print(export(arguments.folder, arguments.val))


def export(folder: Path, val: float = 0.2) -> str:
    """Write what is missing and return one line that says what there is.

    Args:
        folder: made if it does not exist.
        val: the share of each digit's pictures that goes to validation.
    """
    digits = load_digits()
    splits = _splits(digits.target, val)
    files = [
        f"{split}/{digit}/{index:04d}.png"
        for index, (split, digit) in enumerate(zip(splits, digits.target, strict=True))
    ]
    table = _table(files, digits.target, splits)
    counts = f"{splits.count('train')} train, {splits.count('val')} val in {folder}"
    if _is_complete(folder, table, files):
        return f"digits: {counts}, already there"
    for file, image in zip(files, digits.images, strict=True):
        _write(folder, file, image)
    # Last, so that the table is there only when all else is.
    (folder / "digits.csv").write_text(table, encoding="utf-8")
    return f"digits: wrote {counts}"


def _splits(labels: NDArray[np.int64], val: float) -> list[str]:
    """For each digit `train` or `val`, with the same share of val in every class."""
    everyone = np.arange(len(labels))
    _, kept = train_test_split(everyone, test_size=val, random_state=0, stratify=labels)
    return np.where(np.isin(everyone, kept), "val", "train").tolist()


def _table(files: list[str], labels: NDArray[np.int64], splits: list[str]) -> str:
    rows = (",".join(map(str, row)) for row in zip(files, labels, splits, strict=True))
    return "\n".join(["path,label,split", *rows, ""])


def _is_complete(folder: Path, table: str, files: list[str]) -> bool:
    written = folder / "digits.csv"
    return (
        written.is_file()
        and written.read_text(encoding="utf-8") == table
        and all((folder / file).is_file() for file in files)
    )


def _write(folder: Path, file: str, image: NDArray[np.float64]) -> None:
    """One digit in its split, and not, from an earlier export, in the other one too."""
    split, _, rest = file.partition("/")
    (folder / {"train": "val", "val": "train"}[split] / rest).unlink(missing_ok=True)
    large = cv2.resize(image * (255 / 16), SIZE, interpolation=cv2.INTER_CUBIC)
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.rint(np.clip(large, 0, 255)).astype(np.uint8)):
        raise OSError(f"cannot write {path}")


if __name__ == "__main__":
    main()
