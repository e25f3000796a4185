"""What the alerts say of themselves: how often each rule is right, and whether messages arrive."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from homeostat.alerts._alert import Alert
from homeostat.alerts._book import Book
from homeostat.alerts._words import span
from homeostat.core import Finding, Verdict

__all__ = ["delivery", "exposition", "precision"]

_FEWEST = 5  # judgements from which on a rule is judged


def precision(book: Book, target: float) -> list[Finding]:
    """Return how often each rule's alerts were useful, as people said."""
    latest = {number: useful for _, number, useful, _, _ in sorted(book.verdicts)}
    rules: dict[str, list[Alert]] = {}
    for alert in book.alerts.values():
        if alert.fired is not None:
            rules.setdefault(alert.rule, []).append(alert)
    return [
        _precision(
            rule, len(fired), [latest[a.number] for a in fired if a.number in latest], target
        )
        for rule, fired in sorted(rules.items())
    ]


def _precision(rule: str, fired: int, judged: list[bool], target: float) -> Finding:
    from homeostat.stats import wilson  # noqa: PLC0415 - SciPy, where somebody asks

    useful, n = sum(judged), len(judged)
    interval = wilson(useful, n)
    verdict, advice = Verdict.OK, ""
    if n < _FEWEST:
        verdict, advice = Verdict.UNKNOWN, f" Fewer than {_FEWEST} were judged."
    elif interval.high < target:
        verdict = Verdict.WARN
        advice = " Raise its threshold, make it wait longer (hold_for), or drop it."
    low, high = 100 * interval.low, 100 * interval.high
    return Finding(
        check="alert.precision",
        subject=rule,
        verdict=verdict,
        summary=f"{useful} of {n} judged alerts of rule {rule} were useful "
        f"({low:.0f} to {high:.0f} %, at 95 %); {fired} fired.{advice}",
        statistic=useful / n if n else None,
        threshold=target,
        evidence={"useful": useful, "n": n, "fired": fired, "low": interval.low,
                  "high": interval.high, "level": interval.level},
    )  # fmt: skip


def delivery(book: Book, channels: Iterable[str], now: datetime, late: timedelta) -> list[Finding]:
    """Return whether the messages of each channel arrive."""
    known = dict.fromkeys(channels)
    names = dict.fromkeys([*channels, *(one.channel for one in book.outbox.values())])
    return [_delivery(book, name, now, late, known=not known or name in known) for name in names]


def _delivery(book: Book, name: str, now: datetime, late: timedelta, *, known: bool) -> Finding:
    waiting = [one for _, one in book.waiting() if one.channel == name]
    sent = [one.sent for one in book.outbox.values() if one.channel == name and one.sent]
    oldest = min((datetime.fromisoformat(one.body["at"]) for one in waiting), default=now)
    age, errors = max(now - oldest, timedelta()), [one.error for one in waiting if one.error]
    if not waiting:
        verdict = Verdict.OK if sent else Verdict.UNKNOWN
        words = f"Channel {name} took all of its {len(sent)} messages."
        words = words if sent else f"Channel {name} was never used: send it a test."
    else:
        verdict = Verdict.FAIL if age > late else Verdict.WARN
        many = "1 message waits" if len(waiting) == 1 else f"{len(waiting)} messages wait"
        words = f"{many} for channel {name}, the oldest for {span(age)}."
        words += f" {errors[0]}" if errors else ""
        words += "" if known else " No channel of that name is configured here."
    return Finding(
        check="alert.delivery",
        subject=name,
        verdict=verdict,
        summary=words,
        statistic=float(len(waiting)),
        threshold=0.0,
        evidence={"waiting": len(waiting), "sent": len(sent), "age_s": age.total_seconds(),
                  "attempts": max((one.attempts for one in waiting), default=0)},
    )  # fmt: skip


def exposition(book: Book, system: str) -> str:
    """Return the alerts as Prometheus text (version 0.0.4), as Prometheus writes its own ALERTS."""
    lines = [
        "# HELP homeostat_alerts Alerts that are pending or firing.",
        "# TYPE homeostat_alerts gauge",
    ]
    for number in sorted(book.open.values()):
        alert = book.alerts[number]
        labels = {
            "alertname": alert.rule, "alertstate": alert.state, "check": alert.check,
            "subject": alert.subject, "severity": alert.rank, "system": system,
        }  # fmt: skip
        shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
        lines.append(f"homeostat_alerts{{{shown}}} 1")
    waiting = len(book.waiting())
    label = f'{{system="{_escaped(system)}"}}'
    lines += [
        "# HELP homeostat_alert_messages_waiting Messages that no channel took yet.",
        "# TYPE homeostat_alert_messages_waiting gauge",
        f"homeostat_alert_messages_waiting{label} {waiting}",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
