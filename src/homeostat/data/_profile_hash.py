"""Stable 64-bit hashes of whole columns: the same on each machine and in each version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import mix

__all__ = ["hash_numbers", "hash_text"]

_PRIME = 0x9E3779B97F4A7C15  # odd, so that no byte is lost modulo 2**64
_EXACT = 2**53  # below it an integer and its float64 are one number


def hash_numbers(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Hash int64 or float64 values; 3 and 3.0 hash alike, so do 0.0 and -0.0."""
    floats = values.astype(np.float64) + 0.0
    bits = floats.view(np.uint64)
    if values.dtype == np.int64 and len(values):
        wide = (values > _EXACT) | (values < -_EXACT)
        bits = np.where(wide, values.view(np.uint64), bits)
    return mix(bits)


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
