"""The hparams plugin's data: a session's settings, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from homeostat.compat.importers._values import unix_ns
from homeostat.compat.importers._wire import blob, fields, number, signed, text

__all__ = ["Session", "session"]

_START, _END = 3, 4
_FAILURE = 2


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of a session."""

    config: Mapping[str, object] = field(default_factory=dict)
    failed: bool = False
    ended_ns: int = 0


def session(data: bytes, known: Session) -> Session:
    """Return what is known with one more HParamsPluginData."""
    for number_, value in fields(data):
        if number_ == _START:
            known = replace(known, config={**known.config, **_settings(blob(value))})
        elif number_ == _END:
            ended = dict(fields(blob(value)))
            at = number(ended[2]) if 2 in ended else 0.0
            failed = signed(ended.get(1, 0)) == _FAILURE
            known = replace(known, failed=failed, ended_ns=unix_ns(at))
    return known


def _settings(data: bytes) -> dict[str, object]:
    found = {}
    for number_, entry in fields(data):
        if number_ == 1:
            pair = dict(fields(blob(entry)))
            found[text(pair.get(1, b""))] = _value(blob(pair.get(2, b"")))
    return found


def _value(data: bytes) -> object:
    """Return a google.protobuf.Value."""
    for number_, value in fields(data):
        match number_:
            case 2:
                return number(value)
            case 3:
                return text(value)
            case 4:
                return bool(signed(value))
            case 5:
                return _settings(blob(value))
            case 6:
                return [_value(blob(inner)) for kind, inner in fields(blob(value)) if kind == 1]
    return None
