"""The types that travel: a Source becomes pixels, a Row becomes a Sample, Samples become a Batch.

Coordinates everywhere: continuous, in pixels of the upright picture, which spans
[0, width] x [0, height]; the centre of the top left pixel is (0.5, 0.5). Sizes are (height, width).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from augpipe.region import Region


class Decoded(NamedTuple):
    """Pixels as the decoder left them, and how to find them.

    Attributes:
        image: (h, w, 3) uint8 RGB; possibly at 1/2, 1/4 or 1/8 of full size, possibly not upright,
            possibly only a part of the picture.
        matrix: (3, 3) float64; maps coordinates of the upright, full-size picture to coordinates
            of `image`. The identity for a full decode of an upright file; where `image` is a part,
            points outside of it are mapped to outside of it.
    """

    image: NDArray[np.uint8]
    matrix: NDArray[np.float64]


class Source(Protocol):
    """A picture whose size is known and whose pixels are not decoded yet."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the upright, full-size picture."""

    def decode(self, scale: int = 1, region: Region | None = None) -> Decoded:
        """Decode at 1/`scale` of full size or larger.

        Args:
            scale: 1, 2, 4 or 8.
            region: (top, left, bottom, right) of the upright, full-size picture: what is wanted of
                it, at the least; None for all. Its pixels are those of the whole picture. Whoever
                cannot decode a part returns everything.
        """


# The targets that lie somewhere in a picture, and so have to follow its pixels.
SPATIAL = ("boxes", "masks", "keypoints")


def spatial_in(holder: Any) -> list[str]:
    """Which of them a picture's `Targets`, or a whole batch, has."""
    return [name for name in SPATIAL if getattr(holder, name) is not None]


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known about one picture. A target that a dataset does not have is None.

    Attributes:
        label: a class as int, or a distribution over classes as (C,) float32.
        boxes: (N, 4) float64, half-open x0, y0, x1, y1.
        box_labels: (N,) int64, one class for each box.
        masks: (N, H, W) uint8 of 0 and 1, one for each instance; or (H, W) int32 of classes.
        keypoints: (N, K, 2) or (N, K, 3) float64 of x, y and, where given, visibility.
        mirrored_keypoints: (K,) int64; where keypoint k goes when the picture is mirrored, so that
            a left hand stays a left hand.
    """

    label: int | NDArray[np.float32] | None = None
    boxes: NDArray[np.float64] | None = None
    box_labels: NDArray[np.int64] | None = None
    masks: NDArray[Any] | None = None
    keypoints: NDArray[np.float64] | None = None
    mirrored_keypoints: NDArray[np.int64] | None = None

    def keep(self, which: NDArray[np.bool_]) -> Targets:
        """Only these objects: their boxes, labels, instance masks and keypoints go together."""
        if which.all():
            return self
        instances = self.masks is not None and self.masks.ndim == 3
        return replace(
            self,
            boxes=None if self.boxes is None else self.boxes[which],
            box_labels=None if self.box_labels is None else self.box_labels[which],
            masks=self.masks[which] if instances and self.masks is not None else self.masks,
            keypoints=None if self.keypoints is None else self.keypoints[which],
        )


class Picture(NamedTuple):
    """What an executor starts with: pixels, and what is known about the picture.

    Attributes:
        decoded: the pixels.
        targets: in coordinates of the upright, full-size picture.
    """

    decoded: Decoded
    targets: Targets


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a dataset: a picture not decoded yet, and its targets."""

    source: Source
    targets: Targets


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture with its targets, before or after augmentation.

    Attributes:
        image: (H, W, 3) uint8 RGB, or float32 after `normalize`.
        targets: what is known about it, in the coordinates of `image`.
        record: for each op in order, its name and the parameters it drew.
        views: where an op makes several pictures of one, all of them; this is the first.
    """

    image: NDArray[Any]
    targets: Targets = field(default_factory=Targets)
    record: tuple[dict[str, Any], ...] = ()
    views: tuple[Sample, ...] = ()

    @property
    def label(self) -> int | NDArray[np.float32] | None:
        """The class, or the distribution over classes."""
        return self.targets.label

    @property
    def boxes(self) -> NDArray[np.float64] | None:
        """(N, 4) boxes as x0, y0, x1, y1."""
        return self.targets.boxes

    @property
    def masks(self) -> NDArray[Any] | None:
        """(N, H, W) instance masks or one (H, W) semantic mask."""
        return self.targets.masks

    @property
    def keypoints(self) -> NDArray[np.float64] | None:
        """(N, K, 2 or 3) keypoints."""
        return self.targets.keypoints
