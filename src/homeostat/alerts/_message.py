"""Message: what a channel is given to send, once for each thing that a person should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

from homeostat.alerts._alert import Alert, to_plain
from homeostat.alerts._rule import Rule
from homeostat.alerts._template import Template
from homeostat.core import Json

__all__ = ["Message", "facts_of", "worded"]

Kind = Literal["firing", "resolved", "repeated", "escalated", "digest", "test"]
_MOST = 20  # alerts that are written out in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to one channel.

    Args:
        id: The same each time that it is tried: the key by which a receiver drops a second copy.
        kind: ``"firing"``, ``"resolved"``, ``"repeated"``, ``"escalated"``, ``"digest"`` or
            ``"test"``.
        severity: Of the worst alert in it.
        title: One line.
        text: All of it, as Markdown that reads well as plain text.
        at: When it was written.
        group: The group of alerts that it is about.
        alerts: The facts of each alert in it, as JSON.
    """

    id: str
    kind: Kind
    severity: str
    title: str
    text: str
    at: datetime
    group: str = ""
    alerts: tuple[Mapping[str, Json], ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the message as a plain JSON object."""
        return {one.name: to_plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a message; keys that are not known are ignored."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        known["at"] = datetime.fromisoformat(known["at"])
        known["alerts"] = tuple(known.get("alerts", ()))
        return cls(**known)


def facts_of(alert: Alert, base_url: str, now: datetime) -> dict[str, str]:
    """Return the facts of an alert as texts, by the names that a template uses."""
    found, base = alert.finding, base_url.rstrip("/")
    asked = {"run": alert.run, "check": alert.check, "subject": found.subject}
    facts = {
        "alert": f"{alert.check} on {alert.subject}",
        "check": alert.check,
        "effect": _number(found.effect),
        "findings": f"{base}/findings?{urlencode({k: v for k, v in asked.items() if v})}",
        "fired": _moment(alert.fired),
        "labels": ", ".join(f"{key} {value}" for key, value in alert.labels.items()),
        "link": f"{base}/alerts/{alert.number}{_of(alert.system)}",
        "number": str(alert.number),
        "owner": alert.owner,
        "p-value": _number(found.p_value),
        "rule": alert.rule,
        "runbook": alert.runbook,
        "service-name": alert.system,
        "severity": alert.rank,
        "since": _moment(alert.since),
        "statistic": _number(found.statistic),
        "status": alert.state,
        "subject": ", ".join(alert.subjects),
        "summary": alert.summary,
        "system": alert.system,
        "threshold": _number(found.threshold),
        "timestamp": _moment(now),
        "verdict": found.verdict.value,
    }
    facts |= {f"labels.{key}": str(value) for key, value in alert.labels.items()}
    return facts | {
        f"evidence.{key}": _number(value) if isinstance(value, float) else str(value)
        for key, value in found.evidence.items()
    }


def worded(
    kind: Kind,
    alerts: Sequence[Alert],
    *,
    rules: Mapping[str, Rule],
    base_url: str,
    now: datetime,
    symptoms: Mapping[int, Sequence[str]],
) -> tuple[str, str, tuple[Mapping[str, Json], ...]]:
    """Return title, text and facts of a message about alerts, the first one the worst.

    Args:
        kind: What the message is.
        alerts: What it is about; at least one.
        rules: Rules by name: their templates.
        base_url: Where the pages are.
        now: When it is written.
        symptoms: What each alert mutes, by its number.
    """
    known = [facts_of(alert, base_url, now) for alert in alerts]
    lead = _template(rules, alerts[0]).title
    word = {"firing": alerts[0].rank, "escalated": "nobody answered", "repeated": "still"}
    head = word.get(kind, kind).upper()
    title = f"[{head}] {alerts[0].system}: " if alerts[0].system else f"[{head}] "
    title += " ".join(Template(lead).filled(known[0]).split())
    title += f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    parts = [
        _part(kind, alert, facts, _template(rules, alert), symptoms.get(alert.number, ()))
        for alert, facts in zip(alerts[:_MOST], known, strict=False)
    ]
    if len(alerts) > _MOST:
        parts.append(f"... and {len(alerts) - _MOST} more, all in the facts of this message.")
    told = tuple(
        alert.to_json() | {"history": [], "link": facts["link"], "findings": facts["findings"]}
        for alert, facts in zip(alerts, known, strict=True)
    )
    return title, "\n\n".join(parts), told


def _part(
    kind: Kind, alert: Alert, facts: Mapping[str, str], rule: Rule, symptoms: Sequence[str]
) -> str:
    lines = [Template(rule.text).filled(facts)]
    if kind == "resolved":
        lines = [f"{facts['alert']} is over: {alert.ending}", f"It said: {lines[0]}"]
    lines.append(f"Since {facts['since']}, fired {facts['fired'] or 'not'}.")
    numbers = [
        f"{name} {facts[name]}"
        for name in ("statistic", "threshold", "effect", "p-value")
        if facts[name]
    ]
    lines += [f"Numbers: {', '.join(numbers)}."] if numbers else []
    lines += [f"It explains: {', '.join(symptoms)}."] if symptoms else []
    if alert.flaps and kind != "resolved":
        lines.append(f"It flaps: {alert.flaps} like it fired in the day before.")
    lines += [f"Owner: {alert.owner}"] if alert.owner else []
    lines += [f"Runbook: {alert.runbook}"] if alert.runbook else []
    lines += [f"Findings: {facts['findings']}", f"Alert {alert.number}: {facts['link']}"]
    return "\n".join(lines)


def _template(rules: Mapping[str, Rule], alert: Alert) -> Rule:
    return rules.get(alert.rule) or next(iter(rules.values()))


def _of(system: str) -> str:
    return f"?{urlencode({'system': system}, quote_via=quote)}" if system else ""


def _number(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
