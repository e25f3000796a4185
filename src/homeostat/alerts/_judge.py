"""From findings to alerts: pending, firing, resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isinf
from typing import TYPE_CHECKING, Any

from homeostat.alerts._alert import Alert
from homeostat.alerts._rule import Rule, score_of
from homeostat.alerts._turn import Turn
from homeostat.alerts._words import span
from homeostat.core import Finding, InputError, Json, Verdict, duration, finding

if TYPE_CHECKING:
    from homeostat.monitor import Alarm

__all__ = ["Heard", "as_findings", "expire", "judge"]

Heard = dict[tuple[str, str], datetime]

_FALLBACK = Rule("gone", finding(verdict=["fail", "warn"]))  # of an alert whose rule is no more
_DAY = timedelta(days=1)


def as_findings(told: Iterable[Finding | Alarm]) -> list[Finding]:
    """Return alarms as the findings that they say; findings as they are.

    A page fails, a note warns and an alarm that was closed is ok, whatever its last window's own
    verdict: the alarm's evidence spans windows.
    """
    return [one if isinstance(one, Finding) else _of_alarm(one) for one in told]


def _of_alarm(alarm: Alarm) -> Finding:
    from homeostat.monitor import Alarm  # noqa: PLC0415 - who has an alarm has loaded it

    if not isinstance(alarm, Alarm):
        raise InputError(f"Alerts are made of findings and alarms, got {alarm!r}.")
    verdict = Verdict.FAIL if alarm.severity == "page" else Verdict.WARN
    facts: dict[str, Json] = {
        "subjects": list(alarm.subjects),
        "symptoms": list(alarm.symptoms),
        "since": alarm.since.isoformat(),
    }
    return replace(
        alarm.finding,
        check=alarm.check,
        subject=alarm.subjects[0],
        verdict=Verdict.OK if alarm.change == "closed" else verdict,
        summary=alarm.summary,
        evidence={**alarm.finding.evidence, **facts},
    )


def judge(
    turn: Turn,
    rules: Sequence[Rule],
    findings: Iterable[Finding],
    heard: Heard,
    *,
    run: str,
    system: str,
) -> None:
    """Take findings: open, fire, keep up and resolve alerts.

    Args:
        turn: Where changes go.
        rules: In order of precedence.
        findings: What was found; of several on the same check and subject the last counts.
        heard: When each check last said something on a subject; brought up to date.
        run: The run that recorded the findings.
        system: The system they are about.
    """
    known = {rule.name: rule for rule in rules}
    last = {(found.check, found.subject): found for found in findings}
    for key, found in last.items():
        number = turn.book.open.get(key)
        if number is None:
            rule = _first(rules, found)
            if rule is not None:
                _open(turn, rule, found, {"run": run, "system": system})
                heard[key] = turn.at
            continue
        heard[key] = turn.at
        _go_on(turn, turn.book.alerts[number], found, rules, known)


def _first(rules: Sequence[Rule], found: Finding) -> Rule | None:
    return next((rule for rule in rules if rule.bad(found, firing=False)), None)


def _facts(rule: Rule, found: Finding) -> dict[str, Any]:
    subjects = found.evidence.get("subjects")
    listed = isinstance(subjects, Sequence) and not isinstance(subjects, str) and subjects
    score = score_of(found, rule.band)
    return {
        "rule": rule.name,
        "severity": rule.severity,
        "owner": rule.owner,
        "runbook": rule.runbook,
        "labels": dict(rule.labels),
        "subjects": [str(one) for one in subjects] if listed else [found.subject],  # type: ignore[union-attr]
        "finding": found,
        "score": None if isinf(score) else score,
    }


def _open(turn: Turn, rule: Rule, found: Finding, of: Mapping[str, str]) -> None:
    number = max(turn.book.alerts, default=0) + 1
    turn.alert(
        number,
        f"Found: {found.summary}",
        **_facts(rule, found),
        state="pending",
        check=found.check,
        subject=found.subject,
        since=_since(found) or turn.at,
        opened=turn.at,
        **of,
    )
    if duration(rule.hold_for) == timedelta():
        _fire(turn, turn.book.alerts[number])


def _since(found: Finding) -> datetime | None:
    """Return since when a finding says that it is so; None where it does not."""
    try:
        since = datetime.fromisoformat(str(found.evidence.get("since")))
    except ValueError:
        return None
    return since.astimezone(UTC) if since.tzinfo else None


def _fire(turn: Turn, alert: Alert) -> None:
    alike = (
        one
        for one in turn.book.alerts.values()
        if (one.check, one.subject) == (alert.check, alert.subject)
        and one.fired is not None
        and turn.at - one.fired <= _DAY
    )
    words = "Fires." if turn.at == alert.opened else f"Fires, after {span(turn.at - alert.opened)}."
    turn.alert(alert.number, words, state="firing", fired=turn.at, flaps=sum(1 for _ in alike))


def _go_on(
    turn: Turn, alert: Alert, found: Finding, rules: Sequence[Rule], known: Mapping[str, Rule]
) -> None:
    rule, first = known.get(alert.rule, _FALLBACK), _first(rules, found)
    if first is not None and first.severity == "page" and alert.severity == "note":
        alert = turn.alert(
            alert.number, f"Worse, by rule {first.name}: {found.summary}", **_facts(first, found)
        )
        rule = first
    bad = rule.bad(found, firing=alert.state == "firing")
    if bad:
        _still(turn, alert, found, rule)
    elif bad is not None:
        _well(turn, alert, found, rule)


def _still(turn: Turn, alert: Alert, found: Finding, rule: Rule) -> None:
    before = alert.finding
    if alert.clearing is not None:
        turn.alert(alert.number, f"Back: {found.summary}", clearing=None, finding=found)
    elif found.verdict is not before.verdict or _facts(rule, found)["subjects"] != list(
        alert.subjects
    ):
        facts = _facts(rule, found)
        changed = {name: facts[name] for name in ("finding", "subjects")}
        turn.alert(alert.number, f"Now: {found.summary}", **changed)
    if alert.state == "pending" and turn.at - alert.opened >= duration(rule.hold_for):
        turn.alert(alert.number, finding=found)
        _fire(turn, turn.book.alerts[alert.number])


def _well(turn: Turn, alert: Alert, found: Finding, rule: Rule) -> None:
    if alert.state == "pending":
        _resolve(turn, alert, f"it went before it fired: {found.summary}")
    elif duration(rule.keep_firing_for) == timedelta():
        _resolve(turn, alert, found.summary)
    elif alert.clearing is None:
        words = f"Well, and kept up for {span(duration(rule.keep_firing_for))}: {found.summary}"
        turn.alert(alert.number, words, clearing=turn.at)


def _resolve(turn: Turn, alert: Alert, why: str) -> None:
    over = {"state": "resolved", "resolved": turn.at, "ending": why}
    turn.alert(alert.number, f"Over: {why}", **over, clearing=None, muted="")


def expire(turn: Turn, rules: Mapping[str, Rule], heard: Heard) -> None:
    """End the alerts that have been well for long enough, or of which nothing was heard."""
    for number in sorted(turn.book.open.values()):
        alert = turn.book.alerts[number]
        rule = rules.get(alert.rule, _FALLBACK)
        silent = turn.at - heard.setdefault((alert.check, alert.subject), turn.at)
        if alert.clearing is not None and turn.at - alert.clearing >= duration(
            rule.keep_firing_for
        ):
            _resolve(turn, alert, f"it has been well for {span(turn.at - alert.clearing)}.")
        elif silent >= duration(rule.stale_after):
            why = f"nothing was heard of it for {span(silent)}, so it is stale"
            _resolve(turn, alert, f"{why}: that it is well is not known.")
