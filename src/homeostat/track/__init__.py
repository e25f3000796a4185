"""Tracking: five lines that record any training script, with W&B's verbs, on our own record.

import homeostat as hs

hs.init(project="flights", config={"lr": 0.1})
hs.log({"loss": 0.5})
hs.finish()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.track._artifact import Artifact
from homeostat.track._ask import history, runs
from homeostat.track._config import Config, ConfigError
from homeostat.track._machine import Machine
from homeostat.track._metric import Metric
from homeostat.track._run import Run
from homeostat.track._seed import seed
from homeostat.track._session import (
    alert,
    attach,
    current,
    define_metric,
    finish,
    init,
    log,
    log_artifact,
    log_code,
    save,
    unwatch,
    use_artifact,
    watch,
)
from homeostat.track._settings import Settings
from homeostat.track._summary import Summary

if TYPE_CHECKING:
    run: Run | None
    config: Config
    summary: Summary

__all__ = [
    "Artifact",
    "Config",
    "ConfigError",
    "Machine",
    "Metric",
    "Run",
    "Settings",
    "Summary",
    "alert",
    "attach",
    "config",
    "current",
    "define_metric",
    "finish",
    "history",
    "init",
    "log",
    "log_artifact",
    "log_code",
    "run",
    "runs",
    "save",
    "seed",
    "summary",
    "unwatch",
    "use_artifact",
    "watch",
]


def __getattr__(name: str) -> object:
    """Return the run of this process, its config or its summary, as they are now."""
    from homeostat.track import _session  # noqa: PLC0415 - asked each time

    if name == "run":
        run = _session._run  # noqa: SLF001 - of this very room
        return None if run is None or run.ended else run
    if name in {"config", "summary"}:
        return getattr(_session.current(name), name)
    raise AttributeError(f"module 'homeostat.track' has no attribute {name!r}")
