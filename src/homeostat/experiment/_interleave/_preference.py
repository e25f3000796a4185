"""Which of two rankers users prefer, from interleaved sessions, readable at any time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import Finding, InputError, Verdict
from homeostat.stats import Floats, Moments, floats, mean_p_value, mean_sequence

__all__ = ["preference"]


def preference(
    differences: ArrayLike,
    *,
    users: ArrayLike | None = None,
    rankers: tuple[str, str] = ("champion", "challenger"),
    horizon: float = 1000.0,
    alpha: float = 0.05,
    fewest: int = 30,
) -> Finding:
    """Say which of two rankers is preferred.

    Sessions of one user are alike, so users are the unit: each counts once, by the sign of what
    the second ranker earned more over all sessions. The interval is a confidence sequence: it may
    be read after each session, and the chance that it is ever wrong is at most ``alpha``.

    Args:
        differences: (n,) what the second ranker earned more in each session, from
            `Interleaved.differences`.
        users: (n,) whose session it was; None takes each for another user's.
        rankers: Names of the first and the second.
        horizon: Number of users at which the interval shall be tightest.
        alpha: See above.
        fewest: Users below which nothing is concluded.

    Returns:
        `experiment.interleaving`: ok if the second is surely preferred, fails if the first is,
        unknown as long as neither is shown. The statistic is the share of users who prefer the
        second less that of those who prefer the first, in [-1, 1]. The evidence holds the sign
        test's and the t-test's p-values, which are right only if read once, at a number of users
        that was fixed beforehand.

    Source: Chapelle, Joachims, Radlinski and Yue (2012), section 3.2 (the preference statistic);
    `homeostat.stats.mean_sequence` for the interval.

    Raises:
        InputError: If lengths differ or a difference is not finite.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> preference(rng.normal(0.5, 1, 600)).verdict.value
        'ok'
    """
    values = floats(differences, "differences")
    earned = values if users is None else _by_user(values, users)
    signs = np.sign(earned)
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    first, second = rankers
    evidence: dict[str, float | int] = {"users": len(earned), "sessions": len(values)}
    evidence |= {"wins": wins, "losses": losses, "ties": len(earned) - wins - losses}
    if len(earned) < fewest:
        text = f"{len(earned)} users are too few to prefer {second} or {first}: {fewest} at least."
        return Finding(
            check="experiment.interleaving",
            subject=second,
            verdict=Verdict.UNKNOWN,
            summary=text,
            evidence={**evidence},
        )
    moments = Moments.of(signs)
    interval = mean_sequence(moments, horizon=horizon, alpha=alpha)
    shown = interval.low > 0 or interval.high < 0
    better = second if moments.mean > 0 else first
    verdict = Verdict.UNKNOWN if not shown else Verdict.OK if better == second else Verdict.FAIL
    told = f"prefer {better}" if shown else f"are not shown to prefer {second} or {first}"
    return Finding(
        check="experiment.interleaving",
        subject=second,
        verdict=verdict,
        summary=(
            f"{len(earned):,} users {told}: {wins:,} for {second}, {losses:,} for {first}, "
            f"a net share of {moments.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]."
        ),
        statistic=moments.mean,
        threshold=0.0,
        p_value=mean_p_value(moments, horizon=horizon),
        effect=moments.mean,
        evidence={
            **evidence,
            "low": interval.low,
            "high": interval.high,
            "alpha": alpha,
            "horizon": horizon,
            **_fixed(earned, wins, losses),
        },
    )


def _fixed(earned: Floats, wins: int, losses: int) -> dict[str, float]:
    """Return the p-values of a single look."""
    sign = min(1.0, 2 * float(special.bdtr(min(wins, losses), wins + losses, 0.5)))
    spread = float(earned.std(ddof=1))
    student = 1.0
    if spread > 0:
        t = float(earned.mean()) / spread * len(earned) ** 0.5
        student = float(2 * special.stdtr(len(earned) - 1, -abs(t)))
    return {"sign_test_p": sign, "t_test_p": student}


def _by_user(values: Floats, users: ArrayLike) -> Floats:
    who = np.asarray(users)
    if who.shape != values.shape:
        raise InputError(f"There must be a user a session, got {who.shape} for {values.shape}.")
    _, codes = np.unique(who, return_inverse=True)
    return np.bincount(codes, weights=values).astype(np.float64)
