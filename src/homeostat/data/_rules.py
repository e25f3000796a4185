"""What an expectation compiles to, and the registry of expectations by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import polars as pl

from homeostat.core import Column, ColumnType, Expectation, Schema, SchemaError, suggest
from homeostat.data._types import dtype_of

__all__ = [
    "About",
    "Builder",
    "ColumnRule",
    "RowRule",
    "Rule",
    "TableRule",
    "compile_rule",
    "expectation_names",
    "register_expectation",
]

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """Holds or not on each row.

    Args:
        ok: Whether a row conforms; null where the row does not count.
        test: The same on one row as a mapping of Python values; None where it takes several
            rows to tell.
        words: What must hold, such as ``"`late` is >= 0"``.
        columns: What it reads.
        quick: Optionally, how many rows count and a number that is 0 just where none of them
            breaks the rule, where these are much cheaper to compute than ``ok``.
        native: Optionally, the constraints of pydantic (``ge``, ``pattern``, ``literal``, ...)
            that say the same of a value that is there and is not NaN.
    """

    ok: pl.Expr
    test: Callable[[Values], bool] | None
    words: str
    columns: tuple[str, ...]
    quick: tuple[pl.Expr, pl.Expr] | None = None
    native: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """Holds or not of one number (or several) computed over all rows.

    Args:
        value: The number; null where there are no values to compute it from.
        holds: Whether it conforms.
        words: What must hold, such as ``"the mean of `late` is >= 0"``.
        columns: What it reads.
    """

    value: pl.Expr
    holds: Callable[[Any], bool]
    words: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """Holds or not of the columns' names and types alone.

    Args:
        holds: Whether it does.
        words: What must hold.
        found: What is there instead, in words.
    """

    holds: bool
    words: str
    found: str
    columns: tuple[str, ...] = ()


Rule = RowRule | ColumnRule | TableRule


@dataclass(frozen=True, slots=True)
class About:
    """What an expectation is compiled against.

    Args:
        schema: The whole schema.
        column: The column the expectation names, if it names one.
        dtypes: Of the frame to be checked; by the schema, where there is no frame yet.
    """

    schema: Schema
    column: Column | None
    dtypes: Mapping[str, pl.DataType]

    @classmethod
    def of(
        cls, schema: Schema, column: str | None, dtypes: Mapping[str, pl.DataType] | None = None
    ) -> About:
        """Look the column up; without a frame's dtypes, take the schema's."""
        if dtypes is None:
            dtypes = {one.name: dtype_of(one) for one in schema.columns}
        return cls(schema, None if column is None else schema.column(column), dtypes)

    @property
    def name(self) -> str:
        """The column's name; raises SchemaError where the expectation names none."""
        if self.column is None:
            raise SchemaError("This expectation is about a column: name it.")
        return self.column.name

    def values(self, name: str | None = None) -> pl.Expr:
        """Return a column's values as rules compare them.

        NaN counts as missing (whether it may be there at all is for ``be_finite`` to say), a
        time is in UTC, a category is a string.
        """
        name = self.name if name is None else self.schema.column(name).name
        values, dtype = pl.col(name), self.dtypes.get(name, pl.Null())
        if isinstance(dtype, pl.Null):
            return values.cast(dtype_of(self.schema.column(name)))
        if dtype.is_float():
            return values.cast(pl.Float64).fill_nan(None)
        if isinstance(dtype, (pl.Categorical, pl.Enum)):
            return values.cast(pl.String)
        if isinstance(dtype, pl.Datetime):
            zoned = values.dt.convert_time_zone if dtype.time_zone else values.dt.replace_time_zone
            return zoned("UTC").dt.cast_time_unit("us")
        return values

    @property
    def kind(self) -> ColumnType:
        """The column's type."""
        return self.schema.column(self.name).type

    @property
    def dtype(self) -> pl.DataType:
        """The dtype in which values and literals of the column meet."""
        return dtype_of(self.kind)

    def literal(self, value: object, *, argument: str) -> object:
        """Return an argument as a value of the column's type: ISO text becomes a time.

        Raises:
            SchemaError: If it is none.
        """
        try:
            return _literal(value, self.kind)
        except (TypeError, ValueError, OverflowError) as error:
            raise SchemaError(
                f"`{argument}` must be a {self.kind} like column `{self.name}`, got {value!r}."
            ) from error


def _literal(value: object, kind: ColumnType) -> object:
    match kind, value:
        case ColumnType.BOOL, bool():
            return value
        case (ColumnType.INT | ColumnType.FLOAT, bool()):
            pass  # Python counts True as 1, a schema does not
        case _, float() if math.isnan(value):
            pass
        case ColumnType.INT, int() | float():
            return int(value) if value == value // 1 else value
        case ColumnType.FLOAT, int() | float():
            return float(value)
        case ((ColumnType.STRING | ColumnType.CATEGORY), str()):
            return value
        case ColumnType.DATE, str() | date():
            return date.fromisoformat(str(value))
        case ColumnType.DATETIME, str() | datetime():
            if (instant := datetime.fromisoformat(str(value))).tzinfo is not None:
                return instant.astimezone(UTC)
    raise TypeError(kind)


Builder = Callable[..., Rule]
Made = TypeVar("Made", bound=Builder)

_REGISTRY: dict[str, Builder] = {}


def register_expectation(name: str) -> Callable[[Made], Made]:
    """Make a builder known as an expectation, so that schemas may use it by name.

    The builder takes an `About` and then the expectation's arguments by name, and returns a
    `RowRule`, `ColumnRule` or `TableRule`.

    Args:
        name: Such as ``"expect_column_values_to_be_even"``.

    Raises:
        SchemaError: If the name is taken.

    Example:
        >>> @register_expectation("expect_column_values_to_be_even")
        ... def be_even(about: About) -> RowRule:
        ...     "Values are even."
        ...     name = about.name
        ...     return RowRule(ok=about.values() % 2 == 0, test=lambda row: row[name] % 2 == 0,
        ...                    words=f"`{name}` is even", columns=(name,))
    """

    def register(builder: Made) -> Made:
        if name in _REGISTRY:
            raise SchemaError(f"There is an expectation `{name}` already: choose another name.")
        _REGISTRY[name] = builder
        return builder

    return register


def expectation_names() -> list[str]:
    """Return the names of all expectations there are, sorted."""
    return sorted(_REGISTRY)


def compile_rule(expectation: Expectation, about: About) -> Rule:
    """Turn an expectation into the rule that checks it.

    Raises:
        SchemaError: If there is no such expectation, or its arguments do not fit.
    """
    builder = _REGISTRY.get(expectation.name)
    if builder is None:
        raise SchemaError(
            f"There is no expectation `{expectation.name}`.{suggest(expectation.name, _REGISTRY)}"
        )
    known = [name for name in inspect.signature(builder).parameters if name != "about"]
    for name in expectation.arguments:
        if name not in known:
            raise SchemaError(
                f"`{expectation.name}` takes no argument `{name}`.{suggest(name, known)}"
            )
    try:
        return builder(about, **expectation.arguments)
    except TypeError as error:
        raise SchemaError(f"`{expectation.name}`: {error}.") from error
    except SchemaError as error:
        raise SchemaError(f"`{expectation.name}`: {error}") from error
