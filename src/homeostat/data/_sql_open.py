"""Databases that can be asked: how each is opened, named, fingerprinted and read."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import polars as pl

from homeostat.core import InputError, MissingExtraError
from homeostat.data import _digest
from homeostat.data._files import location_of
from homeostat.data._quarantine import Dtype, declared
from homeostat.data._sql_arrow import frames_of, must_differ
from homeostat.data._sql_sqlite import Batch, Parameters, sqlite_at_once, sqlite_by_cell

__all__ = ["Database", "Query", "Way", "opened"]

Way = Callable[[], Iterator[Batch]]

_DDL = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2",
    "duckdb": "SELECT sql FROM duckdb_tables() UNION ALL SELECT sql FROM duckdb_views() ORDER BY 1",
    "postgresql": "SELECT (SELECT system_identifier::text FROM pg_control_system()),"
    " (SELECT oid::text FROM pg_database WHERE datname = current_database())",
}
"""What tells one database from another: its tables, or what PostgreSQL calls itself."""
_READ_ONLY = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, and how its rows are taken."""

    text: str
    parameters: Parameters | None
    rows: int
    tolerance: float
    dtypes: Mapping[str, Dtype] | None


@dataclass(frozen=True, slots=True)
class Database:
    """An open database.

    Args:
        name: What people call it.
        location: Where it is, without user and password.
        kind: ``"sqlite"``, ``"duckdb"``, ``"postgresql"``, or another.
        connection: Open.
        path: Its file, if it is one.
    """

    name: str
    location: str
    kind: str
    connection: Any
    path: Path | None = None

    def fingerprint(self) -> str:
        """Return what tells this database from others; empty where it does not say."""
        ddl = _DDL.get(self.kind)
        if ddl is None:
            return ""
        try:
            with closing(self.connection.cursor()) as cursor:
                cursor.execute(ddl)
                told = cursor.fetchall()
        except Exception:  # noqa: BLE001 - the database may forbid this question
            return ""
        return f"{self.kind} {_digest.combine(*(repr(tuple(row)) for row in told))[:16]}"

    def ways(self, query: Query) -> list[Way]:
        """Return how the query may be read, the quickest first; the last reads anything."""
        if self.kind == "sqlite":
            exact = partial(_by_cell, self, query)
            if self.path is None:
                return [exact]
            given = (self.path, query.text, query.parameters, query.rows)
            return [partial(sqlite_at_once, *given), exact]
        return [partial(_arrow if _has_arrow(self.connection) else _rows, self, query)]


def _by_cell(database: Database, query: Query) -> Iterator[Batch]:
    head = f"SELECT * FROM ({query.text}\n) LIMIT 0"  # noqa: S608 - the user's own query
    with closing(database.connection.execute(head, query.parameters or ())) as cursor:
        names = [about[0] for about in cursor.description]
    given = declared(query.dtypes, names, "the query")
    yield from sqlite_by_cell(
        database.connection,
        query.text,
        query.parameters,
        query.rows,
        declared=given,
        tolerance=query.tolerance,
        file=database.location,
    )


def _has_arrow(connection: object) -> bool:
    module = type(connection).__module__.partition(".")[0].lstrip("_")
    return module == "duckdb" or module.startswith("adbc_")


def _arrow(database: Database, query: Query) -> Iterator[Batch]:
    """Yield a query's rows as its driver's Arrow batches."""
    connection = database.connection
    given = {} if query.parameters is None else {"parameters": query.parameters}
    with closing(connection.cursor()) as cursor:
        cursor.execute(query.text, **given)
        if database.kind == "duckdb":
            reader = _duckdb_reader(cursor, query.rows)
        else:
            reader = cursor.fetch_record_batch()
        for frame in frames_of(reader):
            yield Batch(frame)


def _duckdb_reader(cursor: Any, rows: int) -> Any:  # noqa: ANN401 - it has no types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cursor.to_arrow_reader(rows)


