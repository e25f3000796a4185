"""Scales: short windows merged to several lengths, and which length shows a shift first.

Short windows see large changes at once and small ones never, long ones the other way round
(`alarms` need a budget over all of them; here the past is looked through for the reason).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeostat.core import Finding, InputError, Json, Verdict
from homeostat.data import Edges, Profile
from homeostat.monitor._features._feature_shift import FeatureShift
from homeostat.monitor._windows._calendar import aware
from homeostat.monitor._windows._store import Windows

__all__ = ["across_scales"]

_LEAST_REFERENCE = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    """What windows of one length show of one column: the first that does, and the surest."""

    scale: timedelta
    looked: int
    first: datetime | None = None
    shown: int = 0
    least_p: float = 1.0
    distance: float = 0.0

    def facts(self) -> dict[str, Json]:
        return {
            "scale_s": self.scale.total_seconds(),
            "windows": self.looked,
            "shown_in": self.shown,
            "first_shown": None if self.first is None else self.first.isoformat(),
            "least_p_value": self.least_p,
            "greatest_distance": self.distance,
        }


def across_scales(
    windows: Windows[Profile],
    edges: Edges,
    *,
    reference: tuple[datetime, datetime],
    scales: Sequence[str | timedelta] = ("1h", "6h", "1d", "7d"),
    columns: Iterable[str] | None = None,
    level: float = 0.05,
) -> list[Finding]:
    """Look at all windows after a reference in several lengths, merged without the rows.

    Each length is judged by what windows of that length differ by within the reference; where the
    reference has fewer than eight of them, by shorter ones and what neighbours have in common.
    A window shows a shift if its p-value is below `level` divided by all windows of all lengths
    and columns that were looked at, so nothing is found because much was looked at.

    Args:
        windows: Profiles of short windows, counted in `edges`.
        edges: The cells.
        reference: From when to when nothing was wrong; what comes after is looked at.
        scales: Lengths, multiples of the short windows'.
        columns: Which columns; None takes all of the edges.
        level: Chance that anything is shown where nothing has changed.

    Returns:
        One `shift.scale` a column, those that moved first: which length showed it first and
        when, and which never did. A shift first seen in short windows is large; one that only
        long ones show is small or grows slowly.

    Raises:
        InputError: If a scale is no multiple of the short windows', or the reference holds none.
    """
    start, end = (aware(moment) for moment in reference)
    sizes = sorted({windows.base * windows.steps(scale) for scale in scales})
    if not sizes:
        raise InputError("There must be at least one scale, got none.")
    past = [profile for _, profile in windows.items(start, end)]
    if not past:
        raise InputError(f"The reference from {start} to {end} holds no windows.")
    names = list(edges.columns if columns is None else columns)
    looks = [(size, _pieces(windows, end, size)) for size in sizes]
    share = level / max(sum(len(pieces) for _, pieces in looks) * len(names), 1)
    seen: dict[str, list[_Seen]] = {name: [] for name in names}
    for size, pieces in looks:
        judged = _judge(windows, edges, (start, end), names, size, pieces)
        for name in names:
            seen[name].append(_seen(size, name, judged, share))
    found = [_finding(name, each, share, end) for name, each in seen.items()]
    return sorted(found, key=lambda one: (one.verdict is not Verdict.WARN, one.p_value or 0.0))


def _pieces(
    windows: Windows[Profile], start: datetime, size: timedelta
) -> list[tuple[datetime, Profile]]:
    """Merge all after a moment to windows of a length, by their end; the last must be full."""
    items = windows.items(start)
    if not items:
        return []
    last = items[-1][0] + windows.base
    count = (last - start) // size
    merged = (
        (start + (i + 1) * size, windows.between(start + i * size, start + (i + 1) * size))
        for i in range(count)
    )
    return [(at, profile) for at, profile in merged if profile is not None]


def _judge(
    windows: Windows[Profile],
    edges: Edges,
    reference: tuple[datetime, datetime],
    names: list[str],
    size: timedelta,
    pieces: list[tuple[datetime, Profile]],
) -> list[tuple[datetime, dict[str, Finding]]]:
    """Judge each window of a length; by the reference's own of that length if they are enough."""
    start, end = reference
    count = (end - start) // size
    alike = [windows.between(start + i * size, start + (i + 1) * size) for i in range(count)]
    past = [profile for profile in alike if profile is not None]
    spans = 1
    if len(past) < _LEAST_REFERENCE:
        past, spans = [profile for _, profile in windows.items(start, end)], size // windows.base
    shift = FeatureShift.of(past, edges, features=names)
    return [
        (
            at,
            {f.subject: f for f in shift.judge(profile, spans=spans) if f.check == "shift.feature"},
        )
        for at, profile in pieces
    ]


def _seen(
    size: timedelta, name: str, judged: list[tuple[datetime, dict[str, Finding]]], share: float
) -> _Seen:
    known = [
        (at, found[name].p_value, found[name].statistic or 0.0)
        for at, found in judged
        if name in found and found[name].p_value is not None
    ]
    showing = [at for at, p, _ in known if p is not None and p <= share]
    return _Seen(
        size,
        len(known),
        min(showing, default=None),
        len(showing),
        min((p for _, p, _ in known if p is not None), default=1.0),
        max((distance for *_, distance in known), default=0.0),
    )


def _finding(name: str, seen: list[_Seen], share: float, since: datetime) -> Finding:
    looked = sum(one.looked for one in seen)
    showing = [one for one in seen if one.first is not None]
    first = min(showing, key=lambda one: (one.first or since, one.scale), default=None)
    if not looked:
        verdict, said = Verdict.UNKNOWN, "no window after the reference has enough rows to judge"
    elif first is None or first.first is None:
        lengths = ", ".join(str(one.scale) for one in seen if one.looked)
        verdict, said = Verdict.OK, f"no window of {lengths} shows a shift"
    else:
        verdict, said = Verdict.WARN, _told(first, seen)
    return Finding(
        check="shift.scale",
        subject=name,
        verdict=verdict,
        summary=f"{name}: {said}.",
        statistic=float(len(showing)),
        threshold=0.0,
        p_value=min((one.least_p for one in seen), default=1.0) if looked else None,
        effect=max((one.distance for one in seen), default=0.0) if looked else None,
        evidence={
            "first_scale_s": None if first is None else first.scale.total_seconds(),
            "each_p_value_at_most": share,
            "scales": [one.facts() for one in seen],
        },
    )


def _told(first: _Seen, seen: list[_Seen]) -> str:
    later = [
        f"{one.scale} by {one.first:%m-%d %H:%M}"
        for one in seen
        if one is not first and one.first is not None
    ]
    never = [str(one.scale) for one in seen if one.first is None and one.looked]
    parts = [
        f"windows of {first.scale} showed the shift first, by {first.first:%Y-%m-%d %H:%M} UTC"
    ]
    if later:
        parts.append(f"then {', '.join(later)}")
    if never:
        parts.append(f"never {', '.join(never)}")
    shortest = first is min((one for one in seen if one.looked), key=lambda one: one.scale)
    parts.append("it was large at once" if shortest else "it is small, or grew slowly")
    return "; ".join(parts)
