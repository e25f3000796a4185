"""Root: of all that a change was split into, the one thing to look at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeostat.monitor._cause._attribution import Attribution, FeatureShare
from homeostat.monitor._cause._sources import SourceShare
from homeostat.monitor._cause._spread import Spread
from homeostat.monitor._cause._values import Values

__all__ = ["Root", "is_concept", "root_of"]

_HALF = 0.5
_NAMED = 2  # features that must have moved before their source is named
_FITS = 0.66  # F1 of a source's features and those that moved
_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """What to look at first.

    Args:
        kind: `source` (several features of one have moved), `segment` (without it nothing has
            changed), `feature`, `everyone` (the same features now lead to something else), `none`
            (no change beyond chance and the margin) or `unknown` (too little data).
        name: Of the source, segment or feature; empty otherwise.
        explains: Share of the change that it explains.
        features: The features involved, those that explain most first.
        why: In words.
    """

    kind: str
    name: str = ""
    explains: float = 0.0
    features: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


def is_concept(values: Values, found: Attribution) -> bool:
    """Return whether most of a change is surely none of the features'."""
    interval = found.on_top_interval
    if interval is None or 0 in interval or values.change == 0:
        return False
    return found.on_top / values.change > _HALF


def root_of(
    values: Values,
    found: Attribution,
    spread: Spread,
    sources: Sequence[SourceShare],
    *,
    concept: bool,
    margin: float,
) -> Root:
    """Choose what to look at first.

    What no longer follows from the features is a segment's or everyone's. Otherwise: a segment
    without which nothing has changed, a source of which several features moved, a feature.
    """
    interval = values.interval
    if interval is None:
        return Root(kind="unknown", why="too few rows, or fewer than two blocks")
    if 0 in interval or abs(values.change) <= margin:
        return Root(kind="none", why=f"the change is not surely beyond {margin:g}")
    if concept:
        return _concept(values, found, spread)
    return _inputs(values, found, spread, sources)


def _inputs(
    values: Values, found: Attribution, spread: Spread, sources: Sequence[SourceShare]
) -> Root:
    leading = _leading(found, values.change)
    named = tuple(one.feature for one in leading[:_LISTED])
    if spread.kind == "spatial":
        return Root(
            kind="segment",
            name=" or ".join(spread.segments),
            explains=spread.explained,
            features=named,
            why=f"without it the change is {spread.rest:+.4g}",
        )
    source = _source(sources, values.change)
    if source is not None:
        names = [one.feature for one in leading if one.feature in source.moved]
        return Root(
            kind="source",
            name=source.source,
            explains=source.change / values.change,
            features=tuple(names[:_LISTED]) or source.moved[:_LISTED],
            why=str(source),
        )
    if not leading:
        return Root(kind="unknown", why="no feature explains a part of the change")
    first = leading[0]
    return Root(
        kind="feature",
        name=first.feature,
        explains=first.change / values.change,
        features=named,
        why=first.how,
    )


def _concept(values: Values, found: Attribution, spread: Spread) -> Root:
    share = found.on_top / values.change
    if spread.kind == "spatial":
        return Root(
            kind="segment",
            name=" or ".join(spread.segments),
            explains=share * spread.explained,
            why="its rows have the features they had, and another value",
        )
    return Root(
        kind="everyone",
        explains=share,
        why="rows have the features they had, and another value",
    )


def _leading(found: Attribution, change: float) -> list[FeatureShare]:
    """Return the features that surely pull the way the change went; those that moved first."""
    pulling = [
        one for one in found.features if one.change * change > 0 and not one.low <= 0 <= one.high
    ]
    most = max((abs(one.change) for one in pulling), default=0.0)
    strong = [one for one in pulling if abs(one.change) >= most / 10]
    return sorted(strong, key=lambda one: (not one.moved, -abs(one.change)))


def _source(sources: Sequence[SourceShare], change: float) -> SourceShare | None:
    fitting = [
        one
        for one in sources
        if len(one.moved) >= _NAMED and one.fit >= _FITS and one.change * change > 0
    ]
    return fitting[0] if fitting else None
