"""Guards: what a challenger must show, and what it must not do, to be let further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, Verdict
from homeostat.serve._evidence import compare
from homeostat.serve._sla import Limit, Sla
from homeostat.stats import TwoRates, proportion_sequence

__all__ = [
    "Guard",
    "NoWorse",
    "Setting",
    "judge_limit",
    "judge_losses",
    "limits",
    "no_worse",
]


@dataclass(frozen=True, slots=True)
class NoWorse:
    """A loss that the challenger must be shown to keep, up to a margin: see `no_worse`."""

    metric: str
    margin: float | None = None


Guard = NoWorse | Sla


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


@dataclass(frozen=True, slots=True)
class Setting:
    """What all guards of a rollout share.

    Args:
        alpha: Chance that a challenger worse than the margin is ever let past a loss.
        alarm: Chance that one test ever calls an equal challenger worse.
        horizon: Number of blocks at which bounds are tightest.
        fewest: Number of blocks below which nothing is said.
        challenger: Its version.
        champion: Its version.
    """

    alpha: float
    alarm: float
    horizon: float
    fewest: int
    challenger: str
    champion: str


def judge_losses(
    metric: str, cells: NDArray[np.float64], margin: float, setting: Setting
) -> Finding:
    """Judge the challenger's loss against the champion's over settled blocks.

    Returns:
        ``ok`` once it is shown to be less than the margin worse, ``fail`` once it is shown to be
        worse and not within the margin, else ``unknown``.
    """
    if len(cells) < setting.fewest:
        return _too_few(metric, len(cells), margin, setting)
    bound = compare(cells, horizon=setting.horizon, alpha=setting.alpha)
    alarm = compare(cells, horizon=setting.horizon, alpha=setting.alarm)
    if bound.high < margin:
        verdict, word = Verdict.OK, "no worse"
    elif alarm.low > 0:
        verdict, word = Verdict.FAIL, "worse"
    else:
        verdict, word = Verdict.UNKNOWN, "not yet shown to be no worse or worse"
    return Finding(
        check="rollout.guardrail",
        subject=f"{metric} of {setting.challenger}",
        verdict=verdict,
        summary=f"{setting.challenger} is {word} in {metric} than {setting.champion}: difference "
        f"{bound.mean:+.4g} (at any time within [{alarm.low:.4g}, {bound.high:.4g}]), margin "
        f"{margin:g}, {bound.n} blocks.",
        statistic=bound.high,
        threshold=margin,
        effect=bound.mean,
        evidence={
            "metric": metric,
            "low": alarm.low,
            "high": bound.high,
            "blocks": bound.n,
            "rows": cells[:, 2].sum(),
        },
    )


def _too_few(metric: str, blocks: int, margin: float, setting: Setting) -> Finding:
    subject = f"{metric} of {setting.challenger}"
    return Finding(
        check="rollout.guardrail",
        subject=subject,
        verdict=Verdict.UNKNOWN,
        summary=f"Too little traffic to judge {subject}: {blocks} blocks of time with both models, "
        f"{setting.fewest} are needed.",
        threshold=margin,
        evidence={"metric": metric, "blocks": blocks},
    )


def judge_limit(limit: Limit, rates: TwoRates, setting: Setting) -> Finding:
    """Judge one limit of an SLA on the challenger, beside the champion at the same moments.

    Returns:
        ``fail`` once it breaks the limit and is shown to do so more than the champion, ``warn``
        where it breaks the limit but the champion may as well (an incident), ``ok`` once it is
        shown to keep the limit, else ``unknown``.
    """
    broken, n = rates.other
    share = broken / n if n else 0.0
    interval = proportion_sequence(broken, n, horizon=10 / limit.share, alpha=setting.alarm)
    if rates.e_value * setting.alarm >= 1 and share > limit.share:
        verdict, word = Verdict.FAIL, "breaks it and the champion beside it does so less"
    elif interval.low > limit.share:
        verdict, word = Verdict.WARN, "breaks it, and so may the champion: an incident, not a cause"
    elif interval.high <= limit.share:
        verdict, word = Verdict.OK, "keeps it"
    else:
        verdict, word = Verdict.UNKNOWN, "has had too few requests to tell"
    return Finding(
        check="rollout.guardrail",
        subject=f"{limit.name} of {setting.challenger}",
        verdict=verdict,
        summary=f"{limit.name}: {setting.challenger} {word} ({broken:,} of {n:,} requests against "
        f"{rates.base[0]:,} of {rates.base[1]:,} with {setting.champion}).",
        statistic=share if n else None,
        threshold=limit.share,
        p_value=min(1.0, 1 / rates.e_value) if n else None,
        evidence={
            "metric": limit.name,
            "low": interval.low,
            "high": interval.high,
            "e_value": rates.e_value,
            "challenger": list(rates.other),
            "champion": list(rates.base),
        },
    )


def limits(guards: Sequence[Guard]) -> Mapping[str, Limit]:
    """Return the limits of all SLAs among guards, by name."""
    found = [guard for guard in guards if isinstance(guard, Sla)]
    return {limit.name: limit for guard in found for limit in guard.limits}
