"""FeatureStore: features computed once, kept as Parquet, joined as they were known at the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from homeostat.core import (
    Clock,
    Finding,
    InputError,
    RealClock,
    StorageError,
    Verdict,
    duration,
    require_columns,
)
from homeostat.features._as_of import as_of_join, moments
from homeostat.features._catalog import Catalog, Part
from homeostat.features._group import FeatureGroup, input_digest
from homeostat.features._parts import (
    compute_parts,
    cut,
    dated,
    floor_of,
    is_whole,
    no_loss,
    one_type,
)

__all__ = ["FeatureStore", "Materialised"]


@dataclass(frozen=True, slots=True)
class Materialised:
    """What a materialisation did, in partitions.

    Args:
        computed: How many were computed.
        reused: How many stood as they were.
        dropped: How many are gone since their rows are.
        rows: Rows in the store now, of the partitions that were looked at.
        undated: Rows left out since they lack a key or a moment: no request could get them.
    """

    computed: int
    reused: int
    dropped: int
    rows: int
    undated: int


class FeatureStore:
    """A folder with the values of feature groups: Parquet files and a catalog.

    A partition is computed again only where its rows, the events its windows reach or a
    definition changed. Files are named by their content and come into sight all at once; many
    processes may read while one writes.

    Args:
        path: The folder; made where there is none.
        clock: Where the time comes from.

    Example:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from homeostat.features import Feature, FeatureSet
        >>> group = FeatureGroup(name="users", by=["user"], time="at", created_at=None,
        ...                      features=FeatureSet((Feature("double", pl.col("spent") * 2),)))
        >>> day = [datetime(2024, 1, d, tzinfo=UTC) for d in (1, 2, 3)]
        >>> rows = pl.DataFrame({"user": [7, 7], "at": day[:2], "spent": [1.0, 5.0]})
        >>> store = FeatureStore(tempfile.mkdtemp())
        >>> store.materialise(group, rows).computed, store.materialise(group, rows).computed
        (1, 0)
        >>> asked = pl.DataFrame({"user": [7, 8], "at": day[2:] * 2})
        >>> store.join(asked, [group], at="at")["double"].to_list()
        [10.0, None]
    """

    def __init__(self, path: str | Path, *, clock: Clock | None = None) -> None:
        self.path = Path(path)
        self._clock = clock or RealClock()
        try:
            (self.path / "parts").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"No feature store can be made in {path}: {error}.") from error
        self._catalog = Catalog(self.path / "catalog.db")

    def register(self, *groups: FeatureGroup) -> None:
        """Take in definitions: a changed one is a new version, an old one stays on record."""
        for group in groups:
            self._catalog.register(group, now=self._clock.time_ns() // 1000)

    def features(self) -> pl.DataFrame:
        """Return the registry: one row a version of a feature.

        Columns: group, feature, version, number (1, 2, ... by feature), owner, description,
        sources (columns it is made of), known_at, definition, source, registered_at, current.
        """
        return self._catalog.features()

    def search(
        self, *, name: str = "", owner: str = "", source: str = "", current: bool = True
    ) -> pl.DataFrame:
        """Return the rows of the registry that fit.

        Args:
            name: Part of the feature's name, whatever the case.
            owner: Part of the owner's name, whatever the case.
            source: A column that the feature is made of, or the name of its source.
            current: Leave out versions that were replaced or retired.
        """
        table = self.features()
        for column, text in (("feature", name), ("owner", owner)):
            lower = pl.col(column).str.to_lowercase()
            table = table.filter(lower.str.contains(text.lower(), literal=True))
        if source:
            of_events = pl.col("sources").list.eval(pl.element().str.ends_with(f".{source}"))
            mentions = pl.col("sources").list.contains(source) | of_events.list.any()
            table = table.filter(mentions | (pl.col("source") == source))
        return table.filter("current") if current else table

    def materialise(
        self,
        group: FeatureGroup,
        rows: pl.DataFrame | pl.LazyFrame,
        events: Mapping[str, pl.DataFrame] | None = None,
        *,
        since: datetime | None = None,
        shrink: bool = False,
    ) -> Materialised:
        """Bring the stored values up to the source as it now stands.

        Args:
            group: What to compute; it is registered.
            rows: The source: all of it, or all of it from ``since`` on.
            events: Streams that :class:`RecentMean` features ask for.
            since: Look only at partitions that reach to this moment or beyond. Late rows of
                earlier ones are taken in when the whole source is looked at.
            shrink: Allow that a partition loses rows: where rows were really deleted.

        Raises:
            SchemaError: If a column is missing, or a feature has another type than before.
            InputError: If a partition would lose rows: only a part of the source was passed.
            StorageError: If the disk refuses; the store is as it was.
        """
        self.register(group)
        first = None if since is None else floor_of(since, group.every_us)
        frame, undated = dated(group, rows, first)
        pieces, known = cut(group, frame), self._catalog.parts(group)
        kept = {part.start: part for part in known if first is None or part.start >= first}
        if not shrink:
            no_loss(group, kept, pieces)
        streams = events or {}
        inputs = {start: input_digest(group, piece, streams) for start, piece in pieces.items()}
        changed = {
            start: piece
            for start, piece in pieces.items()
            if start not in kept
            or kept[start].inputs != inputs[start]
            or not self._file(kept[start]).exists()
        }
        made = compute_parts(
            group,
            changed,
            inputs,
            streams,
            folder=self.path / "parts",
            now=self._clock.time_ns() // 1000,
        )
        one_type(group, [*(part for part in known if part.start not in changed), *made])
        gone = kept.keys() - pieces.keys()
        if made or gone:
            self._catalog.put(group, made, gone)
        return Materialised(len(made), len(pieces) - len(made), len(gone), frame.height, undated)

    def scan(self, group: FeatureGroup) -> pl.LazyFrame:
        """Return the stored values of a group's version: keys, times, features.

        Raises:
            InputError: If this version was never materialised.
        """
        return self._scan(self._materialised(group))

    def join(
        self,
        requests: pl.DataFrame,
        groups: Sequence[FeatureGroup],
        *,
        at: str,
        features: Sequence[str] | None = None,
        prefixed: bool = False,
    ) -> pl.DataFrame:
        """Join the features of several groups to requests, each as it was known at the time.

        See :func:`as_of_join` for what counts as known; the group says which times and how old.

        Args:
            requests: One row a request, with the groups' keys and a moment.
            groups: Materialised in these very versions.
            at: Datetime column of the requests.
            features: Names to join; None takes all.
            prefixed: Name columns ``group.feature``.

        Returns:
            The requests, one row each, in their order, with a column a feature.

        Raises:
            SchemaError: If a column is missing or keys differ in type.
            InputError: If a version was never materialised, a name is not unique, or unknown.
        """
        moments(require_columns(requests, [at])[at])
        known = {name for group in groups for name in group.features.names}
        if unknown := sorted({*(features or ())} - known):
            raise InputError(f"The groups have no feature {', '.join(unknown)}.")
        joined = requests
        for group in groups:
            names = [n for n in group.features.names if features is None or n in features]
            if names:
                joined = as_of_join(
                    joined,
                    self._reach(group, requests, at).select(*group.frame_columns, *names).collect(),
                    by=group.by,
                    at=at,
                    time=group.time,
                    created_at=group.created_at,
                    ttl=group.ttl,
                    columns=names,
                    prefix=f"{group.name}." if prefixed else "",
                )
        return joined

    def last_values(self, group: FeatureGroup) -> dict[str, datetime | None]:
        """Return by feature the moment of the last row that has a value; None where none has."""
        last: dict[str, int] = {}
        for part in self._materialised(group):
            for name, at in part.last.items():
                last[name] = max(at, last.get(name, at))
        names = group.features.names
        times = pl.Series([last.get(name) for name in names], dtype=pl.Int64)
        return dict(zip(names, times.cast(pl.Datetime("us", "UTC")).to_list(), strict=True))

    def verify(self, group: FeatureGroup) -> list[Finding]:
        """Read every file of a group again and judge whether it holds what was written.

        Returns:
            One finding, check ``features.stored``.
        """
        parts = self._materialised(group)
        damaged = [part.file for part in parts if not is_whole(self._file(part))]
        return [
            Finding(
                check="features.stored",
                subject=group.name,
                verdict=Verdict.FAIL if damaged else Verdict.OK,
                statistic=float(len(damaged)),
                threshold=0.0,
                summary=(
                    f"{len(damaged)} of {len(parts)} files of {group.name} are missing or changed: "
                    "delete them and materialise again."
                    if damaged
                    else f"All {len(parts)} files of {group.name} hold what was written."
                ),
                evidence={"damaged": damaged},
            )
        ]

    def vacuum(self) -> int:
        """Delete files that nothing refers to; return how many. Not while others read."""
        kept, folder = self._catalog.files(), self.path / "parts"
        loose = [path for path in folder.iterdir() if path.name not in kept]
        for path in loose:
            path.unlink(missing_ok=True)
        return len(loose)

    def _file(self, part: Part) -> Path:
        return self.path / "parts" / part.file

    def _scan(self, parts: Sequence[Part]) -> pl.LazyFrame:
        return pl.scan_parquet([self._file(part) for part in parts])

    def _materialised(self, group: FeatureGroup) -> list[Part]:
        parts = self._catalog.parts(group)
        if not parts:
            raise InputError(
                f"Version {group.version} of group `{group.name}` has no stored values: "
                "materialise it first."
            )
        return parts

    def _reach(self, group: FeatureGroup, requests: pl.DataFrame, at: str) -> pl.LazyFrame:
        """Return the stored rows of the partitions that requests can get something from."""
        parts = self._materialised(group)
        asked = pl.Series(moments(requests[at].drop_nulls().dt.cast_time_unit("us")))
        first, last = int(asked.min() or 0), int(asked.max() or 0)  # type: ignore[arg-type]
        oldest = parts[0].start
        if group.ttl is not None:
            oldest = first - duration(group.ttl) // timedelta(microseconds=1) - group.every_us
        reached = [part for part in parts if oldest <= part.start <= last]
        return self._scan(reached or parts[:1])
