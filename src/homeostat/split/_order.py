"""Order in time: does a split let a model see the hours around each test row?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.split._offer import binary
from homeostat.split._splits import PARTS, Splits
from homeostat.stats import auc

__all__ = ["check_order", "is_forward"]

_CHECK = "leakage.random_time_split"
_NEIGHBOURS = 10  # training rows looked at on either side in time
_TELLING = 0.52  # AUC from which the time of a row alone tells
_FEWEST = 200


def is_forward(splits: Splits, frame: pl.DataFrame, time: str) -> bool:
    """Say whether each part lies wholly after the one before."""
    if not time:
        return False
    at = frame[time].to_physical().to_numpy()
    held = [at[splits.masks[part]] for part in PARTS]
    return all(bool(before.max() < after.min()) for before, after in pairwise(held))


def check_order(
    splits: Splits, frame: pl.DataFrame, label: str, time: str, *, forward: bool
) -> Finding:
    """Warn of test rows among training rows in time, with what that is worth."""
    if forward:
        return _finding(Verdict.OK, "Each part lies wholly after the one before it in time.")
    if not time:
        return _finding(
            Verdict.UNKNOWN, "The schema names no time, so whether rows have an order is unknown."
        )
    truth = binary(frame, label)
    at = frame[time].to_physical().to_numpy()
    known = ~np.isnan(truth)
    train, test = splits.train & known, splits.test & known
    if min(train.sum(), test.sum()) < _FEWEST:
        return _finding(
            Verdict.UNKNOWN,
            f"Whether time tells the label needs {_FEWEST} labelled rows in training and test.",
        )
    similar = _autocorrelation(truth[known][np.argsort(at[known], kind="stable")])
    area = auc(truth[test], _around(at[train], truth[train], at[test])) or 0.5
    told = area >= _TELLING and similar > 3 / np.sqrt(known.sum())
    summary = (
        f"Test rows lie among training rows in time; neighbouring labels correlate {similar:.2f} "
        f"and the time of a row alone reaches AUC {area:.3f}, which no later row would: "
        "split by time."
        if told
        else "Test rows lie among training rows in time, but their time tells nothing of the "
        f"label (AUC {area:.3f})."
    )
    return _finding(
        Verdict.WARN if told else Verdict.OK,
        summary,
        statistic=area,
        effect=area - 0.5,
        autocorrelation=similar,
    )


def _autocorrelation(label: NDArray[np.float64]) -> float:
    """Correlate each label with the one before it in time."""
    centred = label - label.mean()
    power = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / power if power else 0.0


def _around(
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


def _finding(
    verdict: Verdict,
    summary: str,
    *,
    statistic: float | None = None,
    effect: float | None = None,
    **evidence: float,
) -> Finding:
    return Finding(
        check=_CHECK,
        subject="split",
        verdict=verdict,
        statistic=statistic,
        threshold=None if statistic is None else _TELLING,
        effect=effect,
        summary=summary,
        evidence=evidence,
    )
