"""The records of W&B's transaction log, as Python values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from homeostat.compat.importers._wire import (
    WireError,
    blob,
    fields,
    number,
    signed,
    text,
    zigzag,
)

__all__ = [
    "Message",
    "about_run",
    "all_told",
    "definition",
    "entries",
    "environment",
    "integer",
    "message",
    "one",
    "record",
    "stamp",
    "steps",
    "told",
]

Message = dict[int, list[int | bytes]]
_KINDS = {
    2: "history",
    3: "summary",
    4: "output",
    5: "config",
    7: "stats",
    8: "artifact",
    10: "alert",
    12: "metric",
    13: "output",
    17: "run",
    18: "exit",
    25: "use",
    26: "environment",
}
_NO_RECORD = {1, 6, 9, 11, 16, 19, 20, 21, 22, 23, 24, 27, 100, 200}  # nothing of a run's story
_SUMMARIES = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 7: "copy", 8: "first"}
_VALUES: Mapping[int, Callable[[int | bytes], object]] = {
    4: lambda raw: bool(signed(raw)),
    5: zigzag,
    6: number,
    7: text,
    8: lambda raw: json.loads(text(raw)),
    16: lambda raw: json.loads(text(raw)),
}
"""How a value is read: as JSON text, or in one of the typed fields of newer history items."""

_GOALS = {1: "minimize", 2: "maximize"}
_PLACES = {1: "os", 2: "python", 6: "program", 11: "root", 12: "host", 14: "executable"}


def record(data: bytes) -> tuple[str, bytes]:
    """Return the kind and the body of a record; an empty kind if it says nothing of the run."""
    for field, value in fields(data):
        if field in _KINDS:
            return _KINDS[field], blob(value)
        if field not in _NO_RECORD:
            raise WireError(f"it is of a kind that is not known here ({field})")
    return "", b""


def message(data: bytes) -> Message:
    """Return the values of a message by field number."""
    found: Message = {}
    for field, value in fields(data):
        found.setdefault(field, []).append(value)
    return found


def one(body: Message, field: int) -> Message | None:
    """Return an embedded message; None if it is not there."""
    return message(blob(body[field][-1])) if field in body else None


def told(body: Message, field: int) -> str:
    """Return a text, empty if it is not there."""
    return text(body[field][-1]) if field in body else ""


def all_told(body: Message, field: int) -> list[str]:
    """Return a repeated text."""
    return [text(value) for value in body.get(field, ())]


def integer(body: Message, field: int) -> int:
    """Return an integer, 0 if it is not there."""
    return signed(body[field][-1]) if field in body else 0


def stamp(body: Message) -> int:
    """Return a google.protobuf.Timestamp in nanoseconds since 1970."""
    return integer(body, 1) * 10**9 + integer(body, 2)


def entries(body: Message | None, field: int) -> dict[str, object]:
    """Return key and value of items; nested keys make nested objects."""
    found: dict[str, object] = {}
    for raw in (body or {}).get(field, ()):
        item = message(blob(raw))
        *above, name = all_told(item, 2) or [told(item, 1)]
        place = found
        for step in above:
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):
                inner = place[step] = {}
            place = inner
        place[name] = _value(item)
    return found


def _value(item: Message) -> object:
    for field, read in _VALUES.items():
        if field in item:
            try:
                return read(item[field][-1])
            except json.JSONDecodeError as error:
                raise WireError("a value is no JSON") from error
    return None


def steps(body: Message) -> int | None:
    """Return the step of a history record; None if it has none."""
    step = one(body, 2)
    return None if step is None else integer(step, 1)


def about_run(body: Message) -> dict[str, object]:
    """Return what a run record says of the run beside its settings."""
    found: dict[str, object] = {
        "entity": told(body, 2),
        "group": told(body, 6),
        "job_type": told(body, 7),
        "notes": told(body, 9),
        "tags": all_told(body, 10),
        "sweep": told(body, 12),
        "host": told(body, 13),
    }
    git = one(body, 21)
    if git is not None:
        found["git"] = {"remote": told(git, 1), "commit": told(git, 2)}
    return {name: value for name, value in found.items() if value}


def environment(body: Message) -> dict[str, object]:
    """Return what an environment record says; it comes in parts."""
    found: dict[str, object] = {name: told(body, field) for field, name in _PLACES.items()}
    found["args"] = all_told(body, 5)
    git = one(body, 9)
    if git is not None:
        found["git"] = {"remote": told(git, 1), "commit": told(git, 2)}
    return {name: value for name, value in found.items() if value}


def definition(body: Message) -> tuple[str, Mapping[str, object]]:
    """Return the name or pattern of a metric, and its definition."""
    found: dict[str, object] = {}
    if told(body, 4):
        found["step_metric"] = told(body, 4)
    options, summary = one(body, 6) or {}, one(body, 7) or {}
    if integer(options, 2):
        found["hidden"] = True
    wanted = [name for field, name in _SUMMARIES.items() if integer(summary, field)]
    if wanted:
        found["summary"] = wanted
    if integer(body, 8) in _GOALS:
        found["goal"] = _GOALS[integer(body, 8)]
    return told(body, 1) or told(body, 2), found
