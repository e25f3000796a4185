"""SLA: limits on latency and errors, as shares of requests that may break them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from homeostat.core import Finding, InputError, Verdict
from homeostat.stats import wilson

__all__ = ["Limit", "Sla", "sla"]

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s)\s*")
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_FEW = 10  # requests that may break a limit before a window near it can be judged


@dataclass(frozen=True, slots=True)
class Limit:
    """A share of requests that may be slow or fail.

    Args:
        name: Such as ``"p99 < 50 ms"``.
        share: The share allowed, in (0, 1).
        over_ms: Slower than this counts; None counts failed requests.
    """

    name: str
    share: float
    over_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Sla:
    """What operations promise: see `sla`."""

    limits: tuple[Limit, ...]

    def judge(self, broken: dict[str, tuple[int, int]], subject: str) -> list[Finding]:
        """Judge one window.

        Args:
            broken: By limit's name, (requests that broke it, requests).
            subject: What was watched, such as a version.

        Returns:
            One finding a limit: ``fail`` where the share is surely above it (Wilson 95 %),
            ``ok`` where surely below, ``warn`` in between, ``unknown`` where the window is too
            short to tell.
        """
        return [_judge(limit, *broken.get(limit.name, (0, 0)), subject) for limit in self.limits]


def sla(
    *, p99: str | None = None, median: str | None = None, error_rate: float | None = None
) -> Sla:
    """Declare limits on latency and errors.

    "The 99th percentile is below 50 ms" is the same as "at most 1 % of requests take longer than
    50 ms", which is a share that can be counted, tested and added up over processes.

    Args:
        p99: Bound of the 99th percentile, such as ``"50ms"``.
        median: Bound of the median.
        error_rate: Largest share of requests answered with a server error, in (0, 1).

    Example:
        >>> [limit.name for limit in sla(p99="50ms", error_rate=0.001).limits]
        ['p99 < 50 ms', 'errors < 0.1%']
    """
    limits = []
    for name, text, share in (("p99", p99, 0.01), ("median", median, 0.5)):
        if text is not None:
            over_ms = milliseconds(text)
            limits.append(Limit(f"{name} < {over_ms:g} ms", share, over_ms))
    if error_rate is not None:
        if not 0 < error_rate < 1:
            raise InputError(f"An error rate lies in (0, 1), got {error_rate}.")
        limits.append(Limit(f"errors < {100 * error_rate:g}%", error_rate))
    if not limits:
        raise InputError("An SLA needs at least one of p99, median and error_rate.")
    return Sla(tuple(limits))


def milliseconds(text: str) -> float:
    """Read ``"50ms"``, ``"200us"`` or ``"2s"`` as milliseconds."""
    match = _DURATION.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise InputError(f"A latency is a positive number with us, ms or s, got {text!r}.")
    return float(match[1]) * _MILLISECONDS[match[2]]


def _judge(limit: Limit, broken: int, n: int, subject: str) -> Finding:
    interval = wilson(broken, n)
    if interval.low > limit.share:
        verdict, word = Verdict.FAIL, "broken"
    elif interval.high <= limit.share:
        verdict, word = Verdict.OK, "kept"
    elif n * limit.share < _FEW:
        need = math.ceil(_FEW / limit.share)
        verdict, word = Verdict.UNKNOWN, f"not known (about {need:,} requests can tell)"
    else:
        verdict, word = Verdict.WARN, "about to break"
    kind = "failed" if limit.over_ms is None else f"took over {limit.over_ms:g} ms"
    return Finding(
        check="serve.sla",
        subject=subject,
        verdict=verdict,
        summary=f"{limit.name} is {word} for {subject}: {broken:,} of {n:,} requests {kind}, "
        f"{100 * limit.share:g}% may.",
        statistic=broken / n if n else None,
        threshold=limit.share,
        evidence={"limit": limit.name, "low": interval.low, "high": interval.high, "requests": n},
    )
