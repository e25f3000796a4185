"""The index's tables.

A row (see `_rows`) is a pure function of its frame and is keyed by the frame's place (log,
offset). So the index is the same whether it was filled in one go or little by little, in whatever
order the logs were read. What was latest, first or alive is worked out when it is asked for.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from enum import IntEnum

__all__ = [
    "COLUMN_TYPES",
    "DERIVED",
    "FRAME_COLUMNS",
    "INDEX_FORMAT",
    "SCHEMA",
    "TABLES",
    "Kind",
    "layout_id",
    "point_struct",
]

INDEX_FORMAT = 3


class Kind(IntEnum):
    """What a frame of the record's log is."""

    START = 1
    EVENT = 3
    FINDINGS = 4
    USE = 5
    MAKE = 6
    ALIAS = 7
    CAPTURE = 8
    FINISH = 9
    LAYOUT = 10
    POINT = 11
    ROW = 12
    UPDATE = 13
    RESUME = 14
    CONSOLE = 15
    BEAT = 16
    REWIND = 17
    DELETE = 18
    AMEND = 19
    NUMBER = 20


TABLES = {
    "damage": "length INTEGER, reason TEXT",
    "starts": "run TEXT, time INTEGER, kind TEXT, name TEXT, system TEXT, parent TEXT, "
    "config TEXT, process TEXT, command TEXT, about TEXT, lease REAL",
    "resumes": "run TEXT, time INTEGER, process TEXT, command TEXT, lease REAL",
    "beats": "run TEXT, time INTEGER",
    "updates": "run TEXT, time INTEGER, name TEXT, config TEXT, summary TEXT, about TEXT, "
    "metrics TEXT, removed TEXT",
    "finishes": "run TEXT, time INTEGER, status TEXT, error TEXT, exit_code INTEGER NULL",
    "captures": "run TEXT, time INTEGER, code TEXT, environment TEXT",
    "layouts": "run TEXT, time INTEGER, layout INTEGER, stream TEXT, names TEXT",
    "points": "layout INTEGER, part INTEGER NULL, places BLOB, points BLOB",
    "rows": "run TEXT, time INTEGER, step INTEGER, payload TEXT",
    "rewinds": "run TEXT, time INTEGER, step INTEGER",
    "console": "run TEXT, time INTEGER, stream TEXT, text TEXT",
    "events": "run TEXT, time INTEGER, kind TEXT, at INTEGER, payload TEXT",
    "findings": "position INTEGER, run TEXT, time INTEGER, at INTEGER, check_name TEXT, "
    "subject TEXT, verdict TEXT, summary TEXT, statistic REAL, threshold REAL, p_value REAL, "
    "effect REAL, evidence TEXT",
    "made": "run TEXT, time INTEGER, artifact TEXT, name TEXT, type TEXT, version INTEGER, "
    "files TEXT, metadata TEXT, description TEXT, ttl INTEGER NULL, refs TEXT, "
    "life INTEGER NULL",
    "deletions": "run TEXT, time INTEGER, artifact TEXT, name TEXT, version INTEGER, "
    "life INTEGER, reason TEXT",
    "amendments": "run TEXT, time INTEGER, artifact TEXT, description TEXT, metadata TEXT, "
    "ttl INTEGER NULL",
    "numbers": "run TEXT, time INTEGER, artifact TEXT, name TEXT, version INTEGER, turn INTEGER",
    "used": "run TEXT, time INTEGER, artifact TEXT",
    "moves": "run TEXT, time INTEGER, name TEXT, alias TEXT, artifact TEXT, move INTEGER",
}
"""Columns of each table after (log, offset)."""

COLUMN_TYPES = {
    table: [column.split(maxsplit=1)[1] for column in columns.split(", ")]
    for table, columns in TABLES.items()
}

