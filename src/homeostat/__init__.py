"""Homeostat: the whole life of a machine-learning model in production, as one loop over one record.

Names load when first used, so that ``import homeostat`` is quick and pulls in nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat import (
        adapt,
        alerts,
        core,
        data,
        detect,
        evaluate,
        expect,
        experiment,
        features,
        importance,
        leakage,
        media,
        monitor,
        observe,
        record,
        reproduce,
        sample,
        serve,
        split,
        stats,
        sync,
        track,
        train,
    )
    from homeostat.core import Finding, RealClock, Schema, SimulatedClock, Verdict
    from homeostat.loop import Outcome, Retrain, System, Watch
    from homeostat.media import (
        Audio,
        Histogram,
        Html,
        Image,
        Molecule,
        Object3D,
        Plotly,
        Table,
        Video,
    )
    from homeostat.observe import count, gauge, timer, unusual
    from homeostat.record import Record
    from homeostat.serve import Rollout
    from homeostat.track import (
        Artifact,
        alert,
        config,
        define_metric,
        finish,
        history,
        init,
        log,
        log_artifact,
        log_code,
        run,
        runs,
        save,
        seed,
        summary,
        unwatch,
        use_artifact,
        watch,
    )

__version__ = "0.1.0"

_ROOMS = (
    "adapt", "alerts", "core", "data", "detect", "evaluate", "expect", "experiment", "features",
    "importance", "leakage", "media", "monitor", "observe", "record", "reproduce", "sample",
    "serve", "split", "stats", "sync", "track", "train",
)  # fmt: skip
_HOMES = {
    "core": ("Finding", "RealClock", "Schema", "SimulatedClock", "Verdict"),
    "loop": ("Outcome", "Retrain", "System", "Watch"),
    "media": (
        "Audio", "Histogram", "Html", "Image", "Molecule", "Object3D", "Plotly", "Table", "Video",
    ),
    "observe": ("count", "gauge", "timer", "unusual"),
    "record": ("Record",),
    "serve": ("Rollout",),
    "track": (
        "Artifact", "alert", "config", "define_metric", "finish", "history", "init", "log",
        "log_artifact", "log_code", "run", "runs", "save", "seed", "summary", "unwatch",
        "use_artifact", "watch",
    ),
}  # fmt: skip
_CHANGING = ("config", "run", "summary")  # other things after each `init`

__all__ = [
    "Artifact",
    "Audio",
    "Finding",
    "Histogram",
    "Html",
    "Image",
    "Molecule",
    "Object3D",
    "Outcome",
    "Plotly",
    "RealClock",
    "Record",
    "Retrain",
    "Rollout",
    "Schema",
    "SimulatedClock",
    "System",
    "Table",
    "Verdict",
    "Video",
    "Watch",
    "adapt",
    "alert",
    "alerts",
    "config",
    "core",
    "count",
    "data",
    "define_metric",
    "detect",
    "evaluate",
    "expect",
    "experiment",
    "features",
    "finish",
    "gauge",
    "history",
    "importance",
    "init",
    "leakage",
    "log",
    "log_artifact",
    "log_code",
    "media",
    "monitor",
    "observe",
    "record",
    "reproduce",
    "run",
    "runs",
    "sample",
    "save",
    "seed",
    "serve",
    "split",
    "stats",
    "summary",
    "sync",
    "timer",
    "track",
    "train",
    "unusual",
    "unwatch",
    "use_artifact",
    "watch",
]


def __getattr__(name: str) -> object:
    for room, names in _HOMES.items():
        if name in names:
            found = getattr(import_module(f"homeostat.{room}"), name)
            if name not in _CHANGING:
                globals()[name] = found  # the next use costs one look-up
            return found
    if name in _ROOMS:
        return import_module(f"homeostat.{name}")
    if name.startswith("__"):
        raise AttributeError(name)
    suggest = import_module("homeostat.core").suggest
    raise AttributeError(f"homeostat has no `{name}`.{suggest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
