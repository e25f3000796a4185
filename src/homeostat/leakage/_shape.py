"""Shape: a score that is certain about some rows and silent about the rest came after them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from homeostat.leakage._tables import Floats, Halves

__all__ = ["separation", "settled"]

_SURE = 0.95  # share of one class from which a region settles the label
_CELLS = 64
_STRETCHES, _DRAWS = 20, 50  # of rows, in a bootstrap
_ONE_SIDED = 1.645  # standard errors to the lower end at 95 %


def separation(auc: float, rows: int) -> float:
    """Return the distance between the classes, in standard deviations, that an AUC stands for.

    For two normal distributions of equal spread, d' = sqrt(2) * inverse normal(AUC).
    """
    bounded = min(max(auc, 0.5), 1 - 1 / (2 * rows))
    return 2**0.5 * NormalDist().inv_cdf(bounded)


def settled(score: Floats, halves: Halves) -> float:
    """Return the share of a class that a score settles, beyond what its AUC implies.

    A score of two normal classes with this AUC leaves most rows in doubt. Where it is right
    about whole regions (19 of 20 rows of one class) and silent elsewhere, the values came
    about with the label: a flight that left an hour late. The greater of both classes, each
    less its noise (the lower end at 95 %, by a bootstrap of stretches of rows).

    Args:
        score: Of all rows, shape (n,); the second half is looked at.
        halves: The labels.
    """
    test = slice(halves.cut, None)
    label = halves.label[test]
    cells, code = np.unique(score[test], return_inverse=True)
    if cells.size > _CELLS:
        code = (np.argsort(np.argsort(score[test], kind="stable")) * _CELLS) // label.size
    k = int(code.max()) + 1
    place = (np.arange(label.size) * _STRETCHES // label.size) * k + code
    size = _STRETCHES * k
    rows = np.bincount(place, minlength=size).reshape(-1, k).astype(np.float64)
    ones = np.bincount(place, label, size).reshape(-1, k).astype(np.float64)
    return max(_settled(ones, rows), _settled((rows - ones)[:, ::-1], rows[:, ::-1]))


def _settled(ones: Floats, rows: Floats) -> float:
    """Return the lower end of the share that is settled beyond what is implied.

    Args:
        ones: In each stretch of rows and cell, cells in order of their score, shape (s, k).
        rows: In each stretch and cell, shape (s, k).
    """
    again = np.random.default_rng(0).multinomial(len(rows), [1 / len(rows)] * len(rows), _DRAWS)
    drawn = zip(again @ ones, again @ rows, strict=True)
    noise = float(np.std([_beyond(*one) for one in drawn]))
    return _beyond(ones.sum(axis=0), rows.sum(axis=0)) - _ONE_SIDED * noise


def _beyond(ones: Floats, rows: Floats) -> float:
    """Return the share of the ones in sure cells, less that of two normal distributions.

    Their log-odds are normal with deviation d' around half its square, so those of the ones
    exceed ``odds`` with probability Phi(d' / 2 - odds / d'). Shares must rise with the score.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - a fifth of a second

    ones, rows = ones[rows > 0], rows[rows > 0]
    zeros, total = rows - ones, float(ones.sum())
    if not 0 < total < rows.sum():
        return 0.0
    area = float(ones @ (np.cumsum(zeros) - zeros / 2)) / (total * float(zeros.sum()))
    apart = separation(area, int(rows.sum()))
    odds = np.log(_SURE / (1 - _SURE)) - np.log(total / zeros.sum())
    implied = NormalDist().cdf(apart / 2 - odds / apart) if apart else 0.0
    block = isotonic_regression(ones / rows, weights=rows).blocks[:-1]
    held, among = np.add.reduceat(ones, block), np.add.reduceat(rows, block)
    sure = (held + 1) / (among + 2) >= _SURE
    return float(held[sure].sum()) / total - implied