FRAME_COLUMNS = {
    Kind.START: "starts kind name system parent config process command about? lease?",
    Kind.RESUME: "resumes process command lease?",
    Kind.BEAT: "beats",
    Kind.UPDATE: "updates name? config? summary? about? metrics? removed?",
    Kind.LAYOUT: "layouts layout stream names",
    Kind.ROW: "rows step payload",
    Kind.REWIND: "rewinds step",
    Kind.CONSOLE: "console stream text",
    Kind.EVENT: "events kind at payload",
    Kind.USE: "used artifact",
    Kind.MAKE: "made artifact name type version files metadata description? ttl? refs? life?",
    Kind.DELETE: "deletions artifact name version life reason",
    Kind.AMEND: "amendments artifact description? metadata? ttl?",
    Kind.NUMBER: "numbers artifact name version turn",
    Kind.ALIAS: "moves name alias artifact move",
    Kind.CAPTURE: "captures code environment",
    Kind.FINISH: "finishes status error exit_code?",
}
"""The table a frame's JSON goes to, and the keys that fill it after run and time.

A key with a question mark may be absent, and is NULL then: frames gain keys, never lose any.
"""

_INDEXED = {
    "starts": ("run", "parent"),
    "finishes": ("run",),
    "captures": ("run",),
    "resumes": ("run",),
    "beats": ("run, time",),
    "updates": ("run",),
    "layouts": ("run", "layout"),
    "points": ("layout, log, offset",),
    "rows": ("run, step",),
    "rewinds": ("run",),
    "console": ("run, time",),
    "events": ("run", "kind"),
    "findings": ("run",),
    "made": ("run", "artifact", "name, version, time, log, offset"),
    "used": ("run", "artifact"),
    "deletions": ("artifact",),
    "amendments": ("artifact",),
    "numbers": ("artifact", "name"),
    "moves": ("name, alias, move, time, log, offset",),
}

_VIEWS = """
CREATE VIEW holders AS
  SELECT r.* FROM resumes r WHERE NOT EXISTS (SELECT 1 FROM resumes q WHERE q.run = r.run
    AND (q.time, q.log, q.offset) > (r.time, r.log, r.offset));
CREATE VIEW endings AS
  SELECT f.* FROM finishes f LEFT JOIN holders h ON h.run = f.run
  WHERE (h.run IS NULL OR (f.time, f.log, f.offset) > (h.time, h.log, h.offset))
  AND NOT EXISTS (SELECT 1 FROM finishes g WHERE g.run = f.run
    AND (h.run IS NULL OR (g.time, g.log, g.offset) > (h.time, h.log, h.offset))
    AND (g.time, g.log, g.offset) < (f.time, f.log, f.offset));
CREATE VIEW runs AS
  SELECT s.run, s.time, s.kind, s.name, s.system, s.parent, s.config, s.about,
    coalesce(h.process, s.process) AS process, coalesce(h.command, s.command) AS command,
    CASE WHEN h.run IS NULL THEN s.lease ELSE h.lease END AS lease,
    (SELECT max(b.time) FROM beats b WHERE b.run = s.run) AS beat,
    coalesce(h.time, s.time) AS held, f.status, f.time AS finished, f.error, f.exit_code
  FROM starts s LEFT JOIN holders h ON h.run = s.run LEFT JOIN endings f ON f.run = s.run
  WHERE NOT EXISTS (SELECT 1 FROM starts t WHERE t.run = s.run
    AND (t.time, t.log, t.offset) < (s.time, s.log, s.offset));
CREATE VIEW numbered AS
  SELECT n.* FROM numbers n WHERE NOT EXISTS (SELECT 1 FROM numbers o
    WHERE o.artifact = n.artifact
    AND (o.turn, o.time, o.log, o.offset) > (n.turn, n.time, n.log, n.offset));
CREATE VIEW makings AS
  SELECT m.log, m.offset, m.run, m.time, m.artifact, m.name, m.type,
    coalesce(n.version, m.version) AS version, m.files, m.metadata, m.description, m.ttl, m.refs,
    m.life FROM made m LEFT JOIN numbered n ON n.artifact = m.artifact;
CREATE VIEW versions AS
  SELECT m.* FROM makings m WHERE NOT EXISTS (SELECT 1 FROM made e WHERE e.artifact = m.artifact
    AND (-coalesce(e.life, 0), e.time, e.log, e.offset)
      < (-coalesce(m.life, 0), m.time, m.log, m.offset))
  AND NOT EXISTS (SELECT 1 FROM deletions d WHERE d.artifact = m.artifact
    AND d.life >= coalesce(m.life, 0));
CREATE VIEW aliases AS
  SELECT a.* FROM moves a WHERE a.artifact IS NOT NULL AND NOT EXISTS (SELECT 1 FROM moves b
    WHERE b.name = a.name AND b.alias = a.alias
    AND (b.move, b.time, b.log, b.offset) > (a.move, a.time, a.log, a.offset));
"""


