"""Promise: a service's SLA, looked at while it lives, its budgets kept over restarts."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from homeostat.core import Clock, Finding, RealClock
from homeostat.observe import Observed, Sla, SlaWatch
from homeostat.record import Run
from homeostat.serve._server._counters import REQUEST

__all__ = ["Promise", "service_folder"]

_EVERY_S = 15.0
_logger = logging.getLogger("homeostat.serve")


def service_folder(record: Path, name: str | Sequence[str] | None) -> Path:
    """Return where the processes that serve a model, or several, keep what they share."""
    if isinstance(name, str):
        return record / "serving" / "one" / quote(name, safe=" ")
    return record / "serving" / "many"


class Promise:
    """Looks at an SLA by version, arm and endpoint, all processes of the service together.

    Budgets are spent over a month, so they outlive the process: they are in a file, and so are
    the latest findings, which any process of the service can tell.

    Args:
        folder: See `service_folder`.
        seen: Returns what was counted.
        promised: The SLA; None promises nothing.
        clock: Where the time comes from.
    """

    def __init__(
        self,
        folder: Path,
        seen: Callable[[], Observed],
        promised: Sla | None,
        *,
        clock: Clock,
    ) -> None:
        self._file = folder / "sla.json"
        self._run: Run | None = None
        self._last = RealClock.steady_s()
        self._watch: SlaWatch | None = None
        if promised is not None:
            self._watch = SlaWatch(
                REQUEST,
                promised,
                by=("version", "arm", "endpoint"),
                source=seen,
                clock=clock,
                tell=self._tell,
            )
            self._restore(self._watch)

    def look(self, run: Run | None, *, now: bool = False) -> None:
        """Judge, if it is time; findings whose verdict changed go to the run."""
        at = RealClock.steady_s()
        if self._watch is None or (at - self._last < _EVERY_S and not now):
            return
        self._last, self._run = at, run
        findings = self._watch.look()
        kept = {"budgets": self._watch.to_json(), "findings": [one.to_json() for one in findings]}
        new = self._file.with_suffix(".new")
        with suppress(OSError):  # a full disk must not end a service
            new.write_text(json.dumps(kept), encoding="utf-8")
            new.replace(self._file)

    def close(self, run: Run | None) -> None:
        """Judge once more."""
        if run is not None:
            self.look(run, now=True)

    def findings(self) -> Sequence[Mapping[str, object]]:
        """Return the latest findings, whichever process of the service has judged."""
        try:
            found: Sequence[Mapping[str, object]] = json.loads(self._file.read_bytes())["findings"]
        except (OSError, ValueError, KeyError):
            return []
        return found

    def _restore(self, watch: SlaWatch) -> None:
        with suppress(FileNotFoundError):
            try:
                watch.restore(json.loads(self._file.read_bytes())["budgets"])
            except (ValueError, KeyError, TypeError) as error:
                _logger.warning("%s is damaged, so budgets begin anew: %s.", self._file, error)

    def _tell(self, finding: Finding) -> None:
        _logger.warning("%s", finding.summary)
        if self._run is not None:
            self._run.find(finding)
