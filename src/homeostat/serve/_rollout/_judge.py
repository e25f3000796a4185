"""Judging: what the evidence says of losses, metrics of the business, and users."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from homeostat.core import Finding, Verdict
from homeostat.experiment import Sums, effect, sample_ratio_p
from homeostat.serve._rollout._evidence import Differences, compare
from homeostat.serve._rollout._guard import NotLower
from homeostat.serve._rollout._wait import Setting, left, told, until
from homeostat.stats import ClusteredMean, Moments, mean_sequence

__all__ = ["judge_losses", "judge_metric", "judge_units"]

_UNITS = 10_000.0  # users of both arms at which a metric's bounds are tightest


def judge_losses(metric: str, found: Differences, margin: float, setting: Setting) -> Finding:
    """Judge the challenger's loss against the champion's over settled blocks.

    Returns:
        ``ok`` once it is shown to be less than the margin worse, ``fail`` once it is shown to be
        worse and not within the margin, else ``unknown`` with the time expected until either.
    """
    if len(found) < setting.fewest:
        return _too_few(metric, len(found), margin, setting)
    bound = compare(found, horizon=setting.horizon, alpha=setting.alpha)
    alarm = compare(found, horizon=setting.horizon, alpha=setting.alarm)
    more: timedelta | None = None
    if bound.high < margin:
        verdict, word = Verdict.OK, "no worse"
    elif alarm.low > 0:
        verdict, word = Verdict.FAIL, "worse"
    else:
        verdict, word = Verdict.UNKNOWN, "not yet shown to be no worse or worse"
        more = _time_left(bound, alarm, margin, setting.block)
    return Finding(
        check="rollout.guardrail",
        subject=f"{metric} of {setting.challenger}",
        verdict=verdict,
        summary=f"{setting.challenger} is {word} in {metric} than {setting.champion}: difference "
        f"{bound.mean:+.4g} (at any time within [{alarm.low:.4g}, {bound.high:.4g}]), margin "
        f"{margin:g}, {bound.n} blocks{left(more)}.",
        statistic=bound.high,
        threshold=margin,
        effect=bound.mean,
        evidence=told(
            more,
            metric=metric,
            low=alarm.low,
            high=bound.high,
            blocks=bound.n,
            rows=found.rows,
        ),
    )


def _too_few(metric: str, blocks: int, margin: float, setting: Setting) -> Finding:
    subject = f"{metric} of {setting.challenger}"
    more = (setting.fewest - blocks) * setting.block
    return Finding(
        check="rollout.guardrail",
        subject=subject,
        verdict=Verdict.UNKNOWN,
        summary=f"Too little traffic to judge {subject}: {blocks} blocks of time with both models, "
        f"{setting.fewest} are needed{left(more)}.",
        threshold=margin,
        evidence=told(more, metric=metric, blocks=blocks),
    )


def _time_left(
    bound: ClusteredMean, alarm: ClusteredMean, margin: float, block: timedelta
) -> timedelta | None:
    """Return how long until a bound is passed, if the difference and its spread stay as they are.

    Bounds narrow with the square root of the number of blocks, but for a slow logarithm.
    """
    needed = []
    if bound.mean < margin:
        needed.append(bound.n * ((bound.high - bound.mean) / (margin - bound.mean)) ** 2)
    if bound.mean > 0:
        needed.append(bound.n * ((alarm.mean - alarm.low) / alarm.mean) ** 2)
    blocks = min(needed, default=math.inf) - bound.n
    return block * math.ceil(blocks) if blocks < 1e6 else None


def judge_metric(guard: NotLower, strata: Sequence[tuple[Sums, Sums]], setting: Setting) -> Finding:
    """Judge whether a metric of the business falls by more than its margin.

    Args:
        guard: Which, and its margin.
        strata: Sums over units of champion and challenger, of disjoint units.
        setting: What guards share.

    Returns:
        ``fail`` once it is shown to fall by more, ``ok`` once shown not to, else ``unknown``.
    """
    found = [effect(old, new, relative=guard.relative) for old, new in strata]
    known = [one for one in found if math.isfinite(one.error) and one.error > 0]
    weights = np.array([1 / one.error**2 for one in known])
    n = sum(one.n for one in known)
    subject = f"{guard.name} of {setting.challenger}"
    if n < 2 * setting.fewest:
        return Finding(
            check="rollout.guardrail",
            subject=subject,
            verdict=Verdict.UNKNOWN,
            summary=f"Too little traffic to judge {subject}: {n} users were answered by both.",
            threshold=-guard.margin,
            evidence={"metric": guard.name, "units": n},
        )
    mean = float(weights @ [one.estimate for one in known] / weights.sum())
    moments = Moments(n, mean, n * (n - 1) / float(weights.sum()))
    alpha, alarm = (level / setting.stages for level in (setting.alpha, setting.alarm))
    low = mean_sequence(moments, horizon=_UNITS, alpha=alpha, sides=1).low
    high = mean_sequence(moments, horizon=_UNITS, alpha=alarm, sides=1).high
    more: timedelta | None = None
    if high < -guard.margin:
        verdict, word = Verdict.FAIL, "lower"
    elif low > -guard.margin:
        verdict, word = Verdict.OK, "not lower"
    else:
        verdict, word = Verdict.UNKNOWN, "not yet shown to be lower or not"
        wide, room = (
            (mean - low, mean + guard.margin)
            if mean > -guard.margin
            else (high - mean, -guard.margin - mean)
        )
        more = until(n * (wide / room) ** 2 if room else math.inf, n, setting)
    as_ = ".2%" if guard.relative else ".4g"
    return Finding(
        check="rollout.guardrail",
        subject=subject,
        verdict=verdict,
        summary=f"{setting.challenger} is {word} in {guard.name} than {setting.champion}: "
        f"{mean:+{as_}} (at any time within [{low:{as_}}, {high:{as_}}]), margin "
        f"{guard.margin:{as_}}, {n:,} users{left(more)}.",
        statistic=high,
        threshold=-guard.margin,
        effect=mean,
        evidence=told(
            more,
            metric=guard.name,
            low=low,
            high=high,
            units=n,
            strata=[[old.to_json(), new.to_json()] for old, new in strata],
        ),
    )


def judge_units(
    strata: Mapping[float, Sequence[int]], alpha: float, setting: Setting
) -> Finding | None:
    """Judge whether the arms hold the shares of users that they were given.

    Args:
        strata: By the challenger's share, users of champion and challenger.
        alpha: Chance that a rollout is ever halted in which they do.
        setting: What guards share.

    Returns:
        ``fail`` in the worst stratum, ``ok`` or ``unknown``; None where nothing was counted.
    """
    if not strata:
        return None
    level = alpha / max(setting.stages, len(strata))
    p_values = {
        share: sample_ratio_p(list(counts), [1 - share, share]) for share, counts in strata.items()
    }
    share = min(p_values, key=p_values.__getitem__)
    old, new = strata[share]
    total = sum(sum(counts) for counts in strata.values())
    wrong = p_values[share] <= level
    verdict = Verdict.FAIL if wrong else Verdict.UNKNOWN if total < 100 else Verdict.OK
    word = {
        Verdict.FAIL: "find out which are missing, and why, before you go on",
        Verdict.OK: "arms hold their shares",
    }.get(verdict, "too few to tell whether arms hold their shares")
    return Finding(
        check="rollout.sample_ratio",
        subject=setting.challenger,
        verdict=verdict,
        summary=f"{setting.challenger} answered {new:,} of {old + new:,} users where "
        f"{100 * share:g}% were asked for: {word}.",
        statistic=p_values[share],
        threshold=level,
        p_value=p_values[share],
        effect=new / (old + new) - share if old + new else None,
        evidence={
            "units": [[share, *counts] for share, counts in sorted(strata.items())],
            "p_values": [p for _, p in sorted(p_values.items())],
        },
    )
