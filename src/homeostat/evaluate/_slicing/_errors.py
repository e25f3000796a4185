"""Error analysis: what the rows that are wrong have in common, and the others have not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.evaluate._slicing._cube import Cube, cube
from homeostat.evaluate._slicing._cuts import cut
from homeostat.evaluate._slicing._judged import Loss, losses_of
from homeostat.stats import Floats, benjamini_hochberg

__all__ = ["error_contrasts", "excess_low", "wrong"]

_WORST = 0.9  # without a decision, the errors are the rows of the largest tenth of the losses


def wrong(label: ArrayLike, p: ArrayLike, losses: Floats) -> Floats:
    """Return 1 where a row is wrong, shape (n,).

    Wrong is the decision of a prediction of classes; of any other, one of the largest losses.
    """
    try:
        return losses_of("error", label, p)[0]
    except InputError:
        return (losses > np.quantile(losses, _WORST)).astype(np.float64)


def error_contrasts(
    label: ArrayLike,
    p: ArrayLike,
    frame: pl.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    loss: Loss = "error",
    depth: int = 2,
    minimum: int = 50,
    most: int = 20,
    bins: int = 5,
) -> pl.DataFrame:
    """Tell which conditions are most frequent among errors beyond their share of the rows.

    It describes the rows it is given; :func:`find_slices` with ``method="rules"`` puts the same
    search through the gate.

    Args:
        label: As in :func:`find_slices`.
        p: As in :func:`find_slices`.
        frame: The columns to look at, n rows.
        columns: Their names; None takes all but times, lists and structs.
        loss: ``"error"`` counts wrong decisions; any other loss is summed.
        depth: How many columns a condition may be made of.
        minimum: Rows that a condition must hold on.
        most: How many conditions are told.
        bins: Into how many parts numbers are cut.

    Returns:
        A row a condition, the largest ``excess_low`` first: ``n``; ``mean`` loss there and on
        the ``rest``; ``share_of_loss`` beside ``share_of_rows``; ``lift``, their ratio;
        ``excess``, the loss beyond that of as many average rows, with its one-sided 95 % lower
        bound ``excess_low``; ``sliceline``, SliceLine's score; and ``p_value``, adjusted by
        Benjamini and Hochberg for all that were looked at. Ratios are null where no row is wrong.

    Raises:
        InputError: As :func:`find_slices`.

    Example:
        >>> frame = pl.DataFrame({"site": ["a"] * 90 + ["b"] * 10})
        >>> label, p = [1] * 100, [0.9] * 88 + [0.1] * 12
        >>> error_contrasts(label, p, frame, minimum=5)[0].select("slice", "n", "lift").row(0)
        ('site = b', 10, 8.333333333333334)
    """
    losses, _ = losses_of(loss, label, p)
    if frame.height != len(losses):
        n = len(losses)
        raise InputError(f"`frame` must have {n} rows as the label has, got {frame.height}.")
    names = columns or [
        name
        for name, dtype in frame.schema.items()
        if not (dtype.is_temporal() or dtype.is_nested() or dtype in {pl.Object, pl.Binary})
    ]
    cuts = [cut(frame, name, bins=bins) for name in names]
    found = cube(losses, cuts, depth=depth, minimum=minimum)
    low = excess_low(found.n, found.n_rows, found.mean - found.rest, found.z)
    order = np.argsort(-low, kind="stable")[:most]
    p_value = benjamini_hochberg(special.ndtr(-found.z))
    return _table(found, order.tolist()).with_columns(
        excess_low=pl.Series(low[order]), p_value=pl.Series(p_value[order])
    )


def _table(found: Cube, order: list[int]) -> pl.DataFrame:
    n, mean = found.n[order], found.mean[order]
    rows = n / max(found.n_rows, 1)
    losing = found.overall > 0
    none = pl.Series([None] * len(order), dtype=pl.Float64)
    share = rows * mean / found.overall if losing else none
    return pl.DataFrame(
        {
            "slice": [str(found.slice(i)) for i in order],
            "n": n,
            "mean": mean,
            "rest": found.rest[order],
            "share_of_rows": rows,
            "share_of_loss": share,
            "lift": mean / found.overall if losing else none,
            "excess": found.excess[order],
            "sliceline": found.sliceline()[order] if losing else none,
        },
        schema_overrides={"slice": pl.String},
    )


def excess_low(n: ArrayLike, n_rows: int, worse: Floats | float, z: Floats | float) -> Floats:
    """Return the one-sided 95 % lower bound of a slice's excess loss in sum.

    The mean of all rows moves with the slice: its excess is ``n (1 - n / n_rows)`` times what it
    is worse than the rest, which ``z`` has in standard errors.
    """
    size = np.asarray(n) * (1 - np.asarray(n) / n_rows)
    steps = np.asarray(z, dtype=np.float64)
    error = np.divide(worse, steps, out=np.zeros_like(steps), where=steps != 0)
    low: Floats = size * (worse - special.ndtri(0.95) * error)
    return low
