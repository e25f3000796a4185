"""FeatureWatch: features, window after window, at several lengths at once, to few alarms."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import polars as pl

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.data import Profile
from homeostat.monitor._evidence._alarm import Alarm
from homeostat.monitor._evidence._alarms import Alarms
from homeostat.monitor._features._feature_shift import FeatureShift
from homeostat.monitor._windows._calendar import Season, season_of

__all__ = ["FeatureWatch"]

_Part = tuple[Hashable, Profile]  # a shortest window and its season
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, so that weeks begin there


class FeatureWatch:
    """Judges windows as they come, and whatever longer ones end with them, under one budget.

    A short window shows a great shift soon, a long one a small shift at all, so both are looked
    at: hours are merged to six hours, days and weeks, and each is judged when it is over. They
    share one rate of false alarms (see :class:`Alarms`), and the alarm says which showed it.

    Windows that raised nothing are added to the reference once the longest they belong to is
    over: each is thus compared with the reference and all before it, which makes them
    independent while nothing changes, be the reference as small as a window.

    With a `season` each window is held against the reference's windows of its own season: Monday
    eight o'clock against Mondays at eight. Longer ones are held against the mix of the seasons
    that their rows are of. What a season does is then no shift, and what breaks it is one.

    Args:
        shift: What the reference says; with a `season`, learned with the `seasons` of its
            windows, as :func:`season_of` tells them.
        alarms: Raises alarms; its scales must be the lengths, in shortest windows. None makes
            one that raises a false alarm in 1,000 shortest windows on average at most.
        scales: Lengths of windows: the shortest first, the others whole multiples of it.
        learn: Whether windows that raised nothing are added to the reference.
        season: What recurs, such as `hour_of_week`; None takes windows of all times to be alike.
        zone: Whose clocks and calendar tell a window's season, from when it begins.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> train = pl.DataFrame({"x": rng.normal(size=6000)})
        >>> shift = FeatureShift.of_frame(train, exchangeable=True)
        >>> watch = FeatureWatch(shift, scales=["1h", "6h", "1d"])
        >>> told = []
        >>> for hour in range(72):
        ...     at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)
        ...     window = pl.DataFrame({"x": rng.normal(0.3 * (hour >= 36), size=200)})
        ...     told += watch.update(at, window)
        >>> told[0].subjects, told[0].change, told[0].opened.isoformat()
        (('x',), 'opened', '2026-03-03T16:00:00+00:00')
    """

    def __init__(
        self,
        shift: FeatureShift,
        *,
        alarms: Alarms | None = None,
        scales: Sequence[str | timedelta] = ("1d",),
        learn: bool = True,
        season: Season | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        lengths = [duration(scale) for scale in scales]
        if not lengths or lengths != sorted(lengths) or lengths[0] <= timedelta():
            raise InputError(f"Scales are lengths from short to long, got {list(scales)}.")
        spans = [length // lengths[0] for length in lengths]
        if any(length % lengths[0] for length in lengths) or len(set(spans)) != len(spans):
            raise InputError(
                f"Scales are different whole multiples of the shortest, got {list(scales)}."
            )
        if alarms is not None and alarms.scales != tuple(spans):
            raise InputError(
                f"The alarms' scales must be {tuple(spans)} here, got {alarms.scales}: pass "
                f"`Alarms(scales={tuple(spans)})`."
            )
        if (season is None) != (shift.seasons == {None}):
            raise InputError(
                "A watch has a season if its reference has, got "
                f"{season!r} for a reference with {len(shift.seasons)}: pass `season` here and "
                "`seasons=[season_of(start, season) ...]` to `FeatureShift.of`, or neither."
            )
        self.shift = shift
        self.season = season
        self.zone = zone
        self.alarms = alarms or Alarms(scales=spans)
        self.base = lengths[0]
        self.spans = tuple(spans)
        self.learn = learn
        self.findings: list[Finding] = []
        self._parts: dict[int, list[_Part]] = {span: [] for span in spans}
        self._last: int | None = None
        self._in_order = True

    def update(
        self, at: datetime, window: Profile | pl.DataFrame, *, also: Iterable[Finding] = ()
    ) -> list[Alarm]:
        """Take a shortest window, in the order of time; `findings` then has all that was found.

        Args:
            at: When it begins, with a zone.
            window: Its profile in the reference's edges, or its rows.
            also: What else was found in it, such as of predictions and outcomes.

        Returns:
            The alarms that opened, grew or closed.

        Raises:
            InputError: If the time has no zone or is no later than the last window's, or the
                profile has other edges.
        """
        if at.tzinfo is None:
            raise InputError(f"A window's time needs a zone, got {at.isoformat()}: add tzinfo=UTC.")
        place = (at - _EPOCH) // self.base
        if self._last is not None and place <= self._last:
            raise InputError(
                f"Windows of {self.base} come in order and once each, got {at.isoformat()} again "
                "or late: merge its rows first, as `Windows` does."
            )
        profile = window
        if not isinstance(profile, Profile):
            profile = Profile.of(profile, edges=self.shift.edges)
        self.findings = [*self._ended_before(place), *also]
        key = None if self.season is None else season_of(at, self.season, zone=self.zone)
        if key not in self.shift.seasons:
            self.findings.append(_unseen(key))
        for span, parts in self._parts.items():
            if key in self.shift.seasons:
                parts.append((key, profile))
            if parts and (place + 1) % span == 0:
                self.findings += self._judged(span)
        self._last = place
        start = _EPOCH + place * self.base
        changed = self.alarms.update(start, self.findings, until=start + self.base)
        self._in_order = self._in_order and not self.alarms.open
        return changed

    def _ended_before(self, place: int) -> list[Finding]:
        """Judge the longer windows that ended while no short one came."""
        found: list[Finding] = []
        for span, parts in self._parts.items():
            if parts and self._last is not None and self._last // span != place // span:
                found += self._judged(span)
        return found

    def _judged(self, span: int) -> list[Finding]:
        parts, self._parts[span] = self._parts[span], []
        seasons = _by_season(parts)
        found = self._against(seasons).judge(Profile.merge(seasons.values()), spans=span)
        if span == self.spans[-1]:
            self._learn(seasons)
        return found

    def _against(self, seasons: dict[Hashable, Profile]) -> FeatureShift:
        """Return what the reference says of a window with rows of these seasons."""
        if self.season is None:
            return self.shift
        return self.shift.mixing({key: part.rows for key, part in seasons.items()})

    def _learn(self, seasons: dict[Hashable, Profile]) -> None:
        """Add what the longest window held to the reference, if it was in order."""
        if self.learn and self._in_order and not self.alarms.open:
            for key, part in seasons.items():
                if part.rows:
                    self.shift = self.shift.including(part, season=key)
        self._in_order = True

    def __repr__(self) -> str:
        return f"FeatureWatch({len(self.shift.features)} features, {self.base}, {self.alarms})"


def _by_season(parts: Iterable[_Part]) -> dict[Hashable, Profile]:
    """Merge windows of the same season."""
    each: dict[Hashable, list[Profile]] = {}
    for key, profile in parts:
        each.setdefault(key, []).append(profile)
    return {key: Profile.merge(profiles) for key, profiles in each.items()}


def _unseen(season: Hashable) -> Finding:
    return Finding(
        check="shift.season",
        subject="window",
        verdict=Verdict.UNKNOWN,
        summary=(
            f"The reference has no window of the season {season}: nothing can be said of this one."
        ),
    )
