"""The contract of an op, and the registry that knows every op by name.

An op is a frozen set of validated hyper-parameters and two pure functions:

    sample(u)            (B, draws) uniform numbers  ->  named parameters
    lower(params, size)  parameters and picture sizes ->  steps of a plan

It never sees pixels and never holds a random generator. A new op is one class with these two, and
one row in `tests/cases.py`; an op needs more only if the base is wrong.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaincinv  # type: ignore[import-untyped]  # has none

from augpipe.errors import RecipeError, suggest
from augpipe.plan import Floats, Params, Step
from augpipe.schema import Settings, check


class Op(Settings, ABC):
    """One augmentation. Subclasses are final: they add fields, `sample` and `lower`.

    Attributes:
        draws: how many uniform numbers `sample` is given for each picture.
        identity: for each parameter, the value that leaves the picture as it is. An op that
            declares a field `p` must name all of them: where `p` misses, they take the place of
            what was drawn. `p` is never control flow.
        after_normalize: whether the op may act on normalised float pixels.
        ends_in_float: whether pixels are float32 after the op, not uint8.
        needs_boxes: whether `lower_around` takes the place of `lower`, as a crop around boxes does.
        views: how many pictures the op makes of one; see `ops.views`.
        partners: with how many other samples the op mixes each; see `ops.mix.MixOp`.
        mixes_labels: whether it makes distributions over classes of labels.
    """

    draws: ClassVar[int] = 0
    identity: ClassVar[Mapping[str, float | str]] = {}
    after_normalize: ClassVar[bool] = False
    ends_in_float: ClassVar[bool] = False
    needs_boxes: ClassVar[bool] = False
    partners: ClassVar[int] = 0
    mixes_labels: ClassVar[bool] = False

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """Turn (B, draws) uniforms in [0, 1) into parameters, (B, ...) each; here, into none."""
        return {}

    @abstractmethod
    def lower(self, params: Params, size: NDArray[np.int64]) -> Step | Sequence[Step]:
        """Turn parameters, for pictures of (B, 2) height and width, into steps."""

    @property
    def views(self) -> int:
        """How many pictures come out for each that goes in."""
        return 1

    def lower_around(
        self, params: Params, size: NDArray[np.int64], boxes: Sequence[Floats] | None
    ) -> Step | Sequence[Step]:
        """Turn parameters into steps that depend on where boxes are.

        Args:
            params: (B, ...) each.
            size: (B, 2).
            boxes: (N, 4) for each of B pictures, as the ops before left them; None where nobody
                knows yet, because a plan is asked for without pictures.
        """
        return self.lower(params, size)

    def params(self, u: Floats) -> Params:
        """Parameters from (B, 1 + draws) uniforms, of which the first decides whether `p` hits."""
        params = self.sample(u[:, 1:])
        if "p" not in type(self).model_fields:
            return params
        hit = u[:, 0] < getattr(self, "p")  # noqa: B009 (the field exists in some subclasses only)
        return {
            name: np.where(hit.reshape(-1, *[1] * (value.ndim - 1)), value, self.identity[name])
            for name, value in params.items()
        }

    @classmethod
    def name(cls) -> str:
        """The op's name in recipes: its class name in snake_case."""
        return _snake_case(cls.__name__)

    @property
    def has_spelling(self) -> bool:
        """Whether `spec` can be read back."""
        return True

    def title(self) -> str:
        """What the op's slot is called after, and what it is called in recipes."""
        return self.name()

    def spec(self) -> dict[str, Any]:
        """The op as a recipe spells it, `{name: {parameter: value}}`, defaults left out."""
        return {self.name(): self.model_dump(mode="json", exclude_defaults=True)}


OpLike = Op | str | Mapping[str, Any] | Callable[..., Any]

_registry: dict[str, type[Op]] = {}

AnyOp = TypeVar("AnyOp", bound=Op)


def register(op: type[AnyOp]) -> type[AnyOp]:
    """Make an op known by its name; to be used as a decorator.

    Raises:
        RecipeError: the name is taken, or `p` is declared without identities.
    """
    name = op.name()
    if op.params is Op.params and ("p" in op.model_fields) != bool(op.identity):
        raise RecipeError(f"{name}: a field `p` and the class attribute `identity` go together")
    if _registry.setdefault(name, op) is not op:
        raise RecipeError(f"op name {name!r} is taken by {_registry[name].__module__}")
    return op


def list_ops() -> list[str]:
    """The names of all registered ops, sorted."""
    return sorted(_registry)


def find_op(name: str) -> type[Op]:
    """The op of that name, in snake_case or CamelCase.

    Raises:
        RecipeError: there is none; the message offers the nearest name.
    """
    op = _registry.get(name) or _registry.get(_snake_case(name))
    if op is None:
        raise RecipeError(f"unknown op {name!r}; {suggest(_snake_case(name), _registry)}")
    return op


Adapter = TypeVar("Adapter", bound=Callable[[Any], Op | None])

_adapters: list[Callable[[Any], Op | None]] = []


def register_adapter(adapter: Adapter) -> Adapter:
    """Let `make_op` ask `adapter` for ops that are not registered; to be used as a decorator."""
    _adapters.append(adapter)
    return adapter


def make_op(spec: OpLike) -> Op:
    """An op from the op itself, its name, `{name: {parameter: value}}`, or what an adapter takes.

    Raises:
        RecipeError: unknown name or parameter, wrong type, or a value out of its range.
    """
    if isinstance(spec, Op):
        return spec
    for adapter in _adapters:
        if (adapted := adapter(spec)) is not None:
            return adapted
    if isinstance(spec, str):
        spec = {spec: {}}
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise RecipeError(
            f"an op is written as a name or {{name: {{parameter: value}}}}, not {spec!r}"
        )
    ((name, fields),) = spec.items()
    op = find_op(str(name))
    if not isinstance(fields, Mapping | None):
        raise RecipeError(
            f"{name}: parameters are a mapping such as {_example(op)}, not {fields!r}"
        )
    return check(op, dict(fields or {}), str(name))


def _example(op: type[Op]) -> str:
    fields = list(op.model_fields)
    return f"{{{fields[0]}: ...}}" if fields else "{}"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def between(u: Floats, limits: tuple[float, float]) -> Floats:
    """Uniforms stretched to a range."""
    return limits[0] + (limits[1] - limits[0]) * u


def normal(u: Floats) -> Floats:
    """Uniforms as standard normal numbers, by the inverse of the distribution function."""
    inverse = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
    return np.asarray(inverse(np.maximum(u, 2.0**-54)))


def gamma(u: Floats, shape: float) -> Floats:
    """Uniforms as gamma numbers of scale 1, by the inverse of the distribution function."""
    return np.asarray(gammaincinv(shape, u), np.float64)


def beta(u: Floats, a: float, b: float) -> Floats:
    """Uniforms as beta numbers, by the inverse of the distribution function."""
    return np.asarray(betaincinv(a, b, u), np.float64)
