"""MinHash and its bands: which of many sets are likely to be alike, without comparing all.

The share of random orders in which two sets have the same first member is their Jaccard
similarity s (Broder 1997). With b bands of r such firsts, a pair agrees in a band with
probability 1 - (1 - s**r)**b (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.core._row_ids import mix
from homeostat.split._shingles import Shingles

__all__ = ["bands_of", "candidates", "signatures"]

_BLOCK = 1 << 15  # pieces looked at in one go, so that they stay in the cache
_CROWD = 64  # sets that share a band up to which all their pairs are tried
_NEXT = 8  # of a larger crowd each is tried with so many that follow


def bands_of(threshold: float, recall: float, sets: int) -> tuple[int, int]:
    """Return the number of bands and of rows in each.

    Args:
        threshold: Similarity from which pairs are wanted.
        recall: Share of the pairs at the threshold that are to be found; of others it is more.
        sets: How many are compared: the more, the longer the bands, so that few pairs that are
            not alike are tried.
    """
    longest = max(2, math.ceil(math.log10(max(sets, 10))))
    rows = min(longest, max(2, math.floor(math.log(0.05) / math.log(threshold))))
    return max(1, math.ceil(math.log(1 - recall) / math.log1p(-(threshold**rows)))), rows


def signatures(pieces: Shingles, hashes: int, seed: int) -> NDArray[np.uint32]:
    """Return the least hash of each set under each of several hash functions, (hashes, n).

    Sets of about one size are laid side by side, so the least is taken over whole rows.
    """
    n = pieces.length.size
    salt = mix(np.array([seed], np.uint64))
    draw = mix(np.arange(2 * hashes, dtype=np.uint64) ^ salt)
    factor = (draw[:hashes] >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
    flip = (draw[hashes:] >> np.uint64(32)).astype(np.uint32)
    folded = (pieces.codes >> np.uint64(32)).astype(np.uint32)
    order, start = np.argsort(pieces.length, kind="stable"), pieces.start
    ordered = pieces.length[order]
    found = np.empty((hashes, n), np.uint32)
    first = 0
    while first < n:
        tall = max(int(ordered[first]), math.ceil(int(ordered[first]) * 1.1))
        many = max(1, _BLOCK // tall)
        last = min(first + many, int(np.searchsorted(ordered, tall, side="right")))
        sets = order[first:last]
        tall = int(ordered[last - 1])
        step = np.minimum(np.arange(tall)[:, None], pieces.length[sets] - 1)  # (tall, sets)
        block = folded[start[sets] + step]
        hashed, least = np.empty_like(block), np.empty((hashes, sets.size), np.uint32)
        for j in range(hashes):
            np.bitwise_xor(block, flip[j], out=hashed)
            np.multiply(hashed, factor[j], out=hashed)
            np.minimum.reduce(hashed, axis=0, out=least[j])
        found[:, sets] = least
        first = last
    return found


def candidates(signature: NDArray[np.uint32], bands: int) -> NDArray[np.int64]:
    """Return pairs of sets that agree in at least one band, the smaller first, (m, 2)."""
    hashes, n = signature.shape
    rows = hashes // bands
    codes = [np.empty(0, np.int64)]
    for band in range(bands):
        joined = np.zeros(n, np.uint64)
        for row in signature[band * rows : (band + 1) * rows]:
            joined = mix(joined ^ row.astype(np.uint64))
        one, two = _crowded(joined)
        codes.append(np.minimum(one, two) * n + np.maximum(one, two))
        if len(codes) > 8:
            codes = [_distinct(np.concatenate(codes))]
    pairs = _distinct(np.concatenate(codes))
    return np.stack(np.divmod(pairs, max(n, 1)), axis=1)


def _crowded(values: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of places with equal values; of large crowds a chain of near ones."""
    order = np.argsort(values)
    ordered = values[order]
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    fresh = np.append(np.True_, ~same)
    crowd = np.cumsum(fresh) - 1
    size = np.bincount(crowd)
    start = np.flatnonzero(fresh)
    left = (start + size)[crowd] - np.arange(values.size) - 1  # that follow in the crowd
    tried = np.where(size[crowd] <= _CROWD, left, np.minimum(left, _NEXT))
    one = np.repeat(np.arange(values.size), tried)
    ahead = np.arange(one.size) - np.repeat(np.cumsum(tried) - tried, tried) + 1
    return order[one], order[one + ahead]


def _distinct(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    codes = np.sort(codes)
    fresh = np.ones(codes.size, np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=fresh[1:])
    return codes[fresh]
