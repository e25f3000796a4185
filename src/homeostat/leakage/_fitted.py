"""Traces of statistics that saw the test rows: scaled, imputed and encoded before the split.

A column that was standardised over all rows has mean 0 and deviation 1 over all rows, and not over
the training rows: its fingerprint. The same goes for what was filled in (the mean of all values)
and for a category's rate of the label (over all its rows).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, Schema, Verdict
from homeostat.leakage._inflation import Inflation, judged, told_worth, weigh
from homeostat.leakage._label import truth_of
from homeostat.leakage._parts import Parts, check_rows

__all__ = ["check_fitted"]

Floats = NDArray[np.float64]
_SAME = 1e-6  # relative difference up to which two statistics are the same
_FEWEST = 30
_FILLED = 0.005  # share of rows with one value, among distinct ones, from which it was filled in
_CATEGORIES = 20_000  # distinct values up to which a column's rates are compared
_OFTEN = 2.0  # mean rows a category


def check_fitted(
    splits: Parts, frame: pl.DataFrame, schema: Schema, features: Sequence[str] | None = None
) -> list[Finding]:
    """Find columns whose values could only be made with the rows that the model is judged on.

    - ``leakage.scaled``: mean 0 and deviation 1, or minimum 0 and maximum 1, or median 0 and
      quartiles 1 apart, exactly over all rows and not over the training rows: a warning, for it
      is worth little by itself.
    - ``leakage.imputed``: a value that comes back often is the mean or median of the others over
      all rows, and not over the training rows: a warning.
    - ``leakage.target_encoding``: a column is the label's rate in a category over all rows (with
      or without the row itself, also smoothed towards the overall rate): a failure, for each row
      then carries its own label. The inflation compares it, on the test rows, with the rate that
      the training rows give.

    Statistics kept by a fit ledger need no such search; this is for tables that come prepared.

    Args:
        splits: Of this frame: anything with ``masks``.
        frame: The rows.
        schema: With a label.
        features: Columns to look at; None takes the schema's features, or all columns.

    Raises:
        InputError: If the splits are of another frame.

    Example:
        >>> from homeostat.core import Column
        >>> from homeostat.split import random_split
        >>> draw = np.random.default_rng(0)
        >>> shop, y = draw.integers(0, 200, 2000), draw.integers(0, 2, 2000)
        >>> frame = pl.DataFrame({"shop": shop, "y": y}).with_columns(
        ...     rate=pl.col("y").mean().over("shop"))
        >>> schema = Schema((Column("shop", "int"), Column("rate", "float"),
        ...                  Column("y", "int", {"label"})))
        >>> [found] = check_fitted(random_split(frame, rng=0), frame, schema)
        >>> found.check, found.subject, found.verdict.value
        ('leakage.target_encoding', 'rate', 'fail')
    """
    check_rows(splits, frame)
    names = features if features is not None else schema.features or frame.columns
    names = [name for name in names if name != schema.label and frame.schema[name].is_numeric()]
    train = splits.masks["train"]
    used = np.logical_or.reduce(list(splits.masks.values()))
    found = []
    for name in names:
        values = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for how, check in (*_scaled(values, train, used), *_imputed(values, train, used)):
            found.append(_warned(check, name, how))
    return [*found, *_encoded(splits, frame, schema, names)]


def _statistics(values: Floats) -> dict[str, tuple[float, float]]:
    """Return, for each way of scaling, what is subtracted and what is divided by."""
    low, first, middle, third, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    return {
        "standardised": (float(values.mean()), float(values.std())),
        "scaled to its range": (float(low), float(high - low)),
        "scaled to its quartiles": (float(middle), float(third - first)),
    }


def _scaled(
    values: Floats, train: NDArray[np.bool_], used: NDArray[np.bool_]
) -> list[tuple[str, str]]:
    held = np.isfinite(values)
    every, early = values[held & used], values[held & train]
    if min(every.size, early.size) < _FEWEST or np.unique(every[:1000]).size <= 2:
        return []
    over_all, over_train = _statistics(every), _statistics(early)
    return [
        (f"{how} over all rows", "leakage.scaled")
        for how, (centre, spread) in over_all.items()
        if _is(centre, spread) and not _is(*over_train[how])
    ]


def _is(centre: float, spread: float) -> bool:
    """Say whether a scaling would change nothing; the deviation may be of n - 1 rows."""
    return abs(centre) < _SAME and abs(spread - 1) < (1e-3 if abs(centre) < 1e-9 else _SAME)


def _imputed(
    values: Floats, train: NDArray[np.bool_], used: NDArray[np.bool_]
) -> list[tuple[str, str]]:
    held = values[np.isfinite(values) & used]
    if held.size < _FEWEST:
        return []
    distinct, counts = np.unique(held, return_counts=True)
    top = int(counts.argmax())
    often = counts[top] >= max(3, _FILLED * held.size) and distinct.size >= 20
    if not often or counts[top] < 3 * np.partition(counts, -2)[-2]:
        return []
    value = float(distinct[top])
    rest = np.isfinite(values) & (values != value)
    made = []
    for how, statistic in (("mean", np.mean), ("median", np.median)):
        over_all, over_train = statistic(values[rest & used]), statistic(values[rest & train])
        scale = max(abs(over_all), float(values[rest & used].std()), 1e-12)
        same = abs(value - over_all) < _SAME * scale
        if same and abs(value - over_train) > _SAME * scale:
            made.append((f"filled with the {how} of all rows", "leakage.imputed"))
    return made


def _warned(check: str, name: str, how: str) -> Finding:
    return Finding(
        check=check,
        subject=name,
        verdict=Verdict.WARN,
        summary=f"{name} was {how}, also those it is judged on: fit on the training rows only.",
        evidence={"how": how},
    )


def _encoded(
    splits: Parts, frame: pl.DataFrame, schema: Schema, names: Sequence[str]
) -> list[Finding]:
    """Compare each number with the label's rate in each category, over all rows."""
    truth = truth_of(frame, schema.label).values
    known = ~np.isnan(truth)
    parted = known & np.logical_or.reduce(list(splits.masks.values()))
    numbers = [n for n in names if _several(frame[n])]
    found: list[Finding] = []
    # What was encoded before the split has seen the rows of a gap too; after it, only those left.
    for used in [known] if known.sum() == parted.sum() else [known, parted]:
        rows, y = frame.filter(pl.Series(used)), truth[used]
        train, test = splits.masks["train"][used], splits.masks["test"][used]
        for name in frame.columns:
            if not numbers or name == schema.label or not _is_category(rows[name]):
                continue
            ranks = rows[name].rank("dense").fill_null(0).to_numpy()
            code = np.unique(ranks, return_inverse=True)[1]
            for number in [n for n in numbers if n != name]:
                values = rows[number].cast(pl.Float64).fill_null(np.nan).to_numpy()
                if _follows(values, code, y):
                    worth = _worth(values, code, y, train, test)
                    found.append(_leak(number, name, schema.label, worth))
                    numbers.remove(number)
    return found


