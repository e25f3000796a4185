"""One feature: what the reference says of it, and what a window's summary says against that."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, Verdict
from homeostat.data import ColumnEdges, ColumnProfile
from homeostat.monitor._features._calibration import DistanceLaw, Measured, bases
from homeostat.monitor._features._column_windows import ColumnWindows, counts_of
from homeostat.monitor._features._effect import Effect, EffectModel
from homeostat.monitor._features._moved import moved
from homeostat.monitor._features._permutation_law import PermutationLaw
from homeostat.monitor._performance._loss_by_cell import LossByCell

__all__ = ["Feature", "Limits"]

_Counts = NDArray[np.int64]
_LEAST_MISSING = 100  # rows of the reference from which the loss of missing values is known


@dataclass(frozen=True, slots=True)
class Limits:
    """When a shift is told, and when it is a failure.

    Args:
        level: False alarms a window over all features together.
        margin: Least change of the loss that matters, in its units.
        distance_margin: Least distance that matters where no loss is known; it must surely be
            as large (95 % interval).
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
    law: DistanceLaw | PermutationLaw
    effects: EffectModel | None

    @classmethod
    def learn(
        cls,
        name: str,
        edges: ColumnEdges,
        windows: ColumnWindows,
        seasons: Sequence[Hashable],
        *,
        losses: LossByCell | None,
        least_rows: int,
    ) -> Self:
        """Learn from the reference's windows."""
        counts = windows.counts
        base = bases(counts, seasons)
        ordered = edges.type != "string"
        order = None if ordered else _by_text(edges)
        law: DistanceLaw | PermutationLaw
        if windows.exchangeable:
            law = PermutationLaw.learn(counts.sum(axis=0)[:-1], ordered=ordered, order=order)
        else:
            rest = np.stack([base[season] for season in seasons]) - counts
            law = DistanceLaw.learn(
                counts[:, :-1], rest[:, :-1], ordered=ordered, least_rows=least_rows, order=order
            )
        effects = None
        if losses is not None and name in losses.rows:
            effects = EffectModel.learn(losses.rows[name], losses.losses[name], ordered=ordered)
        return cls(name, edges, ordered, base, law, effects)

    def including(self, column: ColumnProfile | None, season: Hashable) -> Self:
        """Return the same with a window's rows added to the reference's."""
        base = {**self.base, season: self.base[season] + counts_of(column, self.edges)}
        return replace(self, base=base)

    def mixing(self, rows: Mapping[Hashable, int]) -> Self:
        """Return the same with one season, `None`: the seasons of `rows`, each by its rows.

        It counts as many rows as a reference would have whose shares are as sure.
        """
        parts = [(n, self.base[season]) for season, n in rows.items()]
        known = [(n, base) for n, base in parts if n and base.sum()]
        total = sum(n for n, _ in known)
        if not total:
            return replace(self, base={None: np.zeros(self.edges.cells + 1, np.int64)})
        shares = sum(n / total * base / base.sum() for n, base in known)
        size = 1 / sum((n / total) ** 2 / base.sum() for n, base in known)
        upto = np.rint(size * np.cumsum(shares)).astype(np.int64)  # so that no rows are rounded off
        return replace(self, base={None: np.diff(upto, prepend=0)})

    def shift(
        self, column: ColumnProfile, limits: Limits, *, season: Hashable, spans: int, features: int
    ) -> Finding:
        """Judge a window's distribution, one of so many features."""
        counts = counts_of(column, self.edges)
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
        where = moved(counts[0][:-1], counts[1][:-1], self.edges, stretch=self.law.stretch)
        least = where.least if self.ordered else self.law.least(counts[0][:-1], counts[1][:-1])
        verdict = _verdict(measured, effect, least, limits)
        said = f"{_said(effect)}{_judged(effect, limits, verdict)}"
        kind = "KS" if self.ordered else "JS"
        size = f"{kind} distance {measured.distance:.3f}"
        if measured.threshold is not None:
            relation = "beyond" if measured.distance > measured.threshold else "within"
            size += f", {relation} the {measured.threshold:.3f} that windows vary by anyway"
        else:
            size += f" from a reference of only {self.law.windows} windows"
        known = effect is not None and effect.known
        return Finding(
            check="shift.feature",
            subject=self.name,
            verdict=verdict,
            summary=f"{self.name}: {where.words} ({size}); {said}.",
            statistic=measured.distance,
            threshold=measured.threshold,
            p_value=measured.p_value,
            effect=None if effect is None else effect.value,
            evidence={
                "distance": kind,
                "rows": int(counts[0].sum()),
                "reference_rows": int(counts[1].sum()),
                "moved": where.parts,
                "change": where.change,
                "change_low": where.low,
                "change_high": where.high,
                "distance_low": least,
                "distance_margin": limits.distance_margin,
                "effect_low": effect.low if effect is not None and known else None,
                "effect_high": effect.high if effect is not None and known else None,
                "unseen": None if effect is None else effect.unseen,
                "margin": limits.margin,
                "dependence": measured.dependence,
            },
        )


def _by_text(edges: ColumnEdges) -> NDArray[np.intp]:
    """Order categories by their text, which knows nothing of the reference's luck."""
    return np.array([*np.argsort(np.array(edges.levels, object)), len(edges.levels)], np.intp)


def _verdict(measured: Measured, effect: Effect | None, least: float, limits: Limits) -> Verdict:
    if measured.threshold is None:
        return Verdict.UNKNOWN
    if measured.distance <= measured.threshold:
        return Verdict.OK
    if effect is None:
        return Verdict.FAIL if least > limits.distance_margin else Verdict.WARN
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
