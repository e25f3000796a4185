"""What is known about a flight one hour before it is due to leave."""

from __future__ import annotations

import polars as pl

from homeostat.features import Feature, FeatureSet, RecentMean

__all__ = ["flight_features"]

_SCHEDULE = {
    "carrier": "Airline, by its two-letter code.",
    "origin": "Airport of departure.",
    "dest": "Airport of arrival.",
    "hour": "Local hour of the scheduled departure.",
    "weekday": "Local day of the week, Monday is 1.",
    "distance": "Miles between the airports.",
    "sched_minutes": "Minutes from gate to gate by the schedule.",
}
_PLANE = {
    "plane_age": "Years since the plane was built.",
    "seats": "Seats of the plane.",
    "engines": "Engines of the plane.",
}
_WEATHER = {
    "temp": "Temperature at the origin.",
    "humid": "Relative humidity at the origin.",
    "wind_speed": "Wind at the origin.",
    "precip": "Rain or snow at the origin.",
    "pressure": "Air pressure at the origin.",
    "visib": "Visibility at the origin.",
}
_OWNER = "demo"


def flight_features() -> FeatureSet:
    """Return the 24 features of a flight; the streams of events are departures and landings."""
    return FeatureSet(
        (
            *_carried(_SCHEDULE, "always"),
            *_carried(_PLANE, "always"),
            *_carried(_WEATHER, "weather_at"),
            _departures("origin_delay_1h", "1h", "origin"),
            _departures("origin_delay_3h", "3h", "origin"),
            _departures("carrier_delay_6h", "6h", "carrier"),
            _departures("tail_delay_14h", "14h", "tailnum"),
            _landings("dest_delay_6h", "arr_delay", "6h", "dest"),
            _landings("origin_late_4h", "late", "4h", "origin"),
            _landings("late_24h", "late", "24h"),
            _landings("flight_late_28d", "late", "28d", "carrier", "flight"),
        )
    )


def _carried(columns: dict[str, str], known_at: str) -> list[Feature]:
    return [
        Feature(name, pl.col(name), known_at=known_at, description=text, owner=_OWNER)
        for name, text in columns.items()
    ]


def _departures(name: str, window: str, by: str) -> Feature:
    definition = RecentMean(
        events="departures",
        value="dep_delay",
        known_at="departed_at",
        at="predicted_at",
        window=window,
        by=(by,),
    )
    text = f"Mean delay, in minutes, of flights of the same {by} that left in the last {window}."
    return Feature(name, definition, known_at="predicted_at", description=text, owner=_OWNER)


def _landings(name: str, value: str, window: str, *by: str) -> Feature:
    definition = RecentMean(
        events="landings",
        value=value,
        known_at="landed_at",
        at="predicted_at",
        window=window,
        by=by,
    )
    whose = f"of the same {' and '.join(by)} " if by else ""
    what = "Share of late ones among" if value == "late" else "Mean arrival delay, in minutes, of"
    text = f"{what} flights {whose}that landed in the last {window}."
    return Feature(name, definition, known_at="predicted_at", description=text, owner=_OWNER)
