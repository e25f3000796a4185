"""FeatureShift: which features of a window have moved, ranked by what that does to the loss."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from homeostat.core import Finding, InputError, Verdict, suggest
from homeostat.data import Edges, Profile
from homeostat.monitor._broken import Faults
from homeostat.monitor._feature import Feature, Limits
from homeostat.monitor._loss_by_cell import LossByCell

__all__ = ["FeatureShift"]

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
        edges: Digest of the edges.
        limits: When a shift is told, and when it is a failure.

    Example:
        >>> import numpy as np, polars as pl
        >>> rng = np.random.default_rng(0)
        >>> days = [pl.DataFrame({"x": rng.normal(size=500)}) for _ in range(20)]
        >>> edges = Edges.of(pl.concat(days))
        >>> shift = FeatureShift.of([Profile.of(day, edges=edges) for day in days], edges)
        >>> today = Profile.of(pl.DataFrame({"x": rng.normal(0.4, size=500)}), edges=edges)
        >>> [finding.verdict.value for finding in shift.judge(today)]
        ['fail']
    """

    features: dict[str, Feature]
    faults: dict[str, Faults]
    columns: frozenset[str]
    seasons: frozenset[Hashable]
    edges: str
    limits: Limits

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
    ) -> Self:
        """Learn from a reference.

        Args:
            reference: Profiles of its windows in the order of time, such as days. Eight are
                needed, thirty and more are good.
            edges: The edges all profiles are counted in.
            losses: Where in the features the loss is; without, a shift's effect is unknown.
            features: Which columns are watched; None watches all that the edges have.
            seasons: A key for each reference window, such as its weekday: a window is then
                compared with the reference windows of its season only.
            limits: When a shift is told, and when it is a failure.

        Raises:
            InputError: If there is no reference, edges differ or lengths do.
        """
        windows, limits = list(reference), limits or Limits()
        keys = [None] * len(windows) if seasons is None else list(seasons)
        names = list(edges.columns if features is None else features)
        _check(windows, edges, losses, keys, names)
        kept = [name for name in names if any(name in window.columns for window in windows)]
        learned = {
            name: Feature.learn(
                name,
                edges.columns[name],
                windows,
                keys,
                losses=losses,
                least_rows=limits.least_rows,
            )
            for name in kept
        }
        faults = {name: Faults.learn(name, edges.columns[name], windows) for name in kept}
        columns = frozenset(edges.columns).union(*(window.columns for window in windows))
        return cls(learned, faults, columns, frozenset(keys), edges.digest, limits)

    def judge(self, window: Profile, *, season: Hashable = None, spans: int = 1) -> list[Finding]:
        """Judge a window.

        Args:
            window: Its profile, counted in the same edges.
            season: Its season, where the reference has seasons.
            spans: How many reference windows long it is: 7 for a week against days.

        Returns:
            One `shift.feature` finding a feature, ranked by verdict and then by effect on the
            loss, and a finding for each thing that is broken: `schema.missing_column`,
            `schema.type`, `schema.new_column`, `shift.missing`, `shift.nan`, `shift.inf`,
            `shift.all_null`, `shift.constant`, `shift.category`, `shift.range`. An empty
            window is one finding `shift.window`, unknown.

        Raises:
            InputError: If the window has other edges or a season the reference lacks.
        """
        if window.edges != self.edges:
            raise InputError(
                f"The window is counted in edges {window.edges[:8] or 'none'}, the reference in "
                f"{self.edges[:8]}: pass the reference's edges to `Profile.of`."
            )
        if season not in self.seasons:
            known = ", ".join(sorted(map(str, self.seasons)))
            raise InputError(f"The reference has no season {season!r}, it has: {known}.")
        if window.rows == 0:
            return [_empty_window()]
        found = [self._new_column(name) for name in window.columns if name not in self.columns]
        for name, feature in self.features.items():
            column = window.columns.get(name)
            broken = self.faults[name].of(column, self.limits, spans=spans)
            found += [
                feature.weigh(fault, column, season, self.limits.margin)
                if column is not None and fault.check == "shift.missing"
                else fault
                for fault in broken
            ]
            if column is not None and not any(b.check.startswith("schema.") for b in broken):
                found.append(
                    feature.shift(
                        column, self.limits, season=season, spans=spans, features=len(self.features)
                    )
                )
        return sorted(found, key=_rank)

    @staticmethod
    def _new_column(name: str) -> Finding:
        return Finding(
            check="schema.new_column",
            subject=name,
            verdict=Verdict.WARN,
            summary=f"{name} is in the window, the reference has no such column.",
        )


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
