"""Metrics that are smooth functions of means over rows: losses, costs, errors of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from homeostat.evaluate._metrics._inputs import Rows
from homeostat.evaluate._metrics._interval import Estimated, Shape
from homeostat.stats import Draws, Floats, influence_error

__all__ = ["Averaged", "mean_of"]

Name = tuple[str, int | None]
OfMeans = Callable[
    [Floats], Floats
]  # from means of columns (..., m) to values (...), NaN undefined


@dataclass(frozen=True, slots=True, eq=False)
class Averaged:
    """A metric of the means of columns.

    Args:
        rows: The rows.
        name: What people call it.
        columns: One number a row and column, shape (n, m).
        value: From means, shape (..., m), to the metric, shape (...).
        shape: How its interval is made.
        within: Its range.
        of: The class it is of.
        note: What makes the rows a special case.
    """

    rows: Rows
    name: str
    columns: Floats
    value: OfMeans
    shape: Shape = "number"
    within: tuple[float, float] = (0.0, math.inf)
    of: int | None = None
    note: str = ""

    def estimates(self) -> list[Estimated]:
        """Return the metric with its error over blocks."""
        found = self.estimate()
        if found is None:
            return [Estimated(self.name, self.of, None, 0, 0, self.shape, note=self.note)]
        value, influence = found
        error, blocks = influence_error(influence, self.rows.blocks)
        binary = self.columns.shape[1] == 1 and bool(np.isin(self.columns, (0.0, 1.0)).all())
        plain = binary and self.rows.blocks is None and self.rows.weight is None
        return [
            Estimated(
                self.name, self.of, value, error, float(blocks), self.shape, self.within,
                plain=plain, most=float(self.rows.n), note=self.note,
            )
        ]  # fmt: skip

    def estimate(self) -> tuple[float, Floats] | None:
        """Return the value and what each row adds to its error, shape (n,)."""
        w = self.rows.weight
        means = self.columns.mean(axis=0) if w is None else w @ self.columns / self.rows.n
        value = float(self.value(means))
        if math.isnan(value):
            return None
        step = 1e-6 * np.maximum(np.abs(means), 1e-9)
        slope = (self.value(means + np.diag(step)) - self.value(means - np.diag(step))) / 2 / step
        influence = (self.columns - means) @ slope / self.rows.n
        return value, influence if w is None else influence * w

    def resampled(self, draws: Draws) -> dict[Name, Floats]:
        """Return the metric in each resample, shape (resamples,)."""
        w = self.rows.w[:, None]
        sums = draws.sums(np.concatenate([self.columns * w, w], axis=1))
        total = sums[:, -1:]
        means = np.divide(sums[:, :-1], total, out=np.full(sums[:, :-1].shape, np.nan),
                          where=total > 0)  # fmt: skip
        return {(self.name, self.of): self.value(means)}


def mean_of(
    rows: Rows,
    name: str,
    values: Floats,
    *,
    shape: Shape = "number",
    within: tuple[float, float] = (0.0, math.inf),
    note: str = "",
) -> Averaged:
    """Return the metric that is a mean of one number a row."""
    return Averaged(
        rows, name, values[:, None], lambda means: means[..., 0], shape, within, note=note
    )
