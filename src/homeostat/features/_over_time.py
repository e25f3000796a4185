"""Generalization over places and time: by site or week, values that came later, importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import spearmanr

from homeostat.core import Finding, InputError, Json, Verdict, require_columns
from homeostat.features._generalization import FEWEST, generalization, held, is_range

__all__ = ["generalization_by", "importance_stability", "new_values"]

_SHOWN = 10
_ALIKE = 0.7  # rank correlation of neighbouring periods below which importance is not stable
_MOVED = 0.1  # share of all importance by which a feature may move between periods
_RARE = 0.01  # share of later rows with values that training never saw, from which it is a warning


def generalization_by(
    train: pl.DataFrame,
    other: pl.DataFrame,
    features: Sequence[str],
    *,
    by: str,
    every: str | None = None,
) -> list[Finding]:
    """Judge generalization at each site, or in each week, and tell where it is worst.

    A feature that is known nearly everywhere may be missing at one site, or new in one week.

    Args:
        train: The rows learned from.
        other: Other rows; grouped.
        features: Columns to judge.
        by: Column of ``other``: a site, a carrier, a time.
        every: Length of a period, such as ``"1w"``, where ``by`` is a time.

    Returns:
        One finding a feature, check ``features.generalization_by``, with the verdict of its worst
        group; groups of fewer than 100 rows are not judged. See :func:`generalization`.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> train = pl.DataFrame({"x": [1, 2] * 100})
        >>> other = pl.DataFrame({"site": ["A", "B"] * 100, "x": [1, 7] * 100})
        >>> [found] = generalization_by(train, other, ["x"], by="site")
        >>> found.verdict, found.evidence["worst"]
        (<Verdict.FAIL: 'fail'>, 'B')
    """
    require_columns(other, [by, *features])
    group = pl.col(by) if every is None else pl.col(by).dt.truncate(every)
    judged: dict[str, list[tuple[str, Finding]]] = {name: [] for name in features}
    parts = other.with_columns(group.alias("__by")).partition_by(
        "__by", as_dict=True, maintain_order=True
    )
    for key, part in parts.items():
        if part.height >= FEWEST:
            for found in generalization(train, part, features):
                judged[found.subject].append((str(key[0]), found))
    return [_worst(name, by, found, len(parts)) for name, found in judged.items()]


def _worst(name: str, by: str, found: list[tuple[str, Finding]], groups: int) -> Finding:
    check = "features.generalization_by"
    known = [(value, one) for value, one in found if one.verdict != Verdict.UNKNOWN]
    if not known:
        return Finding(
            check=check,
            subject=name,
            verdict=Verdict.UNKNOWN,
            summary=f"{name}: none of {groups} groups of {by} has {FEWEST} rows.",
        )
    badness = {Verdict.OK: 0, Verdict.WARN: 1, Verdict.FAIL: 2}

    def how_bad(one: tuple[str, Finding]) -> tuple[int, float]:
        overlap, change = one[1].statistic, one[1].effect
        return badness[one[1].verdict], abs(change or 0.0) - (1.0 if overlap is None else overlap)

    value, worst = max(known, key=how_bad)
    bad = [place for place, one in known if one.verdict != Verdict.OK]
    where = f"{len(bad)} of {len(known)} groups of {by} differ, worst {value}: " if bad else ""
    return Finding(
        check=check,
        subject=name,
        verdict=worst.verdict,
        statistic=worst.statistic,
        threshold=worst.threshold,
        effect=worst.effect,
        summary=f"{where}{worst.summary}",
        evidence={"worst": value, "not_ok": bad, "judged": len(known), "groups": groups},
    )


def new_values(train: pl.DataFrame, later: pl.DataFrame, features: Sequence[str]) -> list[Finding]:
    """Find values that training never saw: categories that are new, numbers beyond its range.

    Args:
        train: The rows learned from.
        later: Rows that came after.
        features: Columns to look at.

    Returns:
        One finding a feature, check ``features.new_values``: warn where 1% or more of the later
        values are new, else ok; unknown where either side has no value. The evidence has the most
        frequent new categories with their rows, or how far numbers lie outside.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> train = pl.DataFrame({"carrier": ["AA", "UA"] * 50})
        >>> later = pl.DataFrame({"carrier": ["AA", "ZZ"] * 50})
        >>> new_values(train, later, ["carrier"])[0].evidence["values"]
        {'ZZ': 50}
    """
    require_columns(train, features)
    require_columns(later, features)
    return [_new(name, held(train[name]), held(later[name])) for name in features]


def _new(name: str, seen: pl.Series, met: pl.Series) -> Finding:
    if not len(seen) or not len(met):
        side = "training" if not len(seen) else "the later rows"
        return Finding(
            check="features.new_values",
            subject=name,
            verdict=Verdict.UNKNOWN,
            summary=f"{name} has no value in {side}.",
        )
    if is_range(seen):
        n, evidence, what = _outside(seen, met)
    else:
        fresh = met.filter(~met.is_in(seen.unique().implode()))
        counts = fresh.cast(pl.String).value_counts(sort=True)
        evidence = {"values": dict(counts.head(_SHOWN).rows()), "distinct": counts.height}
        n, what = len(fresh), f"{counts.height:,} values that training never saw"
    share = n / len(met)
    return Finding(
        check="features.new_values",
        subject=name,
        verdict=Verdict.WARN if share >= _RARE else Verdict.OK,
        statistic=share,
        threshold=_RARE,
        summary=(
            f"{name} has {what} in {n:,} of {len(met):,} rows ({share:.1%})."
            if n
            else f"{name} has only values that training saw."
        ),
        evidence=evidence,
    )


def _outside(seen: pl.Series, met: pl.Series) -> tuple[int, Mapping[str, Json], str]:
    low, high = seen.min(), seen.max()
    below, above = int((met < low).sum()), int((met > high).sum())
    evidence: dict[str, Json] = {
        "low": str(low),
        "high": str(high),
        "below": below,
        "above": above,
        "least": str(met.min()),
        "most": str(met.max()),
    }
    return below + above, evidence, "values outside of training's range"


def importance_stability(
    importances: Mapping[str, Mapping[str, float]], *, top: int = 10
) -> list[Finding]:
    """Judge whether the same features matter in every period, or for every refit of the model.

    A feature that carries the model in one month and nothing in the next does not generalize,
    whatever its values do.

    Args:
        importances: By period, in order, how much each feature matters (any unit, not negative;
            missing counts as nothing). Shares within a period are compared.
        top: How many features count as the ones that carry the model.

    Returns:
        One finding a feature, check ``features.importance_stability`` (warn where its share moved
        by 0.1 or more), and one on ``ranking``: warn where neighbouring periods have a Spearman
        correlation below 0.7; its evidence has the correlations and the shared top features.
        ``ranking`` is unknown with fewer than two periods or three features.

    Raises:
        InputError: If a period's importances are negative, not finite, or all nothing.

    Example:
        >>> months = {"jan": {"a": 6, "b": 3, "c": 1}, "feb": {"a": 1, "b": 3, "c": 6}}
        >>> [found.verdict.value for found in importance_stability(months)]
        ['warn', 'ok', 'warn', 'warn']
    """
    names = list(dict.fromkeys(name for period in importances.values() for name in period))
    shares = {period: _shares(period, held, names) for period, held in importances.items()}
    if len(shares) < 2 or len(names) < 3:
        return [
            Finding(
                check="features.importance_stability",
                subject="ranking",
                verdict=Verdict.UNKNOWN,
                summary=(
                    "Two periods and three features are the least to compare importance over "
                    f"time, got {len(shares)} and {len(names)}."
                ),
            )
        ]
    table = np.array(list(shares.values()))
    periods = list(shares)
    moved = [_moved(name, table[:, n], periods) for n, name in enumerate(names)]
    return [*moved, _ranking(table, periods, names, top)]


def _shares(period: str, held: Mapping[str, float], names: Sequence[str]) -> list[float]:
    values = np.array([float(held.get(name, 0.0)) for name in names])
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise InputError(
            f"Importances are finite, not negative, and not all nothing; those of {period} are not."
        )
    return [float(one) for one in values / values.sum()]


def _moved(name: str, shares: NDArray[np.float64], periods: Sequence[str]) -> Finding:
    low, high = int(shares.argmin()), int(shares.argmax())
    span = float(shares[high] - shares[low])
    return Finding(
        check="features.importance_stability",
        subject=name,
        verdict=Verdict.WARN if span >= _MOVED else Verdict.OK,
        statistic=span,
        threshold=_MOVED,
        summary=(
            f"{name} has from {shares[low]:.1%} ({periods[low]}) to {shares[high]:.1%} "
            f"({periods[high]}) of all importance."
        ),
        evidence={"shares": dict(zip(periods, shares.tolist(), strict=True))},
    )


def _ranking(
    table: NDArray[np.float64], periods: Sequence[str], names: Sequence[str], top: int
) -> Finding:
    pairs: list[Json] = []
    least = 1.0
    for one, next_ in pairwise(range(len(periods))):
        alike = float(spearmanr(table[one], table[next_]).statistic)
        alike = alike if np.isfinite(alike) else 0.0
        first, second = ({*np.argsort(-table[row], kind="stable")[:top]} for row in (one, next_))
        kept = len(first & second) / min(top, len(names))
        pairs.append(
            {"from": periods[one], "to": periods[next_], "spearman": alike, "top_kept": kept}
        )
        least = min(least, alike)
    return Finding(
        check="features.importance_stability",
        subject="ranking",
        verdict=Verdict.WARN if least < _ALIKE else Verdict.OK,
        statistic=least,
        threshold=_ALIKE,
        summary=(
            f"Features keep their order of importance between periods to a rank correlation of "
            f"{least:.2f} at least, over {len(periods)} periods."
        ),
        evidence={"pairs": pairs, "top": top},
    )
