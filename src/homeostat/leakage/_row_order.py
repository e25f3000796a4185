"""Leaks by the order of rows: the place of a row in the file tells its label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.leakage._inflation import Inflation, told_worth
from homeostat.leakage._label import truth_of
from homeostat.leakage._offer import Offer
from homeostat.leakage._order import around
from homeostat.leakage._worth import weigh_order
from homeostat.stats import auc

__all__ = ["order_leaks"]

_TELLING = 0.6  # AUC of the labels of neighbouring rows from which a column of places is a leak
_STRONG = 0.8  # ... from which the order itself is worth a word
_ALONG = 0.99  # rank correlation with the place from which a column tells the place
_ROWS = 5000
_FEWEST = 200

Rows = NDArray[np.intp]


def order_leaks(frame: pl.DataFrame, offered: Offer, rng: np.random.Generator) -> list[Finding]:
    """Judge the order in which rows are stored, and the columns that give a row's place away.

    Rows that are sorted by the label, or stored batch by batch, have neighbours of their own
    kind. An offered column that rises with the place (a running number, a file name's counter)
    carries that into the model. Where rows are in order of a known time, the place is the time,
    which is no leak but a reason to split by time.
    """
    truth = truth_of(frame, offered.label).values
    rows = np.flatnonzero(~np.isnan(truth))
    if rows.size < _FEWEST or _in_time(frame, offered.time):
        return []
    test = rng.random(rows.size) < 0.3
    train = rows[~test]
    area = auc(truth[rows[test]], around(train, truth[train], rows[test])) or 0.5
    if area < _TELLING:
        return []
    found = [
        _finding(name, Verdict.FAIL, area, weigh_order(_numbers(frame[name][rows]), truth[rows]))
        for name in _along(frame, offered.suspects, rows)
    ]
    if not found and area >= _STRONG and not offered.groups and not offered.time:
        found.append(_finding("rows", Verdict.WARN, area, None))
    return found


def _in_time(frame: pl.DataFrame, time: str) -> bool:
    return bool(time) and (
        frame[time].is_sorted(nulls_last=True)
        or frame[time].is_sorted(descending=True, nulls_last=True)
    )


def _along(frame: pl.DataFrame, names: Sequence[str], rows: Rows) -> list[str]:
    """Return numeric columns that rise or fall with the place of a row."""
    held = rows[:: max(1, rows.size // _ROWS)]
    kinds = frame.schema
    numeric = [name for name in names if kinds[name].is_numeric()]
    ranks = frame.select(numeric)[held].select(pl.all().rank()).with_row_index("_place")
    along = ranks.select(pl.corr(pl.col(name), pl.col("_place")).abs() for name in numeric)
    return [name for name in numeric if (along[name][0] or 0.0) >= _ALONG]


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, 1)


def _finding(name: str, verdict: Verdict, area: float, worth: Inflation | None) -> Finding:
    summary = (
        f"The labels of neighbouring rows tell a row's own, AUC {area:.3f}: what the rows are "
        "sorted by is missing; name it as time or group, and split by it."
        if name == "rows"
        else f"{name} rises with the place of a row in the file, and neighbouring rows tell the "
        f"label, AUC {area:.3f}: take {name} out{told_worth(worth)}."
    )
    return Finding(
        check="leakage.row_order",
        subject=name,
        verdict=verdict,
        statistic=area,
        threshold=_STRONG if name == "rows" else _TELLING,
        effect=worth.value if worth else area - 0.5,
        summary=summary,
        evidence=worth.evidence() if worth else {},
    )
