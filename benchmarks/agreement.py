"""How far the executors' pixels lie apart, on photos: OpenCV on single pictures, torch on batches.

    python benchmarks/agreement.py FOLDER [--count 32] [--device cuda]

For each op with the typical and the extreme parameters of `tests/cases.py`: the largest difference
of any level (0 to 255), and the mean over all. On a device with Triton its kernels take part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.execute import batch
from augpipe.execute.cv2 import image as cv2_image
from augpipe.plan import Plan

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cases import CASES, CPU_ONLY, TORCH_ONLY, Case, single

SIZE = 224

Photos = NDArray[np.uint8]


def photos(folder: Path, count: int) -> Photos:
    """(count, SIZE, SIZE, 3) uint8 RGB."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    read = (cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths[:count])
    return np.stack([cv2.resize(photo, (SIZE, SIZE), None, 0, 0, cv2.INTER_AREA) for photo in read])


def apart(plan: Plan, given: Photos, device: str) -> NDArray[np.float32]:
    """The differences of all levels that come out."""
    pictures = [Picture(Decoded(photo, np.eye(3)), Targets()) for photo in given]
    ours = [cv2_image.run(plan, row, [one]).image for row, one in enumerate(pictures)]
    images = torch.from_numpy(given).permute(0, 3, 1, 2).contiguous().to(device)
    theirs = batch.run(plan, images).permute(0, 2, 3, 1).cpu().numpy()
    return np.abs(np.stack(ours).astype(np.float32) - theirs)


def rows(given: Photos, device: str) -> Iterator[str]:
    """The table, a line for each op."""
    for name in sorted(CASES.keys() - {*CPU_ONLY, *TORCH_ONLY}):
        cells = []
        for kind in Case._fields:
            pipeline = single(name, getattr(CASES[name], kind))
            plan = pipeline.plan((SIZE, SIZE), seed=1, index=np.arange(len(given)))
            found = apart(plan, given, device)
            cells += [f"{found.max():.3g}", f"{found.mean():.1g}"]
        yield f"| {name} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    given = photos(options.folder, options.count)
    print("| op | typical: largest | mean | extreme: largest | mean |\n|---|--:|--:|--:|--:|")
    for row in rows(given, options.device):
        print(row, flush=True)


if __name__ == "__main__":
    main()
