"""Which upstream source the features that moved have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from homeostat.core import Json
from homeostat.data import Dataset
from homeostat.monitor._cause._attribution import FeatureShare

__all__ = ["SourceShare", "fed_by", "sources_of"]

_UNKNOWN = "unknown source"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShare:
    """What the features that one source feeds add to a change.

    Args:
        source: Its name; `source.column` for a column of one.
        change: What its features add; that of a feature of several sources is divided among them.
        feeds: The features it feeds.
        moved: Those of them that moved.
        fit: How well "all that moved and nothing else comes from here" fits, 0 to 1: the F1 of
            the features it feeds as a guess at those that moved.
    """

    source: str
    change: float
    feeds: tuple[str, ...]
    moved: tuple[str, ...]
    fit: float

    def facts(self) -> dict[str, Json]:
        """Return all as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        return (
            f"{len(self.moved)} of {len(self.feeds)} features of {self.source} moved and add "
            f"{self.change:+.4g}"
        )


def fed_by(
    sources: Mapping[str, Iterable[str]] | Dataset, features: Sequence[str]
) -> list[dict[str, tuple[str, ...]]]:
    """Return what feeds each feature: as it is told, or by a dataset's lineage.

    Args:
        sources: The sources of each feature, or the dataset the features are columns of.
        features: Their names; those that nothing is known of come from an unknown source.

    Returns:
        One level, or two by lineage: the columns of the sources, and the sources.
    """
    if not isinstance(sources, Dataset):
        told = {
            name: (some,) if isinstance(some := sources.get(name, ()), str) else tuple(some)
            for name in features
        }
        return [told]
    known = set(sources.lazy().collect_schema().names())
    columns = {
        name: sources.column_lineage(name).sources if name in known else () for name in features
    }
    return [
        {name: tuple(f"{a}.{b}" for a, b in some) for name, some in columns.items()},
        {name: tuple(dict.fromkeys(a for a, _ in some)) for name, some in columns.items()},
    ]


def sources_of(
    shares: Sequence[FeatureShare], feeding: Mapping[str, Sequence[str]]
) -> tuple[SourceShare, ...]:
    """Add up what features add by source; the sources that fit best come first."""
    feeds: dict[str, list[FeatureShare]] = {}
    change: dict[str, float] = {}
    for share in shares:
        names = list(dict.fromkeys(feeding.get(share.feature, ()))) or [_UNKNOWN]
        for name in names:
            feeds.setdefault(name, []).append(share)
            change[name] = change.get(name, 0.0) + share.change / len(names)
    all_moved = sum(share.moved for share in shares)
    found = [
        SourceShare(
            source=name,
            change=change[name],
            feeds=tuple(one.feature for one in some),
            moved=tuple(one.feature for one in some if one.moved),
            fit=2 * sum(one.moved for one in some) / max(len(some) + all_moved, 1),
        )
        for name, some in feeds.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.fit, -abs(one.change))))
