"""When a request is sent again: after full jitter, within a budget that all calls share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import numpy as np

from homeostat.core import InputError

__all__ = ["Backoff", "Budget", "retry_after_s"]

_BURST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a client waits before it tries again, and how often all its calls may.

    The n-th wait is uniform between nothing and ``first_s * 2**n``, at most ``longest_s`` ("full
    jitter": Brooker, Exponential backoff and jitter, 2015), so that clients that failed together
    do not return together. Where the server says `Retry-After`, it is waited for that long and up
    to a half more. Retries are at most ``budget`` of the calls beyond a first burst of ten, so
    that a server that is down is not asked a multiple of what brought it down.

    Args:
        first_s: Longest first wait, in seconds.
        longest_s: Longest wait, unless the server asks for more.
        budget: Retries for each call that was answered, in the long run.

    Raises:
        InputError: If a number is out of range.

    Example:
        >>> Backoff(first_s=-1)
        Traceback (most recent call last):
        homeostat.core._errors.InputError: `first_s` must be a finite number of 0 or more, got -1.
    """

    first_s: float = 0.05
    longest_s: float = 2.0
    budget: float = 0.2

    def __post_init__(self) -> None:
        for name in ("first_s", "longest_s", "budget"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"`{name}` must be a finite number of 0 or more, got {value}.")

    def wait_s(self, failures: int, asked_s: float | None, rng: np.random.Generator) -> float:
        """Return how long to wait after so many failures; the server may have asked for a time."""
        if asked_s is not None:
            return asked_s * float(rng.uniform(1.0, 1.5))
        longest = min(self.first_s * 2.0 ** min(failures - 1, 60), self.longest_s)
        return float(rng.uniform(0.0, longest))


class Budget:
    """What all calls of a client may spend on retries: a bucket that answers fill.

    Args:
        share: Tokens that an answered call brings.
    """

    __slots__ = ("_share", "_tokens")

    def __init__(self, share: float) -> None:
        self._share = share
        self._tokens = _BURST

    def earn(self) -> None:
        """Take note of a call that was answered."""
        if self._tokens < _BURST:
            self._tokens = min(self._tokens + self._share, _BURST)

    def spend(self) -> bool:
        """Pay for a retry; False where there is nothing left."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def retry_after_s(given: str | None, now: datetime) -> float | None:
    """Return the seconds of a `Retry-After` header, a number or a date (RFC 9110, 10.2.3).

    Example:
        >>> from datetime import UTC
        >>> now = datetime(2026, 1, 1, tzinfo=UTC)
        >>> retry_after_s("1.5", now), retry_after_s("soon", now)
        (1.5, None)
        >>> retry_after_s("Thu, 01 Jan 2026 00:01:00 GMT", now)
        60.0
    """
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(given) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
