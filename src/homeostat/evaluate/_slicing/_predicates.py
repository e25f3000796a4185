"""Slices: conditions that say which rows of a frame belong, kept as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, Json, parse_expression, suggest
from homeostat.evaluate._slicing._near import Near

__all__ = ["Part", "Slice", "Where", "plain"]

_JOINED = 6  # so many values of one part are written out


@dataclass(frozen=True, slots=True)
class Part:
    """A condition on one column: among values, in a range, or missing.

    Args:
        column: Name in the frame.
        values: The values that belong; a missing one never does.
        others: Whether it is the values *not* named that belong.
        above: Lower end of the range, outside of it; None for none.
        up_to: Upper end, inside; None for none.
        missing: Whether it is null and NaN that belong.
    """

    column: str
    values: tuple[str | int | bool, ...] = ()
    others: bool = False
    above: float | None = None
    up_to: float | None = None
    missing: bool = False

    def names(self) -> tuple[str, ...]:
        """Return the columns it needs."""
        return (self.column,)

    def mask(self, frame: pl.DataFrame | pl.Series) -> NDArray[np.bool_]:
        """Return where the condition holds in a frame, or in the column itself, shape (n,)."""
        series = frame if isinstance(frame, pl.Series) else frame[self.column]
        missing: NDArray[np.bool_] = series.is_null().to_numpy(writable=True)
        if series.dtype.is_float():
            missing |= np.isnan(series.to_numpy())
        if self.missing:
            return missing
        if self.values or self.others:
            among = plain(series).is_in(self._named(series)).fill_null(value=False).to_numpy()
            belongs: NDArray[np.bool_] = ~missing & (among != self.others)
            return belongs
        return ~missing & self._in_range(series)

    def _named(self, series: pl.Series) -> pl.Series:
        """Return the values as the column would hold them; none where it cannot hold them."""
        try:
            return pl.Series(list(self.values)).cast(plain(series).dtype)
        except pl.exceptions.PolarsError as error:
            raise InputError(self._unlike(series)) from error

    def _in_range(self, series: pl.Series) -> NDArray[np.bool_]:
        if not (series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}):
            raise InputError(self._unlike(series))
        numbers = series.cast(pl.Float64).to_numpy()
        up_to = np.inf if self.up_to is None else self.up_to
        inside: NDArray[np.bool_] = numbers <= up_to
        return inside if self.above is None else inside & (numbers > self.above)

    def _unlike(self, series: pl.Series) -> str:
        return (
            f"The slice {self} cannot be asked of a column of {series.dtype}: "
            f"`{self.column}` had another type when the slice was made."
        )

    def to_json(self) -> dict[str, Json]:
        """Return the part as a plain JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        if self.missing:
            return f"{self.column} is missing"
        if self.others:
            return f"{self.column} = (other)"
        if self.values:
            shown = "/".join(map(str, self.values[:_JOINED]))
            more = f"/({len(self.values) - _JOINED} more)" if len(self.values) > _JOINED else ""
            return f"{self.column} = {shown}{more}"
        low = "" if self.above is None else f"{self.above:g} < "
        high = "" if self.up_to is None else f" <= {self.up_to:g}"
        return f"{low}{self.column}{high}"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in the language of expressions; rows where it is null do not belong.

    Args:
        text: Such as ``"hour > 18 and origin in ['EWR', 'JFK']"``; see
            :func:`homeostat.core.parse_expression`.

    Raises:
        InputError: If the text is no expression.
    """

    text: str

    def __post_init__(self) -> None:
        parse_expression(self.text)

    def names(self) -> tuple[str, ...]:
        """Return none: the expression's own error names a column that is not there."""
        return ()

    def mask(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Return where the condition holds in a frame, shape (n,)."""
        from homeostat.media import compile_filter  # noqa: PLC0415 - only where a text is used

        holds = frame.select(compile_filter(self.text, frame.schema).alias("holds"))["holds"]
        found: NDArray[np.bool_] = holds.fill_null(value=False).to_numpy(writable=True)
        return found if len(found) == frame.height else np.full(frame.height, found[0])

    def to_json(self) -> dict[str, Json]:
        """Return the part as a plain JSON object."""
        return {"where": self.text}

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows on which every part holds; it can be kept, and asked of any later frame.

    Example:
        >>> frame = pl.DataFrame({"origin": ["JFK", "EWR", None], "hour": [7, 21, 21]})
        >>> late = Slice((Part("hour", above=18.0), Part("origin", values=("EWR",))))
        >>> str(late), late.mask(frame).tolist()
        ('18 < hour & origin = EWR', [False, True, False])
        >>> Slice.where("hour > 18 or origin is null").mask(frame).tolist()
        [False, True, True]
    """

    parts: tuple[Part | Where | Near, ...]

    @classmethod
    def where(cls, text: str) -> Self:
        """Return the slice of an expression's text; see :class:`Where`."""
        return cls((Where(text),))

    def mask(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Return which rows of a frame belong, shape (n,); without a part, all do.

        Raises:
            InputError: If a column is not there or is of a type that a part cannot be asked of.
        """
        needed = [name for part in self.parts for name in part.names()]
        if missing := [name for name in needed if name not in frame.columns]:
            known = suggest(missing[0], frame.columns)
            raise InputError(f"The slice {self} needs the column `{missing[0]}`.{known}")
        every = np.ones(frame.height, dtype=bool)
        for part in self.parts:
            every &= part.mask(frame)
        return every

    def __str__(self) -> str:
        return " & ".join(map(str, self.parts)) or "all rows"

    def to_json(self) -> dict[str, Json]:
        """Return the slice as a plain JSON object."""
        return {"parts": [part.to_json() for part in self.parts]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`.

        Raises:
            InputError: If the object is no slice.
        """
        try:
            return cls(tuple(_part(part) for part in data["parts"]))
        except (KeyError, TypeError) as error:
            raise InputError(
                f"A slice is an object with `parts`, as `Slice.to_json` gives it: {error}."
            ) from error


def _part(data: Mapping[str, Any]) -> Part | Where | Near:
    if "where" in data:
        return Where(data["where"])
    if "centres" in data:
        return Near.from_json(data)
    return Part(**(dict(data) | {"values": tuple(data.get("values", ()))}))


def plain(series: pl.Series) -> pl.Series:
    """Return categories as strings; numbers and booleans as they are."""
    numbers = series.dtype.is_numeric() or series.dtype == pl.Boolean
    return series if numbers else series.cast(pl.String)
