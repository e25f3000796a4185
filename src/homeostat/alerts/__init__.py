"""Alert: from alarms and findings to messages with state, sent until they arrive."""

from __future__ import annotations

from homeostat.alerts._alert import Alert, Happened
from homeostat.alerts._alertmanager import Alertmanager, alertmanager_json
from homeostat.alerts._apprise import Apprise
from homeostat.alerts._book import Queued
from homeostat.alerts._cap import Candidate, Cap
from homeostat.alerts._channel import (
    Channel,
    DeliveryError,
    File,
    Stdout,
    channel_of,
    channels_of_environment,
)
from homeostat.alerts._engine import Alerts
from homeostat.alerts._message import Message
from homeostat.alerts._mute import DEFAULT_INHIBITIONS, Inhibition, Silence
from homeostat.alerts._route import Escalation, Route, default_routes
from homeostat.alerts._rule import DEFAULT_RULES, Band, Rule
from homeostat.alerts._sender import Delivery
from homeostat.alerts._template import Template
from homeostat.alerts._webhook import Webhook

__all__ = [
    "DEFAULT_INHIBITIONS",
    "DEFAULT_RULES",
    "Alert",
    "Alertmanager",
    "Alerts",
    "Apprise",
    "Band",
    "Candidate",
    "Cap",
    "Channel",
    "Delivery",
    "DeliveryError",
    "Escalation",
    "File",
    "Happened",
    "Inhibition",
    "Message",
    "Queued",
    "Route",
    "Rule",
    "Silence",
    "Stdout",
    "Template",
    "Webhook",
    "alertmanager_json",
    "channel_of",
    "channels_of_environment",
    "default_routes",
]
