"""What each column of the flights is, and when it is known."""

from __future__ import annotations

from homeostat.core import Column, ColumnType, Role, Schema
from homeostat.demo._flight_features import flight_features

__all__ = ["flights_schema"]

_CARRIERS = (
    *("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL"),
    *("HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"),
)
_CATEGORIES = {
    "origin": ("EWR", "JFK", "LGA"),
    "carrier": _CARRIERS,
    "hour_block": ("afternoon", "evening", "morning", "night"),
}
_UNITS = {
    "dep_delay": "minutes",
    "arr_delay": "minutes",
    "air_time": "minutes",
    "sched_minutes": "minutes",
    "distance": "miles",
    "temp": "degrees Fahrenheit",
    "humid": "percent",
    "wind_speed": "miles per hour",
    "precip": "inches",
    "pressure": "millibars",
    "visib": "miles",
    "plane_age": "years",
}
_TYPES = {
    ColumnType.INT: (
        *("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time"),
        *("sched_arr_time", "arr_delay", "flight", "air_time", "distance", "hour", "minute"),
        *("weekday", "sched_minutes", "engines", "seats", "plane_age"),
    ),
    ColumnType.CATEGORY: ("carrier", "origin", "dest", "hour_block"),
    ColumnType.STRING: ("tailnum",),
    ColumnType.DATETIME: (
        *("time_hour", "sched_dep_utc", "predicted_at", "departed_at", "landed_at"),
        "weather_at",
    ),
}
_KNOWN_AT = {
    "departed_at": ("dep_time", "dep_delay", "departed_at"),
    "landed_at": ("arr_time", "arr_delay", "air_time", "landed_at", "late"),
    "weather_at": ("weather_at",),
}
_ROLES = {
    Role.LABEL: ("late",),
    Role.TIME: ("predicted_at",),
    Role.KEY: ("year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"),
    Role.GROUP: ("tailnum",),
    Role.SLICE: ("origin", "carrier", "hour_block"),
}
_NULLABLE = (
    *("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late", "tailnum"),
    *("departed_at", "landed_at", "weather_at", "engines", "seats", "plane_age"),
)
_RANGES = {
    "hour": (0, 23),
    "weekday": (1, 7),
    "distance": (1, 5000),
    "sched_minutes": (20, 900),
    "temp": (-30, 120),
    "humid": (0, 100),
    "wind_speed": (0, 150),
    "precip": (0, 5),
    "pressure": (940, 1060),
    "visib": (0, 10),
    "plane_age": (0, 70),
    "seats": (1, 600),
    "engines": (1, 4),
    "origin_late_4h": (0, 1),
    "late_24h": (0, 1),
    "flight_late_28d": (0, 1),
}


def flights_schema() -> Schema:
    """Return the schema of the flights: types, roles, known-at rules and expectations.

    The columns that tell the answer (`dep_delay`, `arr_time`, ...) are there with their rules,
    so that offering one of them as a feature is refused.
    """
    features = flight_features()
    carried = {name: type_ for type_, names in _TYPES.items() for name in names}
    columns = tuple(
        _column(name, carried.get(name, ColumnType.FLOAT)) for name in _order(features.names)
    )
    schema = Schema(columns, predicted_at="predicted_at", name="flights")
    schema = schema.with_roles(feature=features.names)
    return _expect(schema)


def _order(features: tuple[str, ...]) -> list[str]:
    raw = (name for names in _TYPES.values() for name in names if name not in features)
    return [*raw, "late", *features]


def _column(name: str, type_: ColumnType) -> Column:
    by_name = {feature.name: feature for feature in flight_features()}
    feature = by_name.get(name)
    rules = {column: rule for rule, columns in _KNOWN_AT.items() for column in columns}
    known_at = feature.known_at if feature else rules.get(name, "always")
    observed = feature is not None and known_at != "always"
    return Column(
        name,
        type_,
        roles=frozenset(role for role, names in _ROLES.items() if name in names),
        nullable=name in _NULLABLE or observed,
        known_at=known_at,
        categories=_CATEGORIES.get(name),
        description=feature.description if feature else "",
        unit=_UNITS.get(name, ""),
    )


def _expect(schema: Schema) -> Schema:
    for name, (low, high) in _RANGES.items():
        schema = schema.expect(
            "expect_column_values_to_be_between",
            name,
            min_value=low,
            max_value=high,
            severity="warn" if name == "wind_speed" else "fail",  # 1,048 mph on one day in February
        )
    return schema.expect(
        "expect_compound_columns_to_be_unique", column_list=list(schema.key)
    ).expect(
        "expect_column_pair_values_a_to_be_greater_than_b",
        column_A="landed_at",
        column_B="departed_at",
    )
