"""What an arm's units add up to: all that an effect needs, mergeable, and small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError, Json
from homeostat.stats import Floats, Moments, floats

__all__ = ["Sums"]

_ROLES = ("value", "per", "covariate", "covariate_per")


@dataclass(frozen=True, slots=True)
class Sums:
    """Units, means and summed co-deviations of a metric's columns in one arm.

    Args:
        n: How many units (users, sessions): what was given an arm by lot.
        roles: What the columns are: the ``value``; what it is taken ``per``, of a ratio; a
            ``covariate`` of before the experiment, and what that is taken per.
        mean: Mean of each column over units.
        co: Sum over units of the products of each two columns' deviations, as rows.

    Example:
        >>> a = Sums.of([1, 0, 2], covariate=[1, 0, 1])
        >>> merged = a + Sums.of([3], covariate=[2])
        >>> merged.n, merged.mean, Sums.from_json(merged.to_json()) == merged
        (4, (1.5, 1.0), True)
    """

    n: int
    roles: tuple[str, ...]
    mean: tuple[float, ...]
    co: tuple[tuple[float, ...], ...]

    @classmethod
    def of(
        cls,
        value: ArrayLike,
        *,
        per: ArrayLike | None = None,
        covariate: ArrayLike | None = None,
        covariate_per: ArrayLike | None = None,
    ) -> Self:
        """Sum up finite numbers, one a unit, each of shape (n,).

        Args:
            value: The metric, or a ratio's numerator.
            per: A ratio's denominator, such as a user's sessions.
            covariate: The like of ``value`` in the time before.
            covariate_per: The like of ``per`` in the time before.

        Raises:
            InputError: If lengths differ or a number is not finite.
        """
        given = dict(zip(_ROLES, (value, per, covariate, covariate_per), strict=True))
        n = len(floats(value, "value"))
        columns = [(role, column) for role, column in given.items() if column is not None]
        table = np.stack([floats(column, role, n=n) for role, column in columns])
        roles = tuple(role for role, _ in columns)
        if not n:
            return cls._of(0, roles, np.zeros(len(roles)), np.zeros((len(roles),) * 2))
        mean = table.mean(axis=1)
        table -= mean[:, None]
        return cls._of(n, roles, mean, table @ table.T)

    @classmethod
    def of_successes(cls, successes: int, n: int) -> Self:
        """Return the sums of a proportion; raises InputError unless 0 <= successes <= n."""
        if not 0 <= successes <= n:
            raise InputError(f"Successes lie in [0, n], got {successes} of {n}.")
        share = successes / n if n else 0.0
        return cls(int(n), ("value",), (share,), ((successes * (1 - share),),))

    @classmethod
    def of_totals(cls, n: int, total: float, squares: float) -> Self:
        """Return the sums of a mean from the sum and the sum of squares of n values."""
        mean = total / n if n else 0.0
        return cls(int(n), ("value",), (mean,), ((max(squares - mean * total, 0.0),),))

    @classmethod
    def of_products(
        cls, n: int, totals: Mapping[str, float], products: Mapping[tuple[str, str], float]
    ) -> Self:
        """Return the sums from a warehouse's aggregates.

        Args:
            n: Units.
            totals: Sum of each role's column over units.
            products: Sum over units of the product of each two roles' columns, and of each
                role's square as ``("value", "value")``.

        Example:
            >>> products = {("value", "value"): 5.0, ("value", "per"): 3.0, ("per", "per"): 2.0}
            >>> Sums.of_products(2, {"value": 3, "per": 2}, products) == Sums.of([1, 2], per=[1, 1])
            True
        """
        roles = tuple(role for role in _ROLES if role in totals)
        mean = np.array([totals[role] for role in roles], np.float64) / max(n, 1)
        both = {**products} | {(b, a): value for (a, b), value in products.items()}
        if missing := [pair for pair in product(roles, roles) if pair not in both]:
            raise InputError(f"The sum of each product is needed, got none of {missing[0]}.")
        raw = np.array([[both[a, b] for b in roles] for a in roles], np.float64)
        return cls._of(n, roles, mean, raw - n * np.outer(mean, mean))

    @classmethod
    def of_moments(cls, moments: Moments) -> Self:
        """Return the sums of a mean from its moments."""
        return cls(moments.n, ("value",), (moments.mean,), ((moments.m2,),))

    def __add__(self, other: Sums) -> Sums:
        """Merge disjoint units (Chan, Golub and LeVeque 1983)."""
        if self.roles != other.roles:
            raise InputError(f"Sums of one metric add up, got {self.roles} and {other.roles}.")
        n = self.n + other.n
        if not n:
            return self
        a, b = np.asarray(self.mean), np.asarray(other.mean)
        gap = b - a
        co = np.asarray(self.co) + np.asarray(other.co)
        co += np.outer(gap, gap) * (self.n * other.n / n)
        return self._of(n, self.roles, a + gap * (other.n / n), co)

    def column(self, role: str) -> int | None:
        """Return where a role's column is, or None."""
        return self.roles.index(role) if role in self.roles else None

    def covariance(self) -> Floats:
        """Return the sample covariance of the columns (k, k), with n - 1; zero below two units."""
        return np.asarray(self.co) / max(self.n - 1, 1)

    def to_json(self) -> dict[str, Json]:
        """Return the sums as JSON, to the last digit."""
        return {
            "n": self.n,
            "roles": list(self.roles),
            "mean": list(self.mean),
            "co": [list(row) for row in self.co],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the sums from `to_json`."""
        co = np.asarray(data["co"], np.float64)
        return cls._of(int(data["n"]), tuple(data["roles"]), np.asarray(data["mean"]), co)

    @classmethod
    def _of(cls, n: int, roles: tuple[str, ...], mean: Floats, co: Floats) -> Self:
        rows = tuple(tuple(row) for row in co.tolist())
        return cls(n, roles, tuple(mean.tolist()), rows)
