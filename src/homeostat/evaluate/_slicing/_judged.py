"""From the name of a metric, or a measure of one's own, to what it is made of on these rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, suggest
from homeostat.evaluate._slicing._measures import MEASURES, Columns, Measure, row_losses
from homeostat.evaluate._slicing._measures_classes import CLASS_MEASURES, class_losses
from homeostat.stats import Floats, block_codes, check_binary, check_classes, floats

__all__ = ["Loss", "grouped", "judged_by", "losses_of"]

Loss = str | Callable[[NDArray[Any], NDArray[Any]], ArrayLike]

_SHORT = {"ne": "normalized_entropy", "log_loss": "logloss"}


def judged_by(metric: str | Measure, label: ArrayLike, p: ArrayLike) -> tuple[Measure, Columns]:
    """Return the measure of a name and its columns of these rows.

    A prediction of shape (n, k) is one of k classes; a measure of one's own takes any.

    Raises:
        InputError: If there is no such metric, or the label or prediction is not what it takes.
    """
    if isinstance(metric, Measure):
        return metric, _own_columns(metric, np.asarray(label), np.asarray(p))
    known = CLASS_MEASURES if np.ndim(p) == 2 else MEASURES
    found = known.get(_SHORT.get(metric, metric))
    if found is None:
        raise InputError(
            f"There is no metric `{metric}`"
            f"{' of many classes' if np.ndim(p) == 2 else ''}.{suggest(metric, known)}"
        )
    return found, found.columns(*(check_classes(label, p) if np.ndim(p) == 2 else
                                  check_binary(label, p)))  # fmt: skip


def _own_columns(metric: Measure, label: NDArray[Any], p: NDArray[Any]) -> Columns:
    if label.ndim == 0 or p.ndim == 0 or len(label) != len(p) or not len(label):
        raise InputError(
            f"{metric.name} needs a prediction for each label and at least one row, got labels of "
            f"shape {label.shape} and predictions of shape {p.shape}."
        )
    return metric.columns(label, p)


def losses_of(loss: Loss, label: ArrayLike, p: ArrayLike) -> tuple[Floats, str]:
    """Return each row's loss, (n,), and what to call it; a function is given both arrays.

    Raises:
        InputError: If there is no such loss, or a function returns anything but a finite number
            a row.
    """
    if isinstance(loss, str):
        return (class_losses if np.ndim(p) == 2 else row_losses)(label, p, loss), loss
    rows = np.asarray(label)
    if rows.ndim == 0 or not len(rows):
        raise InputError("At least one row is needed, got none.")
    name = getattr(loss, "__name__", "loss").strip("<>")
    return floats(loss(rows, np.asarray(p)), f"the values of {name}", n=len(rows)), name


def grouped(
    metric: Measure, columns: Columns, blocks: ArrayLike | None
) -> tuple[Columns, NDArray[np.intp] | None]:
    """Return the measure's columns and the blocks that its error is taken over.

    A metric whose error is taken by leaving groups out has the groups for its blocks; whole
    blocks are dealt into them.
    """
    n = len(columns[0])
    codes = None if blocks is None else block_codes(blocks, n)[0]
    if metric.groups is None:
        return columns, codes
    codes = np.arange(n) if codes is None else codes
    dealt = np.random.default_rng(0).permutation(int(codes.max()) + 1) % metric.groups
    group = dealt[codes].astype(np.intp)
    return (*columns, group), group
