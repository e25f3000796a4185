"""Nyström features: a Gaussian kernel as dot products of a few numbers a row."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from homeostat.detect._kernel._lsdd import bumps
from homeostat.detect._kernel._points import Floats

__all__ = ["nystroem"]

_LANDMARKS = 300
_LEAST = 1e-6


def nystroem(points: Floats, bandwidth: float, *, most: int, rng: np.random.Generator) -> Floats:
    """Return features whose dot products are exp(-|x - y|^2 / (2 bandwidth^2)), about, (N, k).

    Exact where there are at most 300 different rows and `most` directions span them, as for
    categories. Williams and Seeger (2001), NIPS. O(N 300 d) time.

    Args:
        points: (N, d), finite.
        bandwidth: sigma.
        most: Directions kept, those in which the landmarks vary most.
        rng: Draws the 300 landmarks.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> features = nystroem(np.array([[0.0], [1.0], [1.0]]), 1.0, most=5, rng=rng)
        >>> (features @ features.T).round(4).tolist()[0]
        [1.0, 0.6065, 0.6065]
    """
    drawn = rng.choice(len(points), min(len(points), 4 * _LANDMARKS), replace=False)
    landmarks = np.unique(points[drawn], axis=0)
    if len(landmarks) > _LANDMARKS:
        landmarks = landmarks[rng.choice(len(landmarks), _LANDMARKS, replace=False)]
    values, vectors = linalg.eigh(bumps(landmarks, landmarks, bandwidth))
    values, vectors = values[-most:], vectors[:, -most:]
    kept = values > _LEAST * values[-1]
    return np.asarray(
        bumps(points, landmarks, bandwidth) @ (vectors[:, kept] / values[kept] ** 0.5)
    )
