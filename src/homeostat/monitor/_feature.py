"""One feature: what the reference says of it, and what a window's summary says against that."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.data import ColumnEdges, ColumnProfile, Profile
from homeostat.monitor._calibration import DistanceLaw, Measured, bases
from homeostat.monitor._effect import Effect, EffectModel
from homeostat.monitor._loss_by_cell import LossByCell

__all__ = ["Feature", "Limits", "counts_of"]

_Counts = NDArray[np.int64]
_LEAST_MISSING = 100  # rows of the reference from which the loss of missing values is known


@dataclass(frozen=True, slots=True)
class Limits:
    """When a shift is told, and when it is a failure.

    Args:
        level: False alarms a window over all features together.
        margin: Least change of the loss that matters, in its units.
        distance_margin: Least distance that matters where no loss is known.
        missing_margin: Least change of a missing rate, or share of new values, that matters.
        least_rows: Fewest rows with a value from which anything is concluded.
    """

    level: float = 0.001
    margin: float = 0.02
    distance_margin: float = 0.1
    missing_margin: float = 0.05
    least_rows: int = 30


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """What the reference's windows say of one feature.

    Args:
        name: Of the column.
        edges: Its cells.
        ordered: Whether cells are in order.
        base: Counts of the reference by season, (cells + 1,); the last cell is `missing`.
        law: Of the distance between a window and the reference.
        effects: Of a shift on the loss; None where no losses were given.
    """

    name: str
    edges: ColumnEdges
    ordered: bool
    base: Mapping[Hashable, _Counts]
    law: DistanceLaw
    effects: EffectModel | None

    @classmethod
    def learn(
        cls,
        name: str,
        edges: ColumnEdges,
        windows: Sequence[Profile],
        seasons: Sequence[Hashable],
        *,
        losses: LossByCell | None,
        least_rows: int,
    ) -> Self:
        """Learn from the reference's windows."""
        counts = np.stack([counts_of(window, name, edges) for window in windows])
        base = bases(counts, seasons)
        rest = np.stack([base[season] for season in seasons]) - counts
        ordered = edges.type != "string"
        law = DistanceLaw.learn(
            counts[:, :-1], rest[:, :-1], ordered=ordered, least_rows=least_rows
        )
        effects = None
        if losses is not None and name in losses.rows:
            effects = EffectModel.learn(losses.rows[name], losses.losses[name], ordered=ordered)
        return cls(name, edges, ordered, base, law, effects)

    def shift(
        self, column: ColumnProfile, limits: Limits, *, season: Hashable, spans: int, features: int
    ) -> Finding:
        """Judge a window's distribution, one of so many features."""
        counts = counts_of(column, self.name, self.edges)
        base = self.base[season]
        rows, base_rows = int(counts[:-1].sum()), int(base[:-1].sum())
        if min(rows, base_rows) < limits.least_rows:
            return _unknown(
                self.name,
                f"{self.name} has {rows} rows with a value in the window and {base_rows} in the "
                f"reference: {limits.least_rows} are needed to tell a shift.",
            )
        measured = self.law.measure(counts[:-1], base[:-1], limits.level / features, spans=spans)
        effect = None if self.effects is None else self.effects.of(counts, base)
        return self._finding(measured, effect, (counts, base), limits)

    def weigh(
        self, missing: Finding, column: ColumnProfile, season: Hashable, margin: float
    ) -> Finding:
        """Say what a changed missing rate does to the loss, where the reference can tell."""
        base = self.base[season]
        if self.effects is None or base[-1] < _LEAST_MISSING or missing.statistic is None:
            return missing
        filled = base[:-1] / base[:-1].sum() * (1 - missing.statistic)
        counts = np.append(filled, missing.statistic) * column.count
        effect = self.effects.of(counts, base)
        harmless = missing.verdict is Verdict.FAIL and effect.high <= margin
        return replace(
            missing,
            verdict=Verdict.WARN if harmless else missing.verdict,
            summary=f"{missing.summary[:-1]}; {_said(effect)}{': harmless' if harmless else ''}.",
            effect=effect.value,
        )

    def _finding(
        self,
        measured: Measured,
        effect: Effect | None,
        counts: tuple[_Counts, _Counts],
        limits: Limits,
    ) -> Finding:
        verdict = _verdict(measured, effect, limits)
        said = f"{_said(effect)}{_judged(effect, limits, verdict)}"
        moved, kind = self._moved(*counts), "KS" if self.ordered else "JS"
        size = f"{kind} distance {measured.distance:.3f}"
        if measured.threshold is not None:
            relation = "beyond" if measured.distance > measured.threshold else "within"
            size += f", {relation} the {measured.threshold:.3f} that windows vary by anyway"
        else:
            size += f" from a reference of only {len(self.law.seen)} windows"
        return Finding(
            check="shift.feature",
            subject=self.name,
            verdict=verdict,
            summary=f"{self.name}: {moved} ({size}); {said}.",
            statistic=measured.distance,
            threshold=measured.threshold,
            p_value=measured.p_value,
            effect=None if effect is None else effect.value,
            evidence={
                "distance": kind,
                "rows": int(counts[0].sum()),
                "effect_low": None if effect is None or not effect.known else effect.low,
                "effect_high": None if effect is None or not effect.known else effect.high,
                "unseen": None if effect is None else effect.unseen,
                "margin": limits.margin,
                "dependence": measured.dependence,
            },
        )

    def _moved(self, counts: _Counts, base: _Counts) -> str:
        """Say in words where mass has gone."""
        q, p = counts[:-1] / counts[:-1].sum(), base[:-1] / base[:-1].sum()
        if not self.ordered:
            cell = int(np.argmax(np.abs(q - p)))
            return f"{self.edges.label(cell)} is {q[cell]:.0%} of values, was {p[cell]:.0%}"
        apart = np.cumsum(q - p)[:-1]
        if len(apart) == 0:
            return "all values are in one cell"
        cut = int(np.argmax(np.abs(apart)))
        above, was = 1 - np.cumsum(q)[cut], 1 - np.cumsum(p)[cut]
        return f"{above:.0%} lie above {self.edges.upper(cut)}, were {was:.0%}"


