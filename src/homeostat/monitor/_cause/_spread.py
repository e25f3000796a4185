"""Spatial or temporal: has a new or changed segment moved a mean, or has everyone moved?

Take a segment out of both frames. If the rest has not changed, the change is the segment's: it is
new, has grown, or has changed itself. If the rest has changed as the whole has, time has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.monitor._cause._mix import Mix, SegmentShare, decomposed
from homeostat.monitor._cause._segments import Codes, Sums
from homeostat.monitor._cause._values import LEAST_ROWS, Values

__all__ = ["Spread", "spread_of"]

_EXPLAINED = 0.7  # share of a change that must vanish with the segments for it to be theirs
_EVERYONE = 0.4  # below which it is everyone's
_MOST_SEGMENTS, _MOST_ROWS = 3, 0.7
_SIMPLER = 0.1  # share of the change by which explanations may differ and be as good
_ALIKE = 1.2  # how many more rows the simpler of two explanations may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where a change is.

    Args:
        kind: `spatial` (of some segments), `temporal` (of everyone), `mixed`, `none` (no sure
            change) or `unknown`.
        value: What has changed.
        change: By how much on average.
        segments: Those that have it, where spatial; otherwise those that come nearest.
        column: The columns that make them.
        explained: Share of the change that vanishes without them.
        rest: What is left of the change without them.
        rest_error: Its standard error.
        shares: What each of the segments adds.
    """

    kind: str
    value: str
    change: float
    segments: tuple[str, ...] = ()
    column: str = ""
    explained: float = 0.0
    rest: float = 0.0
    rest_error: float = 0.0
    shares: tuple[SegmentShare, ...] = field(default=())

    def finding(self) -> Finding:
        """Return `shift.spread`: a warning that says where the change is."""
        verdict = {"none": Verdict.OK, "unknown": Verdict.UNKNOWN}.get(self.kind, Verdict.WARN)
        return Finding(
            check="shift.spread",
            subject=self.kind,
            verdict=verdict,
            summary=self._summary(),
            statistic=self.explained,
            threshold=_EXPLAINED,
            effect=self.change,
            evidence={
                "value": self.value,
                "segments": list(self.segments),
                "column": self.column,
                "rest": self.rest,
                "rest_error": self.rest_error,
                "shares": [one.facts() for one in self.shares],
            },
        )

    def _summary(self) -> str:
        named = " and ".join(f"({s})" if " and " in s else s for s in self.segments)
        changed = f"The change of {self.value} by {self.change:+.4g}"
        without = (
            f"without {named} it is {self.rest:+.4g} (standard error {self.rest_error:.2g})"
            if named
            else "no segment has it"
        )
        match self.kind:
            case "spatial":
                how = "; ".join(str(one) for one in self.shares)
                return f"{changed} is that of {named}: {without}. {how}."
            case "temporal":
                return f"{changed} is everyone's, not a segment's: even {without}."
            case "mixed":
                return f"{changed} is partly that of {named}: {without}."
            case "none":
                return f"{self.value} has not surely changed, so there is no segment to blame."
        return f"Too few rows have a {self.value} to say where it changed."


def spread_of(values: Values, groupings: Sequence[Codes]) -> Spread:
    """Find the segments without which the change of a mean is gone.

    For each grouping, segments are taken out, those that add most first, up to three and up to
    70 % of the window's rows. Of the groupings that explain about as much, those are preferred
    that take the fewest rows, and of these one column to two.

    Args:
        values: What changed.
        groupings: How rows may be grouped; none leaves `temporal`, as far as can be told.
    """
    interval = values.interval
    if interval is None:
        return Spread(kind="unknown", value=values.name, change=values.change)
    if 0 in interval:
        return Spread(kind="none", value=values.name, change=values.change)
    tries = [one for codes in groupings if (one := _without(values, codes)) is not None]
    if not tries:
        return Spread(kind="temporal", value=values.name, change=values.change)
    most = max(one.explained for one in tries)
    near = [one for one in tries if one.explained >= min(most, 1.0) - _SIMPLER]
    fewest = min(one.rows for one in near)
    near = [one for one in near if one.rows <= _ALIKE * fewest]
    best = min(near, key=lambda one: (one.columns, len(one.segments), one.rows))
    share = best.explained
    kind = "spatial" if share >= _EXPLAINED else "temporal" if share < _EVERYONE else "mixed"
    return Spread(
        kind=kind,
        value=values.name,
        change=values.change,
        segments=tuple(one.segment for one in best.segments),
        column=best.mix.column,
        explained=share,
        rest=best.rest,
        rest_error=best.error,
        shares=best.segments,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Without:
    """What is left of a change without some segments."""

    mix: Mix
    columns: int
    segments: tuple[SegmentShare, ...]
    rows: int
    explained: float
    rest: float
    error: float


def _without(values: Values, codes: Codes) -> _Without | None:
    """Take out segments until the change is gone, or no more may be taken."""
    size = len(codes.labels)
    if size < 2:
        return None
    mix = decomposed(values, codes)
    sums = (
        Sums.of(codes.reference, values.then, size, values.blocks_then),
        Sums.of(codes.window, values.now, size, values.blocks_now),
    )
    place = {label: i for i, label in enumerate(codes.labels)}
    ordered = sorted(mix.segments, key=lambda one: -one.total * np.sign(values.change))
    kept = np.ones(size, np.bool_)
    found: _Without | None = None
    for taken, segment in enumerate(ordered[: min(_MOST_SEGMENTS, size - 1)], start=1):
        kept[place[segment.segment]] = False
        rest, error, rows = _rest(sums, kept)
        if rows > _MOST_ROWS * len(values.now) or rest is None:
            break
        explained = 1 - rest / values.change
        gained = found is None or explained > found.explained + _SIMPLER
        if gained:
            found = _Without(
                mix, len(codes.columns), tuple(ordered[:taken]), rows, explained, rest, error
            )
        if explained >= 1 - _SIMPLER:
            break
    return found


def _rest(sums: tuple[Sums, Sums], kept: NDArray[np.bool_]) -> tuple[float | None, float, int]:
    """Return the change without segments, its error, and how many rows were taken out."""
    (n, before, e), (m, after, f) = (one.merged(kept) for one in sums)
    taken = int(sums[1].rows.sum() - m)
    if min(n, m) < LEAST_ROWS:
        return None, 0.0, taken
    return after - before, float(np.hypot(e, f)), taken
