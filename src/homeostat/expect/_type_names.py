"""What schemas, Polars, pandas, SQL and Spark call the type of a column."""

from __future__ import annotations

import polars as pl

from homeostat.core import ColumnType
from homeostat.data._types import column_type

__all__ = ["is_called"]

_NAMES: dict[ColumnType | str, str] = {
    ColumnType.BOOL: "bool boolean bool_ booleantype bit booleandtype",
    ColumnType.INT: "int integer integertype longtype shorttype bytetype bigint smallint tinyint "
    "long int64dtype int_ number",
    ColumnType.FLOAT: "float double double_precision floattype doubletype real numeric decimal "
    "decimaltype float64dtype float_ number",
    ColumnType.STRING: "str string text varchar char nvarchar stringtype object object_ o "
    "stringdtype str_ category categorical categoricaldtype",
    ColumnType.DATE: "date datetype",
    ColumnType.DATETIME: "datetime timestamp timestamptype timestamptz",
}
_ZONED = "timestamp timestamptz timestamp_tz datetimetzdtype datetimetzdtypetype"
_NAIVE = "datetime64 timestampntztype timestamp_ntz"
_WIDTHS = {"uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"}
_WIDTHS |= {"float32", "float64"}


def is_called(dtype: pl.DataType, name: str) -> bool:
    """Say whether a dtype goes by a name; neither case nor what is in parentheses matters.

    Example:
        >>> is_called(pl.Int32(), "INTEGER"), is_called(pl.Int32(), "int64")
        (True, False)
        >>> is_called(pl.String(), "VARCHAR(20)"), is_called(pl.Boolean(), "int")
        (True, False)
    """
    wanted = name.strip().lower()
    own = {str(dtype).lower(), str(dtype.base_type()).lower()}
    if wanted in own or isinstance(dtype, pl.Null):
        return wanted in own or _any(wanted)
    wanted = wanted.partition("(")[0].removeprefix("numpy.").removeprefix("pd.").strip()
    if wanted.startswith("datetime64["):
        wanted = "datetimetzdtype" if "," in wanted else "datetime64"
    wanted = wanted.partition("[")[0]
    if wanted in _WIDTHS:
        return wanted in own
    if isinstance(dtype, pl.Datetime) and wanted in (_ZONED + " " + _NAIVE).split():
        return wanted in (_ZONED if dtype.time_zone else _NAIVE).split()
    held = column_type(dtype)
    kind = ColumnType.STRING if held is ColumnType.CATEGORY else held
    return kind is not None and wanted in _NAMES[kind].split()


def _any(wanted: str) -> bool:
    """Say whether it is the name of any type, all of which fit a column of nothing but nulls."""
    return any(wanted in names.split() for names in _NAMES.values())
