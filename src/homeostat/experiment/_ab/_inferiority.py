"""Guardrails: is a treatment no worse than the control, by more than a margin?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from homeostat.core import Finding, InputError, Verdict
from homeostat.experiment._ab._design import AlwaysValid, Design, interval_of, p_value_of
from homeostat.experiment._ab._effect import Effect, effect
from homeostat.experiment._ab._planning import time_to_decision
from homeostat.experiment._ab._sums import Sums

__all__ = ["Goal", "non_inferiority"]

Goal = Literal["increase", "decrease"]


def non_inferiority(
    control: Sums,
    treatment: Sums,
    *,
    margin: float,
    goal: Goal = "increase",
    relative: bool = True,
    design: Design | None = None,
    alpha: float = 0.05,
    metric: str = "metric",
    arms: tuple[str, str] = ("control", "treatment"),
    rate: float | None = None,
) -> Finding:
    """Judge whether a mean or a ratio is kept, up to a margin.

    That no difference was found is no proof that there is none; this asks for the proof.

    Args:
        control: Sums of the control: of a mean, a proportion, a ratio, with a covariate or not.
        treatment: The treatment's.
        margin: How much worse is let pass, above 0: a share of the control's value, or in the
            metric's unit.
        goal: Which way is better.
        relative: Whether margin and effect are shares of the control's value.
        design: How it is read; None is `AlwaysValid()`.
        alpha: Chance that a treatment worse than the margin is ever let past; and that one no
            worse than it is ever failed.
        metric: Name in the finding.
        arms: Names of control and treatment.
        rate: Units of both arms a second, for the expected time; None leaves it out.

    Returns:
        ``experiment.guardrail``: ok once it is shown to be less than the margin worse; fail once
        it is shown to be more than the margin worse; warn where it is shown to be worse, but not
        on which side of the margin; else unknown, with the units that are still to be expected
        if the arms are equal. The effect is treatment less control; the p-value is that of being
        worse than the margin.

    Source: Schultzberg, Ankargren and Frånberg (2024), "Risk-aware product decisions in A/B
    tests with multiple metrics", arXiv 2402.11609: guardrails share no alpha.

    Example:
        >>> a, b = Sums.of_successes(9100, 10_000), Sums.of_successes(9080, 10_000)
        >>> non_inferiority(a, b, margin=0.05, metric="answered").verdict.value
        'ok'
    """
    if not margin > 0:
        raise InputError(f"A margin is above 0, got {margin}: equality can never be shown.")
    how = design or AlwaysValid()
    found = effect(control, treatment, relative=relative)
    sign = 1.0 if goal == "increase" else -1.0
    limits = interval_of(found, how, alpha=alpha, sides=1)
    gain = _turned(found, sign)
    p = p_value_of(gain, how, null=-margin, sides=1)
    low, high = (None, None) if limits is None else sorted((sign * limits.low, sign * limits.high))
    verdict, word = _verdict(low, high, margin)
    wait = time_to_decision(gain, gap=margin, design=how, alpha=alpha, sides=1, rate=rate)
    unit = " of the control" if relative else ""
    text = (
        f"{arms[1]} {word} in {metric} than {arms[0]}: {_number(found.estimate, relative=relative)}"
    )
    if limits is not None:
        ends = [_number(end, relative=relative) for end in (limits.low, limits.high)]
        text += f" [{', '.join(ends)}]"
    text += f"{unit}, margin {_number(margin, relative=relative).lstrip('+')}, {found.n:,} units"
    if limits is None:
        text = f"{found.n:,} units are too few to judge {metric} of {arms[1]}"
    if verdict is Verdict.UNKNOWN:
        text += wait.told(" if the arms are equal")
    return Finding(
        check="experiment.guardrail",
        subject=f"{metric} of {arms[1]}",
        verdict=verdict,
        summary=text + ".",
        statistic=low,
        threshold=-margin,
        p_value=p,
        effect=found.estimate if limits is not None else None,
        evidence={
            "metric": metric,
            "goal": goal,
            "margin": margin,
            "relative": relative,
            "low": None if limits is None else limits.low,
            "high": None if limits is None else limits.high,
            "error": found.error,
            "alpha": alpha,
            "units_to_decision": wait.units,
            "seconds_to_decision": wait.seconds,
            "control": control.to_json(),
            "treatment": treatment.to_json(),
        },
    )


def _turned(found: Effect, sign: float) -> Effect:
    """Return the effect counted so that more is better."""
    return replace(found, estimate=sign * found.estimate)


def _verdict(low: float | None, high: float | None, margin: float) -> tuple[Verdict, str]:
    if low is None or high is None:
        return Verdict.UNKNOWN, ""
    if high < -margin:
        return Verdict.FAIL, "is worse by more than the margin"
    if low > -margin:
        return Verdict.OK, "is worse, by less than the margin," if high < 0 else "is no worse"
    if high < 0:
        return Verdict.WARN, "is worse, perhaps by more than the margin,"
    return Verdict.UNKNOWN, "is not yet shown to be worse or no worse"


def _number(value: float, *, relative: bool) -> str:
    return f"{100 * value:+.3g} %" if relative else f"{value:+.4g}"
