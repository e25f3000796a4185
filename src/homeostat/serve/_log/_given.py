"""Given: an outcome as a client tells it, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from homeostat.serve._http._message import Refused, shown
from homeostat.serve._log._frames import OUTCOME
from homeostat.serve._log._outcomes import Outcome
from homeostat.serve._log._prediction_log import PredictionLog

__all__ = ["Given", "checked"]

_MOST = 200  # characters of an id, a key, a name
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KNOWN = ("id", "key", "on", "outcome", "name", "at", "event")


@dataclass(frozen=True, slots=True)
class Given:
    """An outcome.

    Args:
        outcome: 0 or 1, a number, or a label.
        id: Of its prediction: a log's name and a number in it; "" where it is named by a field.
        epoch: The log's name.
        number: The number in it; -1 where the id can be none.
        on: The field that names the prediction otherwise.
        key: What that field holds.
        name: Of the outcome, where predictions have several.
        more: What else the log keeps: the name, when it happened, its event.
    """

    outcome: Outcome
    id: str = ""
    epoch: str = ""
    number: int = -1
    on: str = ""
    key: str = ""
    name: str = OUTCOME
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def named(self) -> dict[str, str]:
        """How it names its prediction."""
        return {"id": self.id} if self.id else {"on": self.on, "key": self.key}


def checked(given: Any, row: int, log: PredictionLog) -> Given:  # noqa: ANN401 - whatever the client sent
    """Return what was given; raise Refused where it is no outcome of what the log's model answers.

    Args:
        given: ``{"id", "outcome"}``, or ``{"key", "on", "outcome"}``; with ``name``, ``at`` and
            ``event`` where wanted.
        row: Its place among several.
        log: Says what the model answers, and what is hidden.
    """
    where = f" of item {row}" if row else ""
    if not isinstance(given, dict) or not ("id" in given or "key" in given):
        raise Refused(422, f"Feedback{where} is an object with `id` (or `key`) and `outcome`.")
    if unknown := next((name for name in given if name not in _KNOWN), None):
        raise Refused(422, f"Feedback{where} has {', '.join(_KNOWN)}; got `{unknown}`.")
    outcome = _outcome(given.get("outcome"), given.get("name"), where, log)
    name = _text(given, "name", where, OUTCOME)
    more: dict[str, Any] = {} if name == OUTCOME else {"m": name}
    if given.get("at") is not None:
        more["o"] = _microseconds(given["at"], where)
    if given.get("event") is not None:
        more["ev"] = _text(given, "event", where)
    if "id" not in given:
        on, key = _text(given, "on", where, "key"), given["key"]
        key = str(key) if isinstance(key, int) and not isinstance(key, bool) else key
        if on in log.hidden:
            raise Refused(422, f"`{on}`{where} is not kept on the log, so nothing is joined on it.")
        return Given(outcome, on=on, key=_text({"key": key}, "key", where), name=name, more=more)
    id_ = _text(given, "id", where)
    epoch, _, text = id_.rpartition("-")
    number = int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else -1
    return Given(outcome, id_, epoch, number, name=name, more=more)


def _outcome(given: object, name: object, where: str, log: PredictionLog) -> Outcome:
    """Return an outcome that the model could have predicted; one with a name of its own is free."""
    kind = log.answers if name in {None, OUTCOME} else ""
    is_number = isinstance(given, (bool, int, float)) and isfinite(given)
    if kind == "probability":
        if is_number and given in {0, 1}:
            return int(given)
        must = "0, 1, false or true"
    elif kind == "classes":
        if isinstance(given, str) and given in log.labels:
            return given
        must = f"one of the labels {', '.join(log.labels[:20])}"
    elif is_number:
        return float(given)  # type: ignore[arg-type]  # just told
    elif kind == "" and isinstance(given, str) and len(given) <= _MOST:
        return given
    else:
        must = "a finite number" if kind == "value" else "a finite number or a short text"
    raise Refused(422, f"`outcome`{where} is {must}, got {shown(given)}.")


def _text(given: dict[str, Any], name: str, where: str, usual: str | None = None) -> str:
    value = given.get(name, usual)
    if value is None and usual is not None:
        return usual
    if not isinstance(value, str) or not 0 < len(value) <= _MOST:
        what = "a prediction's id" if name == "id" else f"a text of 1 to {_MOST} characters"
        raise Refused(422, f"`{name}`{where} is {what}, got {shown(value)}.")
    return value


def _microseconds(given: object, where: str) -> int:
    """Read an instant: ISO 8601 with its offset, or microseconds since 1970."""
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 1 << 53:
        return given
    try:
        at = datetime.fromisoformat(given)  # type: ignore[arg-type]  # else it raises
        if at.tzinfo is not None:
            return (at - _EPOCH) // timedelta(microseconds=1)
    except (TypeError, ValueError):
        pass
    raise Refused(
        422,
        f"`at`{where} is a time with its offset, such as 2024-01-01T12:00:00Z, or microseconds "
        f"since 1970, got {shown(given)}.",
    )
