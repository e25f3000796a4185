"""Coverage as a finding: do sets and intervals hold what they promise to, where, and still?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.evaluate._calibration._parts import named_windows
from homeostat.evaluate._confidence._conformal_parts import limit_rank
from homeostat.stats import check_binary as _pairs
from homeostat.stats import holm, wilson

__all__ = ["check_coverage", "check_sets", "rolling_coverage"]

_ALPHA = 0.05
_Rows = int | Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class _Counted:
    """Of a part: its rows, and how many were covered."""

    name: str
    n: int
    covered: int


def check_coverage(
    covered: ArrayLike,
    *,
    alpha: float,
    by: ArrayLike | None = None,
    n_calibration: int | Mapping[str, int] | None = None,
    tolerance: float = 0.02,
    minimum: int = 50,
    subject: str = "all rows",
) -> list[Finding]:
    """Judge whether sets or intervals hold the label as often as promised, overall and by part.

    Args:
        covered: 1 where the label was inside, shape (n,).
        alpha: Share that may be missed.
        by: Of each row, what to look at apart: its class, or a group.
        n_calibration: How many rows the limit was calibrated on, or by name of the part: with
            few, the coverage of one calibration strays from its mean without any fault (Vovk
            2012), and is judged against what it may be. None judges against 1 - alpha itself.
        tolerance: How far below the promise matters.
        minimum: Parts of fewer rows are unknown.
        subject: What the first finding is about.

    Returns:
        A finding ``conformal.coverage`` for all, then ``conformal.coverage_by`` for each part,
        with p-values corrected by Holm: fail is below by more than the tolerance and not by
        chance, warn is below and not by chance.

    Example:
        >>> for one in check_coverage([1] * 940 + [0] * 60, alpha=0.1,
        ...                           by=["common"] * 940 + ["rare"] * 60):
        ...     print(one.verdict, one.subject, one.statistic)
        ok all rows 0.94
        ok common 1.0
        fail rare 0.0
    """
    hits = _hits(covered)
    whole = _Counted(subject, len(hits), int(hits.sum()))
    first = _findings("conformal.coverage", [whole], alpha, _named(n_calibration, subject),
                      tolerance, minimum)  # fmt: skip
    if by is None:
        return first
    names, codes = np.unique(np.asarray(by).astype(str), return_inverse=True)
    parts = _parts(hits, codes, names.tolist())
    return first + _findings(
        "conformal.coverage_by", parts, alpha, n_calibration, tolerance, minimum
    )


def check_sets(
    label: ArrayLike,
    sets: NDArray[np.bool_],
    *,
    alpha: float,
    n_calibration: int | Mapping[str, int] | None = None,
    tolerance: float = 0.02,
    minimum: int = 50,
) -> list[Finding]:
    """Judge prediction sets overall, and in each class beside it: a rare class may have none.

    Args:
        label: Class numbers, shape (n,).
        sets: Which classes are in each set, shape (n, k).
        alpha: Share of sets that may miss.
        n_calibration: As in :func:`check_coverage`; by name of the class where sets are by class.
        tolerance: How far below the promise matters.
        minimum: Classes of fewer rows are unknown.

    Returns:
        As :func:`check_coverage`; the first finding's evidence has the mean size of the sets, the
        shares of empty, single and full ones, and the least coverage of a class.
    """
    y, inside = np.asarray(label), np.asarray(sets)
    if inside.ndim != 2 or y.shape != inside.shape[:1] or inside.dtype != np.bool_:
        raise InputError(
            f"Sets are a mask of shape (n, k) and labels (n,), got {inside.shape} and {y.shape}."
        )
    if not len(y) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= inside.shape[1]:
        raise InputError(f"`label` must hold class numbers from 0 to {inside.shape[1] - 1}.")
    first, *others = check_coverage(
        inside[np.arange(len(y)), y],
        alpha=alpha,
        by=y,
        n_calibration=n_calibration,
        tolerance=tolerance,
        minimum=minimum,
    )
    size = inside.sum(axis=1)
    least = min(others, key=lambda one: 1.0 if one.statistic is None else one.statistic)
    told: dict[str, Json] = {
        "mean_size": float(size.mean()),
        "empty": float(np.mean(size == 0)),
        "single": float(np.mean(size == 1)),
        "full": float(np.mean(size == inside.shape[1])),
        "least_covered_class": least.subject,
        "least_class_coverage": least.statistic,
    }
    return [_with(first, told, least), *others]


def rolling_coverage(
    covered: ArrayLike,
    at: ArrayLike | pl.Series,
    *,
    alpha: float,
    every: str = "1d",
    n_calibration: int | None = None,
    tolerance: float = 0.02,
    minimum: int = 50,
) -> list[Finding]:
    """Judge coverage window by window: under drift nothing is promised, so it is watched.

    Args:
        covered: 1 where the label was inside, shape (n,).
        at: When each prediction was made; datetimes or dates.
        alpha: Share that may be missed.
        every: Length of a window, counted from 1970 in UTC.
        n_calibration: As in :func:`check_coverage`.
        tolerance: How far below the promise matters.
        minimum: Windows of fewer rows are unknown.

    Returns:
        A finding ``conformal.window`` for each window that has a row, in their order; p-values
        are corrected by Holm for how many there are, so on exchangeable rows a false alarm in
        any of them has a chance of at most 5 %.
    """
    hits = _hits(covered)
    names, codes = named_windows(at, every, len(hits))
    parts = _parts(hits, codes, names)
    return _findings("conformal.window", parts, alpha, n_calibration, tolerance, minimum)


def _hits(covered: ArrayLike) -> NDArray[np.float64]:
    return _pairs(covered, np.zeros(np.shape(covered)))[0]


def _named(rows: _Rows, subject: str) -> _Rows:
    """Return how many rows stand behind the overall coverage, if one number says it."""
    return rows.get(subject) if isinstance(rows, Mapping) else rows


def _parts(hits: NDArray[np.float64], codes: NDArray[np.intp], names: list[str]) -> list[_Counted]:
    if codes.shape != hits.shape:
        raise InputError(f"There must be one part a row: {len(hits)} rows, got {len(codes)}.")
    n, inside = np.bincount(codes), np.bincount(codes, hits)
    return [_Counted(*one) for one in zip(names, n.tolist(), inside.astype(int).tolist(),
                                          strict=True)]  # fmt: skip


def _findings(
    check: str, parts: list[_Counted], alpha: float, rows: _Rows, tolerance: float, minimum: int
) -> list[Finding]:
    limit_rank(1, alpha)  # says so where alpha is no share
    enough = [one for one in parts if one.n >= minimum]
    by_name = (
        rows if isinstance(rows, Mapping) else dict.fromkeys((one.name for one in parts), rows)
    )
    tails = [_tail(one, alpha, by_name.get(one.name)) for one in enough]
    corrected = dict(zip((one.name for one in enough), holm(tails).tolist() if tails else [],
                         strict=True))  # fmt: skip
    return [_finding(check, one, alpha, corrected.get(one.name), tolerance) for one in parts]


def _tail(one: _Counted, alpha: float, n_calibration: int | None) -> float:
    """Return how likely so few are covered where the promise holds.

    By calibration on n rows the coverage is a draw of a beta with the rank r of the limit and
    n + 1 - r, so what is covered of m new rows is beta-binomial.
    """
    if n_calibration is None:
        return float(special.bdtr(one.covered, one.n, 1 - alpha))
    rank = limit_rank(n_calibration, alpha)
    beyond = n_calibration + 1 - rank
    if beyond <= 0:  # every class was in: nothing can be missed but by a fault
        return 1.0 if one.covered == one.n else 0.0
    k = np.arange(one.covered + 1)
    log_ways = -np.log(one.n + 1) - special.betaln(one.n - k + 1, k + 1)
    log_chance = special.betaln(k + rank, one.n - k + beyond) - special.betaln(rank, beyond)
    return float(min(np.exp(special.logsumexp(log_ways + log_chance)), 1.0))


def _finding(
    check: str, one: _Counted, alpha: float, p_value: float | None, tolerance: float
) -> Finding:
    promised = 1 - alpha
    rate = one.covered / one.n
    around = wilson(one.covered, one.n)
    low, high = around.low, around.high
    short = promised - rate
    if p_value is None:
        verdict, words = Verdict.UNKNOWN, "too few rows to tell"
    elif p_value > _ALPHA:
        verdict, words = Verdict.OK, "as promised"
    elif short > tolerance:
        verdict, words = Verdict.FAIL, f"{short:.3f} below the promise"
    else:
        verdict, words = Verdict.WARN, f"{short:.3f} below the promise"
    return Finding(
        check=check,
        subject=one.name,
        verdict=verdict,
        summary=(
            f"Coverage of {one.name} is {rate:.3f} [{low:.3f}, {high:.3f}] over {one.n:,} rows, "
            f"{words} (promised {promised:g})."
        ),
        statistic=rate,
        threshold=promised,
        p_value=p_value,
        effect=short,
        evidence={"n": one.n, "covered": one.covered, "low": low, "high": high},
    )


def _with(first: Finding, told: Mapping[str, Json], least: Finding) -> Finding:
    """Return the overall finding with the worst class beside it."""
    beside = "" if least.statistic is None else f"; class {least.subject}: {least.statistic:.3f}"
    return Finding(
        check=first.check,
        subject=first.subject,
        verdict=first.verdict,
        summary=f"{first.summary[:-2]}{beside}).",
        statistic=first.statistic,
        threshold=first.threshold,
        p_value=first.p_value,
        effect=first.effect,
        evidence={**first.evidence, **told},
    )
