"""Distance: PSI, Jensen-Shannon, Hellinger, Wasserstein, scored against what chance would give."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError
from homeostat.detect._detector import LEAST_ROWS
from homeostat.detect._rows import Data
from homeostat.detect._univariate._columnwise import Columnwise, Compared, Correction
from homeostat.detect._univariate._contingency import share_change
from homeostat.detect._univariate._ordered import gap
from homeostat.detect._univariate._samples import Levels, Numbers, aligned, columns_of, is_text
from homeostat.detect._univariate._tests import moved
from homeostat.stats import (
    Interval,
    hellinger,
    js_distance,
    l_infinity,
    psi,
    two_sided,
    wasserstein,
)

__all__ = ["Distance"]

Kind = Literal["js", "psi", "hellinger", "wasserstein", "l_infinity"]
_Counts = NDArray[np.int64]
_Measure = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]
_NAMES: dict[str, str] = {
    "js": "JS distance",
    "psi": "PSI",
    "hellinger": "Hellinger distance",
    "wasserstein": "Wasserstein distance in robust sd",
    "l_infinity": "greatest change of a share",
}
_FEWEST_DRAWS, _MOST_DRAWS, _RESAMPLES = 999, 20_000, 200
_MOST_CELLS = 1000
_LEAST_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class _Null:
    """What chance alone gives: drawn distances of two samples of one source."""

    drawn: NDArray[np.float64]

    @property
    def mean(self) -> float:
        return float(self.drawn.mean())

    @property
    def spread(self) -> float:
        return float(self.drawn.std()) or 1e-12

    def score(self, distance: float) -> float:
        return (distance - self.mean) / self.spread


class Distance(Columnwise[Numbers | Levels]):
    """A distance of each column from the reference, judged by what chance would give it.

    A plug-in distance between two samples of one source is not 0, and how far from 0 it is
    depends on rows and cells: a fixed threshold such as PSI 0.2 alarms always or never. Here the
    threshold is drawn for the sizes at hand by relabelling rows, and the effect is the distance
    less what chance gives. Numbers are counted in cells cut at the reference's quantiles, so an
    outlier moves one row by one cell and hides nothing.

    Args:
        kind: `js` (square root of the divergence, in bits, in [0, 1]), `psi`, `hellinger`,
            `wasserstein` (numbers only; in units of the reference's interquartile range / 1.349)
            or `l_infinity`.
        bins: Cells of numbers; None for 20, and 256 for `wasserstein`.
        block: Rows of a reference window, for rows in the order of time: the threshold is then
            widened to what such windows of the reference differ by from the rest of it, as
            those of a seasonal or autocorrelated stream do. None takes rows as exchangeable.
        level: False alarms a window, over all columns together.
        margin: Least distance beyond chance that matters.
        correction: For the number of columns.
        least_rows: Fewest values a side.
        seed: Of the draws.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = Distance(kind="psi").fit(rng.normal(size=5000))
        >>> found = detector.test(rng.normal(0.4, size=500))
        >>> found.verdict.value, found.statistic > found.threshold
        ('fail', True)
    """

    check = "shift.distance"

    def __init__(
        self,
        *,
        kind: Kind = "js",
        bins: int | None = None,
        block: int | None = None,
        level: float = 0.05,
        margin: float = 0.0,
        correction: Correction = "holm",
        least_rows: int = LEAST_ROWS,
        seed: int = 0,
    ) -> None:
        super().__init__(
            level=level, margin=margin, correction=correction, least_rows=least_rows, seed=seed
        )
        if kind not in _NAMES:
            raise InputError(f"`kind` is one of {', '.join(_NAMES)}, got {kind!r}.")
        if (bins is not None and bins < 2) or (block is not None and block < LEAST_ROWS):
            raise InputError(
                f"`bins` is at least 2 and `block` at least {LEAST_ROWS}, got {bins} and {block}."
            )
        self.kind: Kind = kind
        self.bins = bins or (256 if kind == "wasserstein" else 20)
        self.block = block
        self.scores_: dict[str, NDArray[np.float64]] = {}

    def fit(self, reference: Data, /) -> Self:
        """Learn the reference, and with `block` what its own windows differ by.

        Raises:
            SchemaError: If a column of text is to have a Wasserstein distance.
            InputError: If the reference is shorter than eight blocks.
        """
        columns = columns_of(reference, what="The reference")
        if self.kind == "wasserstein" and (texts := [n for n, c in columns.items() if is_text(c)]):
            raise SchemaError(
                f"A Wasserstein distance needs numbers, got text or truth values in `{texts[0]}`: "
                "leave it out or use another kind."
            )
        self.texts_ = {name for name, column in columns.items() if is_text(column)}
        super().fit(reference)
        self.scores_ = {}
        if self.block is not None:
            self.scores_ = {name: self._learn(name, column) for name, column in columns.items()}
        return self

    def _sample(self, name: str, column: pl.Series) -> Numbers | Levels:
        return Levels.of(column) if name in self.texts_ else Numbers.of(column)

    def _learn(self, name: str, column: pl.Series) -> NDArray[np.float64]:
        """Score each block of the reference against the rest of it."""
        block = self.block or len(column)
        starts = range(0, len(column) - block + 1, block)
        if len(starts) < _LEAST_WINDOWS:
            raise InputError(
                f"A reference must have at least {_LEAST_WINDOWS} blocks of {block:,} rows, got "
                f"{len(column):,} rows: take a shorter `block` or more rows."
            )
        rng, scores = np.random.default_rng(self.seed), []
        for start in starts:
            window = self._sample(name, column.slice(start, block))
            rest = pl.concat([column.slice(0, start), column.slice(start + block)])
            others = self._sample(name, rest)
            if min(len(window), len(others)) < self.least_rows:
                continue
            one, other, measure = self._cells(others, window)
            distance = float(measure(one, other))
            scores.append(_null(measure, one, other, _RESAMPLES, rng).score(distance))
        return np.sort(np.array(scores))

    def _compare(
        self,
        name: str,
        reference: Numbers | Levels,
        window: Numbers | Levels,
        level: float,
        rng: np.random.Generator,
    ) -> Compared:
        one, other, measure = self._cells(reference, window)
        draws = int(np.clip(math.ceil(20 / level), _FEWEST_DRAWS, _MOST_DRAWS))
        distance = float(measure(one, other))
        null = _null(measure, one, other, draws, rng)
        p, stretch = self._p(name, distance, null)
        limit = float(np.quantile(null.drawn, 1 - level, method="higher"))
        threshold = null.mean + (limit - null.mean) * stretch
        effect = max(distance - null.mean, 0.0)
        error = two_sided(1 - level) * _error(measure, one, other, rng) * stretch
        beyond = "beyond" if distance > threshold else "within"
        return Compared(
            said=f"{_NAMES[self.kind]} {distance:.3f}, {beyond} the {threshold:.3f} that "
            f"{'windows vary by' if self.block else 'chance allows'}; {_moved(reference, window)}",
            statistic=distance,
            p_value=p,
            threshold=threshold,
            effect=effect,
            interval=Interval(max(effect - error, 0.0), effect + error, 1 - level),
            evidence={
                "effect_is": f"{_NAMES[self.kind]} beyond what chance gives",
                "by_chance": null.mean,
                "cells": len(one),
                "stretch": stretch,
                "blocks": len(self.scores_.get(name, ())),
                "exchangeable_rows": self.block is None,
            },
        )

    def _p(self, name: str, distance: float, null: _Null) -> tuple[float, float]:
        """Return the p-value, and by how much the reference's own windows stretch the null."""
        seen = self.scores_.get(name)
        if seen is None or len(seen) < _LEAST_WINDOWS:
            return float((1 + (null.drawn >= distance).sum()) / (1 + len(null.drawn))), 1.0
        usual = null.score(float(np.quantile(null.drawn, 0.9)))
        stretch = max(1.0, float(np.quantile(seen, 0.9)) / max(usual, 0.1))
        score = null.score(distance)
        scaled = null.mean + null.spread * score / stretch
        p = float((1 + (null.drawn >= scaled).sum()) / (1 + len(null.drawn)))
        above = int((seen >= score).sum())
        return (max(p, (1 + above) / (1 + len(seen))) if above else p), stretch

    def _cells(
        self, reference: Numbers | Levels, window: Numbers | Levels
    ) -> tuple[_Counts, _Counts, _Measure]:
        if isinstance(reference, Levels) and isinstance(window, Levels):
            one, other, _ = aligned(reference, window)
            return *_largest(one, other), _MEASURES[self.kind]
        if not (isinstance(reference, Numbers) and isinstance(window, Numbers)):
            raise InputError("Numbers and categories cannot be compared.")
        places = np.linspace(0, len(reference) - 1, self.bins + 1)[1:-1].astype(np.int64)
        cuts = np.unique(reference.values[places])
        one, other = (
            np.diff(np.searchsorted(side.values, cuts, side="right"), prepend=0, append=len(side))
            for side in (reference, window)
        )
        if self.kind != "wasserstein":
            return one, other, _MEASURES[self.kind]
        return one, other, _moving(reference, one)


_MEASURES: dict[str, _Measure] = {
    "js": lambda one, other: js_distance(one, other, debiased=False, base=2),
    "psi": psi,
    "hellinger": hellinger,
    "l_infinity": l_infinity,
}


def _moving(reference: Numbers, counts: _Counts) -> _Measure:
    """Return the Wasserstein distance between cells that lie at the reference's mean in each."""
    low, high = np.quantile(reference.values, [0.25, 0.75])
    unit = (high - low) / 1.349 or float(reference.values.std()) or 1.0
    starts = np.cumsum(counts) - counts
    filled = counts > 0
    sums = np.add.reduceat(reference.values, starts[filled])
    places = np.interp(np.arange(len(counts)), np.flatnonzero(filled), sums / counts[filled])
    return lambda one, other: wasserstein(one, other, np.maximum.accumulate(places)) / unit


def _largest(one: _Counts, other: _Counts) -> tuple[_Counts, _Counts]:
    """Keep the most frequent categories and put all others together."""
    order = np.argsort(-(one + other), kind="stable")
    one, other = one[order], other[order]
    if len(one) <= _MOST_CELLS:
        return one, other
    merged = (np.append(side[:_MOST_CELLS], side[_MOST_CELLS:].sum()) for side in (one, other))
    first, second = merged
    return first, second


def _null(
    measure: _Measure, one: _Counts, other: _Counts, draws: int, rng: np.random.Generator
) -> _Null:
    pooled = one + other
    tables = rng.multivariate_hypergeometric(
        pooled, int(other.sum()), size=draws, method="marginals"
    )
    return _Null(measure(pooled - tables, tables))


def _error(measure: _Measure, one: _Counts, other: _Counts, rng: np.random.Generator) -> float:
    """Return the standard error of a distance, by drawing both samples anew."""
    drawn = [
        rng.multinomial(int(side.sum()), side / side.sum(), size=_RESAMPLES)
        for side in (one, other)
    ]
    return float(measure(*drawn).std())


def _moved(reference: Numbers | Levels, window: Numbers | Levels) -> str:
    if isinstance(reference, Numbers) and isinstance(window, Numbers):
        return moved(reference, window, gap(reference.values, window.values))
    if isinstance(reference, Levels) and isinstance(window, Levels):
        one, other, names = aligned(reference, window)
        cell, _ = share_change(one, other, 0.05)
        share, was = other[cell] / len(window), one[cell] / len(reference)
        return f"{names[cell]} is {share:.1%} of values, was {was:.1%}"
    return ""
