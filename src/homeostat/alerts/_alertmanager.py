"""Alertmanager: alerts as Prometheus posts them, for who has routing and silences there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from homeostat.alerts._http import Place, post
from homeostat.alerts._message import Message
from homeostat.core import Json, duration

__all__ = ["Alertmanager", "alertmanager_json"]

_NAME = re.compile(r"[^a-zA-Z0-9_]")


class Alertmanager:
    """Posts alerts to the v2 API of a Prometheus Alertmanager.

    An alert is known there by its labels (name, check, subject, system, severity and its own), so
    the same one posted again is no second one. Alertmanager takes an alert that is not posted again
    for over: while one fires it is posted each `resend` with an ``endsAt`` four times as far away,
    as Prometheus does, and one that is resolved is posted with its end.

    Args:
        url: Where it is, such as ``"http://127.0.0.1:9093"``.
        resend: How often what fires is posted again.
        headers: More headers, such as an authorization.
        timeout_s: How long to wait for it.
    """

    def __init__(
        self,
        url: str,
        *,
        resend: str | timedelta = timedelta(minutes=1),
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._place = Place.of(f"{url.rstrip('/')}/api/v2/alerts")
        self.resend = duration(resend)
        self._headers = {"Content-Type": "application/json", "User-Agent": "homeostat"}
        self._headers |= dict(headers or {})
        self._timeout_s = timeout_s

    def send(self, message: Message) -> None:
        """Post the alerts of a message."""
        self.post(message.alerts, message.at)

    def post(self, alerts: Iterable[Mapping[str, Any]], now: datetime) -> None:
        """Post alerts; nothing where there are none."""
        body = alertmanager_json(alerts, until=now + 4 * self.resend)
        if body:
            post(self._place, orjson.dumps(body), self._headers, self._timeout_s)

    def __repr__(self) -> str:
        return f"Alertmanager({self._place})"


def alertmanager_json(
    alerts: Iterable[Mapping[str, Any]], *, until: datetime
) -> list[dict[str, Json]]:
    """Return alerts as the body of ``POST /api/v2/alerts``.

    Args:
        alerts: As `Alert.to_json` gives them.
        until: Until when one that fires is to be taken for firing.

    Example:
        >>> from datetime import UTC
        >>> alertmanager_json([], until=datetime(2026, 1, 1, tzinfo=UTC))
        []
    """
    return [_plain(alert, until) for alert in alerts]


def _plain(alert: Mapping[str, Any], until: datetime) -> dict[str, Json]:
    labels = {
        **alert["labels"],
        "alertname": alert["rule"],
        "check": alert["check"],
        "subject": alert["subject"],
        "system": alert["system"],
        "severity": alert["severity"],
    }
    annotations = {
        "summary": alert["summary"],
        "owner": alert["owner"],
        "runbook_url": alert["runbook"],
        "findings": alert.get("findings", ""),
        "subjects": ", ".join(alert["subjects"]),
    }
    ends = alert["resolved"] if alert["state"] == "resolved" else until.isoformat()
    return {
        "labels": {_name(key): str(value) for key, value in labels.items() if str(value)},
        "annotations": {key: str(value) for key, value in annotations.items() if value},
        "startsAt": alert["fired"] or alert["opened"],
        "endsAt": ends,
        "generatorURL": alert.get("link", ""),
    }


def _name(key: str) -> str:
    """Return a label's name as Prometheus takes it: letters, digits and underscores."""
    name = _NAME.sub("_", key)
    return f"_{name}" if name[:1].isdigit() else name
