"""Homeostat: the whole life of a model in production, as one loop over one record.

Names load when first used, so that ``import homeostat`` is quick and pulls in nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat import data, monitor, record, split, train
    from homeostat.core import Finding, RealClock, Schema, SimulatedClock, Verdict

__version__ = "0.1.0"

_HOMES = {
    "Finding": "homeostat.core",
    "RealClock": "homeostat.core",
    "Schema": "homeostat.core",
    "SimulatedClock": "homeostat.core",
    "Verdict": "homeostat.core",
}
