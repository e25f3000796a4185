"""Judging requests: limits of an SLA, errors and latency, beside the champion's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from scipy import special

from homeostat.core import Finding, Verdict
from homeostat.experiment import Counted, QuantileTest, quantile_test, rate_test
from homeostat.observe import Objective
from homeostat.serve._rollout._guard import NoMoreErrors, NoSlower
from homeostat.serve._rollout._wait import Setting, left, told, until
from homeostat.stats import TwoRates, proportion_sequence

__all__ = ["judge_errors", "judge_limit", "judge_quantile"]

_SLOW = 10.0  # slow requests an arm that a test of a quantile is tuned to
_WORTH = 2.0  # how many times the champion's rate a guard should have seen, to be called kept


def judge_limit(limit: Objective, rates: TwoRates, setting: Setting) -> Finding:
    """Judge one limit of an SLA on the challenger, beside the champion at the same moments.

    Returns:
        ``fail`` once it breaks the limit and is shown to do so more than the champion, ``warn``
        where it breaks the limit but the champion may as well (an incident), ``ok`` once it is
        shown to keep the limit, else ``unknown``.
    """
    broken, n = rates.other
    share = broken / n if n else 0.0
    interval = proportion_sequence(broken, n, horizon=10 / limit.share, alpha=setting.alarm)
    more: timedelta | None = None
    if rates.e_value * setting.alarm >= 1 and share > limit.share:
        verdict, word = Verdict.FAIL, "breaks it and the champion beside it does so less"
    elif interval.low > limit.share:
        verdict, word = Verdict.WARN, "breaks it, and so may the champion: an incident, not a cause"
    elif interval.high <= limit.share:
        verdict, word = Verdict.OK, "keeps it"
    else:
        verdict, word = Verdict.UNKNOWN, "has had too few requests to tell"
        gap = abs(limit.share - share)
        needed = n * ((interval.high - share) / gap) ** 2 if gap and n else math.inf
        more = until(needed, n, setting)
    return Finding(
        check="rollout.guardrail",
        subject=f"{limit.name} of {setting.challenger}",
        verdict=verdict,
        summary=f"{limit.name}: {setting.challenger} {word} ({broken:,} of {n:,} requests against "
        f"{rates.base[0]:,} of {rates.base[1]:,} with {setting.champion}){left(more)}.",
        statistic=share if n else None,
        threshold=limit.share,
        p_value=min(1.0, 1 / rates.e_value) if n else None,
        evidence=told(
            more,
            metric=limit.name,
            low=interval.low,
            high=interval.high,
            e_value=rates.e_value,
            challenger=list(rates.other),
            champion=list(rates.base),
        ),
    )


def judge_errors(guard: NoMoreErrors, looks: Sequence[Sequence[int]], setting: Setting) -> Finding:
    """Judge whether the challenger fails more often than the champion beside it.

    Args:
        guard: How much is let pass.
        looks: By look, [errors, requests of the champion, errors, requests of the challenger].
        setting: What guards share.

    Returns:
        ``fail`` once it is shown to, ``ok`` where twice the champion's rate would have been
        seen by now, else ``unknown`` with the time expected until then.
    """
    table = np.asarray(looks, np.float64).reshape(-1, 4)
    test = rate_test(
        table[:, :2], table[:, 2:], alternative="greater", ratio=guard.ratio, alpha=setting.alarm
    )
    (failed_old, n_old), (failed, n) = table[:, :2].sum(axis=0), table[:, 2:].sum(axis=0)
    base = (failed_old + 0.18) / (n_old + 0.36)
    needed = _needed(base * guard.ratio, n_old / n if n else 0.0, setting.alarm)
    verdict = _verdict(test.p_value <= setting.alarm, n, needed)
    word = {
        Verdict.FAIL: "fails more often than",
        Verdict.OK: "fails no more often than",
    }.get(verdict, "has had too few requests to be told from")
    more = until(needed, n, setting) if verdict is Verdict.UNKNOWN else None
    return Finding(
        check="rollout.guardrail",
        subject=f"errors of {setting.challenger}",
        verdict=verdict,
        summary=f"{setting.challenger} {word} {setting.champion}{_allowed(guard.ratio)}: "
        f"{failed:,.0f} of {n:,.0f} requests against {failed_old:,.0f} of {n_old:,.0f} at the "
        f"same moments (p at any time {test.p_value:.2g}){left(more)}.",
        statistic=test.p_value,
        threshold=setting.alarm,
        p_value=test.p_value,
        effect=failed / n - failed_old / n_old if n and n_old else None,
        evidence=told(
            more,
            metric="errors",
            e_value=test.e_value,
            challenger=[int(failed), int(n)],
            champion=[int(failed_old), int(n_old)],
            looks=len(table),
            ratio=guard.ratio,
        ),
    )


def judge_quantile(
    guard: NoSlower, strata: Sequence[tuple[Counted, Counted]], setting: Setting
) -> Finding:
    """Judge whether a quantile of the challenger's latency exceeds the champion's.

    Each stratum, in which arms were given by the same lot, is tested by itself at its part of
    the level, so a ramp in the middle of an incident is no evidence.

    Args:
        guard: Which quantile, and how much is let pass.
        strata: Latencies in ms of champion and challenger.
        setting: What guards share.

    Returns:
        As `judge_errors`, with twice as many requests beyond the champion's quantile.
    """
    level = setting.alarm / max(setting.stages, len(strata), 1)
    horizon = _SLOW / min(guard.quantile, 1 - guard.quantile)
    tests = [_slower(guard, old, new, horizon, level) for old, new in strata]
    best = min(range(len(tests)), key=lambda i: tests[i].p_value, default=None)
    p_value = 1.0 if best is None else tests[best].p_value
    sizes = (0, 0) if best is None else (strata[best][0].n, strata[best][1].n)
    most = max((new.n for _, new in strata), default=0)
    needed = 2 * _needed(1 - guard.quantile, sizes[0] / sizes[1] if sizes[1] else 0.0, level)
    verdict = _verdict(p_value <= level, most, needed)
    more = until(needed, most, setting) if verdict is Verdict.UNKNOWN else None
    word = {Verdict.FAIL: "is slower than", Verdict.OK: "is no slower than"}.get(
        verdict, "has had too few requests to be told from"
    )
    seen = best is not None and sizes[0] and sizes[1]
    old, new = (tests[best].control, tests[best].treatment) if seen and best is not None else (0, 0)
    said = f"{new:.3g} ms against {old:.3g} ms" if seen else "no request was answered by both"
    return Finding(
        check="rollout.guardrail",
        subject=f"{guard.name} of {setting.challenger}",
        verdict=verdict,
        summary=f"{guard.name}: {setting.challenger} {word} {setting.champion}"
        f"{_allowed(guard.ratio)}: {said}, {sizes[1]:,} and {sizes[0]:,} requests (p at any time "
        f"{p_value:.2g}){left(more)}.",
        statistic=new / old if seen and old else None,
        threshold=guard.ratio,
        p_value=p_value,
        effect=float(new - old) if seen else None,
        evidence=told(
            more,
            metric=guard.name,
            level=level,
            p_values=[test.p_value for test in tests],
            requests=[[old_.n, new_.n] for old_, new_ in strata],
            challenger_ms=new,
            champion_ms=old,
        ),
    )


def _slower(
    guard: NoSlower, old: Counted, new: Counted, horizon: float, level: float
) -> QuantileTest:
    """Test one stratum; where the sample is not slower either, nothing needs to be computed."""
    if old.n and new.n:
        control, treatment = old.quantile(guard.quantile), new.quantile(guard.quantile)
        if treatment <= guard.ratio * control:
            return QuantileTest(1.0, control, treatment, None, old.n + new.n)
    return quantile_test(
        old,
        new,
        q=guard.quantile,
        horizon=horizon,
        alpha=level,
        alternative="greater",
        ratio=guard.ratio,
        interval=False,
    )


def _verdict(failed: bool, n: float, needed: float) -> Verdict:  # noqa: FBT001 - three facts
    if failed:
        return Verdict.FAIL
    return Verdict.OK if n >= needed else Verdict.UNKNOWN


def _needed(base: float, per: float, level: float) -> float:
    """Return how many requests of the challenger would have shown a rate `_WORTH` times as high.

    Args:
        base: Rate that is let pass.
        per: Requests of the champion for each of the challenger.
        level: Level of the test.
    """
    high = min(_WORTH * base, (1 + base) / 2)
    null = (per * base + high) / (1 + per)
    growth = _entropy(high, null) + per * _entropy(base, null)
    return -math.log(level) / growth if growth > 0 else math.inf


def _entropy(p: float, q: float) -> float:
    return float(special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q))


def _allowed(ratio: float) -> str:
    return "" if ratio == 1 else f" (up to {ratio:g} times)"
