"""Bucket: which of the exponential buckets a value is in; without NumPy, for the hot path."""

from __future__ import annotations

from math import ceil, log2

__all__ = ["LOWEST", "PER_OCTAVE", "SHIFT", "SIZE", "bucket_of"]

PER_OCTAVE = 64  # buckets between x and 2x: OpenTelemetry's exponential histogram of scale 6
LOWEST = -30  # log2 of the bound under which all is one bucket: 1 ns
SIZE = PER_OCTAVE * 64  # up to 2 ** 34: centuries in seconds, 17 GB in bytes
SHIFT = -LOWEST * PER_OCTAVE - 1
_LEAST = 2.0**LOWEST


def bucket_of(value: float) -> int:
    """Return the bucket of a value from 0 on: its bounds are (2**(i/64), 2**((i+1)/64)].

    Args:
        value: Finite.
    """
    if value <= _LEAST:
        return 0
    bucket = ceil(log2(value) * 64) + SHIFT
    return bucket if bucket < SIZE else SIZE - 1
