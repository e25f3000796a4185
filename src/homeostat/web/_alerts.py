"""The list of alerts, and the page of one with its history."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from homeostat.alerts import Alert, Alerts, Silence
from homeostat.core import Finding
from homeostat.web._alerts_act import LENGTHS, patterns_of, scopes
from homeostat.web._lists import Pager, cut
from homeostat.web._page import Ask, Table, View, missing

__all__ = ["alert", "alerts"]

_STATES = ("open", "firing", "pending", "resolved", "all")
_COLUMNS = (
    "number", "state", "severity", "rule", "check", "subject", "summary", "since", "fired",
    "resolved", "owner", "acknowledged_by", "muted", "held_back", "useful",
)  # fmt: skip


def alerts(ask: Ask) -> View:
    """List the alerts of a system, what is open first, and whether their messages arrive."""
    book, system = _book(ask)
    everything = book.all
    state = ask.choice("state", _STATES)
    severity = ask.get("severity")
    chosen = [
        one
        for one in reversed(everything)
        if _matches(one, state) and severity in {None, one.severity}
    ]
    shown, pager = _cut(ask, chosen)
    health = book.health()
    silences = _current(book)
    data = {
        "total": len(everything),
        "of": system,
        "alerts": [_row(one) for one in shown],
        "silences": silences,
        "delivery": [one.to_json() for one in health],
        "precision": [one.to_json() for one in book.precision()],
    }
    drawing = {
        "pager": pager, "state": state, "states": _STATES, "severity": severity,
        "counts": {name: sum(_matches(one, name) for one in everything) for name in _STATES},
        "form": _form(ask, system),
    }  # fmt: skip
    rows = [_cells(one) for one in chosen]
    tables = [Table("alerts", _COLUMNS, rows), _findings("delivery", health)]
    tables.append(_findings("precision", book.precision()))
    return View("alerts.html", "Alerts", data, tables, drawing)


def alert(ask: Ask) -> View:
    """Show one alert: what it says, what became of it, what to do."""
    book, system = _book(ask)
    text = ask.names["number"]
    known = {str(one.number): one for one in book.all}
    if text not in known:
        return missing("alert", text, known, lambda n: ask.link.query(f"/alerts/{n}"))
    found = known[text]
    data = {
        "alert": _row(found),
        "finding": found.finding.to_json(),
        "history": [{"at": at, "words": words} for at, words in found.history],
        "silences": [asdict(one) for one in _current(book) if one.covers(found, book.now)],
    }
    drawing = {
        "form": _form(ask, system),
        "scopes": scopes(found),
        "finding_id": _finding_id(ask, found),
        "commands": _commands(found, str(ask.record.path), system) if found.open else [],
        "numbers": [
            (name, value)
            for name in ("statistic", "threshold", "p_value", "effect")
            if (value := getattr(found.finding, name)) is not None
        ],
    }
    table = Table("history", ("at", "words"), found.history)
    return View("alert.html", f"{found.check} on {found.subject}", data, [table], drawing)


def _book(ask: Ask) -> tuple[Alerts, str]:
    """Return the alerts of the system that is asked for, or of the first that has any."""
    having = ask.record.runs(kind="alerts")["system"].unique(maintain_order=True).to_list()
    system = ask.system or ""
    if not ask.get("system") and system not in having and having:
        system = having[0]
    return Alerts(record=ask.record, system=system), system


def _current(book: Alerts) -> list[Silence]:
    return [one for one in book.silences if one.starts <= book.now < one.ends]


def _form(ask: Ask, system: str) -> dict[str, object]:
    """Return what the forms of these pages are written with."""
    return {
        "visitor": ask.visitor,
        "back": ask.here(),
        "system": system,
        "lengths": LENGTHS,
    }


def _matches(one: Alert, state: str) -> bool:
    return state in {"all", one.state} or (state == "open" and one.open)


def _row(one: Alert) -> dict[str, object]:
    """Return what the page says of an alert."""
    tones = {"resolved": "ok", "pending": "unknown"}
    tone = tones.get(one.state, "fail" if one.rank == "page" else "warn")
    return {**one.to_json(), "tone": tone, "history": len(one.history)}


def _cells(one: Alert) -> list[object]:
    row = _row(one)
    return [row[name] for name in _COLUMNS]


def _cut(ask: Ask, chosen: Sequence[Alert]) -> tuple[list[Alert], Pager]:
    places, pager = cut(ask, pl.DataFrame({"place": range(len(chosen))}))
    return [chosen[place] for place in places["place"]], pager


def _findings(name: str, found: Sequence[Finding]) -> Table:
    rows = [(one.subject, one.verdict.value, one.statistic, one.summary) for one in found]
    return Table(name, ("subject", "verdict", "statistic", "summary"), rows)


def _finding_id(ask: Ask, one: Alert) -> str | None:
    """Return the id of the very finding that an alert shows; None where no run recorded it."""
    if not one.run:
        return None
    frame = ask.record.findings(run=one.run, check=one.check)
    same = (pl.col("subject") == one.finding.subject) & (pl.col("summary") == one.summary)
    ids = frame.filter(same)["id"]
    return str(ids[-1]) if len(ids) else None


def _commands(one: Alert, path: str, system: str) -> list[tuple[str, str]]:
    """Return what a person can do about an alert, as commands."""
    where = f"--record {shlex.quote(path)}" + (f" --system {shlex.quote(system)}" if system else "")
    _, check, subject = patterns_of(one)
    what = f"--check {shlex.quote(check)} --subject {shlex.quote(subject)}"
    return [
        ("Take it on", f"homeostat alerts ack {one.number} --by YOU {where}"),
        ("Silence it for two hours", f"homeostat alerts silence {what} --for 2h --by YOU {where}"),
    ]
