"""The index's tables, and the rows that each frame of a log becomes.

A row is a pure function of its frame and is keyed by the frame's place (log, offset). So the
index is the same whether it was filled in one go or little by little, in whatever order the
logs were read. What was latest, first or alive is worked out when it is asked for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from homeostat.core import Finding
from homeostat.record._frame import FRAME_BYTES, Frame
from homeostat.record._identity import ID_BYTES, Process, id_from_bytes

__all__ = ["INDEX_FORMAT", "SCHEMA", "TABLES", "Kind", "Rows", "metrics_prefix", "metrics_struct"]

INDEX_FORMAT = 1


class Kind(IntEnum):
    """What a frame of the record's log is."""

    START = 1
    METRICS = 2
    EVENT = 3
    FINDINGS = 4
    USE = 5
    MAKE = 6
    ALIAS = 7
    CAPTURE = 8
    FINISH = 9


TABLES = {
    "damage": "length INTEGER, reason TEXT",
    "starts": "run TEXT, time INTEGER, kind TEXT, name TEXT, system TEXT, parent TEXT, "
    "config TEXT, process TEXT, command TEXT",
    "finishes": "run TEXT, time INTEGER, status TEXT, error TEXT",
    "captures": "run TEXT, time INTEGER, code TEXT, environment TEXT",
    "metrics": "run TEXT, names TEXT, points BLOB",
    "events": "run TEXT, time INTEGER, kind TEXT, at INTEGER, payload TEXT",
    "findings": "position INTEGER, run TEXT, time INTEGER, at INTEGER, check_name TEXT, "
    "subject TEXT, verdict TEXT, summary TEXT, statistic REAL, threshold REAL, p_value REAL, "
    "effect REAL, evidence TEXT",
    "made": "run TEXT, time INTEGER, artifact TEXT, name TEXT, type TEXT, version INTEGER, "
    "files TEXT, metadata TEXT",
    "used": "run TEXT, time INTEGER, artifact TEXT",
    "moves": "run TEXT, time INTEGER, name TEXT, alias TEXT, artifact TEXT, move INTEGER",
}
"""Columns of each table after (log, offset)."""

_TYPES = {
    table: [column.split()[1] for column in columns.split(", ")]
    for table, columns in TABLES.items()
}

_COLUMNS = {
    Kind.START: "starts kind name system parent config process command",
    Kind.EVENT: "events kind at payload",
    Kind.USE: "used artifact",
    Kind.MAKE: "made artifact name type version files metadata",
    Kind.ALIAS: "moves name alias artifact move",
    Kind.CAPTURE: "captures code environment",
    Kind.FINISH: "finishes status error",
}
"""The table a frame's JSON goes to, and the keys that fill it after run and time."""

_INDEXED = {
    "starts": ("run", "parent"),
    "finishes": ("run",),
    "captures": ("run",),
    "metrics": ("run",),
    "events": ("run", "kind"),
    "findings": ("run",),
    "made": ("run", "artifact", "name, version, time, log, offset"),
    "used": ("run", "artifact"),
    "moves": ("name, alias, move, time, log, offset",),
}

_VIEWS = """
CREATE VIEW runs AS
  SELECT s.*, f.status, f.time AS finished, f.error FROM starts s LEFT JOIN finishes f
  ON f.run = s.run AND NOT EXISTS (SELECT 1 FROM finishes g WHERE g.run = f.run
    AND (g.time, g.log, g.offset) < (f.time, f.log, f.offset));
CREATE VIEW versions AS
  SELECT m.* FROM made m WHERE NOT EXISTS (SELECT 1 FROM made e WHERE e.name = m.name
    AND e.version = m.version AND (e.time, e.log, e.offset) < (m.time, m.log, m.offset));
CREATE VIEW aliases AS
  SELECT a.* FROM moves a WHERE NOT EXISTS (SELECT 1 FROM moves b WHERE b.name = a.name
    AND b.alias = a.alias
    AND (b.move, b.time, b.log, b.offset) > (a.move, a.time, a.log, a.offset));
"""


def _schema() -> str:
    parts = ["CREATE TABLE logs (log TEXT PRIMARY KEY, consumed INTEGER) WITHOUT ROWID;"]
    for table, columns in TABLES.items():
        key = "log, offset, position" if table == "findings" else "log, offset"
        parts.append(
            f"CREATE TABLE {table} (log TEXT, offset INTEGER, {columns}, PRIMARY KEY ({key})) "
            "WITHOUT ROWID;"
        )
        parts += [
            f"CREATE INDEX {table}_{number} ON {table} ({columns});"
            for number, columns in enumerate(_INDEXED.get(table, ()))
        ]
    return "\n".join([*parts, _VIEWS])


