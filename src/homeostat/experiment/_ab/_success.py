"""Success metrics: which treatments are shown to be better, corrected for all comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from homeostat.core import Finding, Json, Verdict
from homeostat.experiment._ab._design import Design, interval_of, p_value_of
from homeostat.experiment._ab._effect import Effect, effect
from homeostat.experiment._ab._metric import Metric
from homeostat.experiment._ab._planning import Wait, time_to_decision
from homeostat.experiment._ab._quantile import QuantileTest, quantile_test
from homeostat.experiment._ab._tally import Tally
from homeostat.stats import Interval, holm

__all__ = ["successes"]

_HORIZON = 5000.0  # values an arm at which quantiles are told apart best


@dataclass(frozen=True, slots=True)
class _Comparison:
    metric: Metric
    treatment: str
    effect: Effect | None
    p: float | None


def successes(
    held: Tally,
    metrics: Sequence[Metric],
    arms: Sequence[str],
    *,
    design: Design,
    alpha: float,
    rate: float | None,
) -> list[Finding]:
    """Judge each metric of each treatment; the chance of any false claim at all is ``alpha``.

    P-values are Holm's. Each interval is at the level of its step in Holm's procedure, so that
    it leaves out 0 just where the verdict is not unknown.

    Returns:
        ``experiment.effect`` of each: ok if shown to be better, fail if worse, else unknown.
    """
    made = [
        _compared(held, metric, arms[0], treatment, design)
        for treatment in arms[1:]
        for metric in metrics
    ]
    known = [i for i, c in enumerate(made) if c.p is not None]
    adjusted = dict(zip(known, holm([made[i].p or 0.0 for i in known]).tolist(), strict=True))
    m, rejected = len(made), sum(p <= alpha for p in adjusted.values())
    order = sorted(known, key=lambda i: made[i].p or 0.0)
    steps = {i: alpha / (m - min(place, rejected)) for place, i in enumerate(order)}
    return [
        _found(held, c, arms[0], design, (alpha, steps.get(i, alpha / m)), adjusted.get(i), rate)
        for i, c in enumerate(made)
    ]


def _compared(
    held: Tally, metric: Metric, control: str, treatment: str, design: Design
) -> _Comparison:
    if metric.quantile is not None:
        test = _quantile(held, metric, control, treatment, 0.05)
        enough = test.n >= 200
        return _Comparison(metric, treatment, None, test.p_value if enough else None)
    sums = held.metrics[metric.title]
    found = effect(sums[control], sums[treatment], relative=metric.relative)
    return _Comparison(metric, treatment, found, p_value_of(found, design))


def _quantile(
    held: Tally, metric: Metric, control: str, treatment: str, alpha: float, *, full: bool = False
) -> QuantileTest:
    values = held.values[metric.title]
    return quantile_test(
        values[control],
        values[treatment],
        q=metric.quantile or 0.5,
        horizon=_HORIZON,
        alpha=alpha,
        interval=full,
    )


def _found(
    held: Tally,
    made: _Comparison,
    control: str,
    design: Design,
    alphas: tuple[float, float],
    adjusted: float | None,
    rate: float | None,
) -> Finding:
    alpha, step = alphas
    metric, treatment = made.metric, made.treatment
    evidence: dict[str, Json]
    if made.effect is None:
        test = _quantile(held, metric, control, treatment, step, full=True)
        limits, n, relative = test.difference, test.n, False
        estimate = test.treatment - test.control
        wait, evidence = Wait(None), {"control": test.control, "treatment": test.treatment}
    else:
        found, n, relative = made.effect, made.effect.n, metric.relative
        limits = interval_of(found, design, alpha=step)
        estimate = found.estimate
        gap = estimate if abs(estimate) > found.error else 0.0
        wait = time_to_decision(found, gap=gap, design=design, alpha=step, rate=rate)
        evidence = {
            "control": found.control,
            "treatment": found.treatment,
            "error": found.error,
            "reduction": found.reduction,
            "units_to_decision": wait.units,
            "seconds_to_decision": wait.seconds,
        }
    shown = adjusted is not None and adjusted <= alpha
    better = (estimate > 0) == (metric.goal == "increase")
    verdict = Verdict.UNKNOWN if not shown else Verdict.OK if better else Verdict.FAIL
    return Finding(
        check="experiment.effect",
        subject=f"{metric.title} of {treatment}",
        verdict=verdict,
        summary=_told(made, control, limits, estimate, n, verdict, wait, relative=relative),
        statistic=estimate if adjusted is not None else None,
        threshold=0.0,
        p_value=adjusted,
        effect=estimate if adjusted is not None else None,
        evidence={
            **evidence,
            "metric": metric.title,
            "goal": metric.goal,
            "relative": relative,
            "n": n,
            "p_unadjusted": made.p,
            "low": None if limits is None else limits.low,
            "high": None if limits is None else limits.high,
            "alpha": alpha,
            "alpha_of_interval": step,
            "design": repr(design),
        },
    )


def _told(
    made: _Comparison,
    control: str,
    limits: Interval | None,
    estimate: float,
    n: int,
    verdict: Verdict,
    wait: Wait,
    *,
    relative: bool,
) -> str:
    name = made.metric.title
    if limits is None or made.p is None or not math.isfinite(estimate):
        return f"{n:,} units are too few, or too early, to say anything of {name}."
    word = {
        Verdict.OK: "is better",
        Verdict.FAIL: "is worse",
    }.get(verdict, "is not shown to be better or worse")
    scale, unit = (100.0, " %") if relative else (1.0, "")
    text = (
        f"{made.treatment} {word} in {name} than {control}: {scale * estimate:+.4g}{unit} "
        f"[{scale * limits.low:+.4g}, {scale * limits.high:+.4g}], {n:,} units"
    )
    return text + (wait.told(" at this effect") if verdict is Verdict.UNKNOWN else "") + "."
