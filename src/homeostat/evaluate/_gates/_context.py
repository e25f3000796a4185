"""What a gate is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, Model, Schema

__all__ = ["Gate", "GateContext"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateContext:
    """What a gate may look at: one model, and rows it was not fitted on.

    Args:
        schema: Of the rows.
        features: The rows, as the model gets them; columns to slice by may be there too.
        label: 0 or 1, shape (n,).
        prediction: The model's, shape (n,).
        model: The model.
        name: What people call it.
        current_prediction: That of the model in production on these rows, NaN on rows that it
            may have learned from; None where no other model is in production.
        current_note: Why production cannot be compared on rows that are NaN; for people.
        others: Predictions of further models on these rows, by name, such as baselines.
        blocks: Which block (a day) a row is in; None takes rows as independent.
    """

    schema: Schema
    features: pl.DataFrame
    label: NDArray[np.float64]
    prediction: NDArray[np.float64]
    model: Model
    name: str = "model"
    current_prediction: NDArray[np.float64] | None = None
    current_note: str = ""
    others: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    blocks: ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A named check of a model before its release; called with a context, it returns findings."""

    name: str
    check: Callable[[GateContext], list[Finding]] = field(repr=False)

    def __call__(self, context: GateContext) -> list[Finding]:
        """Return the gate's findings."""
        return self.check(context)
