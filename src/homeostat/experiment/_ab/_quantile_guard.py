"""A guardrail on a quantile: is latency's 99th percentile kept, up to a margin?"""

from __future__ import annotations

from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Verdict
from homeostat.experiment._ab._inferiority import Goal
from homeostat.experiment._ab._planning import Wait
from homeostat.experiment._ab._quantile import Alternative, Counted, QuantileTest, quantile_test

__all__ = ["quantile_non_inferiority"]


def quantile_non_inferiority(
    control: ArrayLike | Counted,
    treatment: ArrayLike | Counted,
    *,
    q: float,
    margin: float,
    goal: Goal = "decrease",
    horizon: float = 5000.0,
    alpha: float = 0.05,
    fewest: int = 100,
    metric: str = "metric",
    arms: tuple[str, str] = ("control", "treatment"),
    rate: float | None = None,
) -> Finding:
    """Judge whether a quantile is kept, up to a share of the control's; at any time.

    Args:
        control: (n,) independent values above 0 of the control, such as latencies.
        treatment: (m,) the treatment's.
        q: Which quantile, in (0, 1).
        margin: How much worse is let pass, as a share of the control's quantile.
        goal: Which way is better.
        horizon: Values an arm at which it is strongest.
        alpha: Chance that a quantile worse than the margin is ever let past; likewise that one
            no worse than it is ever failed.
        fewest: Values an arm below which nothing is said.
        metric: Name in the finding.
        arms: Names of control and treatment.
        rate: Values of both arms a second, for the expected time.

    Returns:
        ``experiment.guardrail``, with verdicts as of `non_inferiority`. The effect is the
        treatment's quantile over the control's, less 1.

    Example:
        >>> import numpy as np
        >>> ms = np.random.default_rng(0).lognormal(3, 0.5, (2, 5000))
        >>> quantile_non_inferiority(ms[0], 2 * ms[1], q=0.99, margin=0.25).verdict.value
        'fail'
    """
    if not margin > 0 or (goal == "increase" and margin >= 1):
        raise InputError(f"A margin is a share above 0 (and of gains below 1), got {margin}.")
    a, b = Counted.of(control), Counted.of(treatment)
    if min(a.n, b.n) and min(a.values[0], b.values[0]) < 0:
        raise InputError("A quantile's relative margin needs values of at least 0.")
    limit = 1 + margin if goal == "decrease" else 1 - margin
    worse: Alternative = "greater" if goal == "decrease" else "less"
    better: Alternative = "less" if goal == "decrease" else "greater"

    def test(alternative: Alternative, ratio: float) -> QuantileTest:
        return quantile_test(
            a, b, q=q, horizon=horizon, alpha=alpha, alternative=alternative, ratio=ratio,
            interval=False,
        )  # fmt: skip

    kept, broken, any_worse = test(better, limit), test(worse, limit), test(worse, 1.0)
    verdict, word = _verdict(kept.p_value, broken.p_value, any_worse.p_value, alpha)
    n = a.n + b.n
    if min(a.n, b.n) < fewest:
        verdict, wait = Verdict.UNKNOWN, Wait(None)
        text = f"{n:,} values are too few to judge {metric} of {arms[1]}"
    else:
        wait = (
            _wait(a, b, q, horizon, alpha, limit, rate) if verdict is Verdict.UNKNOWN else Wait(0)
        )
        text = (
            f"{arms[1]} {word} in {metric} than {arms[0]}: {kept.treatment:.4g} against "
            f"{kept.control:.4g}, margin {100 * margin:g} %, {n:,} values"
        )
        text += wait.told(" if the arms are equal")
    known = min(a.n, b.n) >= fewest and kept.control > 0
    return Finding(
        check="experiment.guardrail",
        subject=f"{metric} of {arms[1]}",
        verdict=verdict,
        summary=text + ".",
        statistic=kept.p_value,
        threshold=alpha,
        p_value=kept.p_value,
        effect=kept.treatment / kept.control - 1 if known else None,
        evidence={
            "metric": metric,
            "goal": goal,
            "q": q,
            "margin": margin,
            "alpha": alpha,
            "horizon": horizon,
            "p_worse_than_margin": broken.p_value,
            "p_worse": any_worse.p_value,
            "control": kept.control,
            "treatment": kept.treatment,
            "n": [a.n, b.n],
            "units_to_decision": wait.units,
            "seconds_to_decision": wait.seconds,
        },
    )


def _verdict(kept: float, broken: float, worse: float, alpha: float) -> tuple[Verdict, str]:
    if broken <= alpha:
        return Verdict.FAIL, "is worse by more than the margin"
    if kept <= alpha:
        shown = worse <= alpha
        return Verdict.OK, "is worse, by less than the margin," if shown else "is no worse"
    if worse <= alpha:
        return Verdict.WARN, "is worse, perhaps by more than the margin,"
    return Verdict.UNKNOWN, "is not yet shown to be worse or no worse"


def _wait(
    a: Counted, b: Counted, q: float, horizon: float, alpha: float, limit: float, rate: float | None
) -> Wait:
    """Return the values still expected: until both arms, each like both together, are told apart.

    The pooled sample stands for more of the same: it is repeated until the test of it against
    itself, scaled to the margin, is decided.
    """
    pooled, n = a + b, a.n + b.n
    control = pooled.scaled(limit)
    alternative: Alternative = "less" if limit > 1 else "greater"

    def p(size: float) -> float:
        """Return the p-value of the pooled sample at another size."""
        factor = size / n
        x, y = (Counted(s.values, s.counts * (factor / 2)) for s in (control, pooled))
        return quantile_test(
            x, y, q=q, horizon=horizon, alpha=alpha, alternative=alternative, interval=False
        ).p_value

    low, high = float(n), 2.0 * n
    while p(high) > alpha:
        low, high = high, 2 * high
        if high > 1e3 * n:
            return Wait(None)
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if p(middle) > alpha else (low, middle)
    more = round(high - n)
    return Wait(more, more / rate if rate else None)
