"""Baselines that look at no feature: chance, the majority, and what was last seen."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.stats import Floats, floats

__all__ = ["baselines"]


def baselines(
    label: ArrayLike,
    *,
    train_label: ArrayLike,
    time: ArrayLike | None = None,
    entity: ArrayLike | None = None,
    delay: float = 0.0,
    memory: int = 1,
    rng: np.random.Generator | int = 0,
) -> dict[str, Floats]:
    """Return what any model must beat on these rows, as predictions for :func:`compare`.

    Args:
        label: 0 or 1, or numbers, shape (n,); only earlier ones are looked at, and only for
            ``"persistence"``.
        train_label: Those of the training rows, which give the rate or the mean.
        time: When a row's label came about, numbers or dates, shape (n,); adds
            ``"persistence"``: tomorrow is like today.
        entity: Whose label it is (a shop, a sensor), shape (n,); None is one for all.
        delay: How long after ``time`` a label is known, in its unit (dates: seconds).
        memory: How many of the last known labels are averaged.
        rng: Generator or seed of ``"random"``.

    Returns:
        ``"random"``: for a label of 0 and 1 uniform probabilities, for numbers a training label
        drawn at random; ``"majority"``: the training rate, or the training mean; and
        ``"persistence"``: the mean of the last known labels, for a label of 0 and 1 with the
        training rate as one label more, so that it is never certain. A row before which no
        label is known gets the training rate.

    Example:
        >>> found = baselines([3.0, 4.0, 6.0], train_label=[1.0, 3.0], time=[1, 2, 3], delay=1)
        >>> found["majority"].tolist(), found["persistence"].tolist()
        ([2.0, 2.0, 2.0], [2.0, 3.0, 4.0])
    """
    y, trained = floats(label, "label"), floats(train_label, "train_label")
    if not len(y) or not len(trained):
        raise InputError("Baselines need at least one row and one training label.")
    if memory < 1 or delay < 0:
        raise InputError(f"`memory` is at least 1 and `delay` 0, got {memory} and {delay}.")
    binary = set(np.unique(trained)) <= {0.0, 1.0} and set(np.unique(y)) <= {0.0, 1.0}
    rate = float((trained.sum() + 0.5) / (len(trained) + 1)) if binary else float(trained.mean())
    generator = np.random.default_rng(rng)
    found = {
        "random": generator.random(len(y)) if binary else generator.choice(trained, len(y)),
        "majority": np.full(len(y), rate),
    }
    if time is not None:
        total, known = _last_known(y, time, entity, delay, memory)
        extra = 1.0 if binary else 0.0
        below = np.maximum(known + extra, 1.0)
        found["persistence"] = np.where(known > 0, (total + extra * rate) / below, rate)
    return found


def _last_known(
    y: Floats, time: ArrayLike, entity: ArrayLike | None, delay: float, memory: int
) -> tuple[Floats, Floats]:
    """Return the sum of each row's last known labels and how many they are."""
    when = _numbers(time, len(y))
    of = np.zeros(len(y), np.int64)
    if entity is not None:
        held = np.asarray(entity)
        if held.shape != (len(y),):
            raise InputError(f"`entity` must have one value a row: {len(y)}, got {held.shape}.")
        of = np.unique(held.astype(str), return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((when, of))
    position = np.arange(len(y))
    right = pl.DataFrame({"of": of[order], "when": when[order], "position": position})
    # a label of the same moment is no earlier one: it is known only from the next on
    asked = np.nextafter(when - delay, -np.inf) if delay == 0 else when - delay
    left = pl.DataFrame({"of": of, "when": asked, "row": position}).sort("when")
    joined = left.join_asof(right.sort("when", maintain_order=True), on="when", by="of",
                            check_sortedness=False).sort("row")  # fmt: skip
    last = joined["position"].fill_null(-1).to_numpy()
    sums = np.append(0.0, np.cumsum(y[order]))
    first = np.searchsorted(of[order], of)  # where the row's entity begins
    known = np.where(last >= 0, np.minimum(last + 1 - first, memory), 0)
    return sums[last + 1] - sums[last + 1 - known], known.astype(np.float64)


def _numbers(time: ArrayLike, n: int) -> Floats:
    array = np.asarray(time)
    if array.dtype.kind == "O":
        array = pl.Series("time", list(array)).to_numpy()
    if array.dtype.kind == "M":
        if np.isnat(array).any():
            raise InputError("`time` must be there in each row, some are missing.")
        array = array.astype("datetime64[us]").astype(np.int64) / 1e6
    return floats(array, "time", n=n)
