"""Where in a feature the loss is: rows and losses of a reference, by window and cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.data import Edges

__all__ = ["LossByCell"]


@dataclass(frozen=True, slots=True, eq=False)
class LossByCell:
    """The rows and the summed loss of a reference in each cell of each feature.

    Windows are kept apart: rows of one day share its weather, so how well a cell's loss is known
    is judged by leaving out whole windows, never rows.

    Args:
        rows: Labelled rows by feature, (windows, cells + 1); the last cell is `missing`.
        losses: Sum of their losses, likewise.
        edges: Digest of the edges.
    """

    rows: Mapping[str, NDArray[np.float64]]
    losses: Mapping[str, NDArray[np.float64]]
    edges: str

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        loss: ArrayLike,
        edges: Edges,
        *,
        windows: ArrayLike | None = None,
        features: Sequence[str] | None = None,
    ) -> Self:
        """Sum losses by window and cell.

        Args:
            frame: The reference's rows.
            loss: Loss of each row under the model, (n,); NaN where the outcome is not known.
            edges: Cells of the features.
            windows: The window each row belongs to, (n,), of any sortable kind; None takes
                fifty runs of rows in order.
            features: Which columns; None takes all that the edges have.

        Raises:
            InputError: If lengths differ or no loss is known.
        """
        per_row = np.asarray(loss, np.float64)
        key = np.arange(frame.height) * 50 // max(frame.height, 1) if windows is None else windows
        _, window = np.unique(np.asarray(key), return_inverse=True)
        if not len(per_row) == len(window) == frame.height:
            raise InputError(
                f"There must be one loss and one window a row, got {len(per_row)} losses and "
                f"{len(window)} windows for {frame.height} rows."
            )
        known = np.isfinite(per_row)
        if not known.any():
            raise InputError("No loss is known: pass the losses of rows whose outcome came.")
        chosen = list(features or edges.columns)
        codes = Edges({name: edges.columns[name] for name in chosen}).codes(frame)
        rows: dict[str, NDArray[np.float64]] = {}
        losses: dict[str, NDArray[np.float64]] = {}
        for name, code in codes.items():
            cells = edges.columns[name].cells + 1
            shape = (int(window.max()) + 1, cells)
            place = (window * cells + code)[known]
            size = shape[0] * cells
            rows[name] = np.bincount(place, minlength=size).reshape(shape).astype(np.float64)
            losses[name] = (
                np.bincount(place, per_row[known], size).reshape(shape).astype(np.float64)
            )
        return cls(rows, losses, edges.digest)
