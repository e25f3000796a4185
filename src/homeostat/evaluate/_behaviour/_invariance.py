"""Invariance: give every row every value of what must not matter, and count what moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json, suggest
from homeostat.evaluate._behaviour._couple import couple
from homeostat.evaluate._behaviour._data import Predict, shown
from homeostat.evaluate._behaviour._judge import allowed, any_copy, crashed, judged, worst_places
from homeostat.evaluate._behaviour._outputs import Crashed, Output, Outputs, outputs_of, sampled
from homeostat.stats import mcnemar, paired_difference

__all__ = ["check_invariance"]

_CHECK = "behaviour.invariance"
Proxies = Sequence[str] | Mapping[str, Mapping[Json, Json]]


def check_invariance(
    predict: Predict,
    frame: pl.DataFrame,
    column: str,
    *,
    values: Sequence[Json] | None = None,
    proxies: Proxies = (),
    threshold: float = 0.5,
    tolerance: float | None = None,
    max_share: float = 0.01,
    max_rows: int | None = 2000,
    blocks: ArrayLike | None = None,
    minimum: int = 100,
    level: float = 0.95,
    output: Output = "auto",
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Give every row every value of one column, and count the predictions that move.

    A prediction moves where its decision at ``threshold`` changes for any value, or its
    output by more than ``tolerance``. A model that ignores ``sex`` may still know it from a
    column that stands in for it: name such columns as ``proxies``, and they change with it.

    Args:
        predict: From a frame to probabilities (n,) or (n, k), numbers, or labels.
        frame: Rows as the model gets them.
        column: What must not matter.
        values: The values to give; None takes those seen (of many numbers, seven quantiles).
        proxies: Columns that change with it. By name: a value becomes the one of the same rank
            in the other group, so the tallest tenth of one stays the tallest tenth of the other
            and a row that keeps its group keeps its value. Or a table of each proxy's value for
            each value of the column.
        threshold: Where a probability becomes a decision.
        tolerance: By how much an output may change; None is 0.05 of a probability, and 0.05
            standard deviations of the outputs where they are numbers.
        max_share: Share of rows that may move.
        max_rows: How many rows are tried, at random; None is all.
        blocks: Which block (a day, a user) a row is in, shape (n,); None takes rows as
            independent.
        minimum: Fewer rows are ``unknown``, unless they plainly move.
        level: Confidence of the intervals.
        output: What the model returns; see :func:`sensitivity`.
        rng: Generator or seed of the rows and of ties.

    Returns:
        A finding ``behaviour.invariance`` with up to three counter-examples, and with the two
        values that are furthest apart on the same rows (``gap``; McNemar's p-value, or with
        blocks that of the paired difference).

    Raises:
        InputError: If the column is not there, there is no row, or outputs are no outputs.

    Example:
        >>> frame = pl.DataFrame({"sex": ["f", "m"] * 100, "age": range(200)})
        >>> check_invariance(lambda rows: rows["age"].to_numpy() / 200, frame, "sex").verdict.value
        'ok'
    """
    require(frame, column)
    generator = np.random.default_rng(rng)
    rows = sampled(frame.height, max_rows, generator)
    within = allowed(blocks, frame.height, rows, max_share=max_share, minimum=minimum, level=level)
    some = frame[rows]
    tried = seen_values(some[column]) if values is None else list(values)
    names = [column, *proxies]
    subject = column if len(names) == 1 else f"{column} with {', '.join(proxies)}"
    swapped = couple(frame, column, proxies, tried, generator)

    def copies() -> Iterator[pl.DataFrame]:
        for i, value in enumerate(tried):
            others = [series[rows] for series in swapped(i)]
            yield given(some, column, value).with_columns(others)

    try:
        said = outputs_of(predict, some, copies(), output=output)
    except Crashed as error:
        return crashed(_CHECK, subject, error, within)
    moved = said.moved(threshold, tolerance)
    far = said.changes() + _flips(said, threshold)  # a flip counts for more than any change
    kept = list(copies())
    examples: list[Json] = [
        {
            **shown(some, kept[c], i, int(rows[i])),
            column: tried[c],
            "before": said.shown(0, i),
            "after": said.shown(c + 1, i),
        }
        for c, i in worst_places(np.where(moved, far, -1.0))
    ]
    together = "alone" if len(names) == 1 else "and what stands in for it"
    return judged(
        _CHECK,
        subject,
        any_copy(moved),
        within,
        what=f"predictions move when {column} {together} is changed over {len(tried)} values",
        examples=examples,
        evidence=_gap(said, tried, threshold, within.blocks, level),
        constant=said.constant,
    )


def require(frame: pl.DataFrame, *columns: str) -> None:
    """Refuse a frame that lacks a column, or has no row.

    Raises:
        InputError: In either case.
    """
    for column in columns:
        if column not in frame.columns:
            raise InputError(f"There is no column `{column}`.{suggest(column, frame.columns)}")
    if not frame.height:
        raise InputError(f"A test of `{', '.join(columns)}` needs at least one row, got none.")


def seen_values(series: pl.Series) -> list[Json]:
    """Return the values to give: those seen, of many numbers seven quantiles, at most fifty."""
    seen = series.drop_nulls().unique().sort()
    if seen.dtype.is_float():
        seen = seen.filter(seen.is_finite())
    if seen.dtype.is_numeric() and len(seen) > 20:
        places = np.linspace(0, len(seen) - 1, 7).astype(np.intp)
        seen = seen[places]
    if not len(seen):
        raise InputError(f"`{series.name}` holds no value to give; pass `values`.")
    return seen.head(50).to_list()


def given(frame: pl.DataFrame, column: str, value: Json) -> pl.DataFrame:
    """Return the frame with one value in a whole column, of the column's own type."""
    try:
        return frame.with_columns(pl.lit(value).cast(frame.schema[column]).alias(column))
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"`{column}` is {frame.schema[column]} and cannot hold {value!r}."
        ) from error


def _flips(said: Outputs, threshold: float) -> NDArray[np.bool_] | float:
    decided = said.decisions(threshold)
    return 0.0 if decided is None else decided[1:] != decided[:1]


def _gap(
    said: Outputs,
    tried: Sequence[Json],
    threshold: float,
    blocks: NDArray[np.generic] | None,
    level: float,
) -> dict[str, Json]:
    """Compare on the same rows the two values that the model treats most differently."""
    if said.kind not in {"probability", "number"} or len(tried) < 2:
        return {}
    decided = said.decisions(threshold)
    scores = said.values[1:] if decided is None else decided[1:].astype(np.float64)
    means = scores.mean(axis=1)
    low, high = int(np.argmin(means)), int(np.argmax(means))
    if low == high:
        return {}
    found = paired_difference(scores[high], scores[low], blocks, level=level)
    p = found.p_value
    if decided is not None and blocks is None:
        p = mcnemar(decided[1:][high], decided[1:][low]).p_value
    interval = found.interval
    return {
        "gap": {
            "of": "mean output" if decided is None else "share decided as 1",
            "low": {"value": tried[low], "mean": float(means[low])},
            "high": {"value": tried[high], "mean": float(means[high])},
            "difference": found.mean,
            "interval": None if interval is None else [interval.low, interval.high],
            "p_value": p,
        }
    }