def _several(column: pl.Series) -> bool:
    return column.dtype.is_float() and bool(column.n_unique() > 5)


def _is_category(column: pl.Series) -> bool:
    dtype = column.dtype
    if not (dtype.is_integer() or dtype in {pl.String, pl.Categorical, pl.Enum, pl.Boolean}):
        return False
    distinct = column.n_unique()
    return 5 < distinct <= min(_CATEGORIES, len(column) / _OFTEN)


def _follows(values: Floats, code: NDArray[np.intp], y: Floats) -> bool:
    """Say whether values are rates: of all rows of a category, or of all but the row itself."""
    if not np.isfinite(values).all():
        return False
    rows: Floats = np.bincount(code).astype(np.float64)
    ones: Floats = np.bincount(code, y).astype(np.float64)
    if _is_rate(values, rows[code], ones[code], y.mean()):
        return True
    own = rows[code] > 1
    others = (ones[code] - y)[own] / (rows[code] - 1)[own]
    return bool(own.sum() >= _FEWEST and np.allclose(values[own], others, atol=_SAME))


def _is_rate(values: Floats, rows: Floats, ones: Floats, base: float) -> bool:
    """Say whether (ones + m * base) / (rows + m) is the value, for one m of all rows."""
    rate = ones / rows
    if np.allclose(values, rate, atol=_SAME):
        return True
    apart = np.abs(values - base) > 1e-3
    if apart.sum() < _FEWEST:
        return False
    weight = rows[apart] * (rate[apart] - values[apart]) / (values[apart] - base)
    m = float(np.median(weight))
    return m > 0 and bool(np.allclose(values, (ones + m * base) / (rows + m), atol=1e-4))


def _worth(
    values: Floats,
    code: NDArray[np.intp],
    y: Floats,
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> Inflation | None:
    """Compare the column with the rate of training rows, on the test rows."""
    rows, ones = (
        np.bincount(code[train], minlength=code.max() + 1),
        np.bincount(code[train], y[train], minlength=code.max() + 1),
    )
    base = float(y[train].mean()) if train.any() else 0.5
    honest_rate = (ones + 5 * base) / (rows + 5)
    held = np.flatnonzero(test)
    claimed = judged([(held, y[held], values[held])], y.size)
    honest = judged([(held, y[held], honest_rate[code[held]])], y.size)
    return weigh(claimed, honest) if claimed and honest else None


def _leak(name: str, category: str, label: str, worth: Inflation | None) -> Finding:
    return Finding(
        check="leakage.target_encoding",
        subject=name,
        verdict=Verdict.FAIL,
        effect=worth.value if worth else None,
        summary=(
            f"{name} is the rate of {label} in {category} over all rows, so each row carries its "
            f"own label: encode from the training rows only{told_worth(worth)}."
        ),
        evidence={"category": category, **(worth.evidence() if worth else {})},
    )