DERIVED = {
    "dirty": "run TEXT PRIMARY KEY",
    "marks": "run TEXT PRIMARY KEY, said TEXT",
    "series": "run TEXT, stream TEXT, name TEXT, count INTEGER, nans INTEGER, low REAL, high REAL, "
    "total REAL, first REAL, last REAL, first_step INTEGER, last_step INTEGER, last_time INTEGER, "
    "PRIMARY KEY (run, stream, name)",
    "spans": "layout INTEGER, log TEXT, offset INTEGER, low INTEGER, high INTEGER, "
    "PRIMARY KEY (layout, log, offset)",
    "pyramid": "run TEXT, stream TEXT, name TEXT, level INTEGER, part INTEGER, blocks BLOB, "
    "PRIMARY KEY (run, stream, name, level, part)",
    "folded": "run TEXT PRIMARY KEY, time INTEGER, kind TEXT, name TEXT, system TEXT, parent TEXT, "
    "config TEXT, about TEXT, summary TEXT, metrics TEXT, process TEXT, command TEXT, lease REAL, "
    "heard INTEGER, status TEXT, finished INTEGER, error TEXT, exit_code INTEGER, step INTEGER",
}
"""Tables that say again, ready for questions, what those of the frames say; see `_fold`.

``dirty`` holds the runs for which they are behind.
"""

_WIDE = {"points", "pyramid"}  # with values too large to stand in a tree of keys


def _schema() -> str:
    parts = [
        "CREATE TABLE logs (log TEXT PRIMARY KEY, consumed INTEGER, sealed INTEGER) WITHOUT ROWID;"
    ]
    for table, columns in TABLES.items():
        key = "log, offset, position" if table == "findings" else "log, offset"
        parts.append(
            f"CREATE TABLE {table} (log TEXT, offset INTEGER, {columns}, PRIMARY KEY ({key})) "
            f"{'' if table in _WIDE else 'WITHOUT ROWID'};"
        )
        parts += [
            f"CREATE INDEX {table}_{number} ON {table} ({columns});"
            for number, columns in enumerate(_INDEXED.get(table, ()))
        ]
    parts += [
        f"CREATE TABLE {table} ({columns}) {'' if table in _WIDE else 'WITHOUT ROWID'};"
        for table, columns in DERIVED.items()
    ]
    parts.append("CREATE INDEX folded_0 ON folded (time);")
    return "\n".join([*parts, _VIEWS])


SCHEMA = _schema()

_LAYOUT = struct.Struct("<q")


def layout_id(run: str, stream: str, names: Sequence[str]) -> int:
    """Return the 64 bits that stand for a run, a stream and the names of its points.

    They are drawn from what they stand for, so any log may use them: a layout that several
    processes announce is one layout.
    """
    text = json.dumps([run, stream, *names]).encode()
    return _LAYOUT.unpack(hashlib.blake2b(text, digest_size=8).digest())[0]  # type: ignore[no-any-return]


def point_struct(count: int) -> struct.Struct:
    """Return the form of a POINT frame's first point: layout, step, time, ``count`` values.

    A frame may hold more points after it, each step, time and values.
    """
    return struct.Struct(f"<qqq{count}d")
