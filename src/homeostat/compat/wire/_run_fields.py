"""The fields of a run that filters and orders name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._values import instant_text, shown, value_at

__all__ = ["run_field"]

_FIELDS: Mapping[str, Callable[[WireRun], Any]] = {
    "name": lambda run: run.name,
    "displayname": lambda run: run.display_name,
    "state": lambda run: run.state,
    "createdat": lambda run: instant_text(run.facts["created"]),
    "heartbeatat": lambda run: instant_text(run.heartbeat),
    "duration": lambda run: run.heartbeat - run.facts["created"],
    "username": lambda run: run.facts["user"],
    "user": lambda run: run.facts["user"],
    "tags": lambda run: run.about.get("tags") or [],
    "notes": lambda run: run.about.get("notes"),
    "description": lambda run: run.about.get("description") or run.about.get("notes"),
    "group": lambda run: run.about.get("group"),
    "groupname": lambda run: run.about.get("group"),
    "jobtype": lambda run: run.about.get("job_type"),
    "sweep": lambda run: run.about.get("sweep"),
    "sweepname": lambda run: run.about.get("sweep"),
    "host": lambda run: run.about.get("host"),
    "commit": lambda run: run.about.get("commit"),
}


def run_field(run: WireRun, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a field of a run: ``config.lr``, ``summary_metrics.auc``, ``state``, ``tags``, ...

    Words may be joined by underscores or by capitals; ``.value`` after a config's key is fine.
    """
    first, _, rest = name.partition(".")
    match first.replace("_", "").lower():
        case "config":
            found = value_at(run.config, rest)
            return value_at(run.config, rest.removesuffix(".value")) if found is None else found
        case "summary" | "summarymetrics":
            return shown(value_at(run.summary, rest))
        case plain:
            read = _FIELDS.get(plain)
            return read and read(run)
