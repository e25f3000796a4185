"""Histogram: counts in bins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np

from homeostat.core import InputError, Json
from homeostat.media._content import Put, Read, Row
from homeostat.media._pixels import array_of

__all__ = ["Histogram"]


class Histogram:
    """How many values lie in each bin. The values themselves are not kept.

    Args:
        sequence: Numbers, of any shape. NaN and infinities are in no bin; they are counted aside.
        np_histogram: Instead: counts and edges, as `numpy.histogram` returns them.
        num_bins: How many bins a sequence is counted in, 1..512.

    Raises:
        InputError: If there are no numbers, or counts and edges do not fit.

    Example:
        >>> Histogram([1, 2, 2, float("nan")], num_bins=2)
        Histogram(3 values in 2 bins from 1 to 2, 1 not finite)
    """

    MAX_LENGTH: ClassVar[int] = 512

    def __init__(
        self,
        sequence: Iterable[float] | None = None,
        np_histogram: tuple[Sequence[float], Sequence[float]] | None = None,
        num_bins: int = 64,
    ) -> None:
        if (sequence is None) == (np_histogram is None):
            raise InputError(
                "A histogram is made of a sequence or of `np_histogram`, got "
                f"{'neither' if sequence is None else 'both'}."
            )
        if not 0 < num_bins <= self.MAX_LENGTH:
            raise InputError(f"A histogram has 1 to {self.MAX_LENGTH} bins, got {num_bins}.")
        self.not_finite = 0
        if sequence is not None:
            self.histogram, self.bins, self.not_finite = _counted(sequence, num_bins)
        else:
            self.histogram, self.bins = _given(np_histogram, self.MAX_LENGTH)

    def to_row(self, put: Put) -> Row:  # noqa: ARG002 - the seam of all media
        """Return the row that holds the histogram; nothing is put."""
        counts: list[Json] = list(self.histogram)
        row: Row = {"_type": "histogram", "values": counts, "bins": list(self.bins)}
        return row | ({"not_finite": self.not_finite} if self.not_finite else {})

    @classmethod
    def from_row(cls, row: Mapping[str, Any], read: Read) -> Self:  # noqa: ARG003 - likewise
        """Return the histogram that a row holds, with edges listed or packed."""
        bins = row.get("bins")
        if bins is None and isinstance(packed := row.get("packedBins"), Mapping):
            bins = [packed["min"] + i * packed["size"] for i in range(packed["count"] + 1)]
        found = cls(np_histogram=(row["values"], cast("list[float]", bins)))
        found.not_finite = row.get("not_finite", 0)
        return found

    def __repr__(self) -> str:
        aside = f", {self.not_finite} not finite" if self.not_finite else ""
        return (
            f"Histogram({sum(self.histogram):g} values in {len(self.histogram)} bins "
            f"from {self.bins[0]:g} to {self.bins[-1]:g}{aside})"
        )


def _counted(sequence: Iterable[float], num_bins: int) -> tuple[list[float], list[float], int]:
    found = array_of(sequence)
    try:
        array = np.asarray(list(sequence) if found is None else found[0]).astype(np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"A histogram counts numbers, got {type(sequence).__name__}: {error}."
        ) from error
    finite = array[np.isfinite(array)]
    counts, edges = np.histogram(finite, bins=num_bins)
    return counts.tolist(), edges.tolist(), len(array) - len(finite)


def _given(pair: object, longest: int) -> tuple[list[float], list[float]]:
    try:
        counts, edges = (np.asarray(one, np.float64) for one in cast("tuple[Any, Any]", pair))
    except (TypeError, ValueError) as error:
        raise InputError(f"`np_histogram` is a pair of counts and edges, got {pair!r}.") from error
    if counts.ndim != 1 or edges.shape != (len(counts) + 1,) or not 0 < len(counts) <= longest:
        raise InputError(
            f"`np_histogram` has 1 to {longest} counts and one edge more, got {counts.shape} and "
            f"{edges.shape}."
        )
    if not (np.isfinite(counts).all() and np.isfinite(edges).all()):
        raise InputError("`np_histogram` has finite counts and edges, got NaN or an infinity.")
    whole = (counts == np.round(counts)).all()
    return counts.astype(np.int64).tolist() if whole else counts.tolist(), edges.tolist()
