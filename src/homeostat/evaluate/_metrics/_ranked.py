"""Metrics of the order of predictions: ROC-AUC and average precision, of two classes or many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from homeostat.evaluate._metrics._inputs import Rows
from homeostat.evaluate._metrics._interval import Estimated
from homeostat.stats import (
    Draws,
    Floats,
    auc_influence,
    average_precision_influence,
    influence_error,
    score_codes,
)

__all__ = ["Ranked"]

Name = tuple[str, int | None]
_CELLS = 2048  # of score and class together, in a resample: sorting once, coarsely, serves all
_MOST_PAIRS = 30  # classes beyond which one against one is too many pairs


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Scores by class, shape (n, k), and the actual class's code, shape (n,)."""

    rows: Rows
    actual: NDArray[np.intp]
    scores: Floats

    def estimates(self) -> list[Estimated]:
        """Return every metric with its error over blocks; None where a class has no row."""
        counts = np.bincount(self.actual, minlength=self.scores.shape[1])
        found = []
        for (name, of), estimate in self._estimates():
            if estimate is None:
                note = "one class only" if "auc" in name else "no row of it"
                found.append(Estimated(name, of, None, 0.0, 0.0, "area", note=note))
                continue
            value, influence = estimate
            error, blocks = influence_error(influence, self.rows.blocks)
            rarer = counts[counts > 0].min() if of is None else min(
                counts[of], self.rows.n - counts[of] or counts[of]
            )  # fmt: skip
            trials = float(min(rarer, blocks))
            found.append(Estimated(name, of, value, error, trials, "area"))
        return found

    def influence(self, name: Name) -> tuple[float, Floats] | None:
        """Return a metric's value and what each row adds to its error, shape (n,)."""
        return next(estimate for key, estimate in self._estimates() if key == name)

    def _estimates(self) -> Iterator[tuple[Name, tuple[float, Floats] | None]]:
        k = self.scores.shape[1]
        areas, precisions = [], []
        weight = self.rows.weight
        codes = self._codes()
        for c in range(k) if k > 2 else (1, 0):
            y = (self.actual == c).astype(np.float64)
            area = auc_influence(y, codes[c], weight)
            precision = average_precision_influence(y, codes[c], weight)
            areas.append((c, area))
            precisions.append(precision)
            yield ("auc", c), area
            yield ("average_precision", c), precision
        if k == 2:
            return
        held = [(c, area) for c, area in areas if area is not None]
        yield ("auc_ovr_macro", None), _mean([a for _, a in held])
        yield ("auc_ovr_weighted", None), self._weighted(held)
        if k <= _MOST_PAIRS:
            yield ("auc_ovo_macro", None), self._one_against_one(codes)
        yield ("average_precision_macro", None), _mean([p for p in precisions if p is not None])

    def _codes(self) -> list[NDArray[np.intp]]:
        """Return each class's scores as their places in order: sorted once, used many times."""
        k = self.scores.shape[1]
        if k > 2:
            return [score_codes(self.scores[:, c], self.rows.n) for c in range(k)]
        code = score_codes(self.scores[:, 1], self.rows.n)
        return [code.max() - code, code]

    def _weighted(
        self, held: list[tuple[int, tuple[float, Floats]]]
    ) -> tuple[float, Floats] | None:
        if not held:
            return None
        w, n = self.rows.w, self.rows.n
        value, influence = 0.0, np.zeros(n)
        for c, (area, placed) in held:
            own = (self.actual == c).astype(np.float64)
            share = float(w @ own) / n
            value += share * area
            influence += share * placed + w * (own - share) / n * area
        return value, influence

    def _one_against_one(self, codes: list[NDArray[np.intp]]) -> tuple[float, Floats] | None:
        """Return Hand and Till's mean over ordered pairs of classes (2001)."""
        occurs = np.flatnonzero(np.bincount(self.actual, minlength=self.scores.shape[1]))
        found = []
        for a, b in permutations(occurs.tolist(), 2):
            held = (self.actual == a) | (self.actual == b)
            w = None if self.rows.weight is None else self.rows.weight[held]
            y = (self.actual[held] == a).astype(np.float64)
            area = auc_influence(y, codes[a][held], w)
            if area is not None:
                placed = np.zeros(self.rows.n)
                placed[held] = area[1]
                found.append((area[0], placed))
        return _mean(found)

    def resampled(self, draws: Draws) -> dict[Name, Floats]:
        """Return each metric in each resample, shape (resamples,); NaN where undefined.

        Scores are cut into a few hundred steps, each step's ties counting a half, and what that
        moves in the rows themselves is taken off again.
        """
        k = self.scores.shape[1]
        drawn: dict[Name, Floats] = {}
        counts = draws.counts(self.actual, k, self.rows.weight)
        pairs: list[Floats] = []
        for c in range(k) if k > 2 else (1, 0):
            cells, steps = self._cells(c)
            table = draws.counts(cells, steps * k, self.rows.weight).reshape(-1, steps, k)
            here = np.bincount(cells, self.rows.weight, steps * k).reshape(1, steps, k)
            table = np.concatenate([here, table])
            own, rest = table[..., c], table.sum(axis=2) - table[..., c]
            drawn["auc", c] = _areas(own, rest)
            drawn["average_precision", c] = _precisions(own, rest)
            if 2 < k <= _MOST_PAIRS:
                pairs += [_areas(own, table[..., d]) for d in range(k) if d != c]
        here = np.bincount(self.actual, self.rows.weight, k)[None]
        share = np.concatenate([here, counts])
        found: dict[Name, Floats] = {}
        for name, estimate in self._estimates():
            whole = name[1] is None
            values = _overall(name[0], drawn, pairs, share) if whole else drawn[name]
            shift = 0.0 if estimate is None else estimate[0] - values[0]
            found[name] = values[1:] + shift
        return found

    def _cells(self, c: int) -> tuple[NDArray[np.intp], int]:
        """Cut class c's scores at quantiles of its own rows and of all, half of the cuts each."""
        k = self.scores.shape[1]
        score, most = self.scores[:, c], max(_CELLS // k, 32)
        distinct = np.unique(score)
        cuts = distinct[1:]
        if len(distinct) > most:
            levels = np.linspace(0, 1, most // 2)[1:-1]
            own = score[self.actual == c]
            held = [score, own] if len(own) else [score]
            cuts = np.unique([np.quantile(s, levels, method="inverted_cdf") for s in held])
        step = np.searchsorted(cuts, score, side="right")
        return step * k + self.actual, len(cuts) + 1


def _mean(found: list[tuple[float, Floats]]) -> tuple[float, Floats] | None:
    if not found:
        return None
    value = sum(area for area, _ in found) / len(found)
    return value, np.sum([influence for _, influence in found], axis=0) / len(found)


def _overall(name: str, drawn: dict[Name, Floats], pairs: list[Floats], share: Floats) -> Floats:
    if name == "auc_ovo_macro":
        return _nan_mean(np.stack(pairs, axis=1))
    metric = "auc" if name.startswith("auc") else "average_precision"
    by_class = np.stack([drawn[metric, c] for c in range(share.shape[1])], axis=1)
    if name.endswith("weighted"):
        held = np.isfinite(by_class)
        total = np.sum(np.where(held, by_class * share, 0.0), axis=1)
        return np.asarray(total / share.sum(axis=1))
    return _nan_mean(by_class)


def _nan_mean(values: Floats) -> Floats:
    held = np.isfinite(values)
    return _over(np.where(held, values, 0.0).sum(axis=1), held.sum(axis=1).astype(np.float64))


def _areas(ones: Floats, zeros: Floats) -> Floats:
    below = np.cumsum(zeros, axis=1) - zeros / 2
    return _over(np.einsum("rs,rs->r", ones, below), ones.sum(axis=1) * zeros.sum(axis=1))


def _precisions(ones: Floats, zeros: Floats) -> Floats:
    own = ones[:, ::-1]
    reached = np.cumsum(own, axis=1)
    taken = np.cumsum((ones + zeros)[:, ::-1], axis=1)
    precision = np.divide(reached, taken, out=np.zeros(taken.shape), where=taken > 0)
    return _over(np.einsum("rs,rs->r", own, precision), reached[:, -1])


def _over(part: Floats, whole: Floats) -> Floats:
    return np.asarray(
        np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0), np.float64
    )
