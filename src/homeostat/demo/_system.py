"""The flight-delay system: a declaration, readable top to bottom in the order of the loop."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from homeostat.adapt import accuracy, every, last, shifted
from homeostat.core import Clock
from homeostat.data import Dataset
from homeostat.demo.flights import flight_features, flights_dataset, flights_schema, known_by
from homeostat.evaluate import beats, calibrated, slices_at_least
from homeostat.loop import Outcome, Retrain, System, Watch
from homeostat.serve import Rollout, no_worse
from homeostat.split import by_time
from homeostat.train import Boosted, LeafHead, Logistic, Majority, PreviousPeriod, RuleOfThumb

__all__ = ["LEAKY", "flight_delay", "policies"]

#: Columns that exist only once a flight has left or landed: offered first, to be refused.
LEAKY = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