SCHEMA = _schema()

_PREFIX = struct.Struct(f"<{ID_BYTES}sI")


def metrics_prefix(run: bytes, names: Iterable[str]) -> bytes:
    """Return the start of a metrics payload: the run's 16 bytes and the names.

    The rest is packed by :func:`metrics_struct`: step, time in nanoseconds, one float a name.
    """
    text = json.dumps(list(names)).encode()
    return _PREFIX.pack(run, len(text)) + text


def metrics_struct(count: int) -> struct.Struct:
    """Return the layout of one point of ``count`` metrics: step, time, values."""
    return struct.Struct(f"<qq{count}d")


class Rows:
    """The rows of one stretch of one log, table by table."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._tables: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
        self._points: dict[bytes, tuple[int, int, list[bytes]]] = {}
        self.frames = 0

    def add(self, frame: Frame) -> None:
        """Add what a frame says; one that cannot be understood is noted as damage."""
        offset, kind, payload = frame
        self.frames += 1
        try:
            if kind == Kind.METRICS:
                self._add_points(offset, payload)
                return
            rows = [
                (table, _checked(table, row)) for table, row in _rows(kind, json.loads(payload))
            ]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error):
            self.add_damage(offset, FRAME_BYTES + len(payload), "unreadable")
            return
        for table, row in rows:
            self._tables[table].append((self._log, offset, *row))

    def add_damage(self, offset: int, length: int, reason: str) -> None:
        """Note a stretch that could not be read."""
        self._tables["damage"].append((self._log, offset, length, reason))

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows; the metrics of one run under one set of names are one row."""
        metrics = []
        for prefix, (offset, _, points) in self._points.items():
            run = id_from_bytes(prefix[:ID_BYTES])
            names = prefix[_PREFIX.size :].decode()
            metrics.append((self._log, offset, run, names, b"".join(points)))
        return self._tables | {"metrics": metrics}

    def _add_points(self, offset: int, payload: bytes) -> None:
        end = _PREFIX.size + _PREFIX.unpack_from(payload)[1]
        prefix = payload[:end]
        known = self._points.get(prefix)
        if known is None:
            names = json.loads(prefix[_PREFIX.size :])
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise TypeError("Metrics have names.")
            self._points[prefix] = known = (offset, metrics_struct(len(names)).size, [])
        if len(payload) - end != known[1]:
            raise ValueError("A point must have one value a name.")
        known[2].append(payload[end:])


def _rows(kind: int, data: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the rows, as (table, columns after log and offset), of a frame that holds JSON."""
    when = (data["run"], data["time"])
    if kind == Kind.FINDINGS:
        return [
            ("findings", (position, *when, data["at"], *_judgement(Finding.from_json(found))))
            for position, found in enumerate(data["findings"])
        ]
    if kind == Kind.START:
        Process(**data["process"])  # raises if readers could not tell whether it lives
    if kind == Kind.MAKE:
        data["files"] = {
            file: {"sha256": str(part["sha256"]), "size": int(part["size"])}
            for file, part in data["files"].items()
        }
    table, *columns = _COLUMNS[Kind(kind)].split()
    rows = [(table, (*when, *(_value(data[column]) for column in columns)))]
    if kind == Kind.ALIAS:  # a move is an event too
        what = {"artifact": data["name"], "version": data["version"], "alias": data["alias"]}
        rows.append(("events", (*when, "alias", data["time"], _text(what))))
    return rows


def _judgement(found: Finding) -> tuple[Any, ...]:
    texts = (found.check, found.subject, found.verdict.value, found.summary)
    numbers = (found.statistic, found.threshold, found.p_value, found.effect)
    return (*texts, *numbers, _text(found.evidence))


def _value(value: Any) -> Any:  # noqa: ANN401 - JSON on its way into SQL
    return _text(value) if isinstance(value, (dict, list)) else value


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _checked(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse values that a table cannot hold, so that one odd frame does not stop the index."""
    for value, type_ in zip(row, _TYPES[table], strict=True):
        if type_ == "INTEGER":
            fits = type(value) is int and -(2**63) <= value < 2**63
        elif type_ == "TEXT":
            fits = value is None or isinstance(value, str)
        else:
            fits = value is None or isinstance(value, (int, float))
        if not fits:
            raise TypeError(f"{value!r} is no {type_}.")
        if isinstance(value, str):
            value.encode()  # half of a surrogate pair is no text for SQL
    return row
