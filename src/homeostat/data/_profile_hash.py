"""Stable 64-bit hashes of whole columns: the same on each machine and in each version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import mix

__all__ = ["hash_numbers", "hash_text", "smallest"]

_PRIME = 0x9E3779B97F4A7C15  # odd, so that no byte is lost modulo 2**64
_CHUNK = 1 << 15  # values hashed at once, so that they stay in the cache
_EXACT = 2**53  # below it an integer and its float64 are one number


def hash_numbers(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Hash int64 or float64 values; 3 and 3.0 hash alike, so do 0.0 and -0.0."""
    floats = values.astype(np.float64) + 0.0
    bits = floats.view(np.uint64)
    if values.dtype == np.int64 and len(values):
        wide = (values > _EXACT) | (values < -_EXACT)
        bits = np.where(wide, values.view(np.uint64), bits)
    return mix(bits)


def smallest(values: NDArray[Any], room: int) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """Return where the `room` smallest hashes of distinct numbers are, and these, by hash.

    Hashes are uniform, so all but twice as many as are wanted can be passed over as they come.
    """
    share = (2 * room + 64) / max(len(values), 1)
    if share >= 1:
        hashes = hash_numbers(values)
        places = np.argsort(hashes)[:room]
        return places, hashes[places]
    bound = np.uint64(share * 2.0**64)
    found = []
    for start in range(0, len(values), _CHUNK):
        part = hash_numbers(values[start : start + _CHUNK])
        below = np.flatnonzero(part < bound)
        found.append((below + start, part[below]))
    places, hashes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if len(hashes) < room:  # never seen: one in 10^20 columns
        places, hashes = np.arange(len(values)), hash_numbers(values)
    kept = np.argsort(hashes)[:room]
    return places[kept], hashes[kept]


def hash_text(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Hash strings by a polynomial over their UTF-8 bytes, modulo 2**64."""
    if not texts:
        return np.empty(0, np.uint64)
    joined = "".join(texts)
    raw = np.frombuffer(joined.encode(), np.uint8)
    sized: Iterable[str | bytes] = texts if joined.isascii() else map(str.encode, texts)
    lengths = np.fromiter(map(len, sized), np.int64, len(texts))
    ends = np.cumsum(lengths)
    place = np.arange(len(raw)) - np.repeat(ends - lengths, lengths)
    powers = np.cumprod(np.full(int(lengths.max()) + 1, _PRIME, np.uint64))
    sums = np.concatenate([[np.uint64(0)], np.cumsum((raw + np.uint64(1)) * powers[place])])
    return mix(sums[ends] - sums[ends - lengths] + mix(lengths.astype(np.uint64)))
