"""The rows of the index that each frame of a log becomes."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from homeostat.core import Finding
from homeostat.record._artifact.reference import Reference
from homeostat.record._history.places import Gathering
from homeostat.record._identity import Process
from homeostat.record._index.tables import (
    COLUMN_TYPES,
    FRAME_COLUMNS,
    TABLES,
    Kind,
    layout_id,
    point_struct,
)
from homeostat.record._log.frame import FRAME_BYTES, Frame

if TYPE_CHECKING:
    from homeostat.record._log.bulk import Frames

__all__ = ["Rows"]

_LAYOUT = struct.Struct("<q")
_FOLDED = (
    "starts",
    "resumes",
    "beats",
    "updates",
    "finishes",
    "layouts",
    "rows",
    "rewinds",
    "console",
)
_POINTS_AT = FRAME_BYTES + _LAYOUT.size
_POINT_REMAINDER = FRAME_BYTES % 8


class Rows:
    """The rows of one stretch of one log, table by table.

    Args:
        log: Its name.
        part: Which part of a sealed log the stretch is.
        sealed: Layouts whose points that part holds, so that the rows need not.
    """

    def __init__(self, log: str, part: int | None = None, sealed: Collection[int] = ()) -> None:
        self._log = log
        self._part = part
        self._sealed = sealed
        self._tables: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
        self._points: dict[int, Gathering] = {}
        self.frames = 0

    def add(self, frame: Frame) -> None:
        """Add what a frame says; one that cannot be understood is noted as damage."""
        offset, kind, payload = frame
        self.frames += 1
        try:
            if kind == Kind.POINT:
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
        """Return all rows; the points of one layout are one row."""
        points: list[tuple[Any, ...]] = []
        for layout, held in self._points.items():
            places, values = held.packed()
            sealed = layout in self._sealed
            part, kept = (self._part, None) if sealed else (None, values)
            points.append((self._log, held.first, layout, part, places, kept))
        return self._tables | {"points": points}

    def runs(self) -> set[str]:
        """Return the runs of which the rows say something that is folded."""
        return {row[2] for table in _FOLDED for row in self._tables[table] if row[2]}

    def layouts(self) -> set[int]:
        """Return the layouts of the points."""
        return set(self._points)

    def add_frames(self, frames: Frames) -> None:
        """Add what many frames say."""
        import numpy as np  # noqa: PLC0415 - the writing side of a record does without

        from homeostat.record._log.bulk import distinct  # noqa: PLC0415 - as above

        is_point = (frames.kinds == Kind.POINT) & (frames.sizes % 8 == _POINT_REMAINDER)
        is_point &= frames.sizes >= FRAME_BYTES + point_struct(0).size
        self.frames += int(is_point.sum())
        pieces: dict[int, list[tuple[Any, Any]]] = {}
        for group, matrix in frames.groups(np.flatnonzero(is_point)):
            ids = np.ascontiguousarray(matrix[:, FRAME_BYTES:_POINTS_AT]).view("<i8")[:, 0]
            for layout in distinct(ids):
                mine = ids == layout
                pieces.setdefault(layout, []).append((group[mine], matrix[mine, _POINTS_AT:]))
        for layout, found in pieces.items():
            held = self._points.setdefault(layout, Gathering())
            if len(found) == 1:
                [(group, matrix)] = found
                offsets = frames.at[group] + frames.base
                held.add_many(offsets, matrix.shape[1], matrix.tobytes())
                continue
            rows = [
                (int(number), row)
                for group, matrix in found
                for number, row in zip(group, matrix, strict=True)
            ]
            for number, row in sorted(rows, key=lambda one: one[0]):
                held.add(int(frames.at[number]) + frames.base, row.tobytes())
        for number in np.flatnonzero(~is_point).tolist():
            self.add(frames.frame(number))

    def _add_points(self, offset: int, payload: bytes) -> None:
        if len(payload) % 8 or len(payload) < point_struct(0).size:
            raise ValueError("A point is a layout, a step, a time and values of 8 bytes.")
        layout = _LAYOUT.unpack_from(payload)[0]
        self._points.setdefault(layout, Gathering()).add(offset, payload[_LAYOUT.size :])


def _rows(kind: int, data: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the rows, as (table, columns after log and offset), of a frame that holds JSON."""
    when = (data["run"], data["time"])
    if kind == Kind.FINDINGS:
        return [
            ("findings", (position, *when, data["at"], *_judgement(Finding.from_json(found))))
            for position, found in enumerate(data["findings"])
        ]
    if kind in {Kind.START, Kind.RESUME}:
        Process(**data["process"])  # raises if readers could not tell whether it lives
    if kind == Kind.LAYOUT:
        names = data["names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("Points have names.")
        data["layout"] = layout_id(data["run"], data["stream"], names)
    if kind == Kind.MAKE:
        data["files"] = {
            file: {"sha256": str(part["sha256"]), "size": int(part["size"])}
            for file, part in data["files"].items()
        }
        for one in (data.get("refs") or {}).values():
            Reference.from_json(one)  # raises if it could not be read back
    table, *columns = FRAME_COLUMNS[Kind(kind)].split()
    rows = [(table, (*when, *(_value(_read(data, column)) for column in columns)))]
    if kind == Kind.ALIAS:  # a move is an event too
        what = {"artifact": data["name"], "version": data["version"], "alias": data["alias"]}
        rows.append(("events", (*when, "alias", data["time"], _text(what))))
    return rows


def _read(data: dict[str, Any], column: str) -> Any:  # noqa: ANN401 - any JSON
    return data.get(column[:-1]) if column.endswith("?") else data[column]


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
    for value, type_ in zip(row, COLUMN_TYPES[table], strict=True):
        if type_.startswith("INTEGER"):
            nullable = type_.endswith("NULL")
            whole = type(value) is int and -(2**63) <= value < 2**63
            fits = whole or (nullable and value is None)
        elif type_ == "TEXT":
            fits = value is None or isinstance(value, str)
        else:
            fits = value is None or isinstance(value, (int, float))
        if not fits:
            raise TypeError(f"{value!r} is no {type_}.")
        if isinstance(value, str):
            value.encode()  # half of a surrogate pair is no text for SQL
    return row
