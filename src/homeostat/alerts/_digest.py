"""Digest: what happened since the last one, in one message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from homeostat.alerts._alert import Alert

__all__ = ["digest_text"]

_MOST = 30


def digest_text(
    alerts: Sequence[Alert],
    *,
    system: str,
    since: datetime,
    now: datetime,
    base_url: str,
) -> tuple[str, str]:
    """Return title and text of a digest.

    Args:
        alerts: What it is about.
        system: The system they are about.
        since: When the last digest was.
        now: When this one is.
        base_url: Where the pages are.
    """
    new = [alert for alert in alerts if alert.fired is not None and alert.fired >= since]
    over = [alert for alert in alerts if not alert.open]
    going = [alert for alert in alerts if alert.open and alert not in new]
    fresh = [alert for alert in new if alert.open]
    head = f"[DIGEST] {system}: " if system else "[DIGEST] "
    title = f"{head}{len(fresh)} new, {len(going)} going on, {len(over)} over"
    parts = [f"From {since:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC."]
    for name, some in (("New", fresh), ("Going on", going), ("Over", over)):
        lines = [_line(alert) for alert in some[:_MOST]]
        lines += [f"- and {len(some) - _MOST} more"] if len(some) > _MOST else []
        parts += ["\n".join([f"{name}:", *lines])] if lines else []
    return title, "\n\n".join([*parts, f"All of them: {base_url.rstrip('/')}/alerts"])


def _line(alert: Alert) -> str:
    facts = []
    if alert.held_back:
        facts.append("a page that was held back")
    if alert.muted:
        facts.append(f"muted by {alert.muted}")
    if alert.owner:
        facts.append(f"owner {alert.owner}")
    about = f" ({'; '.join(facts)})" if facts else ""
    return f"- {alert.number}: {alert.summary}{about}"