def _rows(database: Database, query: Query) -> Iterator[Batch]:
    """Yield the rows of any DB-API 2.0 connection; all are in memory, since types come last."""
    with closing(database.connection.cursor()) as cursor:
        cursor.execute(query.text, *(() if query.parameters is None else (query.parameters,)))
        names = [about[0] for about in cursor.description]
        must_differ(names)
        rows = cursor.fetchall()
    for name, values in zip(names, zip(*rows, strict=True), strict=False):
        kinds = {kind.__name__ for kind in map(type, values)} - {"NoneType"}
        if len(kinds) > 1 and kinds != {"int", "float"}:
            raise InputError(
                f"Column `{name}` of {database.location} has several types: "
                f"{', '.join(sorted(kinds))}. CAST it in the query."
            )
    found = [tuple(row) for row in rows]
    yield Batch(pl.DataFrame(found, schema=names, orient="row", infer_schema_length=None))


@contextmanager
def opened(database: object) -> Iterator[Database]:
    """Open a database for reading; a connection that is given is used, and left open.

    Raises:
        InputError: If it cannot be opened, or it is of no kind that is known.
        MissingExtraError: If its driver is not installed.
    """
    if not isinstance(database, (str, Path)):
        yield _given(database)
        return
    found = _open(str(database))
    with closing(found.connection):
        yield found


def _given(connection: object) -> Database:
    if not hasattr(connection, "cursor"):
        raise InputError(
            "A database is a path, an address such as postgresql://host/name, or a connection "
            f"with `cursor`, got {type(connection).__name__}."
        )
    module = type(connection).__module__.partition(".")[0].lstrip("_")
    if isinstance(connection, sqlite3.Connection):
        module = "sqlite"
    elif module.startswith("adbc_"):
        module = str(connection.adbc_get_info().get("vendor_name", module)).lower()  # type: ignore[attr-defined]
    return Database(module, f"{module} connection", module, connection)


def _open(address: str) -> Database:
    scheme, separator, rest = address.partition("://")
    if not separator:
        return _open_file(_kind_of(Path(address)), Path(address))
    if scheme in {"sqlite", "duckdb"}:
        return _open_file(scheme, Path(unquote(rest.removeprefix("/")) or rest))
    if scheme in {"postgresql", "postgres"}:
        return _open_postgresql(address)
    raise InputError(
        f"A database is a file of SQLite or DuckDB, sqlite:///, duckdb:/// or postgresql://; got "
        f"{scheme}://. For another, pass an open connection."
    )


def _kind_of(path: Path) -> str:
    """Return what a file is by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite"
    if head[8:12] == b"DUCK":
        return "duckdb"
    raise InputError(f"{location_of(path)} is a file of neither SQLite nor DuckDB.")


def _open_file(kind: str, path: Path) -> Database:
    if not path.exists():
        raise InputError(f"{path} cannot be read: there is no such file.")
    location = location_of(path)
    try:
        if kind == "sqlite":
            connection: Any = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            connection.execute("SELECT 1 FROM sqlite_schema").close()
        else:
            duckdb = _driver("duckdb")
            connection = duckdb.connect(str(path), read_only=True)
    except MissingExtraError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        raise InputError(f"{location} cannot be opened as {kind}: {error}.") from None
    return Database(PurePosixPath(location).stem, location, kind, connection, path)


def _open_postgresql(address: str) -> Database:
    parts = urlsplit(address)
    dbapi = _driver("adbc_driver_postgresql.dbapi")
    name = unquote(parts.path.strip("/")) or "postgres"
    location = f"postgresql://{parts.netloc.rpartition('@')[2]}/{name}"
    try:
        connection = dbapi.connect(address)
        with closing(connection.cursor()) as cursor:
            cursor.execute(_READ_ONLY)
        connection.commit()
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        said = str(error).strip().replace(address, location).replace("\n", " ")
        if parts.password:
            said = said.replace(parts.password, "***").replace(unquote(parts.password), "***")
        raise InputError(
            f"{location} cannot be reached: {said}. Check the address and the credentials."
        ) from None
    return Database(name, location, "postgresql", connection)


def _driver(module: str) -> Any:  # noqa: ANN401 - drivers have no types
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise MissingExtraError(package, extra="sources") from error
