"""Edges: the cells in which windows are counted, cut once at the reference's quantiles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from homeostat.core import CorruptionError, InputError, Schema, VersionError, suggest
from homeostat.data._door import Frame, as_frame
from homeostat.data._profile_hash import hash_text
from homeostat.data._profile_series import TEXT, join, normalise, type_of

__all__ = ["ColumnEdges", "Edges"]

_FORMAT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnEdges:
    """The cells of one column.

    Numbers and times: the first cell lies below the reference's least value, the last above its
    greatest; between, cells are right-closed and hold about equal shares of the reference. Text:
    a cell for each of the reference's most frequent values, and a last one for all others.

    Args:
        type: Type of the column in the reference.
        cuts: Upper ends of all cells but the last, int64 or float64; empty for text.
        levels: Values of text, most frequent first; empty for numbers.
    """

    type: str
    cuts: NDArray[Any]
    levels: tuple[str, ...] = ()
    _hashes: NDArray[np.uint64] = field(init=False, repr=False)
    _order: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        hashes = hash_text(self.levels)
        order = np.argsort(hashes)
        object.__setattr__(self, "_hashes", hashes[order])
        object.__setattr__(self, "_order", order)

    @property
    def cells(self) -> int:
        """Number of cells, tails included."""
        return len(self.levels if self.type in TEXT else self.cuts) + 1

    def fits(self, type_: str) -> bool:
        """Whether values of a type can be counted in these cells."""
        return type_ != "other" and join(self.type, type_) != "mixed"

    def count_sorted(self, ordered: NDArray[Any]) -> NDArray[np.int64]:
        """Count sorted finite numbers by cell."""
        upto = np.searchsorted(ordered, self.cuts, side="right")
        return np.diff(upto, prepend=0, append=len(ordered))

    def count_hashed(
        self, hashes: NDArray[np.uint64], counts: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Count distinct texts, given their hashes and frequencies, by cell."""
        cells = np.zeros(self.cells, np.int64)
        np.add.at(cells, self._find(hashes), counts)
        return cells

    def codes(self, values: pl.Series) -> NDArray[np.int64]:
        """Return each row's cell; null, NaN and infinite rows get the number `cells`."""
        series, type_ = normalise(values)
        if not self.fits(type_):
            return np.full(len(values), self.cells)
        if type_ in TEXT:
            unique = series.drop_nulls().unique()
            cells = pl.Series(self._find(hash_text(unique.to_list())))
            coded = series.replace_strict(unique, cells, default=self.cells, return_dtype=pl.Int64)
            return coded.to_numpy()
        present = series.is_finite().fill_null(value=False)
        codes = np.full(len(series), self.cells)
        codes[present.to_numpy()] = np.searchsorted(self.cuts, series.filter(present).to_numpy())
        return codes

    def label(self, cell: int) -> str:
        """Name a cell for people, such as `(71.1, 73.4]`, `> 100` or `UA`."""
        if cell == self.cells:
            return "missing"
        if self.type in TEXT:
            return self.levels[cell] if cell < len(self.levels) else "any other value"
        if len(self.cuts) == 0:
            return "any value"
        if cell == 0:
            return f"below {_shown(self.cuts[min(1, len(self.cuts) - 1)], self.type)}"
        if cell == len(self.cuts):
            return f"> {_shown(self.cuts[-1], self.type)}"
        low, high = (_shown(cut, self.type) for cut in self.cuts[cell - 1 : cell + 1])
        alone = cell == 1 or (self.type in {"bool", "int"} and int(high) - int(low) == 1)
        return high if alone else f"({low}, {high}]"

    def upper(self, cell: int) -> str:
        """Name the upper end of a cell of numbers or times, the last one excepted."""
        return _shown(self.cuts[cell], self.type)

    def _find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        cells = np.full(len(hashes), len(self.levels))
        if self.levels:
            place = np.minimum(np.searchsorted(self._hashes, hashes), len(self.levels) - 1)
            known = self._hashes[place] == hashes
            cells[known] = self._order[place[known]]
        return cells


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where the columns of a reference are cut into cells.

    Profiles that are compared or merged must be counted in the same cells; profiles carry the
    `digest` of theirs.

    Args:
        columns: The cells of each column, by name.

    Example:
        >>> edges = Edges.of(pl.DataFrame({"hour": [5, 6, 6, 7], "origin": ["JFK", "LGA"] * 2}))
        >>> edges
        Edges(hour: 5 cells, origin: 3 cells)
        >>> edges.columns["hour"].label(2), edges.columns["origin"].label(2)
        ('6', 'any other value')
    """

    columns: Mapping[str, ColumnEdges]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self._json()).hexdigest()
        object.__setattr__(self, "digest", digest)

    @classmethod
    def of(
        cls,
        reference: Frame,
        schema: Schema | None = None,
        *,
        columns: Iterable[str] | None = None,
        bins: int = 256,
    ) -> Self:
        """Cut the columns of a reference at its quantiles.

        Args:
            reference: A frame (Polars, or anything with the Arrow PyCapsule interface).
            schema: Where given, only its columns are cut.
            columns: Where given, only these are cut.
            bins: Greatest number of cells between the tails. Of text, levels: all up to four
                times as many, beyond that the most frequent ones.

        Raises:
            InputError: If a named column is not there, or `bins` is not positive.
        """
        frame = as_frame(reference)
        if bins < 1:
            raise InputError(f"Edges need at least one bin, got {bins}.")
        names = list(columns) if columns is not None else list(schema.names if schema else ())
        for name in names:
            if name not in frame.columns:
                raise InputError(f"The reference has no `{name}`.{suggest(name, frame.columns)}")
        chosen = frame.select(names) if names else frame
        return cls({s.name: _cut(s, bins) for s in chosen.get_columns() if type_of(s) != "other"})

    def codes(self, frame: Frame) -> dict[str, NDArray[np.int64]]:
        """Return each row's cell, by column; a column the frame lacks is missing throughout."""
        rows = as_frame(frame)
        return {
            name: edges.codes(rows[name])
            if name in rows.columns
            else np.full(rows.height, edges.cells)
            for name, edges in self.columns.items()
        }

    def to_bytes(self) -> bytes:
        """Return the edges as JSON; equal edges have equal bytes."""
        return self._json()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Rebuild edges.

        Raises:
            VersionError: If they were written by a newer Homeostat.
            CorruptionError: If these bytes are no edges.
        """
        try:
            read = orjson.loads(data)
            if read["format"] > _FORMAT:
                raise VersionError(
                    f"Edges of format {read['format']}, this Homeostat reads up to {_FORMAT}: "
                    "upgrade."
                )
            return cls({name: _column(entry) for name, entry in read["columns"]})
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CorruptionError(f"These bytes are no edges: {error}.") from error

    def _json(self) -> bytes:
        columns = [
            [name, [edges.type, str(edges.cuts.dtype), edges.cuts.tolist(), list(edges.levels)]]
            for name, edges in sorted(self.columns.items())
        ]
        return orjson.dumps({"format": _FORMAT, "columns": columns})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edges) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        parts = (f"{name}: {edges.cells} cells" for name, edges in self.columns.items())
        return f"Edges({', '.join(parts)})"


def _column(entry: Sequence[Any]) -> ColumnEdges:
    type_, dtype, cuts, levels = entry
    return ColumnEdges(type_, np.array(cuts, dtype), tuple(levels))


def _cut(values: pl.Series, bins: int) -> ColumnEdges:
    series, type_ = normalise(values)
    if type_ in TEXT:
        counted = series.drop_nulls().alias("value").value_counts(name="n")
        # all of up to 4 * bins: to keep the luckiest of many alike is to expect too much of them
        kept = len(counted) if len(counted) <= 4 * bins else bins
        counted = counted.sort(["n", "value"], descending=[True, False]).head(kept)
        return ColumnEdges(type_, np.empty(0), tuple(counted["value"].to_list()))
    ordered = np.sort(series.filter(series.is_finite()).to_numpy())
    if len(ordered) == 0:
        return ColumnEdges(type_, np.empty(0))
    changes = ordered[1:] != ordered[:-1]
    if np.count_nonzero(changes) + 1 <= bins:
        unique = ordered[np.append(True, changes)]
    else:
        place = np.ceil(np.arange(1, bins + 1) * (len(ordered) / bins)).astype(np.int64) - 1
        unique = np.unique(ordered[np.minimum(place, len(ordered) - 1)])
    return ColumnEdges(type_, np.concatenate([_below(ordered[:1]), unique]))


def _below(least: NDArray[Any]) -> NDArray[Any]:
    """Return the number just below the least one, so that the least has a cell of its own."""
    if least.dtype == np.int64:
        return least - 1 if least[0] > np.iinfo(np.int64).min else least[:0]
    return np.asarray(np.nextafter(least, -np.inf))


def _shown(cut: Any, type_: str) -> str:  # noqa: ANN401 - a NumPy scalar of either dtype
    if type_ in {"date", "datetime"}:
        return (_EPOCH + timedelta(microseconds=int(cut))).isoformat()
    return f"{cast('float', cut):.6g}" if isinstance(cut, np.floating) else str(cut)
