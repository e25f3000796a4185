"""Which predictions keep their features: told by a hash of their number, so that it is no habit.

The hash is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["keeps", "kept_of"]

_MASK = (1 << 64) - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def keeps(number: int, share: float) -> bool:
    """Say whether a prediction is among a share of all."""
    if share <= 0 or share >= 1:
        return share >= 1
    mixed = number * _STEP & _MASK
    mixed = (mixed ^ (mixed >> 30)) * _FIRST & _MASK
    mixed = (mixed ^ (mixed >> 27)) * _SECOND & _MASK
    return (mixed ^ (mixed >> 31)) < share * 2.0**64


def kept_of(number: int, n: int, share: float) -> NDArray[np.uint32]:
    """Return the places of those `keeps` says of n predictions, from a number on."""
    if share <= 0:
        return np.zeros(0, np.uint32)
    with np.errstate(over="ignore"):
        mixed = np.arange(n, dtype=np.uint64) + np.uint64(number & _MASK)
        mixed *= np.uint64(_STEP)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
        mixed ^= mixed >> np.uint64(31)
    return np.flatnonzero(mixed < share * 2.0**64).astype(np.uint32)
