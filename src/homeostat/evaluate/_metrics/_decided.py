"""Metrics of decisions, from hits, actual and decided weight by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from homeostat.evaluate._metrics._inputs import Rows
from homeostat.evaluate._metrics._interval import Estimated
from homeostat.stats import Draws, Floats, Margins, decision_scores, decision_slopes

__all__ = ["Decided"]

Name = tuple[str, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """Decisions among k classes: ``actual`` and ``decided`` are codes of shape (n,)."""

    rows: Rows
    actual: NDArray[np.intp]
    decided: NDArray[np.intp]
    k: int
    betas: Sequence[float] = ()

    def flat(self) -> Floats:
        """Return the weight of hits, of actual and of decided rows by class, shape (3k,)."""
        return self._sums(self.rows.weight)

    def estimates(self) -> list[Estimated]:
        """Return every metric with its error over blocks."""
        flat = self.flat()
        scores = decision_scores(Margins.of(flat), self.betas)
        slopes = decision_slopes(flat, self.betas)
        table = np.stack(list(slopes.values()))
        gram, held = self._gram()
        blocks = self.rows.n_blocks
        grown = blocks / (blocks - 1) if blocks > 1 else 0.0
        squares = np.einsum("mi,mi->m", table @ gram, table)
        errors = np.sqrt(np.maximum(squares, 0.0) * grown)
        errors[errors < 1e-9] = 0.0  # what is left of slopes taken by differences
        return [
            self._estimated(name, float(value), float(error), held)
            for (name, value), error in zip(scores.items(), errors, strict=True)
        ]

    def value(self, name: Name) -> float:
        """Return one metric."""
        return float(decision_scores(Margins.of(self.flat()), self.betas)[name])

    def influence(self, name: Name) -> Floats:
        """Return what each row adds to a metric's error, shape (n,)."""
        s = decision_slopes(self.flat(), self.betas)[name]
        moved = s[self.k + self.actual] + s[2 * self.k + self.decided]
        moved = moved + np.where(self.actual == self.decided, s[self.actual], 0.0)
        return moved if self.rows.weight is None else moved * self.rows.weight

    def resampled(self, draws: Draws) -> dict[Name, Floats]:
        """Return each metric in each resample, shape (resamples,)."""
        w, hit = self.rows.weight, self.actual == self.decided
        hits = draws.counts(self.actual, self.k, hit if w is None else hit * w)
        actual = draws.counts(self.actual, self.k, w)
        decided = draws.counts(self.decided, self.k, w)
        return decision_scores(Margins(hits, actual, decided), self.betas)

    def _sums(self, weight: Floats | None) -> Floats:
        hit = self.actual == self.decided
        parts = (
            np.bincount(self.actual, hit if weight is None else hit * weight, self.k),
            np.bincount(self.actual, weight, self.k),
            np.bincount(self.decided, weight, self.k),
        )
        return np.concatenate(parts).astype(np.float64)

    def _gram(self) -> tuple[Floats, Floats]:
        """Return sums over blocks of the products of their 3k sums, and blocks with each."""
        if self.rows.blocks is not None:
            return self._gram_of_blocks(self.rows.blocks)
        k, w = self.k, self.rows.weight
        squares = None if w is None else w**2
        flat = self._sums(squares)
        cell = np.bincount(self.actual * k + self.decided, squares, k * k).reshape(k, k)
        right = np.diag(np.diag(cell))
        gram = np.diag(flat)
        gram[:k, k : 2 * k] = gram[k : 2 * k, :k] = right
        gram[:k, 2 * k :] = gram[2 * k :, :k] = right
        gram[k : 2 * k, 2 * k :] = cell
        gram[2 * k :, k : 2 * k] = cell.T
        return gram, self._sums(None)

    def _gram_of_blocks(self, blocks: NDArray[np.intp]) -> tuple[Floats, Floats]:
        hit = self.actual == self.decided
        w = self.rows.w
        at = np.concatenate([blocks[hit], blocks, blocks])
        column = np.concatenate([
            self.actual[hit], self.k + self.actual, 2 * self.k + self.decided,
        ])  # fmt: skip
        shape = (self.rows.n_blocks, 3 * self.k)
        sums = sparse.coo_array((np.concatenate([w[hit], w, w]), (at, column)), shape).tocsr()
        held = np.bincount(sums.indices, minlength=3 * self.k).astype(np.float64)
        return np.asarray((sums.T @ sums).toarray()), held

    def _estimated(self, name: Name, value: float, error: float, held: Floats) -> Estimated:
        metric, of = name
        hits, actual, decided = np.split(held, 3)
        n, note = float(self.rows.n_blocks), ""
        if of is None:
            trials = n
            if not metric.startswith("accuracy") and not metric.endswith("_micro"):
                trials = float(actual[actual > 0].min())
        elif metric == "precision":
            trials, note = float(decided[of]), "" if decided[of] else "never decided: 0"
        elif metric == "recall":
            trials, note = float(actual[of]), "" if actual[of] else "no row of it: 0"
        elif metric == "specificity":
            trials = n if self.rows.blocks is not None else n - float(actual[of])
            note = "" if trials else "no row of another class: 0"
        else:
            trials = float(max(actual[of] + decided[of] - hits[of], 0))
            trials = min(trials, n)
            note = "" if actual[of] and decided[of] else "never decided or no row of it: 0"
        if metric in {"mcc", "kappa"}:
            flat = (actual > 0).sum() < 2 or (decided > 0).sum() < 2
            note = "label or decision is constant: 0" if flat else ""
            return Estimated(metric, of, value, error, trials, "number", (-1.0, 1.0), note=note)
        exact = metric in {"accuracy", "precision", "recall", "specificity"}
        plain = exact and self.rows.blocks is None and self.rows.weight is None
        most = float(self.rows.n)
        return Estimated(
            metric, of, value, error, trials, "share", plain=plain, most=most, note=note
        )
