"""Other people's transforms as one opaque step; how they are called, `augpipe.adapters` knows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from augpipe.adapters import (
    LIBRARIES,
    MODULES,
    Adapter,
    Library,
    Picture,
    import_library,
    library_of,
    seeded,
)
from augpipe.errors import PlanError, RecipeError, suggest
from augpipe.ops.base import Op, register_adapter
from augpipe.plan import Floats, Kernel, Params


class Foreign(Op):
    """A transform of another library, on pictures of one size.

    Recipes spell it `albumentations.GaussianBlur: {sigma_limit: [0.1, 1.0], p: 0.2}`; lists of ops
    take the object itself.

    Attributes:
        library: whose it is.
        transform: its class, or the callable's name.
        parameters: what its class is called with.
        moves: whether pixels may change place, so that boxes, masks and keypoints must refuse it.
            Taken to be so unless the library says otherwise.
    """

    library: Library
    transform: str
    parameters: dict[str, Any] = {}
    moves: bool = True
    draws = 1

    _call: Adapter = PrivateAttr()
    _from_object: bool = PrivateAttr(default=False)

    @classmethod
    def named(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """The transform of a dotted name.

        Raises:
            RecipeError: the library is not known or not installed, or it has no such transform, or
                the transform does not take these parameters.
        """
        library, _, kind = name.partition(".")
        if library not in MODULES:
            raise RecipeError(f"unknown library {library!r}; {suggest(library, MODULES)}")
        module = import_library(library)
        factory = getattr(module, kind, None)
        if not callable(factory):
            known = [known for known in dir(module) if known[:1].isupper()]
            raise RecipeError(f"{library} has no transform {kind!r}; {suggest(kind, known)}")
        with warnings.catch_warnings():
            # Unknown parameters are an error here, where albumentations only warns and drops them.
            warnings.simplefilter("error")
            try:
                transform = factory(**parameters)
            except Exception as error:
                raise RecipeError(f"{name}: {error}") from error
        return cls._around(library, kind, transform, parameters=dict(parameters))

    @classmethod
    def wrapping(cls, transform: Callable[..., Any], *, moves: bool | None = None) -> Self:
        """An object as it is; `moves=False` says that it leaves every pixel in its place."""
        kind = getattr(transform, "__qualname__", type(transform).__qualname__)
        op = cls._around(library_of(transform), kind, transform)
        op._from_object = True
        return op if moves is None else op.model_copy(update={"moves": moves})

    @classmethod
    def _around(cls, library: str, kind: str, transform: Any, **fields: Any) -> Self:
        call = LIBRARIES[library](transform)
        op = cls(library=library, transform=kind, moves=call.moves, **fields)
        op._call = call
        return op

    @property
    def has_spelling(self) -> bool:
        """Whether the transform was named, not handed over."""
        return not self._from_object

    def title(self) -> str:
        """The name that recipes use."""
        return f"{self.library}.{self.transform}"

    def spec(self) -> dict[str, Any]:
        """As a recipe spells it; for an object, with what it says of itself."""
        said = {"object": repr(self._call)} if self._from_object else self.parameters
        return {self.title(): dict(said)}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """One seed, for all generators that the transform may read."""
        return {"seed": (u[:, 0] * 2.0**53).astype(np.int64)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Opaque: fuses with nothing."""
        call = np.full(len(size), self.run, dtype=object)
        return Kernel("foreign", {"call": call, "seed": params["seed"]}, moves=self.moves)

    def run(self, image: Picture, seed: int) -> Picture:
        """The transform on one (H, W, 3) picture, reproducibly.

        Raises:
            PlanError: the result is of another size or type, or the transform failed.
        """
        with seeded(seed):
            self._call.reseed(seed % 2**32)
            try:
                result = np.asarray(self._call(np.ascontiguousarray(image)))
            except Exception as error:
                raise PlanError(f"{type(error).__name__}: {error}") from error
        if result.shape != image.shape or result.dtype != np.uint8:
            raise PlanError(
                f"gave {result.dtype} of shape {result.shape} for a picture of {image.shape}; a "
                "foreign transform must keep size and type: use augpipe's own resize, crops and "
                "normalize"
            )
        return result


@register_adapter
def adapt(spec: Any) -> Foreign | None:
    """A foreign op from a dotted name, `{dotted name: parameters}`, or a transform; else None."""
    if isinstance(spec, str):
        spec = {spec: None}
    if isinstance(spec, Mapping):
        name = next(iter(spec), None)
        if len(spec) != 1 or not isinstance(name, str) or "." not in name:
            return None
        if not isinstance(spec[name], Mapping | None):
            raise RecipeError(f"{name}: parameters are a mapping, not {spec[name]!r}")
        return Foreign.named(name, spec[name] or {})
    return Foreign.wrapping(spec) if callable(spec) and not isinstance(spec, type | Op) else None
