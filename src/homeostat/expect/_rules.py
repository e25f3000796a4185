"""What an expectation compiles to, and the registry of expectations by name."""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar, cast

import polars as pl

from homeostat.core import Column, ColumnType, Expectation, Schema, SchemaError, suggest
from homeostat.data._types import column_type, dtype_of

__all__ = [
    "CONDITION",
    "IF_PRESENT",
    "About",
    "Builder",
    "ColumnRule",
    "RowRule",
    "Rule",
    "TableRule",
    "arguments_of",
    "builder_of",
    "compile_rule",
    "expectation_names",
    "fitting",
    "read_expression",
    "register_expectation",
]

Values = Mapping[str, object]

CONDITION = "row_condition"
"""Name of the argument that each expectation on values has."""
IF_PRESENT = "if_present"
"""Name of the argument by which a column need not be there, in a `Suite`."""
_LONG = 80


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
        why: Optionally, what is wrong with one row that breaks it, in words.
        cost: Where ``ok`` is about one column of text and each text on its own, about how many
            comparisons of two texts it costs: it may then be asked of distinct texts only.
    """

    ok: pl.Expr
    test: Callable[[Values], bool] | None
    words: str
    columns: tuple[str, ...]
    quick: tuple[pl.Expr, pl.Expr] | None = None
    native: Mapping[str, Any] | None = None
    why: Callable[[Values], str] | None = None
    cost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """Holds or not of one number (or several) computed over all rows.

    Args:
        value: The number; null where there are no values to compute it from.
        holds: Whether it conforms.
        words: What must hold, such as ``"the mean of `late` is >= 0"``.
        columns: What it reads.
        told: Optionally, what to tell of the value where that is long or has to be worked on
            first: the number that was compared, None where there is none. `holds` is then
            asked about this number.
    """

    value: pl.Expr
    holds: Callable[[Any], bool]
    words: str
    columns: tuple[str, ...]
    told: Callable[[Any], object] | None = None


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
        where: What a row must meet to count; None where each does.
        tables: Numbers of rows of other tables, by name.
    """

    schema: Schema
    column: Column | None
    dtypes: Mapping[str, pl.DataType]
    where: pl.Expr | None = None
    tables: Mapping[str, int] = field(default_factory=dict)

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
        time is in UTC, a category is a string. In a row that does not count, a value is null.
        """
        values = self._compared(self.name if name is None else self.schema.column(name).name)
        return values if self.where is None else pl.when(self.where).then(values)

    def _compared(self, name: str) -> pl.Expr:
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
        """The column's type; raises SchemaError where the expectation names none."""
        if self.column is None:
            raise SchemaError("This expectation is about a column: name it.")
        return self.column.type

    def column_is_of(self, types: Container[ColumnType]) -> bool:
        """Say whether the column is of one of some types, by the schema and in the frame."""
        held = column_type(self.dtypes.get(self.name, self.dtype))
        return self.kind in types and (held in types or held is None)

    @property
    def dtype(self) -> pl.DataType:
        """The dtype in which values and literals of the column meet."""
        return dtype_of(self.kind)

    @property
    def _is_naive(self) -> bool:
        """Whether the column holds times without a zone, which are taken to be in UTC."""
        dtype = self.dtypes.get(self.name)
        return isinstance(dtype, pl.Datetime) and dtype.time_zone is None

    def literal(self, value: object, *, argument: str) -> object:
        """Return an argument as a value of the column's type: ISO text becomes a time.

        Raises:
            SchemaError: If it is none.
        """
        try:
            return _literal(value, self.kind, naive=self._is_naive)
        except (TypeError, ValueError, OverflowError) as error:
            raise SchemaError(
                f"`{argument}` must be a {self.kind} like column `{self.name}`, got {value!r}."
            ) from error


def _literal(  # noqa: PLR0911 - one return a kind of column
    value: object, kind: ColumnType, *, naive: bool = False
) -> object:
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
            if naive:
                return instant.replace(tzinfo=UTC)
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


