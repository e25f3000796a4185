"""Permutations: which rows count as the reference's, in every reshuffling at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError

__all__ = ["Splits", "check_block", "distinct_enough", "permutation_p", "splits"]

_MOST_RUNS = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Who is of the reference in each permutation, a run of neighbouring rows at a time.

    Args:
        starts: First row of each run, (G,).
        who: True where a run counts as the reference's, (G, P): first as it is, then shuffled.
        rows: How many rows there are.
    """

    starts: NDArray[np.int64]
    who: NDArray[np.bool_]
    rows: int

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each run, (G,)."""
        return np.diff(self.starts, append=self.rows)

    @property
    def first(self) -> NDArray[np.bool_]:
        """Which rows are of the reference, (rows,)."""
        return np.repeat(self.who[:, 0], self.sizes)

    def totals(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of the reference's rows of values (rows, ...) in each permutation."""
        runs = values if len(self.starts) == self.rows else np.add.reduceat(values, self.starts)
        total = np.zeros((self.who.shape[1], *values.shape[1:]))
        for start in range(0, len(runs), 2048):
            part = slice(start, start + 2048)
            total += self.who[part].T.astype(np.float64) @ runs[part]
        return total


def splits(
    n: int, m: int, permutations: int, *, block: int | None, rng: np.random.Generator
) -> Splits:
    """Return the observed split of n + m rows and shuffled ones.

    Rows change sides in runs of `block` neighbours: rows that follow one another in time, and
    resemble one another, stay together. For rows that do not, any run is as good as a row, and
    5,000 runs tell as much as all rows, so None takes single rows up to there and runs beyond.
    Sides have as many runs as before, and about as many rows.
    """
    size = block or -(-(n + m) // _MOST_RUNS)
    runs_n, runs_m = -(-n // size), -(-m // size)
    starts = np.concatenate([_starts(n, runs_n), n + _starts(m, runs_m)])
    who = np.zeros((1 + permutations, runs_n + runs_m), dtype=bool)
    who[0, :runs_n] = True
    for row in who[1:]:
        row[rng.permutation(runs_n + runs_m)[:runs_n]] = True
    return Splits(starts, np.ascontiguousarray(who.T), n + m)


def permutation_p(statistics: NDArray[np.float64]) -> float:
    """Return how likely a statistic as large as the first is among all of them.

    The observed one counts as a permutation, so p is never 0 and the test keeps its level
    (Phipson and Smyth 2010).

    Example:
        >>> permutation_p(np.array([3.0, 1.0, 2.0, 0.5]))
        0.25
    """
    return float((statistics >= statistics[0] - 1e-12 * abs(statistics[0])).mean())


def distinct_enough(n: int, m: int, *, block: int | None, level: float) -> bool:
    """Whether there are enough ways to split the rows for a p-value as low as the level."""
    one, other = -(-n // (block or 1)), -(-m // (block or 1))
    ways = 1.0
    for i in range(1, min(one, other) + 1):
        ways *= (one + other - i + 1) / i
        if ways * level >= 1:
            return True
    return False


def check_block(block: int | None) -> int | None:
    """Return the rows of a run, at least 1, or None, or raise InputError."""
    if block is None:
        return None
    if isinstance(block, bool) or not isinstance(block, (int, np.integer)) or block < 1:
        raise InputError(f"`block` counts neighbouring rows, at least 1, got {block!r}.")
    return int(block)


def _starts(rows: int, runs: int) -> NDArray[np.int64]:
    """Return where runs of about equal length begin."""
    return np.arange(runs, dtype=np.int64) * rows // runs
