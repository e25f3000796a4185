"""trackio's stores: one SQLite file a project (`~/.cache/huggingface/trackio/PROJECT.db`)."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from homeostat.compat.importers._foreign import (
    End,
    ForeignRun,
    Happened,
    Item,
    Point,
    Problems,
    Row,
    System,
)
from homeostat.compat.importers._sqlite import is_sqlite, read_only, rows, tables
from homeostat.compat.importers._values import flat, nanoseconds, sorted_out

__all__ = ["is_trackio", "read_trackio"]

_COLUMNS = {"timestamp", "run_name", "step", "metrics"}
_ODD = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def is_trackio(path: Path) -> bool:
    """Say whether a file is a store of trackio."""
    if not is_sqlite(path):
        return False
    with read_only(path) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
        return columns >= _COLUMNS and "configs" in tables(connection)


def read_trackio(path: Path, problems: Problems) -> Iterator[ForeignRun]:
    """Give the runs of a store, as they started."""
    with read_only(path) as connection:
        # Stores of before trackio had ids know a run by its name.
        columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
        id_ = "run_id" if "run_id" in columns else "run_name"
        query = (
            f"SELECT {id_} AS id, max(run_name) AS name, min(timestamp) AS started, "  # noqa: S608 - one of two literals
            f"max(timestamp) AS ended, count(*) AS n, max(id) AS last FROM metrics "
            f"GROUP BY {id_} ORDER BY 3"
        )
        for row in list(rows(connection, query)):
            yield _foreign(connection, path, row, id_, problems)


def _foreign(
    connection: sqlite3.Connection,
    path: Path,
    row: Mapping[str, object],
    column: str,
    problems: Problems,
) -> ForeignRun:
    id_, name = str(row["id"]), str(row["name"])
    config = _config(connection, column, id_)
    started = nanoseconds(str(row["started"])) or 0
    ended = nanoseconds(str(row["ended"])) or started
    key = id_ if column == "run_id" else f"{path.stem}/{name}"

    def items() -> Iterator[Item]:
        with read_only(path) as reading:
            yield from _history(reading, column, id_, problems)
            yield from _system(reading, column, id_, problems)
            yield from _alerts(reading, column, id_)
        # trackio does not note how a run ended.
        yield End(ended)

    told = [row["n"], row["last"], row["ended"], config]
    about = {"group": config.get("_Group"), "user": config.get("_Username")}
    return ForeignRun(
        format="trackio",
        key=f"trackio/{key}",
        id=id_,
        name=name,
        project=path.stem,
        started_ns=started,
        digest=hashlib.sha256(json.dumps(told).encode()).hexdigest(),
        items=items,
        config={name: value for name, value in config.items() if not name.startswith("_")},
        about={name: value for name, value in about.items() if value},
    )


def _config(connection: sqlite3.Connection, column: str, id_: str) -> dict[str, object]:
    query = f"SELECT config FROM configs WHERE {column} = ?"  # noqa: S608 - one of two literals
    for (text,) in connection.execute(query, (id_,)):
        found = _object(text)
        return found if found is not None else {}
    return {}


def _history(
    connection: sqlite3.Connection, column: str, id_: str, problems: Problems
) -> Iterator[Item]:
    query = f"SELECT timestamp, step, metrics FROM metrics WHERE {column} = ? ORDER BY id"  # noqa: S608 - one of two literals
    for at, step, text in connection.execute(query, (id_,)):
        values = _object(text)
        if values is None:
            problems.add(f"run {id_}", "a row of metrics is no JSON object")
            continue
        time_ns = nanoseconds(at) or 0
        numbers, rest = sorted_out({n: _odd(v) for n, v in flat(values).items()})
        if numbers:
            yield Point(int(step), time_ns, numbers)
        if rest:
            yield Row(int(step), time_ns, rest)


def _system(
    connection: sqlite3.Connection, column: str, id_: str, problems: Problems
) -> Iterator[Item]:
    if "system_metrics" not in tables(connection):
        return
    query = f"SELECT timestamp, metrics FROM system_metrics WHERE {column} = ? ORDER BY id"  # noqa: S608 - one of two literals
    for at, text in connection.execute(query, (id_,)):
        values = _object(text)
        if values is None:
            problems.add(f"run {id_}", "a row of system metrics is no JSON object")
            continue
        numbers, _ = sorted_out(flat(values))
        if numbers:
            yield System(nanoseconds(at) or 0, numbers)


def _alerts(connection: sqlite3.Connection, column: str, id_: str) -> Iterator[Item]:
    if "alerts" not in tables(connection):
        return
    query = f"SELECT timestamp, title, text, level, step FROM alerts WHERE {column} = ? ORDER BY id"  # noqa: S608 - one of two literals
    for at, title, text, level, step in connection.execute(query, (id_,)):
        payload = {"title": title, "text": text or "", "level": level, "step": step}
        yield Happened(nanoseconds(at) or 0, "alert", payload)


def _object(text: str | bytes) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _odd(value: object) -> object:
    """Return what stands for a number that JSON lacks."""
    return _ODD.get(value, value) if isinstance(value, str) else value
