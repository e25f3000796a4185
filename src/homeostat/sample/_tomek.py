"""Tomek links: rows of opposite classes that are each other's nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.sample._nearest import closer_exists, nearest
from homeostat.sample._space import Rows, Space, points
from homeostat.stats import Floats

__all__ = ["TomekLinks", "links_in", "tomek_links"]


@dataclass(frozen=True, slots=True, eq=False)
class TomekLinks:
    """The links of some rows: each row that is in one, with its partner.

    A row with several partners at one distance (copies) is listed with the first of them.

    Args:
        rarer: A row of the rarer class of each link, shape (m,).
        commoner: Its partner of the commoner class, each once, ascending, shape (m,).
        members: All rows that are in a link, ascending.
    """

    rarer: Rows
    commoner: Rows
    members: Rows

    def __len__(self) -> int:
        return len(self.commoner)

    def __repr__(self) -> str:
        return f"TomekLinks({len(self)} links, {len(self.members)} rows)"


def tomek_links(x: ArrayLike, y: ArrayLike) -> TomekLinks:
    """Find the Tomek links of rows, exactly (Tomek 1976, "Two modifications of CNN").

    Two rows of different classes are linked when no third is closer to either than they are to
    each other; so identical rows of opposite labels are linked. Only rows outside the largest
    class, and the rows nearest to them, can be in a link, so only for those is a nearest
    neighbour looked for: O(minority * n * d) instead of O(n ** 2 * d).

    Args:
        x: Finite numbers, shape (n, d), as they are: scale columns of different units first.
        y: Classes, shape (n,).

    Raises:
        InputError: If shapes differ or a number is not finite.

    Example:
        >>> tomek_links([[0.0], [1.0], [1.1], [5.0], [5.2]], [0, 0, 1, 0, 0])
        TomekLinks(1 links, 2 rows)
        >>> twins = np.repeat(np.arange(50.0), 2)[:, None]
        >>> len(tomek_links(twins, [0, 1] * 50))
        50
    """
    table = points(x)
    labels = np.asarray(y)
    if labels.shape != (len(table),):
        raise InputError(f"Each row needs a class: {len(table)} rows, got {labels.shape}.")
    return links_in(
        Space(table, np.ones(table.shape[1])), np.unique(labels, return_inverse=True)[1]
    )


def links_in(space: Space, codes: NDArray[np.intp]) -> TomekLinks:
    """Return the links of a space whose classes are coded 0..k-1; see :func:`tomek_links`."""
    counts = np.bincount(codes)
    none = np.empty(0, np.intp)
    if np.count_nonzero(counts) < 2:
        return TomekLinks(none, none, none)
    node, shown, copies = distinct(space.x, codes)
    thin = space if len(shown) == space.n else Space(space.x[shown], space.weight)
    a, b = _linked(thin, codes[shown], copies, int(counts.argmax()))
    size = counts[codes[shown]]
    turned = (size[a] > size[b]) | ((size[a] == size[b]) & (codes[shown[a]] > codes[shown[b]]))
    rarer, commoner = np.where(turned, b, a), np.where(turned, a, b)
    order = np.lexsort((shown[rarer], commoner))
    partner = np.full(len(shown), -1, np.intp)
    partner[commoner[order][::-1]] = shown[rarer[order][::-1]]
    rows = np.flatnonzero(partner[node] >= 0)
    member = np.zeros(len(shown), np.bool_)
    member[a], member[b] = True, True
    return TomekLinks(partner[node[rows]], rows, np.flatnonzero(member[node]))


def _linked(
    space: Space, codes: NDArray[np.intp], copies: NDArray[np.intp], largest: int
) -> tuple[Rows, Rows]:
    """Return pairs of linked points: a outside the largest class, b of another class than a."""
    first = np.flatnonzero(codes != largest)
    apart, at, other = nearest(space, first)
    mutual = np.full(space.n, np.nan)  # squared distance to the nearest, where it is known
    mutual[first] = np.where(copies[first] > 1, 0.0, apart)
    d = apart[at]
    may = (codes[first[at]] != codes[other]) & (d == mutual[first[at]])
    a, b, d = first[at[may]], other[may], d[may]
    unknown = np.isnan(mutual[b])
    asked, place = np.unique(b[unknown], return_inverse=True)
    least = np.full(len(asked), np.inf)
    np.minimum.at(least, place, d[unknown])
    lone = (copies[asked] == 1) | (least == 0)
    asked, least = asked[lone], least[lone]
    asked = asked[~closer_exists(space, asked, least)]
    mutual[asked] = np.where(copies[asked] > 1, 0.0, nearest(space, asked)[0])
    linked = mutual[b] == d
    return a[linked], b[linked]


def distinct(x: Floats, codes: NDArray[np.intp]) -> tuple[Rows, Rows, NDArray[np.intp]]:
    """Return each row's place among the distinct rows, their first rows, and how many copies."""
    bits = [(x[:, j] + 0.0).view(np.uint64) for j in range(x.shape[1])]
    mixed = codes.astype(np.uint64)
    for one in bits:
        mixed = (mixed ^ one) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, shown, node, copies = np.unique(
        mixed, return_index=True, return_inverse=True, return_counts=True
    )
    if len(shown) == len(x):
        each = np.arange(len(x))
        return each, each, copies
    like = shown[node]
    if not ((x == x[like]).all(axis=1) & (codes == codes[like])).all():
        # two rows of one hash, about once in ten million tables of a million rows
        table = np.column_stack([x + 0.0, codes])
        _, shown, node, copies = np.unique(
            table, axis=0, return_index=True, return_inverse=True, return_counts=True
        )
    return node.ravel(), shown, copies
