"""The sensitivity curve: copies of rows at several strengths, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, Json
from homeostat.evaluate._behaviour._data import Data, Predict, admit, changed, kind_of, taken
from homeostat.evaluate._behaviour._judge import Allowed, failure_rate
from homeostat.evaluate._behaviour._outputs import Output, Outputs, outputs_of, sampled
from homeostat.evaluate._behaviour._perturbations import Perturbation, apply, find_perturbation
from homeostat.evaluate._behaviour._quality import losses
from homeostat.stats import paired_difference

__all__ = ["Asked", "Sensitivity", "SensitivityPoint", "Tried", "ask", "curve_of", "tried_at"]


@dataclass(frozen=True, slots=True)
class SensitivityPoint:
    """How the model does at one strength.

    Args:
        strength: In the perturbation's unit.
        changed: Share of the copies that the perturbation changed at all.
        moved: Share of copies whose decision flipped, or whose output moved beyond tolerance.
        low: Of the interval of ``moved``, clustered by source row.
        high: Likewise.
        mean_change: Mean absolute change of the output.
        score: Accuracy, or mean absolute error of numbers, where a label is given.
        drop: By how much the score is worse than on the rows as they are, paired.
        drop_low: Of its interval.
        drop_high: Likewise.
    """

    strength: float
    changed: float
    moved: float
    low: float
    high: float
    mean_change: float
    score: float | None = None
    drop: float | None = None
    drop_low: float | None = None
    drop_high: float | None = None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A sensitivity curve: one point a strength, rising."""

    perturbation: str
    unit: str
    points: tuple[SensitivityPoint, ...]
    rows: int
    repeats: int

    def bears(self, max_share: float = 0.05) -> float:
        """Return the greatest strength up to which no more than a share moves; 0 if none."""
        borne = 0.0
        for point in self.points:
            if point.moved > max_share:
                break
            borne = point.strength
        return borne

    def to_json(self) -> list[dict[str, Json]]:
        """Return the points as plain objects."""
        return [
            {name: value for name, value in asdict(point).items() if value is not None}
            for point in self.points
        ]

    def __str__(self) -> str:
        """Return a table of the curve."""
        lines = [f"{self.perturbation} ({self.unit}), {self.rows:,} rows x {self.repeats}"]
        for point in self.points:
            drop = "" if point.drop is None else f"  score {point.score:.4f} ({-point.drop:+.4f})"
            interval = f"[{point.low:6.2%}, {point.high:6.2%}]"
            lines.append(f"  {point.strength:>6g}  moved {point.moved:7.2%} {interval}{drop}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """Rows, their copies at each strength, and what the model said of all."""

    found: Perturbation
    settings: dict[str, Any]
    data: Data
    places: NDArray[np.intp]
    strengths: tuple[float, ...]
    repeats: int
    seed: int

    def rows(self) -> Data:
        """Return the rows that are tried."""
        return taken(self.data, self.places)

    def copy(self, number: int) -> Data:
        """Make one copy; the same number makes the same copy."""
        strength = self.strengths[number // self.repeats]
        rng = np.random.default_rng([self.seed, number])
        if self.found.whole:
            return taken(apply(self.found, self.data, strength, rng, self.settings), self.places)
        return apply(self.found, self.rows(), strength, rng, self.settings)

    def copies(self, changes: list[NDArray[np.bool_]]) -> Iterator[Data]:
        """Yield the copies, and note which rows each changed."""
        rows = self.rows()
        for number in range(len(self.strengths) * self.repeats):
            made = self.copy(number)
            changes.append(changed(rows, made))
            yield made


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the model said of all copies, and which of them differ from their rows, (c, n)."""

    said: Outputs
    changed: NDArray[np.bool_]

    def counted(self, kind: str) -> NDArray[np.bool_]:
        """Say which copies count: of a table all, for some noise changes nothing."""
        return np.ones_like(self.changed) if kind == "table" else self.changed


def tried_at(
    rows: object,
    perturbation: str | Perturbation,
    strengths: Sequence[float] | None,
    repeats: int,
    max_rows: int | None,
    rng: np.random.Generator | int,
    settings: dict[str, Any],
) -> Tried:
    """Return what is tried: rows, perturbation, strengths rising, and seed."""
    data = admit(rows)
    found = find_perturbation(perturbation, kind_of(data))
    levels = sorted({float(one) for one in (found.strengths if strengths is None else strengths)})
    if not levels or repeats < 1:
        raise InputError(f"A curve needs a strength and a copy, got {strengths} and {repeats}.")
    generator = np.random.default_rng(rng)
    places = sampled(len(data), max_rows, generator)
    seed = int(generator.integers(2**63))
    return Tried(found, settings, data, places, tuple(levels), repeats, seed)


def ask(predict: Predict, tried: Tried, output: Output) -> Asked:
    """Ask the model of the rows and all their copies."""
    changes: list[NDArray[np.bool_]] = []
    said = outputs_of(predict, tried.rows(), tried.copies(changes), output=output)
    return Asked(said, np.stack(changes))


def curve_of(
    tried: Tried,
    asked: Asked,
    within: Allowed,
    label: ArrayLike | None,
    *,
    threshold: float,
    tolerance: float | None,
) -> Sensitivity:
    """Return the curve; what moves is judged by decision unless a tolerance is told."""
    said, n = asked.said, len(tried.places)
    moved, far = said.moved(threshold, tolerance, flips_only=True), said.changes()
    counted = asked.counted(tried.found.kind)
    lost = None
    if label is not None:
        given = np.asarray(label)
        if given.shape != (len(tried.data),):
            raise InputError(f"`label` must have one value a row: {len(tried.data)} rows.")
        lost = losses(said, given[tried.places], threshold)
    points = []
    for i, strength in enumerate(tried.strengths):
        of = slice(i * tried.repeats, (i + 1) * tried.repeats)
        share, interval = failure_rate(moved[of], counted[of], within)
        point = SensitivityPoint(
            strength=strength,
            changed=float(asked.changed[of].mean()),
            moved=share,
            low=interval.low,
            high=interval.high,
            mean_change=float(far[of].mean()),
            **_scored(lost, of, within, accuracy=said.kind != "number"),
        )
        points.append(point)
    return Sensitivity(tried.found.name, tried.found.unit, tuple(points), n, tried.repeats)


def _scored(
    lost: NDArray[np.float64] | None, of: slice, within: Allowed, *, accuracy: bool
) -> dict[str, float | None]:
    if lost is None:
        return {}
    after = lost[1:][of].mean(axis=0)
    found = paired_difference(after, lost[0], within.blocks, level=within.level)
    score, interval = float(after.mean()), found.interval
    return {
        "score": 1 - score if accuracy else score,
        "drop": found.mean,
        "drop_low": interval.low if interval else None,
        "drop_high": interval.high if interval else None,
    }
