"""Models on the same rows, slice by slice: does the better one hold everywhere?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json, Verdict, suggest
from homeostat.evaluate._slicing._contrast import exceedance
from homeostat.evaluate._slicing._cuts import Cut, crossed, cut
from homeostat.evaluate._slicing._judged import grouped, judged_by
from homeostat.evaluate._slicing._measures import Columns, Measure
from homeostat.evaluate._slicing._strata import break_even
from homeostat.stats import Floats, holm, influence_error, influence_interval

__all__ = ["compare_by_slice"]

_FEWEST_BLOCKS = 6


def compare_by_slice(
    label: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    frame: pl.DataFrame,
    *,
    by: Sequence[str | tuple[str, ...]],
    pairs: Sequence[tuple[str, str]] | None = None,
    metric: str | Measure = "logloss",
    minimum: int = 100,
    blocks: ArrayLike | None = None,
    bins: int = 5,
    level: float = 0.95,
) -> list[Finding]:
    """Say of models on the same rows whether the overall better one is better in the slices too.

    Args:
        label: As in :func:`slices`.
        predictions: By model, each as ``p`` in :func:`slices`.
        frame: Columns to slice by, n rows.
        by: Their names, or tuples of names to be crossed.
        pairs: Which models are compared, ``(before, after)``; None takes neighbours.
        metric: As in :func:`slices`. A mean over rows cannot turn round on the same rows; an AUC
            can, since it also compares rows of different slices.
        minimum: Slices of fewer rows are left out.
        blocks: Which block (a day) a row is in.
        bins: Into how many slices numbers are cut.
        level: Confidence; claims are held to it over all slices of two models (Holm).

    Returns:
        A finding ``compare.by_slice`` for each two models and column. Fail: the slices taken
        together surely say the opposite of the overall difference (Simpson's paradox). Warn:
        they say the opposite, or in a slice the model that is behind overall is surely better.
        Ok else; unknown where no slice can be judged. The statistic is by how much ``after`` is
        better overall, the effect that of the mean of the slices, weighed by their rows; the
        evidence has every slice, and at what share of the rows the dissenting slices would make
        the models even.

    Raises:
        InputError: As :func:`slices`; or if a pair names a model that is not there.

    Example:
        >>> frame = pl.DataFrame({"group": ["majority"] * 9000 + ["minority"] * 1000})
        >>> a, b = (
        ...     np.r_[np.arange(9000) < most, np.arange(1000) < least] * 1.0
        ...     for most, least in ((8820, 800), (8550, 950))
        ... )
        >>> found, = compare_by_slice(np.ones(10_000), {"b": b, "a": a}, frame, by=["group"],
        ...                           metric="accuracy")
        >>> found.verdict.value, round(found.evidence["break_even_share"], 4)
        ('warn', 0.1667)
    """
    compared = list(pairwise(predictions)) if pairs is None else list(pairs)
    for name in [name for pair in compared for name in pair]:
        if name not in predictions:
            raise InputError(f"There is no prediction of `{name}`.{suggest(name, predictions)}")
    judged = {name: judged_by(metric, label, predictions[name]) for name in predictions}
    found: list[Finding] = []
    cuts: list[tuple[str, Cut]] = []
    for before, after in compared:
        measure, first = judged[before]
        _, second = judged[after]
        if frame.height != len(first[0]):
            n = len(first[0])
            raise InputError(f"`frame` must have {n} rows as the label has, got {frame.height}.")
        cuts = cuts or [_grouping(frame, one, bins, minimum) for one in by]
        first, day = grouped(measure, first, blocks)
        second, _ = grouped(measure, second, blocks)
        pair = _Pair(measure, first, second, day, (before, after), minimum, level)
        found += pair.findings(cuts)
    return found


def _grouping(
    frame: pl.DataFrame, by: str | tuple[str, ...], bins: int, minimum: int
) -> tuple[str, Cut]:
    columns = (by,) if isinstance(by, str) else by
    cuts = [cut(frame, name, bins=bins, rare=minimum) for name in columns]
    return " x ".join(columns), reduce(crossed, cuts)


@dataclass(frozen=True, slots=True)
class _Gap:
    """By how much the second model is better on some rows; its p-values are of both sides."""

    slice: str
    n: int
    before: float
    after: float
    gap: float
    low: float
    high: float
    error: float
    df: int


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    measure: Measure
    first: Columns
    second: Columns
    day: NDArray[np.intp] | None
    names: tuple[str, str]
    minimum: int
    level: float

    def findings(self, cuts: Sequence[tuple[str, Cut]]) -> list[Finding]:
        overall = self._gap("all rows", np.arange(len(self.first[0])))
        tables = [
            (subject, [gap for i, one in enumerate(groups.slices)
                       if (gap := self._gap(str(one), np.flatnonzero(groups.codes == i)))])
            for subject, groups in cuts
        ]  # fmt: skip
        every = [gap for _, gaps in tables for gap in gaps]
        side = 0.0 if overall is None else float(np.sign(overall.gap))
        against = iter(holm([exceedance(-side * g.gap, g.error, g.df) for g in every]).tolist())
        return [
            self._finding(subject, overall, gaps, [next(against) for _ in gaps])
            for subject, gaps in tables
        ]

    def _gap(self, name: str, rows: NDArray[np.intp]) -> _Gap | None:
        if len(rows) < self.minimum:
            return None
        before = self.measure.estimate(*(column[rows] for column in self.first))
        after = self.measure.estimate(*(column[rows] for column in self.second))
        if before is None or after is None:
            return None
        sign = self.measure.sign
        gap, influence = sign * (after[0] - before[0]), sign * (after[1] - before[1])
        day = None if self.day is None else self.day[rows]
        error, n_blocks = influence_error(influence, day)
        interval = influence_interval(gap, influence, day, level=self.level)
        if n_blocks < _FEWEST_BLOCKS or interval is None:
            return None
        return _Gap(
            name, len(rows), before[0], after[0], gap, interval.low, interval.high, error,
            n_blocks - 1,
        )  # fmt: skip

    def _finding(
        self, subject: str, overall: _Gap | None, gaps: Sequence[_Gap], against: Sequence[float]
    ) -> Finding:
        before, after = self.names
        if overall is None or not gaps:
            return Finding(
                check="compare.by_slice",
                subject=f"{after} by {subject}",
                verdict=Verdict.UNKNOWN,
                summary=(
                    f"No slice of {subject} has enough rows to compare {after} with {before} "
                    f"({self.minimum} rows and {_FEWEST_BLOCKS} blocks)."
                ),
            )
        rows = np.array([gap.n for gap in gaps], dtype=np.float64)
        sizes = np.array([gap.gap for gap in gaps])
        mean, error = self._mean(gaps, rows)
        alpha = 1 - self.level
        reversed_ = mean * overall.gap < 0
        sure = reversed_ and all(
            exceedance(abs(gap), wrong, df) < alpha / 2
            for gap, wrong, df in (
                (overall.gap, overall.error, overall.df), (mean, error, overall.df),
            )
        )  # fmt: skip
        dissent = [gap for gap, p in zip(gaps, against, strict=True) if p < alpha]
        even = break_even(sizes, rows)
        return Finding(
            check="compare.by_slice",
            subject=f"{after} by {subject}",
            verdict=Verdict.FAIL if sure else Verdict.WARN if reversed_ or dissent else Verdict.OK,
            summary=self._summary(subject, overall, mean, dissent, even, reversed_=reversed_),
            statistic=overall.gap,
            effect=mean,
            evidence={
                "metric": self.measure.name,
                "before": before,
                "after": after,
                "reversal": reversed_,
                "break_even_share": None if even is None else even[0],
                "dissenting_share": None if even is None else even[1],
                "slices": _rows(gaps, against),
            },
        )

    def _mean(self, gaps: Sequence[_Gap], rows: Floats) -> tuple[float, float]:
        """Return the slices' mean difference, weighed by rows, and an error that errs upwards."""
        share = rows / rows.sum()
        errors = np.array([gap.error for gap in gaps])
        # Blocks that lie in several slices move them together: errors are added, not squared.
        error = float(np.sqrt(share**2 @ errors**2) if self.day is None else share @ errors)
        return float(share @ np.array([gap.gap for gap in gaps])), error

    def _summary(
        self,
        subject: str,
        overall: _Gap,
        mean: float,
        dissent: Sequence[_Gap],
        even: tuple[float, float] | None,
        *,
        reversed_: bool,
    ) -> str:
        before, after = self.names
        ahead, behind = (after, before) if overall.gap >= 0 else (before, after)
        name = self.measure.name
        words = [
            f"{ahead} is better than {behind} by {abs(overall.gap):.4g} {name} overall"
            + (f", but within {subject} worse by {abs(mean):.4g}" if reversed_ else "")
        ]
        if dissent:
            where = ", ".join(gap.slice for gap in dissent[:3])
            words.append(f"{behind} is surely better where {where}")
        elif not reversed_:
            words.append(f"no slice of {subject} is shown to say otherwise")
        if even is not None:
            words.append(
                f"they are even where the dissenting slices are {even[0]:.1%} of the rows "
                f"({even[1]:.1%} now)"
            )
        return "; ".join(words) + "."


def _rows(gaps: Sequence[_Gap], against: Sequence[float]) -> list[Json]:
    return [
        {
            "slice": gap.slice,
            "n": gap.n,
            "before": gap.before,
            "after": gap.after,
            "better_by": gap.gap,
            "low": gap.low,
            "high": gap.high,
            "against_p_value": p,
        }
        for gap, p in zip(gaps, against, strict=True)
    ]
