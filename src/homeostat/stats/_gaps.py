"""Gaps: what was predicted less what came, summed in bins, and how far chance alone moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Binning, Floats, binned, block_codes, check_binary
from homeostat.stats._multiclass import check_classes

__all__ = ["Cells", "Kind", "block_noise", "calibrated_noise", "cells_of"]

Kind = Literal["binary", "top-label", "classwise"]

_DRAWN = 4_000_000  # values drawn at most to resample outcomes row by row
_GROUPS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Predictions laid into bins: one cell a bin, or a bin and class.

    Args:
        kind: What is predicted: label 1, that the most probable class is right, or each class.
        residual: Outcome less probability, shape (m,): m is n, or n times the classes.
        p: The probabilities, shape (m,).
        codes: The cell of each, shape (m,).
        n: Rows.
        classes: How many ECEs are averaged: 1, or the classes.
        whole: Probabilities of all classes, shape (n, k), where there are several ECEs.
    """

    kind: Kind
    residual: Floats
    p: Floats
    codes: NDArray[np.intp]
    n: int
    classes: int = 1
    whole: Floats | None = None

    @property
    def gaps(self) -> Floats:
        """Sum of the residuals in each cell."""
        return np.bincount(self.codes, self.residual).astype(np.float64)

    def error(self, gaps: Floats) -> Floats:
        """Return the ECE of gaps (..., cells)."""
        found: Floats = np.abs(gaps).sum(axis=-1) / (self.n * self.classes)
        return found


def told_kind(p: ArrayLike, kind: Kind | None) -> Kind:
    """Return the kind of error that is meant for probabilities of this shape."""
    if kind not in {None, "binary", "top-label", "classwise"}:
        raise InputError(f"`kind` is 'binary', 'top-label' or 'classwise', got {kind!r}.")
    several = np.ndim(p) == 2
    if several and kind == "binary":
        raise InputError("Probabilities of several classes have no 'binary' error: pass p[:, 1].")
    if not several and kind in {"top-label", "classwise"}:
        raise InputError(f"A {kind} error needs one column a class, got one probability a row.")
    return kind or ("top-label" if several else "binary")


def as_binary(label: ArrayLike, p: ArrayLike, of: int | None = None) -> tuple[Floats, Floats]:
    """Return what is predicted as 0 and 1, and its probability.

    Args:
        label: 0 or 1, or class numbers.
        p: Shape (n,), or (n, k).
        of: A class of k; None is whether the most probable class is right.
    """
    if np.ndim(p) != 2:
        return check_binary(label, p)
    y, q = check_classes(label, p)
    if of is None:
        top = q.argmax(axis=1)
        return (top == y).astype(np.float64), q[np.arange(len(y)), top]
    if not 0 <= of < q.shape[1]:
        raise InputError(f"There are {q.shape[1]} classes, numbered from 0, got class {of}.")
    return (y == of).astype(np.float64), q[:, of].copy()


def cells_of(
    label: ArrayLike, p: ArrayLike, *, kind: Kind | None, bins: int, binning: Binning
) -> Cells:
    """Lay predictions into bins."""
    meant = told_kind(p, kind)
    if meant != "classwise":
        y, q = as_binary(label, p)
        return Cells(meant, y - q, q, binned(q, bins, binning), len(y))
    numbers, whole = check_classes(label, p)
    n, k = whole.shape
    codes, start = np.empty((k, n), np.intp), 0
    for i in range(k):
        codes[i] = binned(whole[:, i], bins, binning) + start
        start = int(codes[i].max()) + 1
    flat = np.ascontiguousarray(whole.T)
    residual = -flat
    residual[numbers, np.arange(n)] += 1
    return Cells(meant, residual.ravel(), flat.ravel(), codes.ravel(), n, k, whole)


def calibrated_noise(cells: Cells, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Draw the gaps of a calibrated forecast, shape (n_resamples, cells).

    Outcomes are drawn row by row; of many rows by their variance, for several classes by that of
    a thousand groups of rows, so that what moves one class moves the others.
    """
    if len(cells.p) * n_resamples <= _DRAWN:
        order = np.argsort(cells.codes, kind="stable")
        starts = np.searchsorted(cells.codes[order], np.arange(cells.codes.max() + 1))
        p = cells.p[order]
        if cells.whole is None:
            drawn = (rng.random((n_resamples, cells.n)) < p) - p
        else:
            drawn = _outcomes(cells, cells.whole, n_resamples, rng)[:, order] - p
        gaps: Floats = np.add.reduceat(drawn, starts, axis=1)
        return gaps
    if cells.whole is None:
        deviation = np.sqrt(np.bincount(cells.codes, cells.p * (1 - cells.p)))
        return rng.normal(size=(n_resamples, len(deviation))) * deviation
    residual = _outcomes(cells, cells.whole, 1, rng)[0] - cells.p
    groups = rng.permutation(cells.n) % min(_GROUPS, cells.n)
    return _signed(residual, cells, groups, n_resamples, rng)


def _outcomes(
    cells: Cells, whole: Floats, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw outcomes of a calibrated forecast, shape (n_resamples, m)."""
    uniform = rng.random((n_resamples, cells.n))
    upper = np.cumsum(whole, axis=1).T
    upper[-1] = 1.0
    lower = np.vstack([np.zeros(cells.n), upper[:-1]])
    drawn = (uniform[:, None, :] >= lower) & (uniform[:, None, :] < upper)
    return drawn.reshape(n_resamples, -1)


def block_noise(
    cells: Cells, blocks: ArrayLike, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Draw each cell's gap, centred, with the signs of whole blocks at random."""
    block, n_blocks = block_codes(blocks, cells.n)
    if n_blocks < 2:
        raise InputError("Calibration by blocks needs at least two blocks; leave `blocks` out.")
    mean = np.bincount(cells.codes, cells.residual) / np.bincount(cells.codes)
    few = special.stdtrit(n_blocks - 1, 0.975) / special.ndtri(0.975)  # as Student's t allows
    scale = few * np.sqrt(n_blocks / (n_blocks - 1))
    signed = _signed(cells.residual - mean[cells.codes], cells, block, n_resamples, rng)
    return np.asarray(scale * signed, np.float64)


def _signed(
    residual: Floats,
    cells: Cells,
    block: NDArray[np.intp],
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    n_cells, n_blocks = int(cells.codes.max()) + 1, int(block.max()) + 1
    of = np.tile(block, cells.classes)
    sums = np.bincount(of * n_cells + cells.codes, residual, minlength=n_blocks * n_cells)
    signs = rng.choice([-1.0, 1.0], size=(n_resamples, n_blocks))
    gaps: Floats = signs @ sums.reshape(n_blocks, n_cells)
    return gaps
