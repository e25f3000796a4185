"""Leaks by identity: the label is an exact sum of columns, or a threshold of one.

Each column is harmless alone, and often each pair: scheduled departure, delay at departure, time
in the air and scheduled duration add up to the delay at arrival. Least squares finds such a sum
of any length if it is exact; clock times and angles also need the remainder of a division.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.leakage._inflation import Inflation, judged, told_worth, weigh
from homeostat.leakage._label import truth_of
from homeostat.leakage._offer import Offer
from homeostat.leakage._tables import clock_minutes
from homeostat.stats import auc

__all__ = ["identity_leaks"]

Floats = NDArray[np.float64]

_ROWS = 4000
_FEWEST = 200
_MOST = 150  # columns of which a sum is looked for
_DIVIDED = 60  # columns of which pairs are tried by division
_SHORT = 3, 4  # columns of a sum that is compared with a threshold
_NEAR, _EXACT = 0.9, 0.999  # AUC of a sum that is a threshold's, before and after selection
_TRIED = 8  # columns from which each is left out in turn, and before which the lesser half goes
_WEAK = 0.97  # AUC that no single column of it reaches
_WHOLE = 0.3  # share of rows that must have all columns that are looked at
_RESIDUAL = 1e-7  # of the label's spread
_DIVISORS = (7, 10, 12, 24, 60, 100, 360, 365, 1000, 1440, 2400, 3600, 86400)


def identity_leaks(
    frame: pl.DataFrame, offered: Offer, first: Sequence[str], rng: np.random.Generator
) -> list[Finding]:
    """Look for a sum of offered columns that is the label, exactly.

    Args:
        frame: The rows.
        offered: Which columns.
        first: Those of them that are looked at if not all can be.
        rng: For the sample of rows.
    """
    kinds, suspects = frame.schema, set(offered.suspects)
    names = dict.fromkeys([*(name for name in first if name in suspects), *offered.suspects])
    numeric = [name for name in names if kinds[name].is_numeric()][:_MOST]
    target = truth_of(frame, offered.label)
    rows = rng.permutation(np.flatnonzero(~np.isnan(target.values)))[: 3 * _ROWS]
    if not numeric or not target.both:
        return []
    x = frame.select(numeric)[rows].cast(pl.Float64).fill_null(np.nan).to_numpy()
    held, whole = _complete(np.isfinite(x))
    if whole.sum() < _FEWEST:
        return []
    numeric = [numeric[i] for i in held]
    rows, x = rows[whole][:_ROWS], x[np.ix_(whole, held)][:_ROWS]
    label = frame[offered.label]
    if label.dtype.is_numeric() and label.drop_nulls().n_unique() > 2:
        y = label[rows].cast(pl.Float64).to_numpy()
        told = _linear(x, y, numeric) or _divided(x, y, numeric)
        return [_exact(offered.label, *told)] if told else []
    return _threshold(x, target.values[rows], numeric, offered.label)


def _complete(finite: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return columns, the most complete first, and the rows that have all of them: many of both."""
    order = np.argsort(-finite.mean(axis=0), kind="stable")
    rows = np.logical_and.accumulate(finite[:, order], axis=1)
    held = rows.mean(axis=0) >= _WHOLE
    whole: NDArray[np.bool_] = np.all(finite[:, order[held]], axis=1)
    return order[held], whole


def _linear(x: Floats, y: Floats, names: Sequence[str]) -> tuple[list[str], str] | None:
    """Solve for the label; name the columns that carry it, with their factors."""
    half = y.size // 2
    spread = x.std(axis=0)
    used = np.flatnonzero(spread > 0)
    if half <= used.size + 1 or not y.std():
        return None
    scaled = (x[:, used] - x[:, used].mean(axis=0)) / spread[used]
    design = np.column_stack([scaled, np.ones(y.size)])
    factor, *_ = np.linalg.lstsq(design[:half], y[:half], rcond=1e-10)
    if np.abs(design[half:] @ factor - y[half:]).max() > _RESIDUAL * y.std():
        return None
    carried = [i for i, value in enumerate(factor[:-1]) if abs(value) > 1e-6 * y.std()]
    kept = [names[used[i]] for i in carried]
    terms = [
        f"{factor[i] / spread[used[i]]:+.4g} * {name}"
        for i, name in zip(carried, kept, strict=True)
    ]
    return kept, f"{' '.join(terms)}, in every row looked at"


