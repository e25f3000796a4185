"""What a run's metrics come to: the last value of each, or what was asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from homeostat.core import Json
from homeostat.record._index.state import State

__all__ = ["Series", "finite", "summary_of"]


@dataclass(frozen=True, slots=True)
class Series:
    """What the points of a metric come to. A number that is None is NaN."""

    name: str
    count: int
    nans: int
    low: float | None
    high: float | None
    total: float | None
    first: float | None
    last: float | None
    last_step: int
    last_time: int


def summary_of(series: Iterable[Series], state: State) -> dict[str, Json]:
    """Return the result of each metric, and what was said of the results above that."""
    found: dict[str, Json] = {}
    for one in series:
        if one.name not in state.removed:
            asked = _asked(one, state.definition(one.name))
            if asked is not None:
                found[one.name] = asked
    return found | state.summary


def finite(summary: Mapping[str, Json]) -> dict[str, Json]:
    """Return a summary as JSON knows it: a number that it lacks becomes a text such as "nan"."""
    return {name: _finite(value) for name, value in summary.items()}


def _asked(series: Series, definition: Mapping[str, Json]) -> Json:
    asked = definition.get("summary") or ["last"]
    wanted = [str(one) for one in asked] if isinstance(asked, list) else [str(asked)]
    if wanted == ["last"]:
        return _number(series.last)
    results: dict[str, Json] = {
        one: _result(series, one, definition) for one in wanted if one not in {"none", "copy"}
    }
    return results or None


def _result(series: Series, what: str, definition: Mapping[str, Json]) -> float:
    held = series.count - series.nans
    if what == "best":
        what = "max" if str(definition.get("goal")).startswith("max") else "min"
    if what == "mean":
        return _number(series.total) / held if held else math.nan
    numbers = {"min": series.low, "max": series.high, "first": series.first}
    return _number(numbers.get(what, series.last))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _finite(value: Json) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return finite(value) if isinstance(value, dict) else value
