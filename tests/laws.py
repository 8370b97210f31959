"""What drawn values may be distributed like, and the tests that tell; torchvision's policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from torchvision.transforms import v2

Drawn = Mapping[str, np.ndarray]

# Draws are fixed, and a few hundred laws are tested: by chance alone none should fall below.
SIGNIFICANCE = 1e-4


class Law:
    """What values are distributed like."""

    def check(self, values: np.ndarray, others: Drawn) -> None:
        """Fail where values, of any shape, are not; others are drawn with them, of their shape."""
        raise NotImplementedError


@dataclass
class Continuous(Law):
    """A distribution of SciPy's, of the values or of a function of them. Kolmogorov-Smirnov."""

    law: Any
    of: Callable[[np.ndarray], np.ndarray] = np.asarray

    def check(self, values: np.ndarray, others: Drawn) -> None:
        assert stats.kstest(self.of(values).ravel(), self.law.cdf).pvalue > SIGNIFICANCE


@dataclass
class Discrete(Law):
    """How likely each value is; no other occurs. Chi-square."""

    shares: Mapping[Any, float]

    def check(self, values: np.ndarray, others: Drawn) -> None:
        possible = {value: share for value, share in self.shares.items() if share > 0}
        counts = np.bincount(_number_of(values.ravel(), [*possible]), minlength=len(possible))
        expected = np.array([*possible.values()]) / sum(possible.values()) * values.size
        assert len(possible) == 1 or stats.chisquare(counts, expected).pvalue > SIGNIFICANCE


def _number_of(values: np.ndarray, possible: list[Any]) -> np.ndarray:
    """(N,): which of the possible values each is, but for the last bits of floats."""
    if isinstance(possible[0], str):
        assert {*values.tolist()} <= {*possible}
        return np.argmax(values[:, None] == np.array(possible), axis=1)
    apart = np.abs(values[:, None] - np.array(possible))
    assert apart.min(axis=1).max() < 1e-9
    return np.asarray(apart.argmin(axis=1))


@dataclass
class Mixed(Law):
    """A law with some probability, and one value otherwise."""

    share: float
    law: Law
    otherwise: float

    def check(self, values: np.ndarray, others: Drawn) -> None:
        acts = values != self.otherwise
        Discrete({1: self.share, 0: 1 - self.share}).check(acts.astype(int), others)
        self.law.check(values[acts], others)


@dataclass
class Where(Law):
    """Laws for those values where another parameter has some value."""

    name: str
    laws: Mapping[str, Law]

    def check(self, values: np.ndarray, others: Drawn) -> None:
        for value, law in self.laws.items():
            chosen = others[self.name] == value
            assert chosen.sum() > 50
            law.check(values[chosen], others)


def uniform(low: float, high: float) -> Law:
    return Continuous(stats.uniform(low, high - low))


def log_uniform(low: float, high: float) -> Law:
    return Continuous(stats.loguniform(low, high))


def normal(deviation: float) -> Law:
    return Continuous(stats.norm(0, deviation))


def beta(a: float, b: float) -> Law:
    return Continuous(stats.beta(a, b))


def one_of(*values: Any) -> Law:
    return Discrete(dict.fromkeys(values, 1.0))


def always(value: float) -> Law:
    return one_of(value)


def signed(*magnitudes: float) -> Law:
    """Each magnitude as likely, half of them negative; zero has no sign."""
    shares: dict[float, float] = {}
    for magnitude in magnitudes:
        for value in (magnitude, -magnitude):
            shares[value] = shares.get(value, 0) + 1
    return Discrete(shares)


def snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:].replace(
        "autocontrast", "auto_contrast"
    )


# What the 25 pairs of AutoAugment have in their first and their second place, by torchvision.
PAIRS = [*zip(*v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET)._policies, strict=True)]


def searched(place: int) -> Law:
    """How often each transform stands there and acts."""
    shares = {"identity": sum(1 - probability for _, probability, _ in PAIRS[place])}
    for name, probability, _ in PAIRS[place]:
        shares[snake_case(name)] = shares.get(snake_case(name), 0) + probability
    return Discrete(shares)


def searched_angle(place: int) -> Law:
    """The angle there, where it is a rotation."""
    shares: dict[float, float] = {}
    for name, probability, number in PAIRS[place]:
        for angle in (30 * (number or 0) / 9, -30 * (number or 0) / 9):
            shares[angle] = shares.get(angle, 0) + probability * (name == "Rotate")
    return Where("transform", {"rotate": Discrete(shares), "identity": always(0)})


def transforms_of(auto: Any, translate: str = "translate") -> list[str]:
    """The names in torchvision's space, in our spelling."""
    names = [snake_case(name) for name in auto._AUGMENTATION_SPACE]
    return [name.replace("translate", translate) for name in names]
