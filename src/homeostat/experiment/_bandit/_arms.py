"""What a bandit knows of its arms, and how likely each is to be the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from scipy import special

from homeostat.core import InputError, Json
from homeostat.stats import Floats

__all__ = [
    "ArmSums",
    "Belief",
    "BetaBelief",
    "NormalBelief",
    "chance_best",
    "sums_from_json",
    "top_two",
]

_Z = np.linspace(-8.0, 8.0, 161)
_WEIGHTS = np.exp(-np.square(_Z) / 2)
_WEIGHTS /= _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class ArmSums:
    """Rewards of an arm: how many, their sum and their sum of squares.

    Example:
        >>> ArmSums.of([1, 0, 1]) + ArmSums.of([1])
        ArmSums(n=4, total=3.0, squares=3.0)
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, rewards: Any) -> Self:  # noqa: ANN401 - whatever NumPy takes
        """Sum up rewards; raises InputError if one is not a finite number."""
        values = np.atleast_1d(np.asarray(rewards, np.float64))
        if not np.isfinite(values).all():
            raise InputError("A reward is a finite number, got NaN or infinity.")
        return cls(len(values), float(values.sum()), float(np.square(values).sum()))

    def __add__(self, other: ArmSums) -> ArmSums:
        return ArmSums(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Mean reward; 0 without any."""
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Sample variance of the rewards; 1 while there are fewer than two."""
        if self.n < 2:
            return 1.0
        return max((self.squares - self.total**2 / self.n) / (self.n - 1), 1e-12)

    def to_json(self) -> list[Json]:
        """Return the sums as JSON."""
        return [self.n, self.total, self.squares]


class Belief(Protocol):
    """What is believed of the mean of each of k arms."""

    def quantiles(self, z: Floats) -> Floats:
        """Return each arm's quantiles (k, g) at the standard normal's values z (g,)."""

    def below(self, values: Floats) -> Floats:
        """Return the chance (k, k, g) of each arm (first axis) to be below values (k, g)."""


@dataclass(frozen=True, slots=True, eq=False)
class BetaBelief:
    """Beta(a, b) of each arm: what rewards of 0 and 1 say of their rates; (k,) each."""

    a: Floats
    b: Floats

    def quantiles(self, z: Floats) -> Floats:
        """See `Belief`."""
        share = special.ndtr(z)[None]
        return np.asarray(special.betaincinv(self.a[:, None], self.b[:, None], share))

    def below(self, values: Floats) -> Floats:
        """See `Belief`."""
        return np.asarray(special.betainc(self.a[:, None, None], self.b[:, None, None], values))


@dataclass(frozen=True, slots=True, eq=False)
class NormalBelief:
    """A normal, or Student's t, of each arm; (k,) each; infinite freedom is normal."""

    mean: Floats
    error: Floats
    freedom: Floats

    def quantiles(self, z: Floats) -> Floats:
        """See `Belief`."""
        freedom = self.freedom[:, None]
        with np.errstate(invalid="ignore"):
            t = np.where(np.isinf(freedom), z[None], special.stdtrit(freedom, special.ndtr(z)))
        return np.asarray(self.mean[:, None] + self.error[:, None] * t)

    def below(self, values: Floats) -> Floats:
        """See `Belief`."""
        mean, error, freedom = (
            array[:, None, None] for array in (self.mean, self.error, self.freedom)
        )
        t = (values - mean) / error
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(freedom), special.ndtr(t), special.stdtr(freedom, t))


def chance_best(belief: Belief) -> Floats:
    """Return how likely each arm is to have the highest mean.

    By quadrature over each arm's own quantiles, not by draws: what is logged as a propensity is
    what it was, and can be computed again.

    Returns:
        Shape (k,), sums to 1.

    Example:
        >>> chance_best(BetaBelief(np.array([1.0, 1.0]), np.array([1.0, 1.0]))).round(6)
        array([0.5, 0.5])
        >>> chance_best(BetaBelief(np.array([2.0, 1.0]), np.array([1.0, 1.0]))).round(6)
        array([0.666667, 0.333333])
    """
    below = belief.below(belief.quantiles(_Z))
    arms = np.arange(len(below))
    below[arms, arms] = 1.0
    chances = below.prod(axis=0) @ _WEIGHTS
    return np.asarray(chances / chances.sum())


def top_two(chances: Floats, beta: float) -> Floats:
    """Return the shares of top-two sampling: the best by chance, else the best of another draw.

    With probability ``beta`` the arm of a Thompson draw; else draws go on until another arm
    comes, whose chance is its own among the others.

    Source: Russo (2016), "Simple Bayesian algorithms for best-arm identification", section 4.
    """
    others = np.array([np.delete(chances, arm).sum() for arm in range(len(chances))])
    again = np.divide(
        chances[None, :],
        others[:, None],
        out=np.full((len(chances), len(chances)), 1 / (len(chances) - 1)),
        where=others[:, None] > 0,
    )
    np.fill_diagonal(again, 0.0)
    shares = beta * chances + (1 - beta) * (chances @ again)
    return np.asarray(shares / shares.sum())


def sums_from_json(data: Mapping[str, Any]) -> dict[str, ArmSums]:
    """Rebuild the sums of all arms."""
    return {str(arm): ArmSums(int(n), float(t), float(s)) for arm, (n, t, s) in data.items()}
