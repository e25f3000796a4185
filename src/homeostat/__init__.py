"""Homeostat: the whole life of a model in production, as one loop over one record.

Names load when first used, so that ``import homeostat`` is quick and pulls in nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat import (
        adapt,
        core,
        data,
        evaluate,
        features,
        monitor,
        serve,
        split,
        stats,
        train,
    )
    from homeostat.core import Finding, RealClock, Schema, SimulatedClock, Verdict
    from homeostat.loop import Outcome, Retrain, System, Watch
    from homeostat.record import Record
    from homeostat.serve import Rollout

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "Outcome",
    "RealClock",
    "Record",
    "Retrain",
    "Rollout",
    "Schema",
    "SimulatedClock",
    "System",
    "Verdict",
    "Watch",
    "adapt",
    "core",
    "data",
    "evaluate",
    "features",
    "monitor",
    "serve",
    "split",
    "stats",
    "train",
]

_HOMES = {
    "core": ("Finding", "RealClock", "Schema", "SimulatedClock", "Verdict"),
    "loop": ("Outcome", "Retrain", "System", "Watch"),
    "record": ("Record",),
    "serve": ("Rollout",),
}


def __getattr__(name: str) -> object:
    for room, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"homeostat.{room}"), name)
    if name in __all__:
        return import_module(f"homeostat.{name}")
    if name.startswith("__"):
        raise AttributeError(name)
    suggest = import_module("homeostat.core").suggest
    raise AttributeError(f"homeostat has no `{name}`.{suggest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
