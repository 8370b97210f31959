"""Ops made of ops: which of them act is drawn for each picture.

Members that do not act get the parameters that change nothing, exactly as if their `p` had missed.
So the steps of a plan are the same for every picture, and members fuse with each other and with
their neighbours. Where that would be a waste, or the order itself is drawn, each picture goes its
own way through a branch (`choose`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, WithJsonSchema, field_serializer, model_validator

from augpipe.errors import RecipeError, within
from augpipe.ops.base import Op, make_op, register
from augpipe.plan import Branch, Floats, Mix, Params, Plan, Step, chain, fold
from augpipe.schema import OP_FORMAT, Probability


def _members(specs: Any) -> Any:
    if not isinstance(specs, Sequence) or isinstance(specs, str):
        return specs
    if not specs:
        raise RecipeError("ops: at least one is needed")
    members = []
    for position, spec in enumerate(specs):
        with within(f"ops[{position}]"):
            member = make_op(spec)
            if "p" not in type(member).model_fields:
                raise RecipeError(f"{member.title()} has no p, so it cannot be left out")
            members.append(member)
    return tuple(members)


Count = Annotated[int, Field(ge=0)]
Members = Annotated[
    tuple[Any, ...],
    BeforeValidator(_members),
    WithJsonSchema({"type": "array", "items": {"format": OP_FORMAT}, "minItems": 1}),
]


class Policy(Op):
    """Abstract: members, of which each picture gets some.

    Attributes:
        ops: the members, in the order in which they act; each has a `p`, which counts as well.
    """

    ops: Members

    @abstractmethod
    def chosen(self, u: Floats) -> NDArray[np.bool_]:
        """(B, members) from (B, 1 + members) uniforms: which members act.

        The first uniform is the one that `p` is compared with.
        """

    @property
    def draws(self) -> int:  # type: ignore[override]  # depends on the members here
        """One number for each member, and what the members draw."""
        return len(self.ops) + sum(1 + int(member.draws) for member in self.ops)

    @property
    def has_spelling(self) -> bool:
        """Whether all members have."""
        return all(member.has_spelling for member in self.ops)

    @field_serializer("ops")
    def _spell(self, ops: tuple[Op, ...]) -> list[dict[str, Any]]:
        return [op.spec() for op in ops]

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The parameters of all members, were all of them to act."""
        return self._members(u, np.ones((len(u), len(self.ops)), bool))

    def params(self, u: Floats) -> Params:
        """The members' parameters under number and name, such as `0.affine.scale`."""
        return self._members(u[:, 1:], self.chosen(u[:, : 1 + len(self.ops)]))

    def _members(self, u: Floats, acts: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        params: dict[str, NDArray[Any]] = {}
        start = len(self.ops)
        for number, member in enumerate(self.ops):
            part = u[:, start : start + 1 + member.draws].copy()
            part[:, 0] = np.where(acts[:, number], part[:, 0], 1.0)  # which no p is above
            drawn = member.params(part)
            params |= {_key(number, member, name): value for name, value in drawn.items()}
            start += 1 + member.draws
        return params

    def lower(self, params: Params, size: NDArray[np.int64]) -> Sequence[Step]:
        """The members' steps, one after the other."""
        return [step for steps in self._lowered(params, size) for step in steps]

    def _lowered(self, params: Params, size: NDArray[np.int64]) -> Iterator[tuple[Step, ...]]:
        """Each member's steps."""
        for number, member in enumerate(self.ops):
            prefix = _key(number, member, "")
            own = {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}
            with within(member.title()):
                lowered = chain("", member.lower(own, size))
            yield lowered
            size = Plan(size, lowered).out_size


def _key(number: int, member: Op, name: str) -> str:
    return f"{number}.{member.title()}.{name}"


@register
class OneOf(Policy):
    """One of its members, each as likely as the others. albumentations' OneOf.

    Deviation: a member's own `p` is no weight; it decides whether the chosen member acts.

    Attributes:
        ops: the members; each must have a `p`.
        p: probability that any is chosen.
    """

    p: Probability = 1.0

    def chosen(self, u: Floats) -> NDArray[np.bool_]:
        """One in each row, or none."""
        number = np.floor(_within_p(u, self.p) * len(self.ops))
        return np.asarray(number[:, None] == np.arange(len(self.ops)))


@register
class SomeOf(Policy):
    """Some of its members, all different, in their order. albumentations' SomeOf.

    Attributes:
        ops: the members; each must have a `p`.
        n: how many, or [fewest, most].
        p: probability that any are chosen.
    """

    n: Count | tuple[Count, Count]
    p: Probability = 1.0

    def chosen(self, u: Floats) -> NDArray[np.bool_]:
        """The members with the smallest numbers."""
        low, high = self.n if isinstance(self.n, tuple) else (self.n, self.n)
        at = _within_p(u, self.p)
        many = np.where(at < 1, low + np.floor(np.minimum(at, 1) * (high - low + 1)), 0)
        rank = np.argsort(np.argsort(u[:, 1:], axis=1), axis=1)
        return np.asarray(rank < many[:, None])

    @model_validator(mode="after")
    def _enough_members(self) -> Self:
        low, high = self.n if isinstance(self.n, tuple) else (self.n, self.n)
        if not low <= high <= len(self.ops):
            raise ValueError(f"n should lie between 0 and {len(self.ops)}, the number of ops")
        return self


@register
class Sometimes(Policy):
    """All of its members, or none. imgaug's Sometimes.

    Attributes:
        ops: the members; each must have a `p`.
        p: probability that they act.
    """

    p: Probability = 0.5

    def chosen(self, u: Floats) -> NDArray[np.bool_]:
        """All or none in each row."""
        return np.repeat(u[:, :1] < self.p, len(self.ops), axis=1)


@register
class RandomOrder(Policy):
    """All of its members, in an order that is drawn. torchvision's RandomOrder.

    Members fuse with each other, but not with what comes before and after.

    Attributes:
        ops: the members; each must have a `p`, and leave the picture's size as it is.
        p: probability that they act.
    """

    p: Probability = 1.0

    def chosen(self, u: Floats) -> NDArray[np.bool_]:
        """All or none in each row."""
        return np.repeat(u[:, :1] < self.p, len(self.ops), axis=1)

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The members' parameters, and the numbers of the members in their order (B, members)."""
        return super().sample(u) | self._order(u)

    def params(self, u: Floats) -> Params:
        """The members' parameters under number and name, and `order`."""
        return {**super().params(u), **self._order(u[:, 1:])}

    def _order(self, u: Floats) -> dict[str, NDArray[Any]]:
        return {"order": np.argsort(u[:, : len(self.ops)], axis=1, kind="stable")}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Sequence[Step]:
        """One way for each order."""
        members = list(self._lowered(params, size))
        return [choose(params["order"], size, lambda order: sum((members[i] for i in order), ()))]


def choose(
    labels: NDArray[Any], size: NDArray[np.int64], way: Callable[[Any], Iterable[Step]]
) -> Branch:
    """Let each picture go the way of its label; only the ways that some picture goes are made.

    Args:
        labels: (B, ...).
        size: (B, 2), the pictures' height and width.
        way: the steps for a label; what they do to pictures of another label does not matter.

    Raises:
        RecipeError: a way changes the picture's size, or mixes pictures.
    """
    names, number = np.unique(labels, axis=0, return_inverse=True)
    ways = tuple(fold(way(name)) for name in names)
    for steps in ways:
        same = np.array_equal(Plan(size, steps).out_size, size)
        if not same or any(isinstance(step, Mix) for step in steps):
            raise RecipeError("members whose order is drawn must neither resize nor mix pictures")
    return Branch((number.reshape(-1, 1) == np.arange(len(names))).astype(np.float64), ways)


def _within_p(u: Floats, p: float) -> Floats:
    """The first uniform stretched so that hits lie below 1: uniform again, and free to use."""
    return np.asarray(u[:, 0] / p if p > 0 else np.ones(len(u)))
