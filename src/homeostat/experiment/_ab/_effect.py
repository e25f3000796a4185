"""What two arms differ by, with its standard error: means, ratios, covariates, relative."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeostat.core import InputError
from homeostat.experiment._ab._sums import Sums
from homeostat.stats import Floats

__all__ = ["Effect", "effect"]


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimated effect.

    Args:
        estimate: Treatment less control, or that divided by the control.
        error: Its standard error; infinite where there is too little to tell.
        n: Units of both arms.
        control: The control's value (a mean or ratio), without the covariate.
        treatment: The treatment's.
        relative: Whether ``estimate`` is a share of the control.
        freedom: Degrees of freedom (Welch and Satterthwaite), of the difference.
        theta: What a unit of the covariate is worth; 0 without one.
        reduction: Share of the variance that the covariate removes.
        least: Units of the smaller arm; None takes half of ``n``.
        events: Of a metric of 0 and 1, how many of the rarer one the smaller arm should have at
            both arms' common rate; infinite of any other. Few make a normal limit a bad one.
    """

    estimate: float
    error: float
    n: int
    control: float
    treatment: float
    relative: bool = False
    freedom: float = math.inf
    theta: float = 0.0
    reduction: float = 0.0
    least: int | None = None
    events: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class _Arm:
    """Value and covariate of an arm, and the covariance of their units' influences (2, 2)."""

    n: int
    y: float
    x: float
    spread: Floats


def effect(control: Sums, treatment: Sums, *, relative: bool = False) -> Effect:
    """Return what a treatment differs by from the control, over independent units.

    Ratios are linearised: what is given an arm by lot is the unit (a user), while the metric is
    taken per something else (a session), so both sums vary (Deng, Knoblich and Lu 2018). A
    covariate of before the experiment is subtracted, times its slope pooled over both arms
    (CUPED; Deng, Xu, Kohavi and Walker 2013), which leaves the effect as it is and divides its
    variance by 1 / (1 - correlation^2). Both, and division by the control, go through one delta
    method over the arms' sums.

    Args:
        control: The control's sums.
        treatment: The treatment's.
        relative: Whether to divide by the control's value (its absolute value, if below 0).

    Returns:
        The effect; its error is infinite for an arm of fewer than two units, a ratio per
        nothing, or a relative effect of a control of 0.

    Raises:
        InputError: If the sums are of different metrics.

    Example:
        >>> a, b = Sums.of_successes(1396, 3000), Sums.of_successes(2422, 3461)
        >>> found = effect(a, b, relative=True)
        >>> round(found.estimate, 5), round(found.error, 5)
        (0.50386, 0.03387)
    """
    if control.roles != treatment.roles:
        raise InputError(
            f"Both arms must hold one metric, got {control.roles} and {treatment.roles}."
        )
    a, b = _arm(control), _arm(treatment)
    if a is None or b is None or (relative and a.y == 0):
        return Effect(0.0, math.inf, control.n + treatment.n, *_values(a, b), relative=relative)
    theta = _slope(a, b)
    base = abs(a.y) if relative else 1.0
    estimate = (b.y - a.y - theta * (b.x - a.x)) / base
    share = math.copysign(estimate, estimate * a.y) if relative else 0.0
    var_b = _quadratic(b, 1.0, -theta) / b.n
    var_a = _quadratic(a, 1.0 + share, -theta) / a.n
    plain = b.spread[0, 0] / b.n + a.spread[0, 0] * (1 + share) ** 2 / a.n
    total = var_a + var_b
    return Effect(
        estimate,
        math.sqrt(total) / base,
        a.n + b.n,
        a.y,
        b.y,
        relative,
        _freedom(_quadratic(a, 1.0, -theta) / a.n, a.n, var_b, b.n),
        theta,
        1 - total / plain if plain > 0 and theta else 0.0,
        min(a.n, b.n),
        _events(control, treatment),
    )


def _arm(sums: Sums) -> _Arm | None:
    if sums.n < 2:
        return None
    k = len(sums.roles)
    gradient = np.zeros((2, k))
    levels = [0.0, 0.0]
    for row, (top, bottom) in enumerate((("value", "per"), ("covariate", "covariate_per"))):
        i, j = sums.column(top), sums.column(bottom)
        if i is None:
            continue
        divisor = 1.0 if j is None else sums.mean[j]
        if divisor == 0:
            return None
        levels[row] = sums.mean[i] / divisor
        gradient[row, i] = 1 / divisor
        if j is not None:
            gradient[row, j] = -levels[row] / divisor
    return _Arm(sums.n, levels[0], levels[1], gradient @ sums.covariance() @ gradient.T)


def _events(a: Sums, b: Sums) -> float:
    if a.roles[1:2] == ("per",) or not (_binary(a) and _binary(b)):
        return math.inf
    n = a.n + b.n
    share = (a.n * a.mean[0] + b.n * b.mean[0]) / n
    return min(a.n, b.n) * min(share, 1 - share)


def _binary(sums: Sums) -> bool:
    """Whether a mean's values are all 0 or 1: only then is the spread n p (1 - p)."""
    p = sums.mean[0]
    return 0 <= p <= 1 and abs(sums.co[0][0] - sums.n * p * (1 - p)) <= 1e-9 * sums.n


def _values(a: _Arm | None, b: _Arm | None) -> tuple[float, float]:
    return a.y if a else 0.0, b.y if b else 0.0


def _slope(a: _Arm, b: _Arm) -> float:
    spread = (a.n - 1) * a.spread + (b.n - 1) * b.spread
    return float(spread[0, 1] / spread[1, 1]) if spread[1, 1] > 0 else 0.0


def _quadratic(arm: _Arm, y: float, x: float) -> float:
    weights = np.array([y, x])
    return max(float(weights @ arm.spread @ weights), 0.0)


def _freedom(var_a: float, n_a: int, var_b: float, n_b: int) -> float:
    parts = var_a**2 / (n_a - 1) + var_b**2 / (n_b - 1)
    return (var_a + var_b) ** 2 / parts if parts > 0 else math.inf
