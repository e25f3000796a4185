"""SLA: what operations promise of latency, errors and being up, as shares that may be bad."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from homeostat.core import Finding, InputError, Verdict, duration
from homeostat.observe._buckets import Distribution
from homeostat.stats import wilson

__all__ = ["Objective", "Sla", "judge", "sla"]

_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s)\s*")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_FEW = 10  # calls that may be bad before a window near the limit can be judged


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of calls that may be slow or fail.

    Args:
        name: Such as ``"p99 < 2 s"``.
        share: The share allowed, in (0, 1).
        over_s: Slower than this is bad, of the calls that succeeded; None: failed is bad, of all.
    """

    name: str
    share: float
    over_s: float | None = None

    def bad(self, times: Distribution) -> tuple[int, int]:
        """Return how many calls were bad, and of how many; a latency is met to within 0.6 %."""
        if self.over_s is None:
            return times.failed, times.n + times.failed
        return times.over(self.over_s), times.n


@dataclass(frozen=True, slots=True)
class Sla:
    """What operations promise: see `sla`.

    Args:
        objectives: On latency and errors.
        up: Share of minutes in which all of them are met; None promises none.
        period: Over which a budget is spent.
        quiet: What a minute without a call is.
    """

    objectives: tuple[Objective, ...]
    up: float | None = None
    period: timedelta = timedelta(days=30)
    quiet: Literal["unknown", "down"] = "unknown"

    def is_up(self, times: Distribution) -> bool | None:
        """Say whether a minute met every objective, to the letter; None if that is unknown."""
        if times.n + times.failed == 0:
            return False if self.quiet == "down" else None
        shares = [(bad, n, o.share) for o in self.objectives for bad, n in [o.bad(times)]]
        nothing_came_back = times.n == 0
        return not nothing_came_back and all(bad <= share * n for bad, n, share in shares)

    def judge(self, times: Distribution, subject: str) -> list[Finding]:
        """Judge one window by each objective; see `judge`."""
        return [judge(objective, *objective.bad(times), subject) for objective in self.objectives]


def sla(
    *,
    median: str | None = None,
    p99: str | None = None,
    quantiles: Mapping[float, str] | None = None,
    error_rate: float | None = None,
    up: float | None = None,
    period: str | timedelta = "30d",
    quiet: Literal["unknown", "down"] = "unknown",
) -> Sla:
    """Declare what operations promise.

    "The 99th percentile is below 2 s" says that at most 1 % of calls take longer than 2 s: a share
    that can be counted, tested and added up over processes and time.

    Args:
        median: Bound of the median latency, such as ``"200ms"``.
        p99: Bound of the 99th percentile.
        quantiles: Bounds of other quantiles: ``{0.9: "500ms"}``.
        error_rate: Largest share of calls that fail, in (0, 1).
        up: Share of minutes, in (0, 1), in which all of the above are met.
        period: Over which the budget of bad calls, and of minutes down, is spent.
        quiet: Whether a minute without a call is ``"unknown"`` (it counts neither way) or
            ``"down"`` (for a service that is always called: nothing at all is then an outage).

    Raises:
        InputError: If nothing is promised, or a bound or share is of no use.

    Example:
        >>> promised = sla(median="200ms", p99="2s", up=0.9999)
        >>> [objective.name for objective in promised.objectives], promised.up
        (['median < 200 ms', 'p99 < 2 s'], 0.9999)
    """
    bounds = {0.5: median, 0.99: p99} | dict(quantiles or {})
    objectives = [_latency(q, text) for q, text in sorted(bounds.items()) if text is not None]
    if error_rate is not None:
        share = _share(error_rate, "An error rate")
        objectives.append(Objective(f"errors < {100 * share:g}%", share))
    if not objectives:
        raise InputError(
            "An SLA needs at least one of median, p99, quantiles and error_rate; `up` is the "
            "share of minutes in which those are met."
        )
    if quiet not in {"unknown", "down"}:
        raise InputError(f'`quiet` is "unknown" or "down", got {quiet!r}.')
    length = duration(period)
    if length < timedelta(hours=1):
        raise InputError(f"An SLA's period is at least an hour, got {length}.")
    promised = None if up is None else _share(up, "A share of minutes up")
    return Sla(tuple(objectives), promised, length, quiet)


def judge(objective: Objective, bad: int, n: int, subject: str, *, over: str = "") -> Finding:
    """Judge one window by an objective.

    Args:
        objective: What is promised.
        bad: Calls that were bad.
        n: Calls.
        subject: What was watched.
        over: Which window, in words such as ``" in the last hour"``.

    Returns:
        ``fail`` where the share is surely above the promise (Wilson 95 %), ``ok`` where surely
        below or so far from it as can be told, ``warn`` in between, ``unknown`` where there were
        too few calls.
    """
    interval = wilson(bad, n)
    if interval.low > objective.share:
        verdict, word = Verdict.FAIL, "broken"
    elif interval.high <= objective.share:
        verdict, word = Verdict.OK, "kept"
    elif n * objective.share < _FEW:
        need = math.ceil(_FEW / objective.share)
        verdict, word = Verdict.UNKNOWN, f"not known (about {need:,} calls can tell)"
    else:
        verdict, word = Verdict.WARN, "about to break"
    kind = "failed" if objective.over_s is None else f"took over {_words(objective.over_s)}"
    return Finding(
        check="sla.errors" if objective.over_s is None else "sla.latency",
        subject=subject,
        verdict=verdict,
        summary=f"{objective.name} is {word} for {subject}{over}: {bad:,} of {n:,} calls {kind}, "
        f"{100 * objective.share:g}% may.",
        statistic=bad / n if n else None,
        threshold=objective.share,
        effect=bad / n - objective.share if n else None,
        evidence={
            "objective": objective.name,
            "low": interval.low,
            "high": interval.high,
            "bad": bad,
            "n": n,
        },
    )


def _latency(q: float, text: str) -> Objective:
    share = 1 - _share(q, "A quantile")
    match = _TIME.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise InputError(f"A latency is a positive number with us, ms or s, got {text!r}.")
    seconds = float(match[1]) * _SECONDS[match[2]]
    name = "median" if q == 0.5 else f"p{100 * q:g}"
    return Objective(f"{name} < {_words(seconds)}", round(share, 12), seconds)


def _share(value: float, what: str) -> float:
    if not 0 < value < 1:
        raise InputError(f"{what} lies in (0, 1), got {value}.")
    return float(value)


def _words(seconds: float) -> str:
    """Return seconds as a person says them.

    Example:
        >>> _words(2.0), _words(0.2), _words(0.0001)
        ('2 s', '200 ms', '100 us')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1e6:g} us"
