"""Reading SQL: a query's rows, in batches, with its text and its database in lineage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from homeostat.core import Finding, HomeostatError, InputError
from homeostat.data._dataset import Dataset
from homeostat.data._quarantine import Dtype, OnBadRows, declared, hold, refuse, rejected_rows
from homeostat.data._snapshot import Snapshot, rebatched
from homeostat.data._sources import Origin, Piece, made_of
from homeostat.data._sql_open import Database, Query, Way, opened
from homeostat.data._sql_sqlite import Parameters

__all__ = ["read_sql"]

_SECRET = re.compile(
    r"(?i)\b(password|passwd|pwd|secret|token|api_?key)\b(\s*[=:]?\s*)('[^']*'|\S+)"
)
_USER = re.compile(r"://[^/\s'\"@]*@")


def read_sql(
    query: str,
    database: str | Path | object,
    *,
    parameters: Parameters | None = None,
    name: str = "",
    dtypes: Mapping[str, Dtype] | None = None,
    tolerance: float = 0.01,
    on_bad_rows: OnBadRows = "quarantine",
    batch_rows: int = 100_000,
    cache: str | Path | None = None,
) -> Dataset:
    """Read what a query of SQLite, PostgreSQL, DuckDB or another database gives.

    Rows come as Arrow batches; with a cache folder they go to disk as they come, so that no
    more than two batches are in memory. The database is opened for reading only. A source is
    known by its rows: if they are the same, steps over them are not run again. Lineage has the
    query, the database without user and password, its fingerprint, and the digest of the rows.

    Args:
        query: One SELECT. Have it ORDER BY a key: else a database may give the same rows in
            another order, which is another digest.
        database: A file of SQLite or DuckDB, ``"sqlite:///path"``, ``"duckdb:///path"``,
            ``"postgresql://user@host:5432/name"`` (a password in it or in ``PGPASSWORD``), or
            an open connection: ADBC, DuckDB, or any of DB-API 2.0, which is left open.
        parameters: Values for the query's placeholders, as the database writes them (``?`` or
            ``$1``); they are bound, never pasted in, and are not in lineage.
        name: What to call it; the database's name by default.
        dtypes: Types by column; a row with a value outside its type is put aside.
        tolerance: For SQLite, whose cells have types of their own: largest share of a
            column's cells that may differ in type from the rest; past it the column is text.
        on_bad_rows: ``"quarantine"``, or ``"refuse"`` to raise at the first.
        batch_rows: Rows a batch.
        cache: Folder for the rows, and for the results of steps from here on.

    Raises:
        InputError: If the database cannot be reached or refuses the query, or there are bad
            rows to refuse.
        SchemaError: If two columns have the same name, or ``dtypes`` names an unknown one.
        MissingExtraError: If the database's driver is not installed.

    Example:
        >>> import sqlite3
        >>> shop = sqlite3.connect(":memory:")
        >>> _ = shop.execute("CREATE TABLE orders AS SELECT 1 AS id, 9.5 AS price")
        >>> orders = read_sql("SELECT id, price FROM orders WHERE id < ?", shop, parameters=[5])
        >>> orders.collect().rows(), orders.source.query
        ([(1, 9.5)], 'SELECT id, price FROM orders WHERE id < ?')
    """
    if not isinstance(batch_rows, int) or batch_rows < 1:
        raise InputError(f"`batch_rows` is a whole number from 1, got {batch_rows!r}.")
    folder = None if cache is None else Path(cache)
    with opened(database) as found:
        asked = Query(query.strip().rstrip(";").rstrip(), parameters, batch_rows, tolerance, dtypes)
        snapshot, piece = _taken(found, asked, folder)
        version = found.fingerprint()
    if on_bad_rows == "refuse":
        refuse(piece.rejected)
    origin = Origin(
        name=name or found.name,
        location=found.location,
        sha256=snapshot.digest,
        query=_without_secrets(asked.text),
        version=version,
    )
    reading = ("sql", dtypes, tolerance) if dtypes else ("sql",)
    return made_of(origin, lambda: piece, reading=reading, cache=cache, keep=False)


def _taken(found: Database, query: Query, folder: Path | None) -> tuple[Snapshot, Piece]:
    """Take all rows in, by the first of the database's ways that can."""
    *quicker, last = found.ways(query)
    for way in quicker:
        snapshot = Snapshot(folder)
        try:
            return snapshot, _all(way, snapshot, query, found)
        except (TypeError, ImportError):
            snapshot.discard()
    snapshot = Snapshot(folder)
    try:
        return snapshot, _all(last, snapshot, query, found)
    except HomeostatError:
        snapshot.discard()
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        snapshot.discard()
        said = _without_secrets(str(error).strip()).replace("\n", " ")
        raise InputError(f"{found.location} cannot answer the query: {said}") from None


def _all(way: Way, snapshot: Snapshot, query: Query, found: Database) -> Piece:
    findings: list[Finding] = []
    rejected = [rejected_rows()]

    def kept() -> Iterator[pl.DataFrame]:
        first, given = 1, None
        for batch in way():
            if given is None:
                given = declared(query.dtypes, batch.frame.columns, "the query")
            lines = batch.lines
            held = hold(batch.frame, given, file=found.location, lines=lines, first=first)
            findings.extend(batch.findings)
            rejected.extend((batch.rejected, held.rejected))
            first += batch.frame.height + batch.rejected.height
            yield held.frame

    for frame in rebatched(kept(), query.rows):
        snapshot.add(frame)
    aside = pl.concat(rejected).sort("line")
    snapshot.seen(aside)
    return Piece(snapshot.frame(), aside, tuple(findings))


def _without_secrets(text: str) -> str:
    return _USER.sub("://", _SECRET.sub(r"\1\2***", text))
