"""To a person: the items whose label is wanted, as a frame that a queue can take."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Clock, InputError, RealClock
from homeostat.evaluate._confidence._score import ConfidenceScore, confidence
from homeostat.stats import Floats, floats

__all__ = ["WANTED", "to_label"]

WANTED = {
    "key": pl.String(),
    "reason": pl.String(),
    "priority": pl.Float64(),
    "source": pl.String(),
    "prediction": pl.Float64(),
    "asked_at": pl.Datetime("us", "UTC"),
}


def to_label(
    key: ArrayLike | pl.Series,
    p: ArrayLike,
    *,
    source: str,
    below: float | None = None,
    rows: NDArray[np.bool_] | None = None,
    reason: str | None = None,
    priority: ArrayLike | None = None,
    score: ConfidenceScore = "max",
    most: int | None = None,
    clock: Clock | None = None,
) -> pl.DataFrame:
    """Return the items that a person should label: each key once, the most wanted first.

    Args:
        key: What identifies each row, shape (n,), none missing: a prediction's id, or the row's
            key. It is kept as text.
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        source: Who asks, such as ``"serve:late"`` or ``"slice:carrier = AA"``.
        below: Rows with a confidence below this are wanted.
        rows: A mask of rows that are wanted, such as that of a slice; with ``below`` both hold.
        reason: One sentence for the person; None says what confidence was missed.
        priority: How much each is wanted, shape (n,); None is 1 less the confidence.
        score: What confidence is.
        most: How many at most.
        clock: Says when they were asked for.

    Returns:
        Columns key, reason, priority, source, prediction (probability of label 1, or the number
        of the most probable class) and asked_at. `homeostat.loop.ask_for_labels` takes it.

    Example:
        >>> to_label(["a", "b"], [0.55, 0.99], source="serve:late", below=0.9)["key"].to_list()
        ['a']
    """
    if below is None and rows is None:
        raise InputError("Say which rows are wanted: by `below`, by `rows`, or both.")
    sure = confidence(p, score=score)
    keys = key.alias("key") if isinstance(key, pl.Series) else pl.Series("key", np.asarray(key))
    if len(keys) != len(sure) or keys.null_count():
        raise InputError(
            f"Each of {len(sure)} rows needs a key, got {len(keys)}, {keys.null_count()} missing."
        )
    wanted = _mask(rows, len(sure))
    if below is not None:
        wanted = wanted & (sure < below)
    rank = 1 - sure if priority is None else floats(priority, "priority", n=len(sure))
    why = reason or (f"confidence below {below:g}" if below is not None else "chosen rows")
    found = pl.DataFrame(
        {"key": keys.cast(pl.String), "priority": rank, "prediction": _predicted(p)}
    ).filter(pl.Series(wanted))
    found = found.sort("priority", descending=True, maintain_order=True)
    found = found.unique("key", keep="first", maintain_order=True).head(most or found.height)
    at = pl.lit((clock or RealClock()).now(), dtype=WANTED["asked_at"])
    found = found.with_columns(reason=pl.lit(why), source=pl.lit(source), asked_at=at)
    return found.select(pl.col(name).cast(kind) for name, kind in WANTED.items())


def _mask(rows: NDArray[np.bool_] | None, n: int) -> NDArray[np.bool_]:
    if rows is None:
        return np.ones(n, np.bool_)
    mask = np.asarray(rows)
    if mask.shape != (n,) or mask.dtype != np.bool_:
        raise InputError(f"`rows` is a mask of {n} rows, got {mask.dtype} of shape {mask.shape}.")
    return mask


def _predicted(p: ArrayLike) -> Floats:
    q = np.asarray(p, dtype=np.float64)
    return q.argmax(axis=1).astype(np.float64) if q.ndim == 2 else q
