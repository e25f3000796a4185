"""Weigh: a fit from scratch on rows that count as much as the latest rows are like them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Json, Verdict, duration
from homeostat.monitor import ImportanceWeights, ShiftKind
from homeostat.stats import Floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeostat.loop._history import History

__all__ = ["Weigh"]

_FEWEST = 100  # labelled rows of either side
_MOST = 20_000  # rows of either side that the kind of shift is told from


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigh:
    """When a fit from scratch takes importance weights.

    It does where the features have moved, the outcome given the features has not, and the rows
    learned from still cover where the features are now: each tested on the rows at hand, and kept
    as the finding `retrain.weights`. Otherwise all rows count alike. Weights help a model that
    cannot be right everywhere (a linear one, a small tree); a flexible one on many rows gains
    little and pays in effective rows (Shimodaira 2000, J. Stat. Plan. Inference 90).

    Args:
        toward: How far back the rows go that the fit is to suit; they need no outcomes, but
            100 of them tell by theirs whether the shift is covariate.
        least_share: Least share of the rows learned from that must be left, effectively.
        most_uncovered: Greatest share of the latest rows where those learned from are hardly any.
        level: Chance of taking a shift for one that did not happen.
        classifier: That tells the latest rows from those learned from.

    Raises:
        InputError: If a setting is out of its range.
    """

    toward: str = "7d"
    least_share: float = 0.1
    most_uncovered: float = 0.05
    level: float = 0.01
    classifier: Literal["auto", "logistic", "boosted"] = "auto"

    def __post_init__(self) -> None:
        duration(self.toward)
        if not (0 < self.least_share < 1 and 0 < self.most_uncovered < 1 and 0 < self.level < 1):
            raise InputError(
                "Shares and levels are in (0, 1), got "
                f"{self.least_share}, {self.most_uncovered} and {self.level}."
            )

    def weights(
        self, history: History, rows: NDArray[np.int64], *, name: str, now: datetime, seed: int = 0
    ) -> tuple[Floats | None, Finding]:
        """Return the weight of each row that is learned from, and why; None counts all alike.

        Args:
            history: Rows and outcomes.
            rows: (k,) positions of the rows that are learned from.
            name: Of the version, for the finding.
            now: Rows and outcomes that come later are not looked at.
            seed: Of folds.

        Returns:
            (k,) with mean 1, or None; and `retrain.weights` on the version, which is ok whether
            or not weights are taken: its evidence says which.
        """
        since = now - duration(self.toward)
        latest = history.predicted(since, now)
        known = history.trainable(since, now)
        older = rows[~np.isin(rows, np.arange(latest.start, latest.stop))]
        few = min(len(older), len(known))
        if few < _FEWEST:
            words = f"{few} rows with outcomes on one side of {since:%Y-%m-%d %H:%M} are too few"
            return None, _finding(name, f"{words} to tell what has moved", {})
        kind = _kind(history, older, known, level=self.level, seed=seed)
        evidence: dict[str, Json] = {"kind": kind.subject, "kind_evidence": dict(kind.evidence)}
        if kind.subject != "covariate":
            return None, _finding(name, f"the shift is {kind.subject}", evidence)
        found = ImportanceWeights.between(
            history.features[rows],
            history.features[latest],
            classifier=self.classifier,
            seed=seed,
        )
        overlap = found.finding(least_share=self.least_share, most_uncovered=self.most_uncovered)
        evidence |= {"overlap": overlap.verdict.value, **overlap.evidence}
        if overlap.verdict is not Verdict.OK:
            return None, _finding(name, overlap.summary.rstrip("."), evidence)
        return found.values, _finding(
            name, overlap.summary.rstrip("."), evidence, toward=self.toward
        )


def _kind(
    history: History,
    older: NDArray[np.int64],
    known: NDArray[np.int64],
    *,
    level: float,
    seed: int,
) -> Finding:
    """Tell the kind of shift between two sets of labelled rows, by no model but its own."""
    rng = np.random.default_rng(seed)
    one, other = (
        rows if len(rows) <= _MOST else np.sort(rng.choice(rows, _MOST, replace=False))
        for rows in (older, known)
    )
    before, after = history.label[one], history.label[other]
    if len(np.unique(before)) < 2:
        return Finding(
            check="shift.kind", subject="unknown", verdict=Verdict.UNKNOWN, summary="One outcome."
        )
    rate = float(before.mean())
    kind = ShiftKind.of(
        history.features[one], before.astype(np.intp), np.full(len(one), rate), seed=seed
    )
    return kind.judge(
        history.features[other],
        np.full(len(other), rate),
        label=after.astype(np.intp),
        level=level,
    )


def _finding(
    name: str, why: str, evidence: Mapping[str, Json], *, toward: str | None = None
) -> Finding:
    if toward is None:
        summary = f"{name} counts all rows alike: {why}."
    else:
        summary = f"{name} weighs its rows to the last {toward}, a covariate shift. {why}."
    return Finding(
        check="retrain.weights",
        subject=name,
        verdict=Verdict.OK,
        summary=summary,
        statistic=1.0 if toward else 0.0,
        evidence={"weighed": toward is not None, **evidence},
    )
