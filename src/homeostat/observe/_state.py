"""State: all that was counted, read from pages and added up over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from homeostat.observe._buckets import Distribution
from homeostat.observe._page import Kind, Page, Place, Series, read_page

__all__ = ["Level", "State", "Value", "difference", "read_state", "surviving", "total", "write"]


@dataclass(frozen=True, slots=True)
class Level:
    """What a gauge says.

    Args:
        value: The value; of several processes, their sum, least, largest or last.
        set_ns: When it was last set, in ns since 1970.
    """

    value: float
    set_ns: int


_OVER: dict[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}

Value = int | Level | Distribution
State = dict[Series, Value]


def read_state(content: memoryview | bytes) -> State:
    """Return what a page says.

    Raises:
        CorruptionError: If it is none.
    """
    return {
        place.series: value for place in read_page(content) if (value := _value(place)) is not None
    }


def total(states: Iterable[State]) -> State:
    """Add up what several processes counted."""
    found: State = {}
    for state in states:
        for series, value in state.items():
            found[series] = _sum(series, found[series], value) if series in found else value
    return found


def surviving(state: State) -> State:
    """Return what still counts once a process is dead: its gauges do not, but for `last`."""
    return {s: v for s, v in state.items() if s.kind is not Kind.GAUGE or s.over == "last"}


def difference(now: State, before: State) -> State:
    """Return what was counted between two states; gauges are as they are now."""
    found: State = {}
    for series, value in now.items():
        earlier = before.get(series)
        if isinstance(value, Distribution) and isinstance(earlier, Distribution):
            found[series] = value.since(earlier)
        elif isinstance(value, int) and isinstance(earlier, int):
            found[series] = value - earlier if value >= earlier else value  # it began anew
        else:
            found[series] = value
    return found


def write(page: Page, state: State) -> dict[Series, int]:
    """Write a state into an empty page, and return where each series is."""
    found = {}
    for series, value in state.items():
        at = found[series] = page.allot(series)
        if isinstance(value, int):
            page.ints[at] = value
        elif isinstance(value, Level):
            page.floats[at], page.ints[at + 1] = value.value, value.set_ns
        else:
            page.ints[at], page.ints[at + 1] = value.failed, value.refused
            page.floats[at + 2], page.floats[at + 3] = value.total, value.least
            page.floats[at + 4] = value.largest
            page.ints[at + 5 : at + 5 + len(value.counts)] = value.counts.data.cast("B").cast("q")
    return found


def _value(place: Place) -> Value | None:
    ints, floats, kind = place.ints, place.floats, place.series.kind
    if kind is Kind.COUNT:
        return int(ints[0])
    if kind is Kind.GAUGE:
        return Level(floats[0], ints[1]) if ints[1] else None
    if kind is Kind.TIMES:
        counts = np.frombuffer(ints[5:], dtype=np.int64).copy()
        return Distribution(counts, floats[2], floats[3], floats[4], ints[0], ints[1])
    return None


def _sum(series: Series, one: Value, other: Value) -> Value:
    if isinstance(one, Level) and isinstance(other, Level):
        last = max(one, other, key=lambda level: level.set_ns)
        if series.over == "last":
            return last
        return replace(last, value=_OVER[series.over]([one.value, other.value]))
    if isinstance(one, Distribution) and isinstance(other, Distribution):
        return one + other
    assert isinstance(one, int)  # noqa: S101 - a series has one kind
    assert isinstance(other, int)  # noqa: S101 - likewise
    return one + other
