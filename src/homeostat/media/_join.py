"""Rows of two tables side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import polars as pl

from homeostat.core import InputError, suggest
from homeostat.media._cells import is_media
from homeostat.media._collect import collected
from homeostat.media._typed import kind_of

__all__ = ["How", "joining"]

How = Literal["inner", "left", "full"]

_MOST_ROWS = 50_000_000
_KEY, _SHOWN = "\0key", "\0shown"  # no column of a person has such a name


def joining(
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    on: str | Sequence[str],
    *,
    how: How,
    suffixes: tuple[str, str],
) -> Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]:
    """Check a join of two tables and return what does it; see `TableView.join`.

    What is returned takes the two tables, or some rows of them, with further columns or without.
    """
    keys = [on] if isinstance(on, str) else list(on)
    if how not in {"inner", "left", "full"}:
        raise InputError(f"`how` is 'inner', 'left' or 'full', got {how!r}.")
    if len(suffixes) != 2 or suffixes[0] == suffixes[1] or not keys:
        raise InputError(f"A join has a key and two suffixes that differ, got {keys}, {suffixes}.")
    schemas = (left.collect_schema(), right.collect_schema())
    types = [_key_type(key, *schemas) for key in keys]
    compared = [
        [_key(key, schema[key], type_) for key, type_ in zip(keys, types, strict=True)]
        for schema in schemas
    ]
    both = (set(schemas[0]) & set(schemas[1])) - set(keys)
    renamed = [
        {name: name + suffix if name in both else name for name in schema if name not in keys}
        for schema, suffix in zip(schemas, suffixes, strict=True)
    ]
    _all_differ([*keys, *renamed[0].values(), *renamed[1].values()])
    _bound(left.select(_named(compared[0])), right.select(_named(compared[1])))
    shown = [_either(i, key, schemas).alias(key) for i, key in enumerate(keys)]

    def side(table: pl.LazyFrame, place: int) -> pl.LazyFrame:
        aside = [pl.col(key).alias(f"{_SHOWN}{place}{i}") for i, key in enumerate(keys)]
        rest = pl.exclude([*keys, *(f"{_KEY}{i}" for i in range(len(keys)))])
        return table.select(*_named(compared[place]), *aside, rest).rename(renamed[place])

    def step(one: pl.LazyFrame, other: pl.LazyFrame) -> pl.LazyFrame:
        names = [f"{_KEY}{i}" for i in range(len(keys))]
        joined = side(one, 0).join(
            side(other, 1), on=names, how=how, coalesce=True, maintain_order="left_right"
        )
        aside = [f"{_SHOWN}{place}{i}" for place in (0, 1) for i in range(len(keys))]
        return joined.select(*shown, pl.exclude([*names, *aside]))

    return step


def _named(compared: Sequence[pl.Expr]) -> list[pl.Expr]:
    return [expr.alias(f"{_KEY}{i}") for i, expr in enumerate(compared)]


def _key_type(key: str, left: pl.Schema, right: pl.Schema) -> pl.DataType | None:
    """Return the type that both sides' keys are compared as; None: as they are."""
    for schema, side in ((left, "left"), (right, "right")):
        if key not in schema:
            raise InputError(f"The {side} table has no column `{key}`.{suggest(key, schema)}")
    kinds = {kind_of(left[key]), kind_of(right[key])} - {"null"}
    media = is_media(left[key]) and is_media(right[key])
    if len(kinds) > 1 or (kinds & {"other", "list"} and not media):
        raise InputError(
            f"The key `{key}` is {left[key]} on the left and {right[key]} on the right: "
            "derive(...) a column of one kind in both, such as text(...)."
        )
    if kinds == {"number"} and left[key] != right[key]:
        whole = left[key].is_integer() and right[key].is_integer()
        return pl.Int64() if whole else pl.Float64()
    return pl.String() if kinds == {"text"} else None


def _key(key: str, dtype: pl.DataType, wanted: pl.DataType | None) -> pl.Expr:
    expr = pl.col(key)
    if is_media(dtype):
        return expr.struct.field("sha256")
    expr = expr.fill_nan(None) if dtype.is_float() else expr
    return expr if wanted is None else expr.cast(wanted)


def _either(i: int, key: str, schemas: tuple[pl.Schema, pl.Schema]) -> pl.Expr:
    """Return the key as the side that has the row shows it."""
    sides = [pl.col(f"{_SHOWN}{place}{i}") for place in (0, 1)]
    if schemas[0][key] != schemas[1][key] and not is_media(schemas[0][key]):
        return pl.col(f"{_KEY}{i}")
    has_left = pl.col(f"{_SHOWN}0{i}").is_not_null()
    return pl.when(has_left).then(sides[0]).otherwise(sides[1])


def _all_differ(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"The joined table would have {', '.join(twice)} twice: pass other suffixes=."
        )


def _bound(left: pl.LazyFrame, right: pl.LazyFrame) -> None:
    """Refuse a join that would fill the memory: one of keys that many rows share on both sides."""
    heights = [int(collected(side.select(pl.len())).item()) for side in (left, right)]
    keys, n = left.collect_schema().names(), pl.col("\0n")
    counts = [
        side.group_by(keys).agg(pl.len().cast(pl.Int64).alias("\0n")) for side in (left, right)
    ]
    if heights[0] * heights[1] <= _MOST_ROWS:
        return
    most = int(collected(counts[1].select(n.max())).item())
    if heights[0] * most <= _MOST_ROWS:
        return
    pairs = counts[0].join(counts[1], on=keys).select((n * pl.col("\0n_right")).cast(pl.Float64))
    rows = collected(pairs.sum()).item() or 0
    if rows > _MOST_ROWS:
        raise InputError(
            f"A join gives at most {_MOST_ROWS:,} rows, this one gives {rows:,.0f}: many rows "
            "share a key on both sides; join on more columns, or group first."
        )
