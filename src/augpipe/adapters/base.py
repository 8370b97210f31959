"""What an adapter is; this one calls any callable, on pixels alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from augpipe.adapters.marks import Marks, mark, unmark
from augpipe.data.sample import Targets, spatial_in
from augpipe.errors import AugpipeError, PlanError, TargetError
from augpipe.generators import Generator, held_by, seeded

Picture = NDArray[np.uint8]
Library = Literal["albumentations", "torchvision", "imgaug", "callable"]


class Adapter:
    """How to call a transform, and its own generators, if it has any.

    Attributes:
        library: whose it is.
        transform: the transform itself.
        moves: whether pixels may change place, so that targets have to follow.
    """

    library: Library = "callable"
    moves = True

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __repr__(self) -> str:
        return repr(self.transform)

    @cached_property
    def _held(self) -> list[Generator]:
        """Generators in the transform, unless `reseed` sees to them."""
        return held_by(self.transform) if type(self).reseed is Adapter.reseed else []

    def run(
        self, image: Picture, seed: int, targets: Targets | None = None
    ) -> tuple[Picture, Targets]:
        """The transform on one (H, W, 3) picture and its targets, reproducibly.

        Raises:
            TargetError: the transform has no rule for a target that is present.
            PlanError: the result is of another size or type, or the transform failed.
        """
        targets = targets or Targets()
        present = spatial_in(targets)
        present = present if self.moves else []
        self._refuse(present)
        marks = mark(targets, _size(image)) if present else None
        with seeded(seed, self._held):
            own = np.require(image, requirements=["C", "W"])  # a cache's pictures are read-only
            result, moved = self._called(own, seed % 2**32, marks)
        if result.shape != image.shape or result.dtype != np.uint8:
            raise PlanError(
                f"gave {result.dtype} of shape {result.shape} for a picture of {image.shape}; a "
                "foreign transform must keep size and type: use augpipe's own resize, crops and "
                "normalize"
            )
        return result, targets if moved is None else unmark(targets, moved, _size(image))

    def _refuse(self, present: list[str]) -> None:
        for target in present:
            if culprit := self.without_rule(target):
                raise TargetError(
                    f"{culprit} moves pixels and has no rule for {target}; leave it out, train "
                    "without that target, or say that no pixel changes place: "
                    "Foreign.wrapping(transform, moves=False)"
                )

    def _called(
        self, image: Picture, seed: int, marks: Marks | None
    ) -> tuple[Picture, Marks | None]:
        try:
            self.reseed(seed, marks)
            result, moved = (self(image), None) if marks is None else self.move(image, marks)
        except AugpipeError:
            raise
        except Exception as error:
            raise PlanError(f"{type(error).__name__}: {error}") from error
        return np.asarray(result), moved

    def without_rule(self, target: str) -> str | None:
        """The part of the transform, if any, that does not know where `target` goes."""
        return getattr(self.transform, "__qualname__", type(self.transform).__qualname__)

    def reseed(self, seed: int, marks: Marks | None) -> None:
        """Seed the transform's own generators, with a number below 2**32, in its library's way."""

    def __call__(self, image: Picture) -> Any:
        """The transformed (H, W, 3) picture."""
        return self.transform(image)

    def move(self, image: Picture, marks: Marks) -> tuple[Any, Marks]:
        """The transformed (H, W, 3) picture, and where its marks have gone."""
        raise NotImplementedError  # never called: a callable has no rule for any target


def _size(image: Picture) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
