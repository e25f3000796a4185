"""A pair: the reference and a window, read, thinned, reduced and put into one matrix."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.detect._model._cases import Cases, count_of, pooled, read_cases, rows_of, thinned
from homeostat.detect._model._matrix import Matrix, matrix_of
from homeostat.detect._reduce._text import TextEmbedding
from homeostat.detect._rows import Rows, missing_p
from homeostat.stats import Floats

__all__ = ["Pair", "Reduce"]

Reduce = Callable[[Any], Any]
"""Turns a sample (texts, images, series) into rows of numbers, (n, ...), or a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both samples, the reference's rows first.

    Args:
        matrix: Rows of both.
        label: (n,), 0 of the reference and 1 of the window.
        reference: How many rows were given, as findings state them.
        window: Likewise.
    """

    matrix: Matrix
    label: Floats
    reference: Rows
    window: Rows

    @classmethod
    def of(
        cls,
        reference: Cases,
        window: Cases,
        *,
        reduce: Reduce | None,
        most_rows: int,
        rng: np.random.Generator,
    ) -> Pair:
        """Put two samples into one matrix; a reducer that has yet to learn learns from both."""
        sides = [thinned(side, most_rows, rng) for side in (reference, window)]
        both = pooled(*sides)
        if reduce is None and isinstance(both, list):
            reduce = TextEmbedding()
        if reduce is not None and count_of(both):
            if hasattr(reduce, "fit") and not getattr(reduce, "fitted", True):
                reduce = copy.copy(reduce).fit(both)
            both = _reduced(reduce, both)
        matrix = matrix_of([] if isinstance(both, list) else both)
        label = np.repeat([0.0, 1.0], [count_of(side) for side in sides])
        return cls(matrix, label, rows_of(reference), rows_of(window))

    @property
    def counts(self) -> tuple[int, int]:
        """Rows of the reference and of the window that are in the matrix."""
        ones = int(self.label.sum())
        return len(self.label) - ones, ones

    def missing(self) -> dict[str, list[float]]:
        """Return, for columns in which values are missing, their shares: before and now."""
        gone = np.isnan(self.matrix.values)
        some: NDArray[np.intp] = np.flatnonzero(gone.any(axis=0))[:50]
        then, now = (gone[self.label == side][:, some].mean(axis=0) for side in (0, 1))
        return {
            self.matrix.names[i]: [float(a), float(b)]
            for i, a, b in zip(some, then, now, strict=True)
        }

    def newly_missing(self) -> str:
        """Return a clause on the column whose share of missing values changed most, if surely."""
        shares = self.missing()
        if not shares:
            return ""
        name = max(shares, key=lambda one: abs(shares[one][1] - shares[one][0]))
        was, now = shares[name]
        n, m = self.counts
        if missing_p(round(now * m), m, round(was * n), n) > 0.001:
            return ""
        return f"; {now:.1%} of `{name}` is missing, was {was:.1%}"


def _reduced(reduce: Reduce, both: Cases) -> Cases:
    found = read_cases(reduce(both), what="What `reduce` returns")
    if isinstance(found, list) or count_of(found) != count_of(both):
        raise InputError(
            f"`reduce` must return numbers or a frame, one row a case: of {count_of(both):,} "
            f"cases it made {count_of(found):,} rows of type {type(found).__name__}."
        )
    return found
