"""Principal components and random projections."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.detect._reduce._reducer import flat
from homeostat.stats import Floats

__all__ = ["PCA", "RandomProjection"]


class PCA:
    """Projects rows on the directions in which they vary most.

    Learn it from rows that are not the reference of a test (training rows), or leave it to
    :class:`Classifier`, which learns it from both samples together: components that fit the
    reference, but not the window, are a difference by themselves when rows are few.
    Rows with NaN or infinities are left out of learning and come back as NaN.

    Args:
        n_components: Most directions to keep.
        whiten: Whether each component is scaled to a variance of 1.

    Source: Rabanser, Guennemann and Lipton 2019, "Failing Loudly", section 3.1. Cost: O(n d
    min(n, d)) to learn.

    Example:
        >>> line = np.outer(np.arange(5.0), [3.0, 4.0])
        >>> PCA(n_components=1).fit(line)(line).round(3).ravel().tolist()
        [-10.0, -5.0, 0.0, 5.0, 10.0]
    """

    def __init__(self, n_components: int = 32, *, whiten: bool = False) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.mean_: Floats | None = None
        self.components_: Floats | None = None

    @property
    def fitted(self) -> bool:
        """Whether `fit` was called."""
        return self.components_ is not None

    def fit(self, values: ArrayLike, /) -> Self:
        """Learn from rows (n, ...).

        Raises:
            InputError: If fewer than two rows are complete, or no component is asked for.
        """
        rows = flat(values)
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows) < 2 or self.n_components < 1:
            raise InputError(
                f"PCA needs two complete rows and one component, got {len(rows)} rows and "
                f"{self.n_components} components."
            )
        self.mean_ = rows.mean(axis=0)
        spread, axes = _axes(rows - self.mean_, self.n_components)
        sign = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
        axes = axes * np.where(sign == 0, 1, sign)[:, None]
        scale = np.maximum(spread, 1e-12 * max(float(spread.max(initial=0)), 1e-300))
        self.components_ = axes / scale[:, None] if self.whiten else axes
        return self

    def __call__(self, values: ArrayLike, /) -> Floats:
        """Return rows (n, k), k at most `n_components`."""
        if self.components_ is None or self.mean_ is None:
            raise InputError("PCA has no components yet: call `fit(rows)` first.")
        rows = _matching(values, len(self.mean_))
        with np.errstate(invalid="ignore", over="ignore"):
            return _whole(rows, np.asarray((rows - self.mean_) @ self.components_.T))


def _axes(centred: Floats, most: int) -> tuple[Floats, Floats]:
    """Return standard deviations and directions (k, d), by the smaller Gram matrix."""
    n, d = centred.shape
    value, vector = np.linalg.eigh(centred.T @ centred if d <= n else centred @ centred.T)
    value, vector = value[::-1][:most].clip(0), vector[:, ::-1][:, :most]
    kept = value > 1e-12 * max(float(value.max(initial=0)), 1e-300)
    value, vector = value[kept], vector[:, kept]
    axes = vector.T if d <= n else (centred.T @ vector / np.sqrt(value)).T
    return np.sqrt(value / (n - 1)), axes


class RandomProjection:
    """Projects rows on random directions: learns nothing, keeps distances about as they were.

    Args:
        n_components: How many directions.
        kind: "gaussian", or "sparse", whose entries are 0 but for one in sqrt(d): quicker, and
            the one that Failing Loudly tried.
        seed: Of the directions; the same seed and width are the same projection.

    Source: Achlioptas 2003; Li, Hastie and Church 2006 for the sparse one.

    Example:
        >>> RandomProjection(3, seed=0)(np.ones((2, 4, 4))).shape
        (2, 3)
    """

    def __init__(
        self,
        n_components: int = 32,
        *,
        kind: Literal["gaussian", "sparse"] = "gaussian",
        seed: int = 0,
    ) -> None:
        self.n_components = n_components
        self.kind = kind
        self.seed = seed

    def __call__(self, values: ArrayLike, /) -> Floats:
        """Return rows (n, n_components); a row with NaN or infinities is all NaN."""
        rows = flat(values)
        with np.errstate(invalid="ignore", over="ignore"):
            return _whole(rows, np.asarray(rows @ self._directions(rows.shape[1])))

    def _directions(self, width: int) -> Floats:
        if self.kind not in {"gaussian", "sparse"} or self.n_components < 1:
            raise InputError(
                "`kind` is 'gaussian' or 'sparse' and `n_components` at least 1, got "
                f"{self.kind!r} and {self.n_components}."
            )
        rng = np.random.default_rng(self.seed)
        shape = (width, self.n_components)
        if self.kind == "gaussian":
            return np.asarray(rng.normal(size=shape) / np.sqrt(self.n_components))
        rare = 1 / np.sqrt(max(width, 1))
        signs = rng.choice([-1.0, 0.0, 1.0], p=[rare / 2, 1 - rare, rare / 2], size=shape)
        return np.asarray(signs / np.sqrt(rare * self.n_components))


def _matching(values: ArrayLike, width: int) -> Floats:
    rows = flat(values)
    if rows.shape[1] != width:
        raise InputError(f"Rows must have {width} numbers as in `fit`, got {rows.shape[1]}.")
    return rows


def _whole(rows: Floats, reduced: Floats) -> Floats:
    complete = np.asarray(np.isfinite(rows).all(axis=1))
    return np.where(complete[:, None], reduced, np.nan)
