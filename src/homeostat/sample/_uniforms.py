"""One uniform number a row, from a seed and the row's identity: the same in any batch or thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from homeostat.stats import Floats

__all__ = ["Ids", "uniforms"]

Ids = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15


def uniforms(ids: Ids, seed: int, *, draw: int | NDArray[np.int64] = 0) -> Floats:
    """Return a uniform number in (0, 1) for each identity, shape (n,).

    Args:
        ids: Identities, shape (n,).
        seed: What tells one sample from another.
        draw: Which number of the row's own sequence; one for all, or one a row.
    """
    start = _mix(np.array([seed % 2**64], np.uint64))
    which = _mix(np.asarray(draw, dtype=np.int64).astype(np.uint64).reshape(-1))
    bits = _mix(_mix(ids ^ start) + which)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(bits: Ids) -> Ids:
    """Scramble 64 bits, one to one (SplitMix64; Steele, Lea and Flood 2014)."""
    bits = bits + np.uint64(_GOLDEN)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
