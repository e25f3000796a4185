"""FeatureShift: which features of a window have moved, ranked by what that does to the loss."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import polars as pl

from homeostat.core import Finding, InputError, Verdict, suggest
from homeostat.data import Edges, Profile
from homeostat.monitor._features._broken import Faults
from homeostat.monitor._features._column_windows import ColumnWindows
from homeostat.monitor._features._feature import Feature, Limits
from homeostat.monitor._performance._loss_by_cell import LossByCell

__all__ = ["FeatureShift"]

_UNREADABLE = ("schema.missing_column", "schema.type")
_ORDER = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.OK: 3}


@dataclass(frozen=True, slots=True, eq=False)
class FeatureShift:
    """Compares windows with a reference, feature by feature.

    A shift is told when a feature's distance from the reference is beyond what the reference's
    own windows have from each other, and fails only if it also changes the loss by more than a
    margin: a season's temperature may move all summer and wake nobody.

    Args:
        features: What the reference says of each feature.
        faults: What is normal for each column.
        columns: All columns of the reference, watched or not.
        seasons: The seasons the reference has.
        edges: The cells all windows are counted in.
        limits: When a shift is told, and when it is a failure.
        label: The column whose classes are a contract, if there is one.

    Example:
        >>> import numpy as np, polars as pl
        >>> rng = np.random.default_rng(0)
        >>> days = [pl.DataFrame({"x": rng.normal(size=500)}) for _ in range(20)]
        >>> edges = Edges.of(pl.concat(days))
        >>> shift = FeatureShift.of([Profile.of(day, edges=edges) for day in days], edges)
        >>> today = Profile.of(pl.DataFrame({"x": rng.normal(0.6, size=500)}), edges=edges)
        >>> [finding.verdict.value for finding in shift.judge(today)]
        ['fail']
    """

    features: dict[str, Feature]
    faults: dict[str, Faults]
    columns: frozenset[str]
    seasons: frozenset[Hashable]
    edges: Edges
    limits: Limits
    label: str | None = None

    @classmethod
    def of(
        cls,
        reference: Sequence[Profile],
        edges: Edges,
        *,
        losses: LossByCell | None = None,
        features: Iterable[str] | None = None,
        seasons: Sequence[Hashable] | None = None,
        limits: Limits | None = None,
        label: str | None = None,
    ) -> Self:
        """Learn from a reference of several windows.

        Args:
            reference: Profiles of its windows in the order of time, such as days. Eight are
                needed, thirty and more are good.
            edges: The edges all profiles are counted in.
            losses: Where in the features the loss is; without, a shift's effect is unknown.
            features: Which columns are watched; None watches all that the edges have.
            seasons: A key for each reference window, such as its weekday: a window is then
                compared with the reference windows of its season only.
            limits: When a shift is told, and when it is a failure.
            label: A column whose classes are a contract: one that is new, in however few rows,
                is `schema.label`.

        Raises:
            InputError: If there is no reference, edges differ or lengths do.
        """
        windows, limits = list(reference), limits or Limits()
        keys = [None] * len(windows) if seasons is None else list(seasons)
        names = list(edges.columns if features is None else features)
        _check(windows, edges, losses, keys, names)
        kept = [name for name in names if any(name in window.columns for window in windows)]
        parts = {name: ColumnWindows.seen(name, edges.columns[name], windows) for name in kept}
        return cls._learn(windows, parts, edges, keys, losses=losses, limits=limits, label=label)

    @classmethod
    def of_frame(
        cls,
        frame: pl.DataFrame,
        *,
        exchangeable: bool,
        edges: Edges | None = None,
        windows: int = 30,
        losses: LossByCell | None = None,
        features: Iterable[str] | None = None,
        limits: Limits | None = None,
        label: str | None = None,
    ) -> Self:
        """Learn from one frame without a column of time, such as a training set.

        Args:
            frame: The rows.
            exchangeable: Whether rows come in no order, so that any of them could stand
                anywhere: only who made the data can say. True holds a window against the law of
                any choice of as many rows from both together. False
                takes rows to be in the order of time and cuts them into `windows` blocks in a
                row, so that what blocks differ by anyway is allowed for.
            edges: Cells; None cuts them at the frame's quantiles.
            windows: How many blocks of rows in order of time; the frame must have twice as many
                rows in any case.
            losses: Where in the features the loss is.
            features: Which columns are watched; None watches all that the edges have.
            limits: When a shift is told, and when it is a failure.
            label: A column whose classes are a contract.

        Raises:
            InputError: If there are fewer rows than windows, or as in :meth:`of`.

        Example:
            >>> import numpy as np, polars as pl
            >>> rng = np.random.default_rng(0)
            >>> train = pl.DataFrame({"x": rng.normal(size=4000)})
            >>> shift = FeatureShift.of_frame(train, exchangeable=True)
            >>> [f.verdict.value for f in shift.judge_frame(train + 1)]
            ['fail']
        """
        cells, limits = edges or Edges.of(frame), limits or Limits()
        if windows < 2 or frame.height < 2 * windows:
            raise InputError(
                f"One frame as a reference needs at least two rows for each of {windows} windows "
                f"(two and more), got {frame.height} rows: pass more rows or fewer windows."
            )
        if not exchangeable:
            places = np.linspace(0, frame.height, windows + 1).astype(int)
            blocks = [Profile.of(frame[start:end], edges=cells) for start, end in pairwise(places)]
            return cls.of(
                blocks, cells, losses=losses, features=features, limits=limits, label=label
            )
        names = list(cells.columns if features is None else features)
        whole = Profile.of(frame, edges=cells)
        _check([whole], cells, losses, [None], names)
        parts = {
            name: ColumnWindows.exchanged(whole.columns[name], cells.columns[name])
            for name in names
            if name in whole.columns
        }
        return cls._learn([whole], parts, cells, [None], losses=losses, limits=limits, label=label)

    @classmethod
    def _learn(
        cls,
        windows: Sequence[Profile],
        parts: Mapping[str, ColumnWindows],
        edges: Edges,
        keys: Sequence[Hashable],
        *,
        losses: LossByCell | None,
        limits: Limits,
        label: str | None,
    ) -> Self:
        columns = frozenset(edges.columns).union(*(window.columns for window in windows))
        if label is not None and label not in columns:
            raise InputError(f"The reference has no label `{label}`.{suggest(label, columns)}")
        learned = {
            name: Feature.learn(
                name, edges.columns[name], part, keys, losses=losses, least_rows=limits.least_rows
            )
            for name, part in parts.items()
        }
        faults = {
            name: Faults.learn(name, edges.columns[name], part, label=name == label)
            for name, part in parts.items()
        }
        return cls(learned, faults, columns, frozenset(keys), edges, limits, label)

    def including(self, window: Profile, *, season: Hashable = None) -> Self:
        """Return the same with a window added to what later ones are compared with.

        A reference that is hardly larger than a window is itself off by chance, and each window
        that is compared with it finds that same chance again: over time it looks like a shift
        that lasts. Compared with the reference *and all windows before*, windows are
        independent of each other as long as nothing changes. Include those that were in order,
        as :class:`FeatureWatch` does. What windows vary by anyway is not learned anew.

        Raises:
            InputError: If the window has other edges or a season the reference lacks.
        """
        self._fits(window, season)
        features = {
            name: feature.including(window.columns.get(name), season)
            for name, feature in self.features.items()
        }
        faults = {
            name: known.including(window.columns.get(name)) for name, known in self.faults.items()
        }
        return replace(self, features=features, faults=faults)

    def mixing(self, rows: Mapping[Hashable, int]) -> Self:
        """Return the same for windows that hold rows of several seasons.

        A day of hours is not like any hour: it is held against the hours' references, each
        counting by its rows in the day. What is normal for a column is left as it is.

        Args:
            rows: How many rows of the window are of each season.

        Raises:
            InputError: If there are none, or of a season the reference lacks.
        """
        if not rows:
            raise InputError("Mixing seasons needs the rows of one at least, got none.")
        for season in rows:
            self._knows(season)
        features = {name: feature.mixing(rows) for name, feature in self.features.items()}
        return replace(self, features=features, seasons=frozenset([None]))

    def judge_frame(
        self, frame: pl.DataFrame, *, season: Hashable = None, spans: int = 1
    ) -> list[Finding]:
        """Judge a window that is given as rows: :meth:`judge` of its profile."""
        return self.judge(Profile.of(frame, edges=self.edges), season=season, spans=spans)

    def judge(self, window: Profile, *, season: Hashable = None, spans: int = 1) -> list[Finding]:
        """Judge a window.

        Args:
            window: Its profile, counted in the same edges.
            season: Its season, where the reference has seasons.
            spans: How many reference windows long it is: 7 for a week against days.

        Returns:
            One `shift.feature` finding a feature, ranked by verdict and then by effect on the
            loss, and a finding for each thing that is broken: `schema.missing_column`,
            `schema.type`, `schema.new_column`, `schema.label`, `shift.missing`, `shift.nan`,
            `shift.inf`, `shift.all_null`, `shift.constant`, `shift.category`, `shift.range`,
            `shift.unit`, `shift.clock`. An empty window is one finding `shift.window`, unknown.

        Raises:
            InputError: If the window has other edges or a season the reference lacks.
        """
        self._fits(window, season)
        if window.rows == 0:
            return [_empty_window()]
        found = [self._new_column(name) for name in window.columns if name not in self.columns]
        for name, feature in self.features.items():
            column = window.columns.get(name)
            shift = None
            if column is not None:
                shift = feature.shift(
                    column, self.limits, season=season, spans=spans, features=len(self.features)
                )
            broken = self.faults[name].of(column, self.limits, spans=spans, moved=_moved(shift))
            found += [
                feature.weigh(fault, column, season, self.limits.margin)
                if column is not None and fault.check == "shift.missing"
                else fault
                for fault in broken
            ]
            if shift is not None and not any(b.check in _UNREADABLE for b in broken):
                found.append(shift)
        if spans > 1:
            found = [replace(f, evidence={**f.evidence, "spans": spans}) for f in found]
        return sorted(found, key=_rank)

    def _fits(self, window: Profile, season: Hashable) -> None:
        if window.edges != self.edges.digest:
            raise InputError(
                f"The window is counted in edges {window.edges[:8] or 'none'}, the reference in "
                f"{self.edges.digest[:8]}: pass the reference's edges to `Profile.of`."
            )
        self._knows(season)

    def _knows(self, season: Hashable) -> None:
        if season not in self.seasons:
            known = ", ".join(sorted(map(str, self.seasons)))
            raise InputError(f"The reference has no season {season!r}, it has: {known}.")

    @staticmethod
    def _new_column(name: str) -> Finding:
        return Finding(
            check="schema.new_column",
            subject=name,
            verdict=Verdict.WARN,
            summary=f"{name} is in the window, the reference has no such column.",
        )


def _moved(shift: Finding | None) -> bool | None:
    """Return whether a feature is beyond what windows vary by; None where that is not known."""
    if shift is None or shift.verdict is Verdict.UNKNOWN:
        return None
    return shift.verdict is not Verdict.OK


def _rank(finding: Finding) -> tuple[int, float, float]:
    ratio = (finding.statistic or 0.0) / (finding.threshold or 1.0)
    return _ORDER[finding.verdict], -(finding.effect or 0.0), -ratio


def _empty_window() -> Finding:
    return Finding(
        check="shift.window",
        subject="window",
        verdict=Verdict.UNKNOWN,
        summary="The window has no rows: nothing can be said of its features.",
        statistic=0.0,
    )


def _check(
    windows: Sequence[Profile],
    edges: Edges,
    losses: LossByCell | None,
    keys: Sequence[Hashable],
    names: Sequence[str],
) -> None:
    if not windows:
        raise InputError("A reference needs at least one window, got none.")
    if len(keys) != len(windows):
        raise InputError(f"There must be a season a window, got {len(keys)} for {len(windows)}.")
    digests = {window.edges for window in windows} | ({losses.edges} if losses else set())
    if digests != {edges.digest}:
        raise InputError(
            "The reference's profiles and losses must be counted in the edges that are passed: "
            "make them with `edges=edges`."
        )
    for name in names:
        if name not in edges.columns:
            raise InputError(f"The edges have no column `{name}`.{suggest(name, edges.columns)}")