def _divided(x: Floats, y: Floats, names: Sequence[str]) -> tuple[list[str], str] | None:
    """Try sums and differences of two columns, by the remainder of usual divisors."""
    whole = (x == np.floor(x)).all(axis=0)
    if not (y == np.floor(y)).all():
        return None
    columns: list[tuple[str, str, Floats]] = []
    for i in np.flatnonzero(whole)[:_DIVIDED].tolist():
        columns.append((names[i], names[i], x[:, i]))
        if (minutes := clock_minutes(x[:, i])) is not None:
            columns.append((names[i], f"minutes({names[i]})", minutes))
    for (one, text, a), (two, other, b) in combinations(columns, 2):
        if one == two:
            continue
        for sign, turn in product((1, -1), (1, -1)):
            rest = y - turn * (a + sign * b)
            rest -= rest[0]
            for divisor in _DIVISORS:
                if (rest[:64] % divisor == 0).all() and (rest % divisor == 0).all():
                    shown = f"{text} {'+' if sign == 1 else '-'} {other} (mod {divisor})"
                    shown = shown if turn == 1 else f"-({shown})"
                    return [one, two], f"{shown}, in every row looked at"
    return None


def _threshold(x: Floats, y: Floats, names: Sequence[str], label: str) -> list[Finding]:
    """Look for a short sum whose comparison with a threshold is the label."""
    half = y.size // 2
    keep = [i for i in range(x.shape[1]) if _alone(x[:, i], y) < _WEAK and x[:half, i].std() > 0]
    if not keep or _judged_by(x, y, keep, half) < _NEAR:
        return []
    while len(keep) > _TRIED:
        factor = np.abs(_discriminant(x[:, keep], y, half)[1])
        most = np.argsort(-factor)[: max(_TRIED, len(keep) // 2)]
        keep = [keep[i] for i in most]
    exact = [
        kept for kept in _shortened(x, y, keep, half) if _judged_by(x, y, kept, half) >= _EXACT
    ]
    if not exact or len(exact[-1]) not in _SHORT:
        return []  # one or two are what the tables are for; many are a model
    keep = exact[-1]
    score, factor = _discriminant(x[:, keep], y, half)
    test = np.arange(half, y.size)
    rest = [i for i in range(x.shape[1]) if i not in keep]
    other = _discriminant(x[:, rest], y, half)[0] if rest else np.zeros(y.size)
    claimed = judged([(test, y[test], score[test])], y.size)
    honest = judged([(test, y[test], other[test])], y.size)
    worth = weigh(claimed, honest) if claimed and honest else None
    told = [names[i] for i in keep]
    text = " ".join(f"{f:+.3g} * {name}" for f, name in zip(factor, told, strict=True))
    return [_exact(label, told, f"{text} (scaled), compared with a threshold", worth)]


def _alone(values: Floats, y: Floats) -> float:
    area = auc(y, values) or 0.5
    return max(area, 1 - area)


def _shortened(x: Floats, y: Floats, keep: list[int], half: int) -> list[list[int]]:
    """Leave out one column after the other, each time the one without which a sum tells most."""
    made = [keep]
    while len(made[-1]) > 1:
        rests = [[j for j in made[-1] if j != i] for i in made[-1]]
        made.append(max(rests, key=lambda rest: _judged_by(x, y, rest, half)))
    return made


def _judged_by(x: Floats, y: Floats, keep: list[int], half: int) -> float:
    """Return the AUC of a sum of columns on the second half."""
    return auc(y[half:], _discriminant(x[:, keep], y, half)[0][half:]) or 0.5


def _discriminant(x: Floats, y: Floats, half: int) -> tuple[Floats, Floats]:
    """Fit Fisher's discriminant on the first half; return the scores and scaled factors."""
    scaled = (x - x[:half].mean(axis=0)) / np.where((s := x[:half].std(axis=0)) > 0, s, 1)
    factor, *_ = np.linalg.lstsq(scaled[:half], y[:half] - y[:half].mean(), rcond=1e-10)
    return scaled @ factor, factor


def _exact(label: str, names: Sequence[str], text: str, worth: Inflation | None = None) -> Finding:
    return Finding(
        check="leakage.identity",
        subject=", ".join(names),
        verdict=Verdict.FAIL,
        statistic=1.0,
        threshold=_EXACT,
        effect=worth.value if worth else 0.5,
        summary=(
            f"{label} is {text}: take one of {', '.join(names)} out, or "
            f"state when each is known{told_worth(worth)}."
        ),
        evidence={"columns": list(names), "identity": text, **(worth.evidence() if worth else {})},
    )
