"""Allotment: which part each unit comes into, so that every class has its share in each part.

A unit is a row, or a group of rows that stays whole. Units with the same rows a class are alike:
of each kind every part gets its share, rounded down, and the few that are left over go one by
one to where rows are missed most: by the squared distance to the shares asked for, of each class
in terms of the rows that a unit has of it, so that a rare class counts beside common ones.
Single rows of a class therefore come out to within one row of the share, in each part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homeostat.core._row_ids import mix

__all__ = ["allot"]

Ints = NDArray[np.int64]
Ids = NDArray[np.uint64]


def allot(order: Ids, unit: Ints | None, classes: Sequence[Ints], shares: Sequence[float]) -> Ints:
    """Return the part of each row, shape (n,).

    Args:
        order: Random number of each row, shape (n,): what comes where is up to it alone.
        unit: Number of the unit that each row is of, shape (n,); None if each row is its own.
        classes: Codes, shape (n,), of what is to be shared out evenly: none, one or several.
        shares: Of the rows in each part; their sum is 1.
    """
    n = order.size
    classes = [np.zeros(n, np.int64), *classes]  # rows themselves are shared out too
    kind_of_row = _joint(classes)
    if unit is None:
        unit, lowest, kind = np.arange(n), order, kind_of_row
    else:
        lowest = _per_unit(np.minimum, order, unit)
        kind = _dense(_bag(kind_of_row, unit))
    sorted_units = np.lexsort((lowest, kind))
    many = np.bincount(kind)
    start = np.cumsum(many) - many
    first = sorted_units[start]  # of each kind, the unit that comes first
    counts = _counts(unit, first, classes)
    given = _share_out(many, counts, lowest[first], np.asarray(shares))
    ends = np.cumsum(given, axis=1)
    rank = np.empty(kind.size, np.int64)
    rank[sorted_units] = np.arange(kind.size) - np.repeat(start, many)
    return np.asarray((rank[:, None] >= ends[kind][:, :-1]).sum(axis=1)[unit], np.int64)


def _share_out(
    many: Ints, counts: list[tuple[Ints, Ints]], order: Ids, shares: NDArray[np.float64]
) -> Ints:
    """Return how many units of each kind come into each part, shape (kinds, parts)."""
    wanted = many[:, None] * shares
    given = np.floor(wanted + 1e-9).astype(np.int64)
    left = many - given.sum(axis=1)
    width = max((int(cells[-1]) + 1 for cells, _ in counts), default=0)
    total, units, missed = np.zeros(width), np.zeros(width), np.zeros((width, shares.size))
    for (cells, rows), m, short in zip(counts, many, wanted - given, strict=True):
        total[cells] += rows * m
        units[cells] += m
        missed[cells] += rows[:, None] * short
    weight = np.square(units / np.maximum(total, 1))
    size = np.array([rows.sum() for _, rows in counts])
    for k in np.lexsort((order, -size)):
        if left[k]:
            cells, rows = counts[k]
            rows = rows[:, None]
            gain = (rows * (2 * missed[cells] - rows) * weight[cells, None]).sum(axis=0)
            gain[wanted[k] - given[k] <= 1e-9] = -np.inf  # its share is met to the unit
            chosen = np.argsort(-gain, kind="stable")[: left[k]]
            given[k, chosen] += 1
            missed[cells[:, None], chosen] -= rows
    return _none_empty(given)


def _none_empty(given: Ints) -> Ints:
    """Give a part that came out empty, as happens with a handful of units, one of the largest."""
    for part in np.flatnonzero(given.sum(axis=0) == 0):
        largest = given.sum(axis=0).argmax()
        kind = given[:, largest].argmax()
        given[kind, [largest, part]] += [-1, 1]
    return given


def _counts(unit: Ints, chosen: Ints, classes: Sequence[Ints]) -> list[tuple[Ints, Ints]]:
    """Return of each chosen unit its classes, numbered through, and the rows in each."""
    place = np.full(int(unit.max(initial=-1)) + 1, -1, np.int64)
    place[chosen] = np.arange(chosen.size)
    rows = np.flatnonzero(place[unit] >= 0)
    width, cells = 0, []
    for codes in classes:
        cells.append(codes[rows] + width)
        width += int(codes.max(initial=-1)) + 1
    at = place[unit[rows]] * width
    found, number = np.unique(np.concatenate([at + cell for cell in cells]), return_counts=True)
    cuts = np.searchsorted(found, np.arange(1, chosen.size) * width)
    return list(
        zip(np.split(found % max(width, 1), cuts), np.split(number, cuts), strict=True)
        if chosen.size
        else ()
    )


def _bag(codes: Ints, unit: Ints) -> Ints:
    """Number what each unit holds: equal for units with the same rows of each class."""
    return _per_unit(np.add, mix(codes.astype(np.uint64)), unit).view(np.int64)


def _per_unit(combine: np.ufunc, values: Ids, unit: Ints) -> Ids:
    by_unit = np.argsort(unit, kind="stable")
    many = np.bincount(unit)
    return np.asarray(combine.reduceat(values[by_unit], np.cumsum(many) - many))


def _joint(codes: Sequence[Ints]) -> Ints:
    """Number the combinations of several codes from 0."""
    joint = codes[0]
    for code in codes[1:]:
        joint = _dense(joint * (int(code.max(initial=-1)) + 1) + code)
    return joint


def _dense(codes: Ints) -> Ints:
    """Number values from 0 in their order."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    rank = np.zeros(codes.size, np.int64)
    rank[order[1:]] = np.cumsum(ordered[1:] != ordered[:-1])
    return rank
