"""Profile: a mergeable summary of a window of data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from homeostat.core import InputError, Schema
from homeostat.data._door import Frame, as_frame
from homeostat.data._profile_bytes import read_profile, write_profile
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_edges import Edges

__all__ = ["Profile"]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is known of each column of a window of rows.

    Profiles of windows add up to the profile of the whole: `+` is associative and commutative,
    and `Profile.of(a) + Profile.of(b) == Profile.of(a and b)`. Equality is that of everything
    exact: counts, bins, extremes, value samples, sums of whole numbers. The quantile sketches,
    the heavy hitters and the rounding of float sums depend on the grouping of merges, within
    the bounds stated where they are described, and are not compared.

    Args:
        rows: Number of rows.
        columns: The summary of each column, by name. A window that lacked a column has it not,
            so in a merged profile `columns[name].count` may be less than `rows`.
        edges: Digest of the edges the columns were counted in; empty without.

    Example:
        >>> import polars as pl
        >>> night, day = pl.DataFrame({"temp": [1.0, None]}), pl.DataFrame({"temp": [5.0, 6.0]})
        >>> both = Profile.of(night) + Profile.of(day)
        >>> both.columns["temp"].mean, both.columns["temp"].nulls
        (4.0, 1)
        >>> both == Profile.of(pl.concat([day, night]))
        True
        >>> Profile.from_bytes(both.to_bytes()) == both
        True
    """

    rows: int
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)
    edges: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))

    @classmethod
    def of(cls, frame: Frame, schema: Schema | None = None, edges: Edges | None = None) -> Self:
        """Summarise a window.

        Args:
            frame: The rows (Polars, or anything with the Arrow PyCapsule interface).
            schema: Where given, only its columns are summarised.
            edges: Cells to count in, cut at a reference; None counts none.

        Raises:
            InputError: If `frame` is no frame.
        """
        window = as_frame(frame)
        names = [n for n in window.columns if schema is None or n in schema.names]
        cells = edges.columns if edges is not None else {}
        columns = {name: ColumnProfile.of(window[name], cells.get(name)) for name in names}
        return cls(window.height, columns, edges.digest if edges is not None else "")

    @classmethod
    def merge(cls, profiles: Iterable[Self]) -> Self:
        """Add up profiles; quicker than `+` in a row, and the sketches lose less.

        Raises:
            InputError: If there are none, or they were counted in different edges.
        """
        parts = list(profiles)
        if not parts:
            raise InputError("There must be at least one profile to merge, got none.")
        _same_edges(parts)
        names = dict.fromkeys(name for part in parts for name in part.columns)
        columns = {
            name: ColumnProfile.merge([p.columns[name] for p in parts if name in p.columns])
            for name in sorted(names)
        }
        return cls(sum(part.rows for part in parts), columns, parts[0].edges)

    def __add__(self, other: Self) -> Self:
        return self.merge([self, other])

    def __sub__(self, part: Self) -> Self:
        """Return what is left without a part: counts, bins and sums exactly, sketches dropped.

        Raises:
            InputError: If `part` is no part of this profile, or has other edges.
        """
        _same_edges([self, part])
        if part.rows > self.rows or not part.columns.keys() <= self.columns.keys():
            raise InputError("Only a part can be subtracted: it has more rows or columns.")
        columns = {
            name: column - part.columns[name] if name in part.columns else column
            for name, column in self.columns.items()
        }
        return type(self)(self.rows - part.rows, columns, self.edges)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        mine, theirs = (self.rows, self.edges), (other.rows, other.edges)
        return mine == theirs and dict(self.columns) == dict(other.columns)

    __hash__ = None  # type: ignore[assignment]  # compared by content, never a key

    def to_bytes(self) -> bytes:
        """Return the profile in a versioned format; the same data give the same bytes."""
        return write_profile(self.rows, self.columns, self.edges)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Rebuild a profile.

        Raises:
            VersionError: If it was written by a newer Homeostat.
            CorruptionError: If the bytes are no profile, or are damaged.
        """
        return cls(*read_profile(data))

    def __repr__(self) -> str:
        edges = f", edges={self.edges[:8]}" if self.edges else ""
        return f"Profile({self.rows} rows, {len(self.columns)} columns{edges})"


def _same_edges(profiles: Sequence[Profile]) -> None:
    digests = {profile.edges for profile in profiles}
    if len(digests) > 1:
        shown = ", ".join(sorted(digest[:8] or "none" for digest in digests))
        raise InputError(
            f"Profiles must be counted in the same edges, got {shown}: pass one "
            "`edges=Edges.of(reference)` to each `Profile.of`."
        )
