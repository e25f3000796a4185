"""FeatureGroup: features of one kind of thing, computed from one table of rows with times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from homeostat.core import InputError, SchemaError, duration, require_columns, suggest
from homeostat.data import digest_of
from homeostat.features._as_of import moments
from homeostat.features._feature import FeatureSet
from homeostat.features._point_in_time import RecentMean, window_us

__all__ = ["FeatureGroup", "input_digest"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureGroup:
    """Features that share a key, a time and a source: what is materialised and served together.

    Args:
        name: Unique in a store.
        features: What is computed from each row of the source.
        by: Key columns: what a row is about.
        time: Datetime column with a time zone: the moment that a row's values are about.
        created_at: Datetime column: when they became known; None only where that is the moment
            they are about.
        ttl: How old a value may be to be joined or served; None lets it be of any age.
        cadence: How often the source promises new rows; what lags behind is stale.
        source: Where the rows come from, for people.
        owner: Who answers for features that name no owner of their own.
        description: For people.
        partition: How much time one Parquet file covers.

    Raises:
        InputError: If a feature has the name of a key or time, or a duration is not positive.

    Example:
        >>> from homeostat.features import Feature
        >>> double = FeatureSet((Feature("double", pl.col("spent") * 2),))
        >>> group = FeatureGroup(name="users", features=double, by=["user"], time="at",
        ...                      created_at="seen_at", cadence="1d")
        >>> group.columns
        ('user', 'at', 'seen_at', 'double')
    """

    name: str
    features: FeatureSet
    by: Sequence[str]
    time: str
    created_at: str | None
    ttl: str | timedelta | None = None
    cadence: str | timedelta | None = None
    source: str = ""
    owner: str = ""
    description: str = ""
    partition: str | timedelta = "30d"

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", tuple(self.by))
        if not self.name:
            raise InputError("A feature group needs a name, got an empty one.")
        if clash := sorted({*self.frame_columns} & {*self.features.names}):
            raise InputError(
                f"Group `{self.name}`: a feature cannot have the name of a key or a time, got "
                f"{', '.join(clash)}."
            )
        for length in (self.ttl, self.cadence, self.partition):
            if length is not None and duration(length) <= timedelta(0):
                raise InputError(f"Group `{self.name}`: {length!r} must be longer than nothing.")

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """Keys and times."""
        times = (self.time,) if self.created_at is None else (self.time, self.created_at)
        return (*self.by, *times)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the materialised table: keys, times, features."""
        return (*self.frame_columns, *self.features.names)

    @property
    def version(self) -> str:
        """Twelve digits of a digest: other keys, times or definitions are another version."""
        parts = [self.by, self.time, self.created_at, self.every_us, self.features.digest]
        return digest_of(parts)[:12]

    @property
    def every_us(self) -> int:
        """Length of a partition in microseconds."""
        return duration(self.partition) // timedelta(microseconds=1)

    def reads(self, names: Sequence[str]) -> list[str]:
        """Return which columns of its source it reads, all where a function does not tell.

        Raises:
            SchemaError: If one of them is missing.
        """
        wanted = dict.fromkeys(self.frame_columns)
        for feature in self.features:
            own = [name for name in feature.sources if not _of_events(feature.definition, name)]
            if not own and not isinstance(feature.definition, pl.Expr):
                own = list(names)
            wanted |= dict.fromkeys(own)
        for name in wanted:
            if name not in names:
                raise SchemaError(f"The source has no column `{name}`.{suggest(name, names)}")
        return list(wanted)


def _of_events(definition: object, name: str) -> bool:
    return isinstance(definition, RecentMean) and name.startswith(f"{definition.events}.")


def input_digest(
    group: FeatureGroup, rows: pl.DataFrame, events: Mapping[str, pl.DataFrame]
) -> str:
    """Return the digest of all that a partition's values depend on but the definitions."""
    recent = {f.definition for f in group.features if isinstance(f.definition, RecentMean)}
    reached = [
        digest_of(_reached(definition, rows, events[definition.events]))
        for definition in sorted(recent, key=repr)
        if definition.events in events
    ]
    return digest_of([group.version, rows, *reached])


def _reached(definition: RecentMean, rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return the events that the window of some row reaches."""
    names = list(dict.fromkeys([definition.known_at, definition.value, *definition.by]))
    known = moments(require_columns(events, names)[definition.known_at])
    at = moments(require_columns(rows, [definition.at])[definition.at])
    if not at.size:
        return events.select(names).clear()
    inside = (known >= int(at.min()) - window_us(definition.window)) & (known < int(at.max()))
    return events.select(names).filter(pl.Series(np.asarray(inside, dtype=np.bool_)))
