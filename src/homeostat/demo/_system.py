"""The flight-delay system: a declaration, readable top to bottom in the order of the loop."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from homeostat.adapt import all_of, every, shifted
from homeostat.core import Clock
from homeostat.data import Dataset
from homeostat.demo.flights import flight_features, flights_dataset, flights_schema, known_by
from homeostat.evaluate import beats, calibrated, slices_at_least
from homeostat.loop import Outcome, Retrain, System, Watch
from homeostat.serve import Rollout, no_worse
from homeostat.split import by_time
from homeostat.train import Boosted, LeafHead, Logistic, Majority, PreviousPeriod, RuleOfThumb

__all__ = ["LEAKY", "PERIOD", "flight_delay", "policies"]

#: Columns that exist only once a flight has left or landed: offered first, to be refused.
LEAKY = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
#: The part of the year that is replayed; what lies before is what the first model learns from.
PERIOD = ("2013-04-01", "2014-01-01")

_DAILY = Rollout(shadow="1d", canary=(), block="1h", margin=0.02)


def flights(clock: Clock, *, cache: str | None = None) -> Dataset:
    """Return the flights as they stand by the clock."""
    return flights_dataset(cache).step("known", known_by, now=clock.now())


def flight_delay(cache: str | Path | None = None) -> System:
    """Return the system: will a flight arrive more than 15 minutes late, an hour before it is due?

    Args:
        cache: Folder that keeps the joined flights between runs.
    """
    return System(
        name="flight-delay",
        source=partial(flights, cache=None if cache is None else os.fspath(cache)),
        schema=flights_schema(),
        outcome=Outcome("late", known_at="landed_at"),
        features=flight_features().names,
        split=by_time(validation="28d", test="14d", gap="1d"),
        models={
            "majority": Majority,
            "previous period": PreviousPeriod,
            "carrier and hour": partial(RuleOfThumb, ("carrier", "hour")),
            "logistic": Logistic,
            "boosted": Boosted,
        },
        gates=[calibrated(0.05), slices_at_least(min_auc=0.55), beats("majority")],
        release=Rollout(
            shadow="1d", canary=(0.05, 0.25), soak="1d", guard=[no_worse("logloss")], margin=0.02
        ),
        watch=Watch(window="1d", margin=0.02),
        retrain=Retrain(model=Boosted, when=[every("7d")]),
    )


def policies() -> tuple[Retrain, ...]:
    """Return the policies that the demo replays; the dearest first, so that workers share well."""
    on_shift = [all_of(every("3d"), shifted())]
    return (
        Retrain(model=Boosted, name="weekly", when=[every("7d")]),
        Retrain(model=Boosted, name="monthly", when=[every("28d")]),
        Retrain(model=Boosted, name="on shift", when=on_shift),
        Retrain(model=Boosted, name="on shift, refit", when=on_shift, how="refit"),
        Retrain(model=Boosted, name="weekly, added trees", when=[every("7d")], how="continue"),
        Retrain(model=Boosted, name="never", when=[]),
        Retrain(
            model=LeafHead,
            name="daily leaf head",
            when=[every("1d")],
            how="leaf-head",
            rebuild_every="28d",
            release=_DAILY,
        ),
    )
