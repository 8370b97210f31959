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
    import_library,
    library_of,
)
from augpipe.errors import RecipeError, suggest
from augpipe.ops.base import Op, register_adapter
from augpipe.plan import Floats, Kernel, Params


class Foreign(Op):
    """A transform of another library, on pictures and their boxes, masks and keypoints.

    Recipes spell it `albumentations.GaussianBlur: {sigma_limit: [0.1, 1.0], p: 0.2}`; lists of ops
    take the object itself. The size of the picture stays. Targets follow as the library moves them;
    where it has no rule for one, the op refuses it. A callable has none for any.

    Attributes:
        library: whose it is.
        transform: its class, or the callable's name.
        parameters: what its class is called with.
        moves: whether pixels may change place, so that boxes, masks and keypoints have to follow.
            Taken to be so unless the library says otherwise.
    """

    library: Library
    transform: str
    parameters: dict[str, Any] = {}
    moves: bool = True
    draws = 1

    _adapter: Adapter = PrivateAttr()
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
        return cls._around(LIBRARIES[library](transform), kind, parameters=dict(parameters))

    @classmethod
    def wrapping(cls, transform: Callable[..., Any], *, moves: bool | None = None) -> Self:
        """An object as it is; `moves=False` says that it leaves every pixel in its place."""
        kind = getattr(transform, "__qualname__", type(transform).__qualname__)
        adapter = LIBRARIES[library_of(transform)](transform)
        if moves is not None:
            adapter.moves = moves
        op = cls._around(adapter, kind)
        op._from_object = True
        return op

    @classmethod
    def _around(cls, adapter: Adapter, kind: str, **fields: Any) -> Self:
        op = cls(library=adapter.library, transform=kind, moves=adapter.moves, **fields)
        op._adapter = adapter
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
        said = {"object": repr(self._adapter)} if self._from_object else self.parameters
        return {self.title(): dict(said)}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """One seed, for all generators that the transform may read."""
        return {"seed": (u[:, 0] * 2.0**53).astype(np.int64)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """Opaque: fuses with nothing."""
        call = np.full(len(size), self._adapter.run, dtype=object)
        return Kernel("foreign", {"call": call, "seed": params["seed"]}, moves=self.moves)


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
