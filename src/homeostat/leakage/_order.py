"""Order in time: are test rows among training rows, or training labels later than test rows?"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Schema, Verdict, require_columns
from homeostat.leakage._inflation import Inflation, told_worth
from homeostat.leakage._label import truth_of
from homeostat.leakage._parts import PARTS, Parts
from homeostat.leakage._probe import MakeClassifier
from homeostat.leakage._worth import worth_of_order
from homeostat.stats import auc

__all__ = ["around", "check_delay", "check_order", "is_forward"]

_ORDER, _DELAY = "leakage.random_time_split", "leakage.label_delay"
_LATE = 0.001  # share of labelled rows, just before a cut, from which late labels fail
_NEIGHBOURS = 10  # training rows looked at on either side in time
_TELLING = 0.52  # AUC from which the time of a row alone tells
_FEWEST = 200
_HARM = 0.02  # AUC that a random split must add, at the lower end, to fail: forward folds also
# learn from fewer rows, which costs a little by itself
_THRESHOLDS = {_ORDER: _TELLING, _DELAY: _LATE}


def is_forward(splits: Parts, frame: pl.DataFrame, time: str) -> bool:
    """Say whether each part lies wholly after the one before."""
    if not time:
        return False
    at = frame[time].to_physical().to_numpy()
    held = [at[splits.masks[part]] for part in PARTS]
    return all(bool(before.max() < after.min()) for before, after in pairwise(held))


def check_order(
    splits: Parts,
    frame: pl.DataFrame,
    schema: Schema,
    time: str,
    *,
    forward: bool,
    make: MakeClassifier,
    rng: np.random.Generator,
) -> Finding:
    """Warn of test rows among training rows in time; fail if they are worth something."""
    if forward:
        return _finding(Verdict.OK, "Each part lies wholly after the one before it in time.")
    if not time:
        return _finding(
            Verdict.UNKNOWN, "The schema names no time, so whether rows have an order is unknown."
        )
    truth = truth_of(frame, schema.label).values
    at = frame[time].to_physical().to_numpy()
    known = ~np.isnan(truth)
    train, test = splits.masks["train"] & known, splits.masks["test"] & known
    if min(train.sum(), test.sum()) < _FEWEST:
        return _finding(
            Verdict.UNKNOWN,
            f"Whether time tells the label needs {_FEWEST} labelled rows in training and test.",
        )
    similar = _autocorrelation(truth[known][np.argsort(at[known], kind="stable")])
    area = auc(truth[test], around(at[train], truth[train], at[test])) or 0.5
    told = area >= _TELLING and similar > 3 / np.sqrt(known.sum())
    if not told:
        return _finding(
            Verdict.OK,
            "Test rows lie among training rows in time, but their time tells nothing of the "
            f"label (AUC {area:.3f}).",
            statistic=area,
            autocorrelation=similar,
        )
    worth = worth_of_order(frame, schema, at, make=make, rng=rng)
    harmful = worth is not None and worth.interval.low >= _HARM
    return _finding(
        Verdict.FAIL if harmful else Verdict.WARN,
        f"Test rows lie among training rows in time; neighbouring labels correlate {similar:.2f} "
        f"and the time of a row alone reaches AUC {area:.3f}, which no later row would: "
        f"split by time{told_worth(worth)}.",
        statistic=area,
        worth=worth,
        autocorrelation=similar,
    )


def _autocorrelation(label: NDArray[np.float64]) -> float:
    """Correlate each label with the one before it in time."""
    centred = label - label.mean()
    power = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / power if power else 0.0


def around(
    train_at: NDArray[np.int64], label: NDArray[np.float64], at: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Average the labels of the training rows nearest in time, before and after."""
    order = np.argsort(train_at, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(label[order])])
    place = np.searchsorted(train_at[order], at)
    first = np.maximum(place - _NEIGHBOURS, 0)
    last = np.minimum(place + _NEIGHBOURS, label.size)
    mean: NDArray[np.float64] = (total[last] - total[first]) / (last - first)
    return mean


def check_delay(splits: Parts, frame: pl.DataFrame, schema: Schema) -> Finding:
    """Compare when labels before a cut were known with the first prediction after it."""
    rule = schema.column(schema.label).known_at
    known_at = None if rule is None else schema.rule(rule)
    if known_at is None:
        return _finding(
            Verdict.UNKNOWN,
            f"When {schema.label} is known is not said, so whether the gap is long enough is "
            "unknown: give it a known-at rule.",
            check=_DELAY,
        )
    if known_at.column is None:
        return _finding(
            Verdict.OK, f"{schema.label} is known always, so no gap is needed.", check=_DELAY
        )
    require_columns(frame, [known_at.column])
    known, time = pl.col(known_at.column) + pl.lit(known_at.offset), schema.time
    late, rows, needed = 0, 0, timedelta()
    for before, after in pairwise(PARTS):
        starts = frame.filter(pl.Series(splits.masks[after]))[time].min()
        held = frame.filter(pl.Series(splits.masks[before]) & frame[schema.label].is_not_null())
        over = held.filter(known > pl.lit(starts))
        late, rows = late + over.height, rows + held.height
        longest = over.select((known - pl.col(time)).max()).item()
        needed = max(needed, longest or timedelta())
    share = late / rows if rows else 0.0
    if not late:
        words = f"All {rows:,} labels were known when the next part began."
        return _finding(Verdict.OK, words, check=_DELAY, statistic=0.0)
    return _finding(
        Verdict.FAIL if share >= _LATE else Verdict.WARN,
        f"{late:,} of {rows:,} labels ({share:.2%}) were not known yet when the next part began, "
        f"the gap is too short: make it {_whole_hours(needed)} hours.",
        check=_DELAY,
        statistic=share,
        late=late,
        rows=rows,
        needed_gap_s=needed.total_seconds(),
    )


def _whole_hours(needed: timedelta) -> int:
    return -(-needed // timedelta(hours=1))


def _finding(
    verdict: Verdict,
    summary: str,
    *,
    check: str = _ORDER,
    statistic: float | None = None,
    worth: Inflation | None = None,
    **evidence: float,
) -> Finding:
    return Finding(
        check=check,
        subject="split",
        verdict=verdict,
        statistic=statistic,
        threshold=None if statistic is None else _THRESHOLDS[check],
        effect=worth.value if worth else None,
        summary=summary,
        evidence={**evidence, **(worth.evidence() if worth else {})},
    )
