"""What the text columns of a file hold, decided over all rows, with the odd value put aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

__all__ = ["PADDED", "Kind", "Retyped", "kinds_for", "read_as", "recognise"]

_SAMPLE = 200
_UNLIKELY = 0.1
PADDED = r"^[+-]?0\d"


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to read text: a dtype and, for times, the pattern it is written in."""

    noun: str
    dtype: pl.DataType
    pattern: str | None = None

    def read(self, text: pl.Expr) -> pl.Expr:
        """Return the values; null where the text is not of this kind."""
        text = text.str.strip_chars()
        if isinstance(self.dtype, pl.Boolean):
            lower = text.str.to_lowercase()
            return pl.when(lower.is_in(["true", "false"])).then(lower == "true")
        if isinstance(self.dtype, pl.Date) and self.pattern:
            return text.str.to_date(self.pattern, strict=False)
        if isinstance(self.dtype, pl.Datetime) and self.pattern:
            return text.str.to_datetime(self.pattern, strict=False, time_unit="us")
        return text.cast(self.dtype, strict=False)


_WITH_ZONE = "%+"
_ISO = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
KINDS = (
    Kind("a truth value", pl.Boolean()),
    Kind("a whole number", pl.Int64()),
    Kind("a number", pl.Float64()),
    Kind("a date", pl.Date(), "%Y-%m-%d"),
    Kind("a time with its zone", pl.Datetime("us", "UTC"), _WITH_ZONE),
    *(Kind("a time", pl.Datetime("us"), pattern) for pattern in _ISO),
)


def kinds_for(dtype: pl.DataType) -> tuple[Kind, ...]:
    """Return the ways in which text may be read as a given dtype."""
    if isinstance(dtype, pl.Datetime):
        aware = dtype.time_zone is not None
        return tuple(
            k
            for k in KINDS
            if isinstance(k.dtype, pl.Datetime) and (k.pattern == _WITH_ZONE) == aware
        )
    same = tuple(kind for kind in KINDS if kind.dtype == dtype)
    return same or (Kind(f"of type {dtype}", dtype),)


@dataclass(frozen=True, slots=True)
class Retyped:
    """A text column read as something else.

    Args:
        values: The column, typed; null where the text is not of the kind.
        failed: Rows whose text is not null and not of the kind.
        kind: What was read.
    """

    values: pl.Series
    failed: pl.Series
    kind: Kind


def read_as(column: pl.Series, kinds: Sequence[Kind]) -> Retyped:
    """Read a text column as the one of these kinds that fails for the fewest values.

    Args:
        column: Strings and nulls.
        kinds: The ways to try, at least one; the first of equals is taken.
    """
    first = _read(column, kinds[0])
    failing = column.filter(first.failed)
    if len(kinds) == 1 or not failing.len() or min(_failures(failing, kinds)) == failing.len():
        return first
    counts = _failures(column, kinds)
    best = counts.index(min(counts))
    return first if best == 0 else _read(column, kinds[best])


def _read(column: pl.Series, kind: Kind) -> Retyped:
    values = column.to_frame().select(kind.read(pl.col(column.name))).to_series()
    return Retyped(values.alias(column.name), values.is_null() & column.is_not_null(), kind)


def _failures(column: pl.Series, kinds: Sequence[Kind]) -> tuple[int, ...]:
    """Count the values that each kind fails for."""
    text = pl.col(column.name)
    failed = (kind.read(text).is_null() & text.is_not_null() for kind in kinds)
    return column.to_frame().select(one.sum().alias(f"{n}") for n, one in enumerate(failed)).row(0)


def recognise(column: pl.Series, tolerance: float) -> Retyped | None:
    """Read a text column as what nearly all of a sample of it holds; None where that is text.

    Args:
        column: Strings and nulls.
        tolerance: Share of the sample that may fail, if that is above a tenth.
    """
    sample = column.drop_nulls().head(_SAMPLE)
    most = max(_UNLIKELY, tolerance) * sample.len()
    failures = _failures(sample, KINDS)
    likely = [kind for kind, failed in zip(KINDS, failures, strict=True) if failed <= most]
    if not sample.len() or not likely or _is_code(column, likely):
        return None
    return read_as(column, likely)


def _is_code(column: pl.Series, likely: Sequence[Kind]) -> bool:
    """Say whether reading as whole numbers would lose leading zeros, as of codes like 007."""
    whole = any(isinstance(kind.dtype, pl.Int64) for kind in likely)
    return whole and bool(column.str.contains(PADDED).any())
