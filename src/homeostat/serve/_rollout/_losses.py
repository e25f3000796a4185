"""Losses that a rollout can read off the prediction log, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.stats import log_losses

__all__ = ["LOSSES", "losses_of"]

Floats = NDArray[np.float64]


def _squares(outcome: Floats, said: Floats) -> Floats:
    return np.square(outcome - said)


LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "logloss": log_losses,
    "brier": _squares,
    "squared": _squares,
    "absolute": lambda outcome, said: np.abs(outcome - said),
    "error": lambda outcome, said: ((said >= 0.5) != (outcome >= 0.5)).astype(np.float64),
}


def losses_of(metric: str, outcome: pl.Series, said: pl.Series) -> Floats:
    """Return a loss of each row.

    Args:
        metric: ``logloss``, ``brier`` and ``error`` (at one half) of probabilities; ``squared`` and
            ``absolute`` of values; ``logloss``, ``brier`` and ``error`` of classes.
        outcome: What came to be, (n,).
        said: What a model said, (n,): numbers, or a struct of probabilities by label.

    Raises:
        InputError: If there is no such loss, or none for what the model answers.

    Example:
        >>> losses_of("error", pl.Series([1, 0]), pl.Series([0.9, 0.7])).tolist()
        [0.0, 1.0]
    """
    if metric not in LOSSES:
        raise InputError(
            f"A rollout reads {', '.join(LOSSES)} off the log, not `{metric}`."
            f"{suggest(metric, LOSSES)}"
        )
    if said.is_empty():
        return np.zeros(0)
    if isinstance(said.dtype, pl.Struct):
        return _of_classes(metric, outcome.cast(pl.String), said.struct.unnest())
    return LOSSES[metric](outcome.cast(pl.Float64).to_numpy(), said.cast(pl.Float64).to_numpy())


def _of_classes(metric: str, outcome: pl.Series, said: pl.DataFrame) -> Floats:
    """Return the losses of k probabilities, one column a label, that sum to 1."""
    if metric not in {"logloss", "brier", "error"}:
        raise InputError(
            f"Of a model that answers classes a rollout reads logloss, brier and error off the "
            f"log, got `{metric}`."
        )
    p = said.fill_null(0.0).to_numpy()
    truth = outcome.to_numpy()[:, None] == np.array(said.columns, dtype=object)
    given = np.where(truth, p, 0.0).sum(axis=1)
    if metric == "logloss":
        return np.asarray(-np.log(np.clip(given, 1e-15, 1.0)))
    if metric == "brier":
        return np.asarray(np.square(p - truth).sum(axis=1))
    best = np.array(said.columns, dtype=object)[p.argmax(axis=1)] if p.size else outcome.to_numpy()
    wrong: Floats = (best != outcome.to_numpy()).astype(np.float64)
    return wrong
