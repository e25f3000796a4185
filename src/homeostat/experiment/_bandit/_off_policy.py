"""What another policy would have earned, from what this one logged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.stats import Floats, Interval, floats

__all__ = ["PolicyValue", "adaptive_mean", "doubly_robust", "inverse_propensity"]

_LEAST_EFFECTIVE = 100.0


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """An estimate of a policy's mean reward.

    Args:
        value: The estimate.
        interval: Of it.
        effective: Rows that count: (sum w)^2 / sum w^2. Few of them: the policies hardly overlap.
        largest: The largest weight.
        n: Rows.
        method: How it was made.
    """

    value: float
    interval: Interval
    effective: float
    largest: float
    n: int
    method: str

    def finding(self, subject: str, *, baseline: float, margin: float = 0.0) -> Finding:
        """Hold the policy against a mean reward, such as that of the one that was logged.

        Returns:
            `experiment.policy`: ok if its value is surely above ``baseline - margin``, fails if it
            is surely below, unknown else, and where fewer than 100 rows count.
        """
        low, high = self.interval.low, self.interval.high
        few = self.effective < _LEAST_EFFECTIVE
        verdict = Verdict.UNKNOWN
        if not few and low > baseline - margin:
            verdict = Verdict.OK
        elif not few and high < baseline - margin:
            verdict = Verdict.FAIL
        told = (
            f"only {self.effective:.0f} rows count: the policies hardly overlap"
            if few
            else f"against {baseline:.4g} less {margin:g}"
        )
        return Finding(
            check="experiment.policy",
            subject=subject,
            verdict=verdict,
            summary=f"{subject} would earn {self.value:.4g} [{low:.4g}, {high:.4g}]; {told}.",
            statistic=self.value,
            threshold=baseline - margin,
            effect=self.value - baseline,
            evidence={
                "low": low,
                "high": high,
                "effective": self.effective,
                "largest": self.largest,
                "n": self.n,
                "method": self.method,
            },
        )


def inverse_propensity(
    reward: ArrayLike,
    propensity: ArrayLike,
    target: ArrayLike,
    *,
    normalized: bool = True,
    level: float = 0.95,
) -> PolicyValue:
    """Weigh logged rewards by how much likelier another policy makes what was done.

    Args:
        reward: (n,) rewards.
        propensity: (n,) how likely the logged choice was, in (0, 1].
        target: (n,) how likely the other policy makes that choice, in [0, 1].
        normalized: Whether weights are divided by their mean (SNIPS): a little biased, much less
            variable.
        level: Of the interval, which is normal; read it only where many rows count.

    Source: Horvitz and Thompson (1952); Swaminathan and Joachims (2015) for SNIPS.

    Raises:
        InputError: If lengths differ or a probability is out of its range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> new = rng.random(20_000) < 0.2
        >>> reward = rng.random(20_000) < np.where(new, 0.3, 0.1)
        >>> value = inverse_propensity(reward, np.where(new, 0.2, 0.8), new.astype(float))
        >>> 0.3 in value.interval
        True
    """
    y, weights = floats(reward, "reward"), _weights(propensity, target)
    _alike(y, weights)
    n, total = len(y), float(weights.sum())
    if normalized:
        value = float(weights @ y) / total if total else 0.0
        influence = weights * (y - value) * (n / total if total else 0.0)
    else:
        value = float(weights @ y) / n
        influence = weights * y - value
    return _value(value, influence, weights, level, "SNIPS" if normalized else "IPS")


def doubly_robust(
    reward: ArrayLike,
    action: ArrayLike,
    propensity: ArrayLike,
    target: ArrayLike,
    predicted: ArrayLike,
    *,
    switch: float | None = None,
    level: float = 0.95,
) -> PolicyValue:
    """Predict what the other policy would have earned, and correct by weighted residuals.

    Right if either the predictions or the propensities are; more exact than weighting alone.

    Args:
        reward: (n,) rewards.
        action: (n,) numbers of the arms that were chosen, 0 to k - 1.
        propensity: (n,) how likely those choices were, in (0, 1].
        target: (n, k) how likely the other policy chooses each arm.
        predicted: (n, k) predicted reward of each arm; from rows that are not these (cross-fit).
        switch: Weights above it are not used: those rows stand by their prediction alone
            (Switch-DR). None uses all.
        level: Of the interval.

    Source: Dudik, Langford and Li (2011); Wang, Agarwal and Dudik (2017) for the switch.

    Raises:
        InputError: If shapes differ, an action is no arm, or a probability is out of its range.
    """
    y, chosen = floats(reward, "reward"), np.asarray(action)
    policy, expected = np.asarray(target, np.float64), np.asarray(predicted, np.float64)
    if policy.shape != expected.shape or policy.ndim != 2 or len(policy) != len(y):
        raise InputError(
            f"`target` and `predicted` are (n, k) for {len(y)} rewards, got {policy.shape} and "
            f"{expected.shape}."
        )
    if not np.allclose(policy.sum(axis=1), 1, atol=1e-6):
        raise InputError("`target` must sum to 1 over the arms of each row.")
    if chosen.shape != y.shape or not np.isin(chosen, np.arange(policy.shape[1])).all():
        raise InputError(f"`action` holds numbers of arms, 0 to {policy.shape[1] - 1}.")
    rows = np.arange(len(y))
    weights = _weights(propensity, policy[rows, chosen])
    _alike(y, weights)
    used = weights if switch is None else np.where(weights > switch, 0.0, weights)
    terms = (policy * expected).sum(axis=1) + used * (y - expected[rows, chosen])
    value = float(terms.mean())
    name = "DR" if switch is None else f"Switch-DR at {switch:g}"
    return _value(value, terms - value, used, level, name)


def _weights(propensity: ArrayLike, target: ArrayLike) -> Floats:
    logged, wanted = floats(propensity, "propensity"), floats(target, "target")
    if logged.shape != wanted.shape:
        raise InputError(f"Lengths differ: {logged.shape} propensities, {wanted.shape} targets.")
    if not ((logged > 0) & (logged <= 1)).all():
        raise InputError(
            "A logged propensity lies in (0, 1]: what could not be chosen tells nothing."
        )
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InputError("A target's probability lies in [0, 1].")
    return np.asarray(wanted / logged)


def _alike(reward: Floats, weights: Floats) -> None:
    if len(reward) != len(weights) or not len(reward):
        raise InputError(f"Lengths differ or are 0: {len(reward)} rewards, {len(weights)} weights.")


def _value(
    value: float, influence: Floats, weights: Floats, level: float, method: str
) -> PolicyValue:
    n, squares = len(influence), float(np.square(weights).sum())
    error = float(influence.std(ddof=1)) / n**0.5 if n > 1 else np.inf
    half = float(special.ndtri((1 + level) / 2)) * error
    effective = float(weights.sum()) ** 2 / squares if squares else 0.0
    return PolicyValue(
        value,
        Interval(value - half, value + half, level),
        effective,
        float(weights.max()),
        n,
        method,
    )


def adaptive_mean(
    reward: ArrayLike,
    arm: ArrayLike,
    propensities: ArrayLike,
    *,
    which: int,
    weighting: Literal["stabilised", "uniform"] = "stabilised",
    level: float = 0.95,
) -> PolicyValue:
    """Estimate an arm's mean reward from data that a bandit collected.

    A bandit leaves an arm after bad luck and does not look again, so plain means are too low and
    their t-intervals too narrow. Each row's augmented inverse-propensity score is right whatever
    the bandit did; weighing rows by the root of their propensity makes the sum normal.

    Args:
        reward: (n,) rewards in the order of time.
        arm: (n,) numbers of the arms that were chosen.
        propensities: (n, k) how likely each arm was at each time, all above 0.
        which: The arm whose mean is asked for.
        weighting: ``"stabilised"``, or ``"uniform"`` for plain AIPW.
        level: Of the interval.

    Source: Hadad, Hirshberg, Zhan, Wager and Athey (2021), eq. 5 with the constant allocation rate.

    Raises:
        InputError: If shapes differ, an arm does not exist, or a propensity is not in (0, 1].

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shares = np.tile([0.3, 0.7], (5000, 1))
        >>> arm = (rng.random(5000) < 0.7).astype(int)
        >>> mean = adaptive_mean(rng.normal(arm, 1), arm, shares, which=1)
        >>> 1.0 in mean.interval
        True
    """
    y, chosen, shares = floats(reward, "reward"), np.asarray(arm), np.asarray(propensities)
    if shares.ndim != 2 or shares.shape[0] != len(y) or chosen.shape != y.shape or not len(y):
        raise InputError(
            f"Rewards and arms are (n,), propensities (n, k), got {y.shape}, {chosen.shape}, "
            f"{shares.shape}."
        )
    if not 0 <= which < shares.shape[1] or not np.isin(chosen, np.arange(shares.shape[1])).all():
        raise InputError(f"Arms are numbered 0 to {shares.shape[1] - 1}, got {which}.")
    share = shares[:, which].astype(np.float64)
    if not ((share > 0) & (share <= 1)).all():
        raise InputError(
            f"Arm {which} had propensity 0 at some time: give the bandit a `floor` above 0."
        )
    taken = chosen == which
    expected = _mean_before(y, taken)
    scores = expected + taken * (y - expected) / share
    weights = np.sqrt(share) if weighting == "stabilised" else np.ones(len(y))
    weights = weights / weights.sum()
    value = float(weights @ scores)
    error = float(np.sqrt(np.square(weights * (scores - value)).sum()))
    half = float(special.ndtri((1 + level) / 2)) * error
    inverse = taken / share
    return PolicyValue(
        value,
        Interval(value - half, value + half, level),
        float(inverse.sum()) ** 2 / max(float(np.square(inverse).sum()), 1e-12),
        float(inverse.max()),
        len(y),
        f"AIPW, {weighting}",
    )


def _mean_before(y: Floats, taken: NDArray[np.bool_]) -> Floats:
    """Return the mean of an arm's rewards before each row; 0 before the first."""
    seen = np.cumsum(taken, dtype=np.int64) - taken
    total = np.cumsum(y * taken) - y * taken
    return np.divide(total, seen, out=np.zeros(len(y)), where=seen > 0)
