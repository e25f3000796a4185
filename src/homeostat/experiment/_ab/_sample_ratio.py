"""Whether arms hold the shares of units that they were given: sample-ratio mismatch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.stats import Floats, holm

__all__ = ["sample_ratio", "sample_ratio_p", "sample_ratio_paths", "sample_ratios"]

_FEWEST = 5.0  # expected units of an arm below which the chi-square's approximation fails


def sample_ratio_p(
    counts: ArrayLike, weights: ArrayLike, *, continuous: bool = True, strength: float = 10_000.0
) -> float:
    """Return the p-value of the hypothesis that units were given arms by their weights.

    Args:
        counts: (k,) units of each arm so far; or (t, k) so far at each of t looks.
        weights: (k,) positive, of any sum.
        continuous: Whether it may be read at any time (Lindon and Malek 2022, "Anytime-valid
            inference for multinomial count data": the Bayes factor of a Dirichlet prior around
            the weights); else Pearson's chi-square of the last row, for a single look.
        strength: Weight of the prior around the weights: large finds small mismatches in large
            samples, and is slow with small ones.

    Returns:
        The least p-value over the looks if continuous. 1 without units, or for a chi-square
        that expects fewer than five in an arm.

    Raises:
        InputError: If there are fewer than two arms, a weight is not positive, or a count
            is negative or not whole.

    Example:
        >>> round(sample_ratio_p([1000, 1200], [1, 1], continuous=False), 10)
        2.00787e-05
        >>> round(sample_ratio_p([10_000, 10_600], [0.5, 0.5]), 7)
        0.0048747
    """
    table, shares = _checked(counts, weights)
    if not len(table):
        return 1.0
    if continuous:
        return float(sample_ratio_paths(table, shares, strength=strength)[-1])
    seen = table[-1]
    expected = seen.sum() * shares
    if expected.min() < _FEWEST:
        return 1.0
    statistic = float(np.sum((seen - expected) ** 2 / expected))
    return float(special.chdtrc(len(shares) - 1, statistic))


def sample_ratio_paths(
    counts: ArrayLike, weights: ArrayLike, *, strength: float = 10_000.0
) -> Floats:
    """Return the continuous p-value after each look: the least so far, shape (t,).

    Args:
        counts: (t, k) units of each arm so far.
        weights: As in `sample_ratio_p`.
        strength: As in `sample_ratio_p`.
    """
    table, shares = _checked(counts, weights)
    prior = strength * shares
    total, units = prior.sum(), table.sum(axis=1)
    log_bf = special.gammaln(total) - special.gammaln(total + units)
    log_bf += (special.gammaln(prior + table) - special.gammaln(prior)).sum(axis=1)
    log_bf -= table @ np.log(shares)
    return np.minimum.accumulate(np.exp(np.minimum(0.0, -log_bf)))


def sample_ratio(
    counts: Mapping[str, int] | Sequence[Mapping[str, int]],
    weights: Mapping[str, float],
    *,
    alpha: float = 0.001,
    continuous: bool = True,
    subject: str = "units",
) -> Finding:
    """Judge whether arms hold their shares; where they do not, no result can be trusted.

    Units go missing in one arm only because of the arm: a redirect that loses them, a crash, a
    log that drops them. What is compared then is no longer alike.

    Args:
        counts: Units of each arm so far, or that at each look.
        weights: Share asked for of each arm, of any sum; an arm without a count has none.
        alpha: Chance to say so, ever (``continuous``) or at this one look, where all is well.
        continuous: See `sample_ratio_p`.
        subject: What was counted, such as a slice.

    Returns:
        ``experiment.sample_ratio``: fail, ok, or unknown with too few units to find a mismatch
        that matters (fewer than 100). The effect is the greatest gap of a share.

    Source: Fabijan et al. (KDD 2019), "Diagnosing sample ratio mismatch".

    Raises:
        InputError: If an arm was counted that has no weight, and as `sample_ratio_p`.

    Example:
        >>> found = sample_ratio({"a": 10_000, "b": 10_600}, {"a": 0.5, "b": 0.5}, alpha=0.01)
        >>> found.verdict.value, found.summary[:41]
        ('fail', 'units: a holds 48.54 % of 20,600 where 50')
    """
    looks = [counts] if isinstance(counts, Mapping) else list(counts)
    if unknown := sorted({arm for look in looks for arm in look} - set(weights)):
        raise InputError(f"Each arm needs a weight, got none for {', '.join(unknown)}.")
    table = np.array([[look.get(arm, 0) for arm in weights] for look in looks], np.float64)
    table = table.reshape(-1, len(weights))
    p = sample_ratio_p(table, list(weights.values()), continuous=continuous)
    shares = np.array(list(weights.values())) / sum(weights.values())
    seen = table[-1] if len(table) else np.zeros(len(weights))
    n = int(seen.sum())
    gaps = seen / n - shares if n else np.zeros(len(shares))
    arm = int(np.argmax(np.abs(gaps)))
    wrong = p <= alpha
    verdict = Verdict.FAIL if wrong else Verdict.UNKNOWN if n < 100 else Verdict.OK
    name, held = list(weights)[arm], shares[arm] + gaps[arm]
    text = {
        Verdict.FAIL: f"{subject}: {name} holds {held:.2%} of {n:,} where {shares[arm]:.2%} was "
        f"asked for: find out which are missing, and why, before you read any result.",
        Verdict.OK: f"{subject}: arms hold their shares of {n:,} (furthest: {name}, {held:.2%} "
        f"for {shares[arm]:.2%}).",
        Verdict.UNKNOWN: f"{subject}: {n} are too few to tell whether arms hold their shares.",
    }[verdict]
    return Finding(
        check="experiment.sample_ratio",
        subject=subject,
        verdict=verdict,
        summary=text.replace("%", " %"),
        statistic=p,
        threshold=alpha,
        p_value=p,
        effect=float(gaps[arm]),
        evidence={
            "counts": dict(zip(weights, seen.astype(int).tolist(), strict=True)),
            "weights": dict(weights),
            "looks": len(table),
            "continuous": continuous,
        },
    )


def sample_ratios(
    counts: Mapping[str, Mapping[str, int]],
    weights: Mapping[str, float],
    *,
    alpha: float = 0.001,
    continuous: bool = True,
) -> Finding:
    """Judge the shares in each audience (a country, a day, a browser), all at ``alpha`` together.

    A mismatch in one audience may be hidden in the whole, and tells where to look for its cause.

    Args:
        counts: Of each audience, units of each arm so far.
        weights: As in `sample_ratio`.
        alpha: Chance that any audience is named where all is well (Holm 1979).
        continuous: As in `sample_ratio`.

    Example:
        >>> counts = {"VN": {"a": 5000, "b": 5000}, "NL": {"a": 5000, "b": 6000}}
        >>> sample_ratios(counts, {"a": 1, "b": 1}).summary
        'In 1 of 2 audiences arms do not hold their shares: NL (a 45.45 % of 11,000).'
    """
    arms = list(weights)
    values = {
        name: sample_ratio_p(
            [look.get(arm, 0) for arm in arms], list(weights.values()), continuous=continuous
        )
        for name, look in counts.items()
    }
    adjusted = dict(zip(values, holm(list(values.values())).tolist(), strict=True))
    wrong = sorted((name for name in adjusted if adjusted[name] <= alpha), key=adjusted.__getitem__)
    told = ", ".join(_worst_share(name, counts[name], weights) for name in wrong[:3])
    told += f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    least = min(adjusted.values(), default=1.0)
    verdict = Verdict.FAIL if wrong else Verdict.OK if counts else Verdict.UNKNOWN
    return Finding(
        check="experiment.sample_ratio",
        subject="audiences",
        verdict=verdict,
        summary=f"In {len(wrong)} of {len(counts)} audiences arms do not hold their shares: {told}."
        if wrong
        else f"Arms hold their shares in all of {len(counts)} audiences.",
        statistic=least,
        threshold=alpha,
        p_value=least,
        evidence={
            "p_values": adjusted,
            "counts": {name: dict(look) for name, look in counts.items()},
            "weights": dict(weights),
            "continuous": continuous,
        },
    )


def _worst_share(name: str, look: Mapping[str, int], weights: Mapping[str, float]) -> str:
    n, total = sum(look.values()), sum(weights.values())
    arm = max(weights, key=lambda a: abs(look.get(a, 0) / n - weights[a] / total))
    return f"{name} ({arm} {100 * look.get(arm, 0) / n:.2f} % of {n:,})"


def _checked(counts: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats]:
    share = np.asarray(weights, np.float64)
    if share.ndim != 1 or len(share) < 2 or not (np.isfinite(share).all() and (share > 0).all()):
        raise InputError(f"At least two arms, with positive weights, are needed: {share.tolist()}.")
    table = np.asarray(counts, np.float64)
    table = table.reshape(-1, len(share)) if table.size == 0 else np.atleast_2d(table)
    if table.ndim != 2 or table.shape[1] != len(share):
        raise InputError(f"There must be a count an arm: {len(share)} arms, got {table.shape}.")
    if not np.isfinite(table).all() or (table < 0).any() or (table != np.floor(table)).any():
        raise InputError("A count of units is a whole number of at least 0.")
    return table, share / math.fsum(share)
