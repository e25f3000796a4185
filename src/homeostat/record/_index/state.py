"""What a run says of itself now: its start, and every update since, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from homeostat.core import Json
from homeostat.record._identity import Process

__all__ = ["State", "status_of"]


@dataclass(slots=True)
class State:
    """The part of a run that updates change.

    Args:
        name: What people call it.
        config: What it was told.
        about: Facts about it: group, job type, tags, notes.
        summary: What was said of its results, above what its points say.
        metrics: What to make of metrics, by name or pattern.
        removed: Keys of the summary that were taken away.
    """

    name: str
    config: dict[str, Json]
    about: dict[str, Json]
    summary: dict[str, Json] = field(default_factory=dict)
    metrics: dict[str, Json] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def apply(self, update: Sequence[str | None]) -> None:
        """Take in one row of the updates, in their order."""
        name, config, summary, about, metrics, removed = update
        self.name = name or self.name
        for part, said in (
            (self.config, config),
            (self.summary, summary),
            (self.about, about),
            (self.metrics, metrics),
        ):
            part.update(json.loads(said) if said else {})
        self.removed -= json.loads(summary).keys() if summary else set()
        for part, keys in (json.loads(removed) if removed else {}).items():
            for key in keys:
                getattr(self, part).pop(key, None)
            self.removed |= set(keys) if part == "summary" else set()

    def definition(self, metric: str) -> Mapping[str, Any]:
        """Return what was said of a metric: by its name, or else by the last pattern it fits."""
        if metric in self.metrics:
            return _object(self.metrics[metric])
        fitting = [said for name, said in self.metrics.items() if fnmatchcase(metric, name)]
        return _object(fitting[-1]) if fitting else {}


def _object(said: Json) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}


def status_of(
    status: str | None,
    process: str,
    *,
    lease_s: float | None,
    alive_ns: int,
    now_ns: int,
    dead: dict[str, bool],
) -> str:
    """Return the status a run has as of now.

    Args:
        status: How it ended; None if it did not.
        process: Who holds it, JSON.
        lease_s: How long it may be silent; None where its process can be looked at instead.
        alive_ns: When it was last heard of.
        now_ns: What the clock says.
        dead: What is known of processes by now; each is looked at once.
    """
    if status is not None:
        return status
    if lease_s is not None:
        return "crashed" if now_ns - alive_ns > lease_s * 1e9 else "running"
    if process not in dead:
        dead[process] = Process(**json.loads(process)).is_dead()
    return "crashed" if dead[process] else "running"
