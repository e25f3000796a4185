"""A run, as clients see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.compat.wire import _history
from homeostat.compat.wire._console import log_lines
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._files import FileView, files_of, wanted
from homeostat.compat.wire._names import number_of, to_global
from homeostat.compat.wire._page import page
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._upsert import wire_config
from homeostat.compat.wire._values import dumps, instant_text, object_of, shown

__all__ = ["RunView"]


class RunView:
    """A run with the fields of the schema's type ``Run``; each method is a field."""

    typename = "Run"

    def __init__(self, ask: Ask, run: WireRun) -> None:
        self._ask, self._run = ask, run
        about = run.about
        self.id = to_global("Run", run.entity, run.project, run.name)
        self.name = run.name
        self.display_name = run.display_name
        self.description = about.get("description") or about.get("notes")
        self.notes = about.get("notes")
        self.tags = about.get("tags") or []
        self.state = run.state
        self.group = self.group_name = about.get("group")
        self.job_type = about.get("job_type")
        self.commit, self.host = about.get("commit"), about.get("host")
        self.repo, self.program = about.get("repo"), about.get("program")
        self.read_only = False
        self.created_at = instant_text(run.facts["created"])
        self.heartbeat_at = self.updated_at = instant_text(run.heartbeat)
        self.finished_at = self.stopped_at = instant_text(run.finished)
        self.history_line_count = run.lines("history")
        self.events_line_count = run.lines("events")
        self.log_line_count = run.lines("output")
        self.stopped = self.should_stop = bool(about.get("stopped"))
        self.running = self.state == "running"
        self.failed = self.state in {"failed", "crashed"}
        self.exitcode = run.exit_code
        self.sweep_name = about.get("sweep")
        self.project_id = number_of(run.entity, run.project)

    def config(self) -> str:
        """Return the config, each value wrapped."""
        return dumps(wire_config(self._run.config, self._run.about.get("wandb_config") or {}))

    def wandb_config(self, keys: Sequence[str] | None = None) -> str:
        """Return what the client notes in the config."""
        noted = self._run.about.get("wandb_config") or {}
        return dumps(noted if keys is None else {key: noted[key] for key in keys if key in noted})

    def summary_metrics(self, keys: Sequence[str] | None = None) -> str:
        """Return the summary."""
        told = self._run.summary
        return dumps(told if keys is None else {key: told[key] for key in keys if key in told})

    def system_metrics(self) -> str:
        """Return the last row of the system metrics."""
        return self._run.tails.get("events") or dumps((_history.events(self._run) or [{}])[-1])

    def history_keys(self) -> Mapping[str, Any] | None:
        """Return the names in the history."""
        return _history.keys_of(self._run) if self._run.lines("history") else None

    def history_tail(self) -> str:
        """Return the last row of the history, as a list of JSON texts."""
        return self._tail("history", _history.history)

    def events_tail(self) -> str:
        """Return the last row of the system metrics, as a list of JSON texts."""
        return self._tail("events", _history.events)

    def history(
        self, min_step: int | None = None, max_step: int | None = None, samples: int | None = None
    ) -> list[str]:
        """Return rows of the history, as JSON texts."""
        rows = _history.between(_history.history(self._run), min_step, max_step)
        return [dumps(row) for row in _history.thinned(rows, samples)]

    def events(self, samples: int | None = None) -> list[str]:
        """Return rows of the system metrics, as JSON texts."""
        return [dumps(row) for row in _history.thinned(_history.events(self._run), samples)]

    def sampled_history(self, specs: Sequence[str]) -> list[Any]:
        """Return for each spec the rows that have all its keys."""
        rows = _history.history(self._run)
        return [shown(list(_history.sampled(rows, spec))) for spec in specs]

    def parquet_history(self, **_: object) -> dict[str, Any]:
        """Say that nothing is exported: every step is to be asked for by `history`."""
        rows = _history.history(self._run)
        return {"parquet_urls": [], "live_data": [{"_step": rows[0]["_step"]}] if rows else []}

    def log_lines(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        """Return what it printed."""
        return log_lines(self._run, **asked)

    def project(self) -> Any:  # noqa: ANN401 - a view
        """Return its project."""
        return self._ask.show("project", self._run.entity, self._run.project)

    def user(self) -> dict[str, Any]:
        """Return who ran it."""
        name = self._run.facts["user"]
        return {"id": to_global("User", name), "name": name, "username": name}

    def run_info(self) -> dict[str, Any] | None:
        """Return what the client found of the machine and the code."""
        facts = files_of(self._run).get("wandb-metadata.json")
        if facts is None:
            return None
        found = object_of(self._run.record.read(facts["sha256"]).decode())
        names = {"cpuCount": "cpu_count", "gpuCount": "gpu_count", "codePath": "code_saved"}
        info = {names.get(key, key): value for key, value in found.items()}
        return {**info, "code_saved": "codePath" in found, "cpu_count": found.get("cpu_count")}

    def file_count(self) -> int:
        """Return how many files it has."""
        return len(files_of(self._run))

    def files(
        self,
        names: Sequence[str | None] | None = None,
        pattern: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> dict[str, Any]:
        """Return files by name, or by a pattern with `*` or `%`."""
        found = list(wanted(self._run, names, pattern))
        view = lambda one: FileView(self._ask, self._run, *one)  # noqa: E731 - used once
        return page(found, view, first=first, after=after, upload_headers=[])

    def output_artifacts(self, **paging: Any) -> Any:  # noqa: ANN401 - first, after
        """Return the artifacts it made."""
        return self._ask.show("artifacts", self._run, "made", paging)

    def input_artifacts(self, **paging: Any) -> Any:  # noqa: ANN401 - first, after
        """Return the artifacts it used."""
        return self._ask.show("artifacts", self._run, "used", paging)

    def sweep(self) -> Any:  # noqa: ANN401 - a view
        """Return the sweep it is part of."""
        if self.sweep_name is None:
            return None
        return self.project().sweep(self.sweep_name)

    def _tail(self, stream: str, read: Any) -> str:  # noqa: ANN401 - a function
        line = self._run.tails.get(stream)
        if line is None:
            rows = read(self._run) if self._run.lines(stream) else []
            line = dumps(rows[-1]) if rows else None
        return json.dumps([] if line is None else [line])
