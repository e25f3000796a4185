"""Where an effect differs: by slice, and whether the whole contradicts its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.experiment._ab._design import AlwaysValid, Design, interval_of, p_value_of
from homeostat.experiment._ab._effect import Effect, effect
from homeostat.experiment._ab._inferiority import Goal
from homeostat.experiment._ab._sums import Sums
from homeostat.stats import holm

__all__ = ["heterogeneity", "simpson", "stratified"]

Pairs = Mapping[str, tuple[Sums, Sums]]


def stratified(slices: Pairs) -> Effect:
    """Return the effect within slices, averaged by their units (post-stratification).

    Whatever the arms' mixes of slices are, each slice is compared with itself.

    Args:
        slices: Of each slice, the control's and the treatment's sums; those with fewer than two
            units in an arm are left out.

    Source: Miratrix, Sekhon and Yu (2013), "Adjusting treatment effect estimates by
    post-stratification in randomized experiments".
    """
    kept = {name: pair for name, pair in slices.items() if min(s.n for s in pair) > 1}
    found = [(effect(a, b), a.n + b.n) for a, b in kept.values()]
    found = [(e, n) for e, n in found if math.isfinite(e.error)]
    total = sum(n for _, n in found)
    if not total:
        return Effect(0.0, math.inf, 0, 0.0, 0.0)
    return Effect(
        sum(n * e.estimate for e, n in found) / total,
        math.sqrt(sum((n * e.error) ** 2 for e, n in found)) / total,
        total,
        sum(n * e.control for e, n in found) / total,
        sum(n * e.treatment for e, n in found) / total,
    )


def heterogeneity(
    slices: Pairs,
    *,
    goal: Goal = "increase",
    design: Design | None = None,
    alpha: float = 0.05,
    metric: str = "metric",
    by: str = "slice",
) -> Finding:
    """Say in which slices the effect is unlike that in the rest, all at ``alpha`` together.

    Looking through slices for one that is "significant" finds one in noise; what is tested here
    is whether a slice's effect differs from the others', corrected for the number of slices.

    Args:
        slices: Of each slice, the control's and the treatment's sums.
        goal: Which way is better: a slice that is shown to be harmed is named, too.
        design: How it is read; None is `AlwaysValid()`.
        alpha: Chance that any slice is named where all effects are equal; likewise for harm.
        metric: Name in the finding.
        by: Name of the slicing column.

    Returns:
        ``experiment.heterogeneity``: warn where slices are named, ok where none is, unknown
        where fewer than two can be compared. Evidence: each slice's effect, interval (all of
        them hold together) and p-value.

    Example:
        >>> flat = {c: (Sums.of_successes(500, 5000), Sums.of_successes(500, 5000)) for c in "ab"}
        >>> odd = flat | {"c": (Sums.of_successes(500, 5000), Sums.of_successes(250, 5000))}
        >>> heterogeneity(flat).verdict.value, heterogeneity(odd, by="country").summary[:40]
        ('ok', 'The effect on metric differs by country:')
    """
    if goal not in {"increase", "decrease"}:
        raise InputError(f"A goal is 'increase' or 'decrease', got {goal!r}.")
    how = design or AlwaysValid()
    effects = {name: effect(a, b) for name, (a, b) in slices.items()}
    known = {
        name: e
        for name, e in effects.items()
        if math.isfinite(e.error) and how.ready(e.n, e.least, e.events)
    }
    sign = 1.0 if goal == "increase" else -1.0
    gaps = {name: _against_rest(name, known) for name in known}
    p_gap = _adjusted({name: p_value_of(gap, how) for name, gap in gaps.items()})
    p_harm = _adjusted(
        {
            name: p_value_of(replace(e, estimate=-sign * e.estimate), how, sides=1)
            for name, e in known.items()
        }
    )
    unlike = sorted((n for n in p_gap if p_gap[n] <= alpha), key=p_gap.__getitem__)
    harmed = sorted((n for n in p_harm if p_harm[n] <= alpha), key=p_harm.__getitem__)
    verdict = Verdict.WARN if unlike or harmed else Verdict.OK
    if len(known) < 2:
        verdict = Verdict.UNKNOWN
    return Finding(
        check="experiment.heterogeneity",
        subject=f"{metric} by {by}",
        verdict=verdict,
        summary=_told(unlike, harmed, known, metric, by),
        statistic=min(p_gap.values(), default=None),
        threshold=alpha,
        p_value=min(p_gap.values(), default=None),
        evidence={
            "unlike": unlike,
            "harmed": harmed,
            "alpha": alpha,
            "slices": {
                name: _row(e, how, alpha / max(len(known), 1), p_gap.get(name))
                for name, e in effects.items()
            },
        },
    )


def simpson(slices: Pairs, *, metric: str = "metric", by: str = "slice") -> Finding:
    """Check whether the whole says the opposite of its parts (Simpson's paradox).

    With arms given by lot, each slice has the arms' shares and this cannot happen. It does where
    shares were changed on the way, for some more than for others, or where units go missing: the
    whole then compares different mixes of people.

    Args:
        slices: Of each slice, the control's and the treatment's sums.
        metric: Name in the finding.
        by: Name of the slicing column.

    Returns:
        ``experiment.simpson``: fail where the pooled effect has the opposite sign of the effect
        within slices and the arms' mixes of slices differ (chi-square, p < 0.001); warn where
        only the mixes differ; ok otherwise; unknown with fewer than two slices. The effect is
        the pooled one less the one within slices.

    Example:
        >>> pairs = {"small": (Sums.of_successes(234, 270), Sums.of_successes(81, 87)),
        ...          "large": (Sums.of_successes(55, 80), Sums.of_successes(192, 263))}
        >>> found = simpson(pairs, metric="cured", by="stone")
        >>> found.verdict.value, found.evidence["pooled"] < 0 < found.evidence["within"]
        ('fail', True)
    """
    pairs = list(slices.values())
    within = stratified(slices)
    if len(pairs) < 2 or not math.isfinite(within.error):
        return Finding(
            check="experiment.simpson",
            subject=f"{metric} by {by}",
            verdict=Verdict.UNKNOWN,
            summary=f"{metric} by {by} has too few slices or units to compare whole and parts.",
        )
    a, b = pairs[0]
    for more_a, more_b in pairs[1:]:
        a, b = a + more_a, b + more_b
    pooled = effect(a, b)
    counts = np.array([[x.n, y.n] for x, y in pairs], np.float64)
    p = _mix_p(counts)
    reversed_ = pooled.estimate * within.estimate < 0
    mixed = p < 0.001
    verdict = Verdict.OK if not mixed else Verdict.FAIL if reversed_ else Verdict.WARN
    text = f"{metric}: {pooled.estimate:+.4g} in the whole, {within.estimate:+.4g} within {by}"
    ending = {
        Verdict.OK: f"; the arms have like mixes of {by}.",
        Verdict.WARN: f"; the arms have unlike mixes of {by}: trust the effect within.",
        Verdict.FAIL: f", the opposite: the arms have unlike mixes of {by}; trust the effect "
        "within, and find out why.",
    }[verdict]
    return Finding(
        check="experiment.simpson",
        subject=f"{metric} by {by}",
        verdict=verdict,
        summary=text + ending,
        statistic=p,
        threshold=0.001,
        p_value=p,
        effect=pooled.estimate - within.estimate,
        evidence={
            "pooled": pooled.estimate,
            "within": within.estimate,
            "within_error": within.error,
            "units": {name: [x.n, y.n] for name, (x, y) in slices.items()},
        },
    )


def _mix_p(counts: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """Return the chi-square p-value that slices and arms are independent."""
    counts = counts[counts.sum(axis=1) > 0]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    if len(counts) < 2 or expected.min() <= 0:
        return 1.0
    statistic = float(np.sum((counts - expected) ** 2 / expected))
    return float(special.chdtrc(len(counts) - 1, statistic))


def _against_rest(name: str, effects: Mapping[str, Effect]) -> Effect:
    """Return a slice's effect less that of all others, weighed by their precision."""
    own = effects[name]
    rest = [e for other, e in effects.items() if other != name]
    if not rest:
        return Effect(0.0, math.inf, own.n, 0.0, 0.0)
    weights = np.array([1 / max(e.error**2, 1e-300) for e in rest])
    mean = float(weights @ np.array([e.estimate for e in rest]) / weights.sum())
    error = math.sqrt(own.error**2 + 1 / float(weights.sum()))
    n = sum(e.n for e in effects.values())
    return Effect(own.estimate - mean, error, n, 0.0, 0.0, least=own.least)


def _adjusted(p_values: Mapping[str, float | None]) -> dict[str, float]:
    known = {name: p for name, p in p_values.items() if p is not None}
    return dict(zip(known, holm(list(known.values())).tolist(), strict=True))


def _row(found: Effect, design: Design, alpha: float, p: float | None) -> dict[str, float | None]:
    limits = interval_of(found, design, alpha=alpha)
    return {
        "n": found.n,
        "effect": found.estimate if math.isfinite(found.error) else None,
        "low": None if limits is None else limits.low,
        "high": None if limits is None else limits.high,
        "p_unlike_rest": p,
    }


def _told(
    unlike: list[str], harmed: list[str], known: Mapping[str, Effect], metric: str, by: str
) -> str:
    if len(known) < 2:
        return f"Fewer than two values of {by} have units enough to compare effects on {metric}."
    if not unlike and not harmed:
        return f"The effect on {metric} is not shown to differ over {len(known)} values of {by}."
    parts = []
    if unlike:
        named = ", ".join(f"{n} ({known[n].estimate:+.4g})" for n in unlike[:3])
        parts.append(f"The effect on {metric} differs by {by}: {named}")
    if harmed:
        named = ", ".join(f"{n} ({known[n].estimate:+.4g})" for n in harmed[:3])
        parts.append(f"{metric} is shown to be worse in {by} {named}")
    return "; ".join(parts) + "."
