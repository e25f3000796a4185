"""The expected distribution of a column: weights of values or of bins, tails included."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import SchemaError

__all__ = ["Partition"]

_SUM = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """What share of a column lies in each of some values or bins.

    Args:
        values: The values; None for bins.
        bins: Edges of the bins, rising; the outermost may be infinite. None for values.
        weights: Share of each, float64, of sum 1 with the tails.
        tails: Shares below the first and above the last edge.
    """

    values: tuple[Any, ...] | None
    bins: NDArray[np.float64] | None
    weights: NDArray[np.float64]
    tails: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Read ``{"values": [...], "weights": [...]}`` or ``{"bins": [...], "weights": [...]}``.

        Bins may have ``"tail_weights": [below, above]``.

        Raises:
            SchemaError: If it is neither, or the weights are no shares of a whole.
        """
        if not isinstance(data, Mapping) or "weights" not in data:
            raise SchemaError("`partition_object` has `weights`, and `values` or `bins`.")
        if ("values" in data) == ("bins" in data):
            raise SchemaError("`partition_object` has either `values` or `bins`.")
        weights = np.asarray(data["weights"], np.float64)
        tails = [float(weight) for weight in data.get("tail_weights", (0.0, 0.0))]
        values, bins = data.get("values"), data.get("bins")
        if len(weights) != (len(values) if values is not None else len(data["bins"]) - 1):
            raise SchemaError("`weights` has one number a value, or one a bin between two edges.")
        if (weights < 0).any() or abs(weights.sum() + sum(tails) - 1) > _SUM or len(tails) != 2:
            raise SchemaError(f"`weights` and `tail_weights` sum to 1, not {weights.sum():g}.")
        edges = None if bins is None else _edges(bins)
        kept = None if values is None else tuple(values)
        return cls(values=kept, bins=edges, weights=weights, tails=(tails[0], tails[1]))

    def open_ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return edges from -inf to inf and the weight of each bin, tails included."""
        edges, weights = self.edges, self.weights
        if math.isfinite(edges[0]):
            edges, weights = np.r_[-np.inf, edges], np.r_[self.tails[0], weights]
        if math.isfinite(edges[-1]):
            edges, weights = np.r_[edges, np.inf], np.r_[weights, self.tails[1]]
        return edges, weights

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins; raises SchemaError where there are none."""
        if self.bins is None:
            raise SchemaError("`partition_object` must have `bins` here, not `values`.")
        return self.bins


def _edges(bins: Sequence[float]) -> NDArray[np.float64]:
    edges = np.asarray([float(edge) for edge in bins], np.float64)
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise SchemaError("`bins` are edges that rise, at least two of them.")
    return edges