def counts_of(summary: Profile | ColumnProfile, name: str, edges: ColumnEdges) -> _Counts:
    """Return a window's counts by cell, with those that miss a value last."""
    column = summary.columns.get(name) if isinstance(summary, Profile) else summary
    counts = np.zeros(edges.cells + 1, np.int64)
    if column is not None:
        counts[-1] = column.count
        if len(column.bins):
            counts[:-1] = column.bins
            counts[-1] -= int(column.bins.sum())
    return counts


def _verdict(measured: Measured, effect: Effect | None, limits: Limits) -> Verdict:
    if measured.threshold is None:
        return Verdict.UNKNOWN
    if measured.distance <= measured.threshold:
        return Verdict.OK
    if effect is None:
        return Verdict.FAIL if measured.distance > limits.distance_margin else Verdict.WARN
    return Verdict.FAIL if effect.known and effect.low > limits.margin else Verdict.WARN


def _said(effect: Effect | None) -> str:
    if effect is None:
        return "what that does to the loss is not known"
    change = f"by itself it changes the loss by {effect.value:+.4f}"
    change += f" [{effect.low:+.4f}, {effect.high:+.4f}]"
    if not effect.known:
        change += f", though {effect.unseen:.0%} of rows lie where the reference has no loss"
    return change


def _judged(effect: Effect | None, limits: Limits, verdict: Verdict) -> str:
    if effect is None or not effect.known or verdict in {Verdict.OK, Verdict.UNKNOWN}:
        return ""
    if verdict is Verdict.FAIL:
        return f", more than the {limits.margin:g} that matters"
    return ": harmless" if effect.high <= limits.margin else ": not surely harmful"


def _unknown(name: str, summary: str) -> Finding:
    return Finding(check="shift.feature", subject=name, verdict=Verdict.UNKNOWN, summary=summary)
