"""The same features for one request, from events as they become known."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate, pairwise
from threading import Lock

import polars as pl

from homeostat.core import InputError, SchemaError, duration, require_columns
from homeostat.features._feature import FeatureSet
from homeostat.features._point_in_time import RecentMean, instants, known_events, mean_of, window_us

__all__ = ["OnlineFeatures"]

_NEVER = -(2**62)


class OnlineFeatures:
    """A feature set at serving: fed with events, it answers requests with training's own bits.

    Only the events that a window can still reach are kept. To start, or to start again, feed it
    the events of the longest window; older ones change nothing.

    Args:
        features: What to compute; shared with training.
        slack: How much older than the newest event a request may be. Memory grows with it.

    Example:
        >>> from datetime import UTC, datetime
        >>> from homeostat.features import Feature
        >>> mean = RecentMean(events="departures", value="delay", known_at="left_at", at="at",
        ...                   window="2h", by=("origin",))
        >>> online = OnlineFeatures(FeatureSet((Feature("recent_delay", mean),)))
        >>> online.observe("departures", pl.DataFrame({
        ...     "origin": ["JFK", "JFK"], "delay": [4, 8],
        ...     "left_at": [datetime(2013, 1, 1, h, tzinfo=UTC) for h in (1, 2)]}))
        >>> online.compute(pl.DataFrame({
        ...     "origin": ["JFK"], "at": [datetime(2013, 1, 1, 3, tzinfo=UTC)]})).item()
        6.0
    """

    def __init__(self, features: FeatureSet, *, slack: str | timedelta = "1h") -> None:
        self.features = features
        margin = duration(slack) // timedelta(microseconds=1)
        recent = [f.definition for f in features if isinstance(f.definition, RecentMean)]
        self._states = {definition: _State(definition, margin) for definition in recent}
        self._lock = Lock()

    def observe(self, stream: str, events: pl.DataFrame) -> None:
        """Take in events that have become known, in any order.

        Args:
            stream: Name of the stream, as the features' declarations have it.
            events: One row an event; rows with a null value, time or key are no events.

        Raises:
            InputError: If no feature asks for this stream, or a value is not finite.
            SchemaError: If a column is missing or has the wrong type.
        """
        states = [state for state in self._states.values() if state.definition.events == stream]
        if not states:
            known = sorted({definition.events for definition in self._states})
            raise InputError(f"No feature asks for events `{stream}`, only for {known}.")
        with self._lock:
            for state in states:
                state.observe(events)

    def compute(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Answer requests: one column a feature, in order.

        Meant for a few rows; :meth:`FeatureSet.compute` does many at once.

        Raises:
            InputError: If a request is so old that events it needs have been forgotten.
            SchemaError: If a column is missing.
        """
        with self._lock:
            return self.features.compute_with(
                rows, lambda definition: self._states[definition].answer(rows)
            )


@dataclass(slots=True)
class _Track:
    """The events of one group: instants in order, and running sums (one longer, from any base)."""

    times: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=lambda: [0])

    def add(self, times: list[int], values: list[int]) -> None:
        if self.times and times[0] < self.times[-1]:
            held = [later - earlier for earlier, later in pairwise(self.sums)]
            merged = sorted(zip(self.times + times, held + values, strict=True))
            times, values = [time for time, _ in merged], [value for _, value in merged]
            self.times, self.sums = [], [0]
        self.times += times
        self.sums += list(accumulate(values, initial=self.sums[-1]))[1:]

    def mean(self, start: int, end: int) -> float | None:
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        return mean_of(self.sums[last] - self.sums[first], last - first)

    def forget(self, until: int) -> int:
        """Drop what is older and return how many events that was."""
        cut = bisect_left(self.times, until)
        del self.times[:cut], self.sums[:cut]
        return cut


class _State:
    """What one RecentMean needs to hold."""

    def __init__(self, definition: RecentMean, margin: int) -> None:
        self.definition = definition
        self._window = window_us(definition.window)
        self._margin = margin
        self._tracks: defaultdict[tuple[object, ...], _Track] = defaultdict(_Track)
        self._newest = self._swept = _NEVER
        self._forgotten = _NEVER
        self._types: dict[str, pl.DataType] = {}

    def observe(self, events: pl.DataFrame) -> None:
        wanted = self.definition
        kept, times, fixed = known_events(
            events, value=wanted.value, known_at=wanted.known_at, by=wanted.by
        )
        self._agree(events)
        if not times.size:
            return
        keys = [f"key{number}" for number in range(len(wanted.by))]
        columns = [kept[name].alias(key) for name, key in zip(wanted.by, keys, strict=True)]
        events = pl.DataFrame([*columns, pl.Series("time", times), pl.Series("fixed", fixed)])
        lists = (
            events.sort("time")
            .group_by(keys or pl.lit(0), maintain_order=True)
            .agg(pl.col("time"), pl.col("fixed"))
        )
        for *key, group_times, values in lists.rows():
            self._tracks[tuple(key) if keys else ()].add(group_times, values)
        self._forget(int(times.max()))

    def answer(self, rows: pl.DataFrame) -> pl.Series:
        by = self.definition.by
        self._agree(require_columns(rows, by))
        keys = zip(*(rows[name].to_list() for name in by), strict=True)
        ends = instants(rows, self.definition.at).tolist()
        means = []
        for key, end in zip(keys if by else [()] * rows.height, ends, strict=True):
            start = end - self._window
            if start < self._forgotten:
                raise InputError(
                    f"Events needed for `{self.definition.at}` of this request are forgotten, it "
                    "is older than the newest event by more than the slack: raise `slack`."
                )
            track = None if None in key else self._tracks.get(key)
            means.append(None if track is None else track.mean(start, end))
        return pl.Series(self.definition.value, means, pl.Float64)

    def _agree(self, frame: pl.DataFrame) -> None:
        """Raise unless keys have the types they had before: a 7 does not find a "7"."""
        for name in self.definition.by:
            held = self._types.setdefault(name, frame.schema[name])
            if held != frame.schema[name]:
                raise SchemaError(f"`{name}` was {held}, now it is {frame.schema[name]}.")

    def _forget(self, newest: int) -> None:
        """Drop what no request may ask for, once a window has passed since the last time."""
        self._newest = max(newest, self._newest)
        until = self._newest - self._window - self._margin
        if until < self._swept + self._window:
            return
        self._swept = until
        for key, track in list(self._tracks.items()):
            if track.forget(until):
                self._forgotten = until
            if not track.times:
                del self._tracks[key]
