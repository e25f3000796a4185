"""Near: the rows whose embedding is closer to one centre than to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json
from homeostat.stats import Floats

__all__ = ["Near", "as_matrix", "nearest"]

_CHUNK = 65_536  # rows whose distances are held at a time


@dataclass(frozen=True, slots=True)
class Near:
    """A condition on a column of embeddings: nearest to one of several centres.

    Args:
        column: Name in the frame; of lists or arrays of numbers, all of one length.
        centres: All centres, each of that length.
        which: The centre that rows of the slice are nearest to.
        radius: How far from it they may be; None for any distance.
        words: What tells its texts from others, for people.
    """

    column: str
    centres: tuple[tuple[float, ...], ...]
    which: int
    radius: float | None = None
    words: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the columns it needs."""
        return (self.column,)

    def mask(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Return where the condition holds in a frame, shape (n,); without embedding it does not.

        Raises:
            InputError: If the embeddings have another length than the centres.
        """
        matrix, known = as_matrix(frame[self.column])
        centres = np.asarray(self.centres)
        if len(matrix) and matrix.shape[1] != centres.shape[1]:
            raise InputError(
                f"The slice {self} needs embeddings of length {centres.shape[1]}, "
                f"got {matrix.shape[1]}: was another encoder used?"
            )
        belongs = np.zeros(frame.height, dtype=bool)
        if len(matrix):
            closest, distance = nearest(matrix, centres)
            within = True if self.radius is None else distance <= self.radius
            belongs[known] = (closest == self.which) & within
        return belongs

    def __str__(self) -> str:
        about = f" ({', '.join(self.words)})" if self.words else ""
        return f"{self.column} near centre {self.which + 1} of {len(self.centres)}{about}"

    def to_json(self) -> dict[str, Json]:
        """Return the part as a plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`."""
        centres = tuple(tuple(map(float, centre)) for centre in data["centres"])
        return cls(**(dict(data) | {"centres": centres, "words": tuple(data.get("words", ()))}))


def as_matrix(series: pl.Series) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the embeddings of the rows that have one, shape (m, d), and which those are.

    Raises:
        InputError: If the column holds no lists of numbers, or they differ in length.
    """
    known = ~series.is_null().to_numpy()
    held = series.drop_nulls()
    dtype = series.dtype
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else None
    if not isinstance(inner, pl.DataType) or not inner.is_numeric():
        raise InputError(f"`{series.name}` must hold embeddings (lists of numbers), got {dtype!r}.")
    if isinstance(dtype, pl.Array):
        matrix = held.to_numpy().astype(np.float64)
    else:
        lengths = held.list.len().unique().to_list()
        if len(lengths) > 1:
            raise InputError(
                f"The embeddings in `{series.name}` must have one length, "
                f"got {min(lengths)} to {max(lengths)}."
            )
        matrix = held.explode().cast(pl.Float64).to_numpy().reshape(len(held), -1)
    if not np.isfinite(matrix).all():
        raise InputError(f"The embeddings in `{series.name}` must be finite; some are NaN or null.")
    return matrix, known


def nearest(matrix: Floats, centres: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return each row's closest centre and the Euclidean distance to it, both (n,)."""
    lengths = np.sum(centres**2, axis=1)
    closest = np.empty(len(matrix), dtype=np.intp)
    distance = np.empty(len(matrix))
    for start in range(0, len(matrix), _CHUNK):
        rows = matrix[start : start + _CHUNK]
        apart = lengths - 2 * rows @ centres.T
        here = apart.argmin(axis=1)
        squared = apart[np.arange(len(rows)), here] + np.sum(rows**2, axis=1)
        closest[start : start + _CHUNK] = here
        distance[start : start + _CHUNK] = np.sqrt(np.maximum(squared, 0))
    return closest, distance
