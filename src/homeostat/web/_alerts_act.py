"""What people do about alerts on their pages: take them on, silence them, judge them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from glob import escape
from types import MappingProxyType

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homeostat.alerts import Alert, Alerts
from homeostat.core import InputError, NotFoundError, duration, suggest
from homeostat.record import Record
from homeostat.web._forms import Forms, posted, refused, remember, signed_by

__all__ = ["LENGTHS", "act", "patterns_of", "scopes"]

LENGTHS = MappingProxyType(
    {
        "30m": "half an hour", "1h": "an hour", "2h": "two hours", "8h": "eight hours",
        "1d": "a day", "3d": "three days", "1w": "a week",
    }
)  # fmt: skip
"""How long a silence may be, as the form offers it."""
_MOST_NOTE, _A_MINUTE = 1000, timedelta(minutes=1)

Fields = Mapping[str, list[str]]


def act(
    record: Record, forms: Forms, again: Callable[[Request], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that takes the forms of a page of alerts, and leads back to it.

    Args:
        record: Where the alerts are.
        forms: Says which forms are taken.
        again: Shows the page once more, to a request that says what was wrong with its form.
    """

    async def endpoint(request: Request) -> Response:
        fields = await posted(request)
        visitor = forms.checked(request, fields)
        try:
            by = signed_by(visitor, fields)
            await run_in_threadpool(_do, record, fields, by)
        except (InputError, NotFoundError) as error:
            reply = await run_in_threadpool(again, refused(request, str(error), fields))
            reply.status_code = 400
            return reply
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        reply = RedirectResponse(here, 303)
        if not visitor.known:
            remember(reply, request, by)
        return reply

    return endpoint


def _do(record: Record, fields: Fields, by: str) -> None:
    """Do what a form asks for.

    Raises:
        InputError: If it asks for nothing that can be done; then nothing is.
        NotFoundError: If there is no such alert or silence.
    """
    deed, _, of = _one(fields, "do").partition(" ")
    note = " ".join(_one(fields, "note").split())
    if deed not in {*_DEEDS, "end"}:
        raise InputError(f"`do` cannot be {deed!r}.{suggest(deed, [*_DEEDS, 'end'])}")
    if len(note) > _MOST_NOTE:
        raise InputError(f"A note has at most {_MOST_NOTE:,} characters, got {len(note):,}.")
    engine = Alerts(record=record, system=_one(fields, "system"))
    if deed == "end":
        engine.end_silence(of, by=by)
    else:
        _DEEDS[deed](_Told(engine, by, note, fields, _alerts(engine, fields)))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a form says, read."""

    engine: Alerts
    by: str
    note: str
    fields: Fields
    alerts: list[Alert]


def _acknowledge(told: _Told) -> None:
    for alert in told.alerts:
        if not alert.open:
            raise InputError(f"Alert {alert.number} is over: there is nothing left to take on.")
    for alert in told.alerts:
        if alert.acknowledged_by != told.by or told.note:
            told.engine.acknowledge(alert.number, by=told.by, note=told.note)


def _silence(told: _Told) -> None:
    length, scope = duration(_one(told.fields, "for")), _one(told.fields, "scope")
    if not told.note:
        raise InputError("Say why: a silence hides what is wrong from others, who see your reason.")
    wanted = {patterns_of(alert, scope) for alert in told.alerts}
    ends = told.engine.now + length - _A_MINUTE
    there = {(one.rule, one.check, one.subject) for one in told.engine.silences if one.ends >= ends}
    for rule, check, subject in sorted(wanted - there):  # a button pressed twice silences once
        told.engine.silence(
            by=told.by, length=length, comment=told.note, rule=rule, check=check, subject=subject
        )


def _useful(told: _Told) -> None:
    _judge(told, useful=True)


def _not_useful(told: _Told) -> None:
    _judge(told, useful=False)


def _judge(told: _Told, *, useful: bool) -> None:
    for alert in told.alerts:
        if alert.useful is not useful or told.note:
            told.engine.feedback(alert.number, useful=useful, by=told.by, note=told.note)


_DEEDS: Mapping[str, Callable[[_Told], None]] = {
    "acknowledge": _acknowledge,
    "silence": _silence,
    "useful": _useful,
    "not-useful": _not_useful,
}


def scopes(alert: Alert) -> dict[str, str]:
    """Return what a silence of an alert may cover, in words, the narrowest first.

    A silence has one pattern of subjects, which all that an alert is about must match: of an alert
    of several subjects no silence covers just those.
    """
    every = {
        "check": f"{alert.check} on anything",
        "rule": f"every alert of rule {alert.rule}",
    }
    one = {"this": f"only {alert.check} on {alert.subject}"}
    return (one if len(alert.subjects) == 1 else {}) | every


def patterns_of(alert: Alert, scope: str = "this") -> tuple[str, str, str]:
    """Return a silence's patterns of rule, check and subject: names, whatever signs are in them.

    Raises:
        InputError: If there is no such scope.
    """
    known = scopes(alert)
    if scope == "this" and scope not in known:
        scope = "check"
    if scope not in known:
        raise InputError(f"`scope` cannot be {scope!r}.{suggest(scope, known)}")
    if scope == "rule":
        return escape(alert.rule), "*", "*"
    return "*", escape(alert.check), escape(alert.subject) if scope == "this" else "*"


def _alerts(engine: Alerts, fields: Fields) -> list[Alert]:
    numbers: Iterable[str] = dict.fromkeys(fields.get("alert", []))
    found = []
    for text in numbers:
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise InputError(f"An alert has a number, got {text[:40]!r}.")
        found.append(engine.alert(int(text)))
    if not found:
        raise InputError("Tick the alerts that this is about.")
    return found


def _one(fields: Fields, name: str) -> str:
    return (fields.get(name) or [""])[0]
