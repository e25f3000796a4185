"""The steps from the raw tables to one row a flight, with every instant in UTC.

How landing is derived. The table gives the clock at the destination when the flight reached its
gate (`arr_time`, hours and minutes, no date). A flight that left at `departed_at` and was
`air_time` minutes in the air cannot be there before; it landed at the first moment after that
at which the destination's clock shows `arr_time`. On the data this leaves 5 to 235 minutes of
taxiing for every flight, and the landing so found is `arr_delay` minutes from the scheduled one
for all 327,346 flights that have an `arr_delay`. Tests hold both.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = ["with_instants", "with_outcome", "with_planes", "with_weather"]

_HOME = "America/New_York"
_LATE_MINUTES = 15
# The airports table has no row for these four; all keep Atlantic time the whole year.
_ATLANTIC = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
_KEY = ("origin", "carrier", "flight", "sched_dep_time")
_QUARTERS = {0: "night", 1: "morning", 2: "afternoon", 3: "evening"}
_DAY = 24 * 60


def with_instants(flights: pl.LazyFrame, airports: pl.LazyFrame) -> pl.LazyFrame:
    """Add the schedule and what happened as instants in UTC; order by time, then key."""
    zones = airports.select(dest="faa", _zone="tzone").collect()
    home = pl.col("time_hour").dt.convert_time_zone(_HOME)
    scheduled = pl.col("time_hour") + pl.duration(minutes="minute")
    frame = (
        flights.join(zones.lazy(), on="dest", how="left", maintain_order="left")
        .with_columns(
            pl.col("_zone").fill_null(pl.col("dest").replace_strict(_ATLANTIC, default=None)),
            sched_dep_utc=scheduled,
            predicted_at=scheduled - pl.duration(hours=1),
            departed_at=scheduled + pl.duration(minutes="dep_delay"),
            weekday=home.dt.weekday().cast(pl.Int64),
            hour_block=(pl.col("hour") // 6).replace_strict(_QUARTERS, return_dtype=pl.String),
        )
        .with_columns(_down=pl.col("departed_at") + pl.duration(minutes="air_time"))
    )
    known = sorted({*zones["_zone"].drop_nulls(), *_ATLANTIC.values()})
    taxi = _minutes_until("arr_time", _local("_down", known))
    return (
        frame.with_columns(
            sched_minutes=_minutes_until("sched_arr_time", _local("sched_dep_utc", known)),
            landed_at=pl.col("_down") + pl.duration(minutes=taxi),
        )
        .drop("_zone", "_down")
        .sort("predicted_at", *_KEY)
    )


def with_outcome(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add the label: 1 if the flight arrived late, null if it never arrived.

    Flights that were cancelled or diverted have no outcome. They are not negatives: they are
    rows whose outcome never becomes known, and every rate must say how many of them there are.
    """
    late = (pl.col("arr_delay") > _LATE_MINUTES).cast(pl.Float64)
    return frame.with_columns(late=late)


def with_weather(frame: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    """Add the last weather that was fully observed before the prediction.

    An observation carries the hour in which it was made, so it is surely known when that hour
    is over (`weather_at`). One older than three hours is no weather (31 December has none).
    """
    observed = weather.select(
        "origin",
        *("temp", "humid", "wind_speed", "precip", "pressure", "visib"),
        weather_at=pl.col("time_hour") + pl.duration(hours=1),
    ).sort("weather_at")
    return frame.join_asof(
        observed,
        left_on="predicted_at",
        right_on="weather_at",
        by="origin",
        tolerance="3h",
        check_sortedness=False,  # both sides were sorted by time just above
    )


def with_planes(frame: pl.LazyFrame, planes: pl.LazyFrame) -> pl.LazyFrame:
    """Add what is on record about the plane; nothing is for most planes of two carriers."""
    known = planes.select("tailnum", "engines", "seats", _built="year")
    return (
        frame.join(known, on="tailnum", how="left", maintain_order="left")
        .with_columns(plane_age=pl.col("year") - pl.col("_built"))
        .drop("_built")
    )


def _local(name: str, zones: Sequence[str]) -> pl.Expr:
    """Return the minute of the day that the destination's clock shows at an instant."""
    minute = pl.lit(None, pl.Int64)
    for zone in zones:
        clock = pl.col(name).dt.convert_time_zone(zone)
        shown = clock.dt.hour().cast(pl.Int64) * 60 + clock.dt.minute()
        minute = pl.when(pl.col("_zone") == zone).then(shown).otherwise(minute)
    return minute


def _minutes_until(name: str, now: pl.Expr) -> pl.Expr:
    """Return the minutes from a minute of the day until the clock shows the HHMM of a column."""
    return (pl.col(name) // 100 * 60 + pl.col(name) % 100 - now) % _DAY
