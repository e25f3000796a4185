"""Slices: a metric on each part of the data against the rest of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Json, Verdict, suggest
from homeostat.evaluate._slicing._by import SliceBy, sliced
from homeostat.evaluate._slicing._contrast import Contrast, contrast, exceedance
from homeostat.evaluate._slicing._judged import grouped, judged_by
from homeostat.evaluate._slicing._measures import Measure
from homeostat.evaluate._slicing._predicates import Slice
from homeostat.stats import benjamini_hochberg

__all__ = ["SliceBy", "bound_of", "slices"]


def slices(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    by: Sequence[SliceBy],
    metric: str | Measure = "auc",
    minimum: int = 100,
    at_least: float | None = None,
    at_most: float | None = None,
    tolerance: float = 0.0,
    weights: Mapping[str, float] | None = None,
    blocks: ArrayLike | None = None,
    bins: int = 5,
    level: float = 0.95,
) -> list[Finding]:
    """Judge a metric on every slice, against a bound and against the rest of the rows.

    Args:
        label: 0 or 1, shape (n,); a class 0 to k - 1 where ``p`` is of k classes.
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        frame: The columns to slice by, n rows.
        by: Columns, tuples of columns to be crossed, conditions such as ``"hour > 18 and origin
            == 'EWR'"``, or slices kept from before (windows of time: :func:`time_slices`).
        metric: ``"auc"``, ``"logloss"``, ``"excess"``, ``"brier"``, ``"error"``, ``"accuracy"``,
            ``"f1"``; of two classes also ``"normalized_entropy"`` (``"ne"``),
            ``"average_precision"``, ``"precision"``, ``"recall"``, ``"specificity"``,
            ``"balanced_accuracy"`` and ``"mcc"``, decided at a half. Of many classes ``"auc"``
            and ``"f1"`` are means over the classes. Or a measure of one's own, of any label
            and prediction: :func:`row_measure`, :func:`own_measure`.
        minimum: A slice of fewer rows is not judged; values of a column that are rarer are
            taken together as one slice.
        at_least: What the metric must reach in every slice; None for no such bound.
        at_most: What it must not exceed.
        tolerance: By how much a slice may be worse than the rest.
        weights: What a slice, by its text such as ``"carrier = AA"``, weighs beside the others,
            which weigh 1. One of more than 1 is critical: it gets more of the error that many
            tests may make together, and fails a bound without proof of it.
        blocks: Which block (a day) a row is in.
        bins: Into how many parts numbers are cut.
        level: Confidence; claims are held to it over all slices (weighted Benjamini-Hochberg,
            Genovese, Roeder and Wasserman 2006).

    Returns:
        A finding ``slice.metric`` a slice: fail where it surely breaks a bound, warn where it
        breaks one but may not, or is worse than the rest; ok else; unknown where it has fewer
        rows than ``minimum``, fewer than five blocks, or no defined metric.

    Raises:
        InputError: If the frame has another number of rows, a column is not there, or a weight
            is not positive or names no slice.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> frame = pl.DataFrame({"site": rng.choice(["a", "b"], 4000)})
        >>> p = rng.random(4000)
        >>> label = rng.random(4000) < np.where(frame["site"] == "b", 0.5, p)
        >>> for found in slices(label, p, frame, by=["site"], at_least=0.7):
        ...     print(found.subject, found.verdict, round(found.statistic, 2))
        site = a ok 0.81
        site = b fail 0.49
    """
    judged, columns = judged_by(metric, label, p)
    columns, day = grouped(judged, columns, blocks)
    if frame.height != len(columns[0]):
        n = len(columns[0])
        raise InputError(f"`frame` must have {n} rows as the label has, got {frame.height}.")
    overall = judged.estimate(*columns)
    bound = bound_of(at_least, at_most)
    judge = _Judge(judged, overall and overall[0], bound, tolerance, minimum, level)
    found: list[tuple[Slice, int, Contrast | None]] = []
    for one, mask in sliced(frame, by, bins=bins, rare=minimum):
        n = int(mask.sum())
        enough = n >= minimum
        inside = contrast(columns, mask, day, judged, level=level) if enough else None
        found.append((one, n, inside))
    weight = _weights([str(one) for one, _, _ in found], weights or {})
    p_values = _adjusted([judge.p_value(inside) for _, _, inside in found], weight)
    return [
        judge.finding(one, n, inside, p_value, critical=heavy > 1)
        for (one, n, inside), p_value, heavy in zip(found, p_values, weight, strict=True)
    ]


def bound_of(at_least: float | None, at_most: float | None) -> tuple[float, int] | None:
    """Return the bound, and on which side of it a value should be."""
    if at_least is not None and at_most is not None:
        raise InputError("A metric is bounded on one side: pass `at_least` or `at_most`, not both.")
    if at_least is not None:
        return at_least, 1
    return None if at_most is None else (at_most, -1)


def _weights(names: Sequence[str], weights: Mapping[str, float]) -> list[float]:
    for name, weight in weights.items():
        if name not in names:
            raise InputError(
                f"`weights` names the slice `{name}`, which is not there.{suggest(name, names)} "
                "A rare value can be sliced by passing a `Slice` in `by`."
            )
        if not weight > 0:
            raise InputError(f"A slice's weight must be above 0, got {weight} for `{name}`.")
    return [weights.get(name, 1.0) for name in names]


def _adjusted(p_values: Sequence[float | None], weights: Sequence[float]) -> list[float | None]:
    tested = [(p, weight) for p, weight in zip(p_values, weights, strict=True) if p is not None]
    mean = sum(weight for _, weight in tested) / max(len(tested), 1)
    shared = [min(p * mean / weight, 1.0) for p, weight in tested]
    adjusted = iter(benjamini_hochberg(shared).tolist())
    return [None if p is None else next(adjusted) for p in p_values]


@dataclass(frozen=True, slots=True)
class _Judge:
    """What is asked of every slice, and what to say of one."""

    measure: Measure
    overall: float | None
    bound: tuple[float, int] | None
    tolerance: float
    minimum: int
    level: float

    def breach(self, value: float) -> float | None:
        """Return by how much a value breaks the bound; below 0 it keeps it."""
        return None if self.bound is None else self.bound[1] * (self.bound[0] - value)

    def p_value(self, found: Contrast | None) -> float | None:
        breach = None if found is None else self.breach(found.inside)
        if found is not None and breach is not None:
            return exceedance(breach, found.error, found.df)
        if found is None or found.worse is None:
            return None
        return exceedance(found.worse - self.tolerance, found.worse_error, found.df)

    def finding(
        self, one: Slice, n: int, found: Contrast | None, p_value: float | None, *, critical: bool
    ) -> Finding:
        metric, subject = self.measure.name, str(one)
        evidence: dict[str, Json] = {
            "metric": metric,
            "n": n,
            "overall": self.overall,
            "slice": one.to_json(),
            "critical": critical,
        }
        if found is None or p_value is None:
            few = f"{n:,} rows are too few"
            why = few if n < self.minimum else "too few blocks, one class, or no other rows"
            return Finding(
                check="slice.metric",
                subject=subject,
                verdict=Verdict.UNKNOWN,
                summary=f"{metric} of {subject} is unknown: {why}.",
                evidence=evidence,
            )
        ends: dict[str, Json] = {"low": found.interval.low, "high": found.interval.high}
        return Finding(
            check="slice.metric",
            subject=subject,
            verdict=self._verdict(found, sure=p_value < 1 - self.level, critical=critical),
            summary=(
                f"{metric} of {subject} is {found.inside:.4g} {found.interval} over {n:,} rows"
                f"{self._words(found)} (p = {p_value:.2g})."
            ),
            statistic=found.inside,
            threshold=found.outside if self.bound is None else self.bound[0],
            p_value=p_value,
            effect=found.worse,
            evidence=evidence | ends | {"rest": found.outside},
        )

    def _verdict(self, found: Contrast, *, sure: bool, critical: bool) -> Verdict:
        breach = self.breach(found.inside)
        if breach is None:
            return Verdict.WARN if sure else Verdict.OK
        if breach <= 0:
            return Verdict.OK
        return Verdict.FAIL if sure or critical else Verdict.WARN

    def _words(self, found: Contrast) -> str:
        words, breach = "", self.breach(found.inside)
        if self.bound is not None and breach is not None:
            words = f", {'breaks' if breach > 0 else 'keeps'} {self.bound[0]:g}"
        if found.worse is None:
            return words
        side = "worse" if found.worse > 0 else "better"
        return f"{words}, {abs(found.worse):.3g} {side} than the rest"
