"""Runs as a frame: filtered, ordered, and with what was asked of their configs and summaries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from homeostat.core import InputError
from homeostat.record._index.fold import fold
from homeostat.record._index.index import Index
from homeostat.record._index.state import status_of
from homeostat.record._query.filter import Sql, condition_of, order_of
from homeostat.record._query.filter_names import Column, column_of

__all__ = ["runs", "value_at"]

_TIME = pl.Datetime("us", "UTC")
_TEXTS = ("id", "kind", "name", "system", "status", "parent", "error", "config", "about", "summary")
_COLUMNS = (
    "id kind name system status started finished duration_s parent error config about summary"
)
_KNOWN = """
SELECT run, kind, name, system, status, time, finished, duration_s, parent, error, config, about,
  summary FROM (
SELECT run, kind, name, system, parent, error, config, about, summary, exit_code, step, time,
  finished, CASE WHEN status IS NOT NULL THEN status WHEN run IN (SELECT value FROM json_each(?))
  THEN 'crashed' ELSE 'running' END AS status,
  CAST(CASE WHEN finished IS NOT NULL THEN finished
  WHEN run IN (SELECT value FROM json_each(?)) THEN heard ELSE ? END - time AS REAL) / 1e9
  AS duration_s
FROM folded) r
"""
_OPEN = "SELECT run, process, lease, heard FROM folded WHERE status IS NULL"


def runs(
    index: Index,
    filter_: str | None,
    where: Mapping[str, str | None],
    *,
    order: str,
    columns: Sequence[str],
    flat: bool,
    limit: int | None,
    now_ns: int,
) -> pl.DataFrame:
    """Return runs; see :meth:`Record.runs`."""
    index.refresh()
    fold(index)
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise InputError(f"A limit is a whole number from 0 on, got {limit!r}.")
    crashed = json.dumps(_crashed(index, now_ns))
    sql = Sql(_KNOWN, (crashed, crashed, now_ns)) + _conditions(filter_, where)
    sql = sql + " ORDER BY " + order_of(order) + ", run DESC"
    if limit is not None:
        sql = sql + " LIMIT " + Sql("?", (limit,))
    rows = index.rows(*sql)
    asked = {name: column_of(name) for name in columns}
    return _with_columns(_frame(rows), asked, flat=flat)


def value_at(document: Any, column: Column) -> Any:  # noqa: ANN401 - any JSON
    """Return what stands at a place of a JSON document; None if nothing does."""
    for path in column.paths:
        found = document
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return found
    return None


def _conditions(filter_: str | None, where: Mapping[str, str | None]) -> Sql:
    parts = [condition_of(filter_)] if filter_ is not None and filter_.strip() else []
    parts += [Sql(f"{name} = ?", (value,)) for name, value in where.items() if value is not None]
    joined = Sql("")
    for part in parts:
        joined = joined + (" AND (" if joined.text else " WHERE (") + part + ")"
    return joined


def _crashed(index: Index, now_ns: int) -> list[str]:
    """Return the runs that have not ended and whose process is gone."""
    dead: dict[str, bool] = {}
    return [
        run
        for run, process, lease_s, heard in index.rows(_OPEN)
        if status_of(None, process, lease_s=lease_s, alive_ns=heard, now_ns=now_ns, dead=dead)
        == "crashed"
    ]


def _frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    schema: dict[str, Any] = dict.fromkeys(_COLUMNS.split(), pl.Int64())
    schema |= dict.fromkeys(_TEXTS, pl.String()) | {"duration_s": pl.Float64()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(
        (pl.col(name) // 1000).cast(_TIME) for name in ("started", "finished")
    )


def _with_columns(frame: pl.DataFrame, asked: dict[str, Column], *, flat: bool) -> pl.DataFrame:
    wanted = {name: column for name, column in asked.items() if column.kind == "json"}
    if not wanted and not flat:
        return frame
    documents = {
        name: [json.loads(text or "{}") for text in frame[name]]
        for name in ("config", "about", "summary")
    }
    if flat:
        for document in ("config", "summary"):
            keys = dict.fromkeys(key for one in documents[document] for key in _leaves(one))
            wanted |= {
                f"{document}.{'.'.join(key)}": Column(document, "json", (key,)) for key in keys
            }
    return frame.with_columns(
        _series(name, [value_at(one, column) for one in documents[column.column]])
        for name, column in wanted.items()
    )


def _leaves(document: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from ((key, *rest) for rest in _leaves(value))
        else:
            yield (key,)


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    special = {"nan", "inf", "-inf"}
    if str in kinds and all(not isinstance(v, str) or v in special for v in values):
        kinds = kinds - {str} | {float}
        values = [float(value) if isinstance(value, str) else value for value in values]
    if kinds <= {int, float} and kinds:
        big = any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values)
        whole = kinds == {int} and not big
        kind = pl.Int64() if whole else pl.Float64()
        held = values if whole else [None if value is None else float(value) for value in values]
        return pl.Series(name, held, kind)
    if kinds == {bool}:
        return pl.Series(name, values, pl.Boolean())
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pl.Series(name, texts, pl.String())
