"""Sweeps and agents, as clients see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]  # it comes without types

from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._filter import ordered, passing
from homeostat.compat.wire._history import history
from homeostat.compat.wire._names import to_global
from homeostat.compat.wire._page import page
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._run_fields import run_field
from homeostat.compat.wire._run_view import RunView
from homeostat.compat.wire._suggest import Trial, expected
from homeostat.compat.wire._values import instant_text, number
from homeostat.core import InputError

__all__ = ["SweepView", "by_name", "config_of", "of_project", "paged", "runs_of", "trials_of"]

_SILENT_S = 60.0


def of_project(ask: Ask, entity: str, project: str) -> list[str]:
    """Return the keys of a project's sweeps, the newest first."""
    found = [
        key
        for key, one in ask.door.shelf.items("sweeps")
        if (one["entity"], one["project"]) == (entity, project)
    ]
    return found[::-1]


def by_name(ask: Ask, entity: str, project: str, name: str) -> SweepView | None:
    """Return a sweep by its short name."""
    key = f"{entity}/{project}/{name}"
    return None if ask.door.shelf.get("sweeps", key) is None else SweepView(ask, key)


def paged(
    ask: Ask, keys: Sequence[str], filters: str | None, order: str | None, **paging: Any  # noqa: ANN401 - first, after
) -> dict[str, Any]:  # fmt: skip
    """Return sweeps that pass a filter, in order."""
    views = [SweepView(ask, key) for key in keys]
    found = ordered(passing(views, filters, _field), order or "", _field)
    return page(found, lambda one: one, **paging)


def config_of(ask: Ask, key: str) -> dict[str, Any]:
    """Return what a sweep tries."""
    found = yaml.safe_load((ask.door.shelf.get("sweeps", key) or {}).get("config") or "{}")
    return found if isinstance(found, dict) else {}


def runs_of(ask: Ask, key: str) -> list[WireRun]:
    """Return the runs of a sweep, the oldest first; those it was told to learn from included."""
    facts = ask.door.shelf.get("sweeps", key) or {}
    every = list(ask.door.runs(facts["entity"], facts["project"]))
    own = [run for run in every if run.about.get("sweep") == facts["name"]]
    if not facts.get("prior"):
        return own
    return [run for run in passing(every, facts["prior"], run_field) if run not in own] + own


def trials_of(
    runs: Sequence[WireRun], config: Mapping[str, Any], *, curves: bool = False
) -> list[Trial]:
    """Return runs as what strategies look at."""
    metric = config.get("metric") or {}
    sign = -1.0 if metric.get("goal") == "maximize" else 1.0
    name = str(metric.get("name") or "")
    trials = []
    for run in runs:
        loss = number(run_field(run, f"summary_metrics.{name}")) if name else None
        curve = [float(row[name]) * sign for row in history(run) if name in row] if curves else []
        trials.append(Trial(run.config, run.state, None if loss is None else loss * sign, curve))
    return trials


class SweepView:
    """The fields of the schema's type ``Sweep``."""

    typename = "Sweep"

    def __init__(self, ask: Ask, key: str) -> None:
        self._ask, self.key = ask, key
        facts = ask.door.shelf.get("sweeps", key) or {}
        self.facts = facts
        self.id = to_global("Sweep", *key.split("/"))
        self.name, self.state, self.config = facts["name"], facts["state"], facts.get("config")
        said = config_of(ask, key)
        self._said = said
        self.display_name = facts.get("display") or said.get("name")
        self.description = facts.get("description") or said.get("description")
        self.method = said.get("method")
        self.created_at = instant_text(facts["created"])
        self.updated_at = instant_text(facts.get("updated", facts["created"]))
        self.heartbeat_at = self.updated_at
        self.controller, self.scheduler = facts.get("controller"), facts.get("scheduler")
        self.early_stop_job_running = bool(said.get("early_terminate"))

    def run_count(self) -> int:
        """Return how many runs it has."""
        return len(self._runs())

    def run_count_expected(self) -> int | None:
        """Return how many runs it will have."""
        try:
            return expected(self._said)
        except InputError:
            return None

    def best_loss(self) -> float | None:
        """Return the best result of its metric, as logged."""
        sign = -1.0 if (self._said.get("metric") or {}).get("goal") == "maximize" else 1.0
        known = [t.loss for t in trials_of(self._runs(), self._said) if t.loss is not None]
        return min(known) * sign if known else None

    def project(self) -> Any:  # noqa: ANN401 - a view
        """Return the project it is in."""
        return self._ask.show("project", self.facts["entity"], self.facts["project"])

    def runs(
        self, filters: str | None = None, order: str | None = None, *, first: int | None = None,
        after: str | None = None, **_: object,
    ) -> dict[str, Any]:  # fmt: skip
        """Return its runs, the oldest first."""
        return self._paged(self._runs(), filters, order, first, after)

    def prior_runs(self) -> dict[str, Any]:
        """Return the runs it was told to learn from."""
        own = self._runs()
        return self._paged([run for run in runs_of(self._ask, self.key) if run not in own])

    def agent(self, agent_name: str) -> dict[str, Any] | None:
        """Return one of its agents."""
        found = self._ask.door.shelf.get("agents", agent_name)
        return self._agent(agent_name) if found and found["sweep"] == self.key else None

    def agents(self) -> dict[str, Any]:
        """Return its agents."""
        mine = [k for k, one in self._ask.door.shelf.items("agents") if one["sweep"] == self.key]
        return {"edges": [{"node": self._agent(key)} for key in mine]}

    def _runs(self) -> list[WireRun]:
        name = self.name
        return [run for run in runs_of(self._ask, self.key) if run.about.get("sweep") == name]

    def _agent(self, key: str) -> dict[str, Any]:
        door = self._ask.door
        facts = door.shelf.get("agents", key) or {}
        heard = door.beats[key] if key in door.beats else float(facts["created"])
        mine = [run for run in self._runs() if run.about.get("agent") == key]
        return {
            "id": to_global("Agent", key),
            "name": key,
            "host": facts.get("host"),
            "state": "RUNNING" if door.now() - heard < _SILENT_S else "FINISHED",
            "total_runs": len(mine),
            "created_at": instant_text(facts["created"]),
            "heartbeat_at": instant_text(heard),
            "runs": lambda first=None, after=None, order=None, **_: self._paged(
                mine, None, order, first, after
            ),
        }

    def _paged(
        self, runs: list[WireRun], filters: str | None = None, order: str | None = None,
        first: int | None = None, after: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        found = ordered(passing(runs, filters, run_field), order or "", run_field)
        return page(found, lambda run: RunView(self._ask, run), first=first, after=after)


def _field(one: SweepView, name: str) -> Any:  # noqa: ANN401 - any JSON
    plain = name.replace("_", "").lower()
    views = {"createdat": "created", "updatedat": "updated"}
    if plain in {"name", "state", "method", "description"}:
        return getattr(one, plain)
    if plain == "displayname":
        return one.display_name
    return one.facts.get(views.get(plain, plain))
