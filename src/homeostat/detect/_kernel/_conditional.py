"""Conditional mean embeddings of two samples, and how far apart they are, in every split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from homeostat.detect._kernel._permutations import Splits
from homeostat.detect._kernel._points import Floats

__all__ = ["Conditional", "ridge_of", "without_mean"]

_RIDGES = 10.0 ** np.arange(-5.0, 1.0, 0.5)
_BLOCK = 1024
_SPLITS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """What the distance of two conditional mean embeddings is made of.

    Args:
        phi: Features of contexts, (N, r).
        psi: Features of rows, (N, q).
        weights: Of each row's context in the average over contexts, (N,).
        ridge: Of the regression of psi on phi, a row.
    """

    phi: Floats
    psi: Floats
    weights: Floats
    ridge: float

    def distances(self, split: Splits) -> Floats:
        """Return the mean squared distance over contexts, of each permutation, (P,).

        tr(D' G D), where D maps phi to the difference of the embeddings and G is the weighted
        second moment of phi. O(P N r (r + q)) time.
        """
        half = linalg.cholesky(self._moment() + 1e-12 * np.eye(self.phi.shape[1]))
        found = [
            ((half @ self._difference(split, slice(start, start + _SPLITS))) ** 2).sum(axis=(1, 2))
            for start in range(0, split.who.shape[1], _SPLITS)
        ]
        return np.concatenate(found)

    def leanings(self, split: Splits) -> tuple[Floats, Floats]:
        """Return what each row adds to the first distance, and how far it leans to the window.

        The first is its influence, (N,), whose squares add up to the distance's variance where
        the samples differ; the second is how much its residual resembles the window's rather
        than the reference's, given its context, (N,).
        """
        first = split.first
        apart = self._difference(split, slice(0, 1))[0]
        influence = np.empty(len(self.phi))
        for side, sign in ((first, -1.0), (~first, 1.0)):
            phi, psi = self.phi[side], self.psi[side]
            gram = phi.T @ phi + self.ridge * len(phi) * np.eye(phi.shape[1])
            own = linalg.solve(gram, phi.T @ psi, assume_a="pos")
            pull = linalg.solve(gram, self._moment() @ apart, assume_a="pos")
            influence[side] = sign * 2 * ((phi @ pull) * (psi - phi @ own)).sum(axis=1)
        return influence, np.asarray(((self.phi @ apart) * self.psi).sum(axis=1))

    def _moment(self) -> Floats:
        return np.asarray((self.phi * self.weights[:, None]).T @ self.phi / self.weights.sum())

    def _difference(self, split: Splits, some: slice) -> Floats:
        """Return how the window's embedding less the reference's follows from phi, (P, r, q)."""
        r, q = self.phi.shape[1], self.psi.shape[1]
        who = split.who[:, some].astype(np.float64)
        n = split.sizes @ who
        ours = np.zeros((who.shape[1], r * (r + q)))
        whole = np.zeros(r * (r + q))
        marks = np.repeat(who, split.sizes, axis=0)
        for start in range(0, len(self.phi), _BLOCK):
            part = slice(start, start + _BLOCK)
            both = np.concatenate([self.phi[part], self.psi[part]], axis=1)
            products = (self.phi[part, :, None] * both[:, None]).reshape(len(both), -1)
            ours += marks[part].T @ products
            whole += products.sum(axis=0)
        return self._solved(whole - ours, split.rows - n) - self._solved(ours, n)

    def _solved(self, sums: Floats, rows: Floats) -> Floats:
        r = self.phi.shape[1]
        parts = sums.reshape(len(sums), r, -1)
        grams = parts[:, :, :r] + self.ridge * np.maximum(rows, 1)[:, None, None] * np.eye(r)
        return np.asarray(np.linalg.solve(grams, parts[:, :, r:]), np.float64)


def ridge_of(phi: Floats, psi: Floats) -> float:
    """Return the ridge, a row, that generalised cross-validation chooses for psi on phi.

    From both samples together, so that labels may be permuted without changing it. Golub, Heath
    and Wahba (1979), equation 1.4.
    """
    left, values, _ = linalg.svd(phi, full_matrices=False)
    n, turned = len(phi), ((left.T @ psi) ** 2).sum(axis=1)
    rest = max(float((psi**2).sum() - turned.sum()), 0.0)
    scores = []
    for ridge in _RIDGES:
        kept = values**2 / (values**2 + n * ridge)
        scores.append((rest + float(((1 - kept) ** 2 * turned).sum())) / (n - kept.sum()) ** 2)
    return float(_RIDGES[int(np.argmin(scores))])


def without_mean(phi: Floats, psi: Floats, ridge: float) -> Floats:
    """Return psi less its mean given phi in both samples together, (N, q)."""
    gram = phi.T @ phi + ridge * len(phi) * np.eye(phi.shape[1])
    return np.asarray(psi - phi @ linalg.solve(gram, phi.T @ psi, assume_a="pos"))
