"""Behavioural tests: change an input in a way whose effect is known, and look at the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Json, Verdict, suggest
from homeostat.stats import Floats, check_binary, wilson

__all__ = ["check_directional", "check_invariance"]

Predict = Callable[[pl.DataFrame], NDArray[np.float64]]
_FEWEST = 100  # rows, below which "none moved" says little


def check_invariance(
    predict: Predict,
    frame: pl.DataFrame,
    column: str,
    *,
    values: Sequence[Json] | None = None,
    threshold: float = 0.5,
    tolerance: float = 0.05,
    max_share: float = 0.01,
    max_rows: int = 2000,
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Give every row every value of one column, and count the predictions that move.

    A prediction moves where its decision at ``threshold`` changes for any value, or its
    probability by more than ``tolerance``. Columns that stand in for this one are not changed
    with it: a model that ignores ``sex`` may still know it.

    Args:
        predict: From a frame to probabilities, such as a model's ``predict``.
        frame: Rows as the model gets them.
        column: What must not matter.
        values: The values to give; None takes those seen (of many numbers, seven quantiles).
        threshold: Where a decision changes.
        tolerance: By how much a probability may change.
        max_share: Share of rows that may move.
        max_rows: How many rows are tried, at random.
        rng: Generator or seed of the rows.

    Returns:
        A finding ``behaviour.invariance`` with up to three counter-examples as evidence.

    Example:
        >>> frame = pl.DataFrame({"sex": ["f", "m"] * 100, "age": range(200)})
        >>> check_invariance(lambda rows: rows["age"].to_numpy() / 200, frame, "sex").verdict.value
        'ok'
    """
    rows = _some(frame, column, max_rows, rng)
    before = _predicted(predict, rows)
    tried = _values(rows[column]) if values is None else list(values)
    after = np.stack([_predicted(predict, _with(rows, column, value)) for value in tried])
    change = np.abs(after - before)
    flipped = (after >= threshold) != (before >= threshold)
    moved = np.any(flipped | (change > tolerance), axis=0)
    furthest = np.argmax(change + flipped, axis=0)  # a flip counts for more than any change
    examples: list[Json] = [
        {
            "row": rows.row(i, named=True),
            column: tried[furthest[i]],
            "before": before[i],
            "after": after[furthest[i], i],
        }
        for i in _worst(np.where(moved, change.max(axis=0), -1.0))
    ]
    what = f"predictions move when {column} alone is changed over {len(tried)} values"
    return _finding(
        "behaviour.invariance", column, moved, max_share=max_share, what=what, examples=examples
    )


def check_directional(
    predict: Predict,
    frame: pl.DataFrame,
    column: str,
    *,
    rises: Literal["up", "down"] = "up",
    step: float | None = None,
    tolerance: float = 1e-9,
    max_share: float = 0.0,
    max_rows: int = 2000,
    rng: np.random.Generator | int = 0,
) -> Finding:
    """Raise a number by a step, and count the predictions that go the wrong way.

    Args:
        predict: From a frame to probabilities, such as a model's ``predict``.
        frame: Rows as the model gets them.
        column: What is raised; rows where it is missing are left out.
        rises: ``"up"`` if the prediction must not fall as the column rises, ``"down"`` if it
            must not rise.
        step: By how much to raise it; None takes its standard deviation, at least 1 of a whole
            number.
        tolerance: By how much a prediction may go the wrong way.
        max_share: Share of rows that may.
        max_rows: How many rows are tried, at random.
        rng: Generator or seed of the rows.

    Returns:
        A finding ``behaviour.directional`` with up to three counter-examples as evidence.
    """
    rows = _some(frame, column, max_rows, rng)
    if not rows[column].dtype.is_numeric():
        raise InputError(f"`{column}` must be numbers to be raised, it is {rows[column].dtype}.")
    known = rows[column].cast(pl.Float64).is_finite().fill_null(value=False)
    rows = _some(rows.filter(known), column, max_rows, rng)
    amount = _step(rows[column], step)
    raised = rows.with_columns((pl.col(column) + amount).cast(rows.schema[column]))
    before, after = _predicted(predict, rows), _predicted(predict, raised)
    wrong = (before - after) * (1 if rises == "up" else -1)
    examples: list[Json] = [
        {"row": rows.row(i, named=True), "step": amount, "before": before[i], "after": after[i]}
        for i in _worst(np.where(wrong > tolerance, wrong, -1.0))
    ]
    what = f"predictions do not go {rises} when {column} is raised by {amount:g}"
    return _finding(
        "behaviour.directional",
        column,
        wrong > tolerance,
        max_share=max_share,
        what=what,
        examples=examples,
    )


def _step(series: pl.Series, step: float | None) -> float:
    whole = series.dtype.is_integer()
    if step is None:
        deviation = float(series.cast(pl.Float64).to_numpy().std())
        return max(round(deviation), 1) if whole else deviation or 1.0
    if not step > 0 or (whole and step % 1):
        kind = "a whole number above 0" if whole else "above 0"
        raise InputError(f"The step of `{series.name}` must be {kind}, got {step}.")
    return step


def _finding(
    check: str,
    column: str,
    moved: NDArray[np.bool_],
    *,
    max_share: float,
    what: str,
    examples: list[Json],
) -> Finding:
    n, count = len(moved), int(moved.sum())
    share, interval = count / n, wilson(count, n)
    if interval.low > max_share:
        verdict = Verdict.FAIL
    elif n < _FEWEST:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.WARN if share > max_share else Verdict.OK
    return Finding(
        check=check,
        subject=column,
        verdict=verdict,
        summary=f"{share:.2%} {interval} of {n:,} {what} (allowed {max_share:.2%}).",
        statistic=share,
        threshold=max_share,
        effect=share,
        evidence={"moved": count, "n": n, "examples": examples},
    )


def _some(
    frame: pl.DataFrame, column: str, max_rows: int, rng: np.random.Generator | int
) -> pl.DataFrame:
    if column not in frame.columns:
        raise InputError(f"There is no column `{column}`.{suggest(column, frame.columns)}")
    if not frame.height:
        raise InputError(f"A test of `{column}` needs at least one row, got none.")
    if frame.height <= max_rows:
        return frame
    chosen = np.random.default_rng(rng).choice(frame.height, max_rows, replace=False)
    return frame[np.sort(chosen)]


def _values(series: pl.Series) -> list[Json]:
    seen = series.drop_nulls().unique().sort()
    if seen.dtype.is_numeric() and len(seen) > 20:
        places = np.linspace(0, len(seen) - 1, 7).astype(np.intp)
        seen = seen[places]
    if not len(seen):
        raise InputError(f"`{series.name}` holds no value to give; pass `values`.")
    return seen.head(50).to_list()


def _with(frame: pl.DataFrame, column: str, value: Json) -> pl.DataFrame:
    return frame.with_columns(pl.lit(value).cast(frame.schema[column]).alias(column))


def _predicted(predict: Predict, frame: pl.DataFrame) -> Floats:
    return check_binary(np.zeros(frame.height), predict(frame))[1]


def _worst(badness: Floats) -> list[int]:
    order = np.argsort(-badness)[:3]
    return [int(i) for i in order if badness[i] > 0]