def builder_of(name: str) -> Builder:
    """Return what builds the rule of an expectation.

    Raises:
        SchemaError: If there is no such expectation.
    """
    builder = _REGISTRY.get(name)
    if builder is None:
        raise SchemaError(f"There is no expectation `{name}`.{suggest(name, _REGISTRY)}")
    return builder


def arguments_of(name: str) -> dict[str, inspect.Parameter]:
    """Return the arguments that an expectation has of its own, by name.

    Raises:
        SchemaError: If there is no such expectation.
    """
    return _parameters(builder_of(name))


@cache
def _parameters(builder: Builder) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(builder).parameters
    return {key: one for key, one in parameters.items() if key != "about"}


def fitting(name: str, arguments: Mapping[str, object]) -> None:
    """Refuse arguments that an expectation does not have, or the lack of one that it needs.

    Raises:
        SchemaError: If so.
    """
    known = arguments_of(name)
    for key in arguments:
        if key not in known and key not in {CONDITION, IF_PRESENT}:
            raise SchemaError(f"`{name}` takes no argument `{key}`.{suggest(key, known)}")
    for key, one in known.items():
        if one.default is one.empty and key not in arguments:
            raise SchemaError(f"`{name}` needs the argument `{key}`.")


def compile_rule(expectation: Expectation, about: About) -> Rule:
    """Turn an expectation into the rule that checks it.

    Each takes a ``row_condition`` too, an expression as SQL or JSON: only rows that meet it count.

    Raises:
        SchemaError: If there is no such expectation, or its arguments do not fit.
    """
    name, arguments = expectation.name, dict(expectation.arguments)
    fitting(name, arguments)
    text = arguments.pop(CONDITION, None)
    arguments.pop(IF_PRESENT, None)
    try:
        where = None if text is None else condition(str(text), about)
        rule = builder_of(name)(replace(about, where=where), **arguments)
    except TypeError as error:
        raise SchemaError(f"`{name}`: {error}.") from error
    except SchemaError as error:
        raise SchemaError(f"`{name}`: {error}") from error
    return rule if where is None else _narrowed(rule, where, about, f"{text}")


def _narrowed(rule: Rule, where: pl.Expr, about: About, text: str) -> Rule:
    """Return the rule of only those rows that meet a condition."""
    if isinstance(rule, TableRule):
        raise SchemaError(f"That {rule.words} is no matter of rows: drop `{CONDITION}`.")
    names = tuple(dict.fromkeys((*rule.columns, *where.meta.root_names())))
    words = f"{rule.words} where {text if len(text) < _LONG else where}"
    if isinstance(rule, ColumnRule):
        return replace(rule, words=words, columns=names)
    dtypes = {name: about.dtypes[name] for name in where.meta.root_names()}
    test = rule.test

    def narrowed(row: Values) -> bool:
        one = pl.DataFrame({name: [row[name]] for name in dtypes}, schema=dtypes)
        return one.select(where).item() is not True or cast("Any", test)(row)

    ok = pl.when(where).then(rule.ok)
    return replace(
        rule, ok=ok, test=test and narrowed, words=words, columns=names, native=None, cost=0
    )


def read_expression(text: str, *, json: bool | None = None) -> pl.Expr:
    """Read an expression of Polars from SQL or, where it starts with a brace, from its JSON.

    Raises:
        SchemaError: If it is none, or holds a Python function, which reading would run.
    """
    if not (text.lstrip().startswith("{") if json is None else json):
        try:
            return pl.sql_expr(text)
        except (pl.exceptions.PolarsError, ValueError) as error:
            raise SchemaError(f"{text!r} is no expression: {error}.") from error
    if "AnonymousFunction" in text or "Python" in text:
        raise SchemaError("The expression holds a Python function, which reading it would run.")
    try:
        return pl.Expr.deserialize(io.StringIO(text), format="json")
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise SchemaError(f"{text!r} is no expression: {error}.") from error


def condition(text: str, about: About) -> pl.Expr:
    """Read a condition on rows and see that its columns are there."""
    found = read_expression(text)
    for name in found.meta.root_names():
        if name not in about.dtypes:
            raise SchemaError(f"there is no column `{name}`.{suggest(name, about.dtypes)}")
    return found
