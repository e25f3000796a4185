"""PostgreSQL as the index: a connection with the face of SQLite's.

Many records may share a database: each has a schema of its own.
"""

from __future__ import annotations

import getpass
import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from homeostat.core import InputError, MissingExtraError, StorageError
from homeostat.record._index.postgres_mirror import COUNTER, TABLE, Mirror
from homeostat.record._index.postgres_sql import FUNCTIONS, keys_of, schema, translated

if TYPE_CHECKING:
    import ssl

__all__ = ["Postgres", "PostgresRows", "checked_url", "schema_of"]

_FEW = 20
_NUL = "\uffff"  # which is no character, stands for the one that PostgreSQL does not hold
_MOST_PREPARED = 200
_COUNTED = {TABLE: COUNTER}
_COUNTING = (
    f"CREATE SEQUENCE changes; ALTER TABLE {TABLE} ADD COLUMN {COUNTER} BIGINT "
    "DEFAULT nextval('changes')"
)
_COPY = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_HERE = {"localhost", "127.0.0.1", "::1"}
_SCHEMES = {"postgresql", "postgres"}


def checked_url(url: str) -> str:
    """Return the URL of an index; refuse what is none.

    Raises:
        InputError: If it is not PostgreSQL's.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.path.strip("/"):
        raise InputError(
            "An index is named as postgresql://user@host:port/database, got "
            f"{_without_password(url)!r}."
        )
    return url


def schema_of(folder: Path, url: str) -> str:
    """Return the schema that a record's index has in a database: the URL's, or its own."""
    given = parse_qs(urlsplit(url).query).get("schema")
    if given:
        if not _SCHEMA.fullmatch(given[0]):
            raise InputError(f"A schema is named like `team_record`, got {given[0]!r}.")
        return given[0]
    return f"homeostat_{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}"


class PostgresRows:
    """The rows of an answer."""

    def __init__(self, rows: Iterable[tuple[Any, ...]] = ()) -> None:
        self._rows = list(rows)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return them all."""
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the first."""
        return self._rows[0] if self._rows else None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows)


class Postgres:
    """A connection to the index of one record; for one thread at a time.

    It takes SQLite's SQL; see `_postgres_sql`.

    Args:
        url: Such as ``"postgresql://user@host:5432/database"``; a password may be in it or in
            ``PGPASSWORD``. ``?host=/run/postgresql`` names a socket, ``?sslmode=require`` asks
            for TLS, ``?schema=name`` names the schema.
        schema: Where the tables are.
        script: What makes them, in SQLite's SQL.
        format: Version of the tables; those of another are made anew.

    Raises:
        MissingExtraError: If ``homeostat[postgres]`` is not installed.
        StorageError: If the database cannot be reached.
    """

    def __init__(self, url: str, *, schema: str, script: str, format: int) -> None:  # noqa: A002 - the field's word
        self._url = _without_password(url)
        self._schema = schema
        self._script = script
        self._keys = keys_of(script)
        self._mirror = Mirror(script, self._keys[TABLE][0])
        self._prepared: dict[str, Any] = {}
        self._lock = int.from_bytes(hashlib.sha256(schema.encode()).digest()[:8], signed=True)
        self.in_transaction = False
        try:
            import pg8000.native  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise MissingExtraError("pg8000", extra="postgres") from error
        self._errors = (pg8000.native.DatabaseError, pg8000.native.InterfaceError, OSError)
        try:
            self._raw = pg8000.native.Connection(**_settings(url))
        except self._errors as error:
            raise self._failed(error) from error
        self._make(format)

    def execute(self, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> PostgresRows:
        """Run one statement."""
        if sql.startswith("PRAGMA"):
            return PostgresRows()
        if sql.startswith("BEGIN"):
            self._script_of(f"BEGIN; SELECT pg_advisory_xact_lock({self._lock})")
            self.in_transaction = True
            return PostgresRows()
        if sql in {"COMMIT", "ROLLBACK"}:
            self.in_transaction = False
            self._script_of(sql)
            return PostgresRows()
        if self._mirror.answers(sql):
            return PostgresRows(self._mirror.ask(sql, values, self._run))
        text, count = translated(sql, self._keys, counted=_COUNTED)
        return PostgresRows(self._run(text, _named(values, count)))

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one INSERT for many rows."""
        text, _ = translated(sql, self._keys, counted=_COUNTED)
        if len(rows) <= _FEW:
            for row in rows:
                self._run(text, _named(row, len(row)))
            return
        start, _, rest = text.partition(" VALUES ")  # our own statements and names
        table = start.split()[2]
        conflict = rest[rest.index(")") + 1 :]
        if not conflict:
            self._copy(table, rows)
            return
        self._script_of(
            f"CREATE TEMP TABLE staged (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DROP"
        )
        self._copy(table, rows, into="staged")
        self._script_of(f"{start} SELECT * FROM staged{conflict}; DROP TABLE staged")  # noqa: S608 - our own names

    def close(self) -> None:
        """Close the connection."""
        self._mirror.close()
        with suppress(*self._errors):
            self._raw.close()

    def _make(self, version: int) -> None:
        """Make the tables where they are not, or are another Homeostat's; one process does."""
        where, said = f'"{self._schema}"', f"homeostat index {version}"
        self._script_of(f"BEGIN; SELECT pg_advisory_xact_lock({self._lock})")
        try:
            self._script_of(f"SET search_path TO {where}, pg_catalog, pg_temp")
            known = self._raw.run(
                "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace "
                "WHERE nspname = :name",
                name=self._schema,
            )
            if not known or known[0][0] != said:
                self._script_of(
                    f"DROP SCHEMA IF EXISTS {where} CASCADE; CREATE SCHEMA {where}; {FUNCTIONS}; "
                    f"{schema(self._script)}; {_COUNTING}; COMMENT ON SCHEMA {where} IS '{said}'"
                )
            self._script_of("COMMIT")
        except BaseException:
            self.close()
            raise
        self._script_of(f"SET search_path TO {where}, pg_catalog, pg_temp")

    def _run(self, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        try:
            if text not in self._prepared:
                if len(self._prepared) >= _MOST_PREPARED:
                    self._prepared.pop(next(iter(self._prepared))).close()
                self._prepared[text] = self._raw.prepare(text)
            rows = self._prepared[text].run(**values) or ()
        except self._errors as error:
            raise self._failed(error) from error
        return [tuple(map(_read, row)) for row in rows]

    def _script_of(self, script: str) -> None:
        try:
            self._raw.run(script)
        except self._errors as error:
            raise self._failed(error) from error

    def _copy(self, table: str, rows: Iterable[Sequence[Any]], *, into: str | None = None) -> None:
        columns = ", ".join(f'"{column}"' for column in self._keys[table][0])
        try:
            self._raw.run(f"COPY {into or table} ({columns}) FROM STDIN", stream=_lines(rows))
        except self._errors as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StorageError:
        said = error.args[0] if error.args else error
        message = said.get("M", said) if isinstance(said, dict) else said
        return StorageError(
            f"The index at {self._url} cannot be used: {message}. Is PostgreSQL running there, and "
            "may this user make a schema in that database? The logs are unharmed."
        )

    def __repr__(self) -> str:
        return f"Postgres({self._url!r})"


def _settings(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
    password = unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD")
    settings: dict[str, Any] = {
        "user": unquote(parts.username) if parts.username else getpass.getuser(),
        "password": password,
        "host": parts.hostname or "localhost",
        "port": parts.port or 5432,
        "database": unquote(parts.path.strip("/")),
        "application_name": "homeostat",
    }
    if "host" in asked:
        settings["unix_sock"] = f"{asked['host']}/.s.PGSQL.{settings['port']}"
    if "sslmode" not in asked and ("host" in asked or settings["host"] in _HERE):
        settings["ssl_context"] = False  # else TLS is taken where the server offers it
    if asked.get("sslmode") in {"require", "verify-ca", "verify-full"}:
        settings["ssl_context"] = _tls(asked["sslmode"])
    return settings


def _tls(mode: str) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - rarely needed

    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode == "require":  # as libpq has it: encrypted, the server not checked
        context.verify_mode = ssl.CERT_NONE
    return context


def _named(values: Mapping[str, Any] | Sequence[Any], count: int) -> dict[str, Any]:
    pairs = values.items() if isinstance(values, Mapping) else _numbered(values, count)
    return {name: _value(value) for name, value in pairs}


def _numbered(values: Sequence[Any], count: int) -> Iterator[tuple[str, Any]]:
    for number in range(count):
        yield f"p{number}", values[number]


def _value(value: Any) -> Any:  # noqa: ANN401 - whatever SQL holds
    if isinstance(value, bool):
        return int(value)  # this and the next as SQLite has it
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.replace("\0", _NUL) if isinstance(value, str) else value


def _read(value: Any) -> Any:  # noqa: ANN401 - whatever SQL holds
    return value.replace(_NUL, "\0") if isinstance(value, str) and _NUL in value else value


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Write rows as COPY reads them."""
    for row in rows:
        yield ("\t".join(map(_field, row)) + "\n").encode()


def _field(value: Any) -> str:  # noqa: ANN401 - whatever SQL holds
    value = _value(value)
    match value:
        case None:
            return "\\N"
        case str():
            return value.translate(_COPY)
        case bytes() | bytearray() | memoryview():
            return f"\\\\x{bytes(value).hex()}"
        case float():
            return repr(value) if math.isfinite(value) else str(value).replace("inf", "Infinity")
    return str(int(value))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not parts.password:
        return url
    return url.replace(f":{parts.password}@", "@", 1)
