"""Guards: what a challenger must show, and what it must not do, to be let further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homeostat.core import InputError
from homeostat.observe import Objective, Sla

__all__ = [
    "Guard",
    "NoMoreErrors",
    "NoSlower",
    "NoWorse",
    "NotLower",
    "limits",
    "no_more_errors",
    "no_slower",
    "no_worse",
    "not_lower",
]


@dataclass(frozen=True, slots=True)
class NoWorse:
    """A loss that the challenger must be shown to keep, up to a margin: see `no_worse`."""

    metric: str
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class NoSlower:
    """A quantile of latency that must not grow: see `no_slower`."""

    quantile: float
    ratio: float

    @property
    def name(self) -> str:
        """What people call it, such as ``"p99"``."""
        return f"p{100 * self.quantile:g}"


@dataclass(frozen=True, slots=True)
class NoMoreErrors:
    """A rate of errors that must not grow: see `no_more_errors`."""

    ratio: float


@dataclass(frozen=True, slots=True)
class NotLower:
    """A metric of the business that must not fall: see `not_lower`."""

    metric: str
    per: str | None
    margin: float
    relative: bool
    must_show: bool

    @property
    def name(self) -> str:
        """What people call it, such as ``"revenue per sessions"``."""
        return self.metric if self.per is None else f"{self.metric} per {self.per}"


Guard = NoWorse | Sla | NoSlower | NoMoreErrors | NotLower


def no_worse(metric: str = "logloss", *, margin: float | None = None) -> NoWorse:
    """Require that a loss is shown to be no worse than the champion's, up to a margin.

    Args:
        metric: Name under which losses are observed; smaller is better.
        margin: How much worse is still acceptable, in units of the loss; None takes the
            rollout's.
    """
    if margin is not None and margin <= 0:
        raise InputError(
            f"A margin is positive, got {margin}: equality can never be shown from data."
        )
    return NoWorse(metric, margin)


def no_slower(quantile: float = 0.99, *, ratio: float = 1.1) -> NoSlower:
    """Stop a challenger whose quantile of latency is shown to exceed the champion's.

    Unlike a limit of an `sla`, it needs no number in milliseconds: the champion beside it is the
    yardstick, at the same moments. The test is `homeostat.experiment.quantile_test`, which may
    be read at any time and assumes no distribution.

    Args:
        quantile: Which, in (0, 1): 0.5 is the median, 0.99 the p99.
        ratio: How much slower is let pass: 1.1 is a tenth.

    Example:
        >>> no_slower(0.99).name
        'p99'
    """
    if not 0 < quantile < 1:
        raise InputError(f"A quantile lies in (0, 1), got {quantile}: the p99 is 0.99.")
    if not 1 <= ratio < 100:
        raise InputError(f"A ratio is at least 1, which lets nothing pass, got {ratio}.")
    return NoSlower(float(quantile), float(ratio))


def no_more_errors(*, ratio: float = 1.0) -> NoMoreErrors:
    """Stop a challenger that is shown to fail a larger share of requests than the champion.

    The test is the exact 2x2 e-process of `homeostat.experiment.rate_test`, look by look: what
    hits both arms at once is no evidence.

    Args:
        ratio: How many times the champion's rate is let pass.
    """
    if not 1 <= ratio < 1000:
        raise InputError(f"A ratio is at least 1, which lets nothing pass, got {ratio}.")
    return NoMoreErrors(float(ratio))


def not_lower(
    metric: str,
    *,
    per: str | None = None,
    margin: float = 0.01,
    relative: bool = True,
    must_show: bool = False,
) -> NotLower:
    """Stop a challenger that is shown to lower a metric of the business by more than a margin.

    Who asks is the unit, not the request: a user's requests are summed first. A ratio, such as
    revenue per session, is linearised (delta method).

    Args:
        metric: Name of a column that is summed over each user's requests; larger is better.
        per: Name of the column that it is divided by; None is a mean over users.
        margin: How much lower is still acceptable.
        relative: Whether the margin is a share of the champion's value; else in its units.
        must_show: Whether the challenger must be shown not to be lower, before it goes on; else
            it is only stopped once it is shown to be.

    Example:
        >>> not_lower("revenue", per="sessions", margin=0.02).name
        'revenue per sessions'
    """
    if margin <= 0:
        raise InputError(
            f"A margin is positive, got {margin}: equality can never be shown from data."
        )
    return NotLower(metric, per, float(margin), relative, must_show)


def limits(guards: Sequence[Guard]) -> Mapping[str, Objective]:
    """Return the limits of all SLAs among guards, by name."""
    found = [guard for guard in guards if isinstance(guard, Sla)]
    return {limit.name: limit for guard in found for limit in guard.objectives}
