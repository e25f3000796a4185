"""Before a test: how many units, for how long, and what could be found with those there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import special

from homeostat.core import InputError
from homeostat.experiment._ab._design import Design, FixedHorizon, Sides
from homeostat.experiment._ab._planning import units_for

__all__ = ["Assumed", "SampleSize", "reachable", "sample_size"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What is assumed of a metric before a test.

    Args:
        name: What the plan calls it.
        mean: The control's value.
        variance: Variance of a unit's value; None is that of a proportion, ``p (1 - p)``. Times
            ``1 - correlation^2`` with a covariate.
        effect: Difference to be found, of a success metric; negative for a fall.
        margin: How much worse is let pass, of a guardrail.
        relative: Whether effect and margin are shares of ``mean``.
        sides: 2 looks for better and worse, as `Experiment` does; 1 for better alone. A guardrail
            has one.
    """

    name: str
    mean: float
    variance: float | None = None
    effect: float | None = None
    margin: float | None = None
    relative: bool = True
    sides: Sides = 2

    def __post_init__(self) -> None:
        if (self.effect is None) == (self.margin is None):
            raise InputError(f"{self.name} needs an effect (a success metric) or a margin.")
        if not (self.effect or self.margin):
            raise InputError(f"An effect or margin of 0 of {self.name} takes units without end.")
        if self.variance is None and not 0 < self.mean < 1:
            raise InputError(f"A proportion lies in (0, 1), got {self.mean} of {self.name}.")

    def gap(self) -> float:
        """Return the effect or margin in the metric's unit."""
        size = self.effect if self.effect is not None else self.margin or 0.0
        return size * abs(self.mean) if self.relative else size

    def variances(self) -> tuple[float, float]:
        """Return the variance of a unit in the control and, with the effect, in a treatment."""
        if self.variance is not None:
            return self.variance, self.variance
        other = self.mean + self.gap() if self.effect is not None else self.mean
        if not 0 < other < 1:
            raise InputError(f"{self.name} would become {other:g}, which is no proportion.")
        return self.mean * (1 - self.mean), other * (1 - other)


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What a test takes.

    Args:
        units: Units of all arms together; None if it would never end.
        by_metric: What each metric takes by itself.
        alpha: Level of each comparison of a success metric, after the correction.
        power: Chance that each metric must reach for all together to reach the power asked for.
        seconds: Duration; None without a rate.
    """

    units: int | None
    by_metric: dict[str, int | None]
    alpha: float
    power: float
    seconds: float | None


def sample_size(
    metrics: Sequence[Assumed],
    arms: Mapping[str, float] | Sequence[float] = (1.0, 1.0),
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    design: Design | None = None,
    rate: float | None = None,
    comparisons: int | None = None,
) -> SampleSize:
    """Plan a test: units that all its metrics need to be decided.

    Success metrics share ``alpha`` over all metrics and treatments (Bonferroni, the most that
    Holm may ask for). Guardrails do not: all must be kept, so they share ``1 - power``.

    Args:
        metrics: What is assumed of each.
        arms: Shares of the arms, of any sum; the first is the control.
        alpha: Chance that any success metric is called better or worse where none is; and, of
            each guardrail, that one worse than its margin is let past.
        power: Chance that a treatment with all effects as assumed, and guardrails at no
            difference, is found to be so.
        design: How the test is read; None is a single look. Of `GroupSequential`, the units of
            the last look with its bound, a little more than needed since earlier ones help.
        rate: Units of all arms a second, for the duration.
        comparisons: By how much alpha is divided; None is success metrics times treatments.

    Source: Schultzberg, Ankargren and Frånberg (2024), arXiv 2402.11609.

    Example:
        >>> plan = sample_size([Assumed(name="bought", mean=0.1, effect=0.01, relative=False)])
        >>> plan.units
        29497
        >>> from homeostat.experiment import AlwaysValid
        >>> always = AlwaysValid(horizon=40_000)
        >>> sample_size([Assumed(name="bought", mean=0.1, effect=0.1)], design=always).units
        56673
    """
    shares = list(arms.values() if isinstance(arms, Mapping) else arms)
    if len(shares) < 2 or min(shares) <= 0 or not metrics:
        raise InputError(f"A metric and two arms with shares above 0 are needed, got {shares}.")
    n_success = sum(m.effect is not None for m in metrics)
    n_guards = len(metrics) - n_success
    each = alpha / (comparisons or max(1, n_success * (len(shares) - 1)))
    beta = (1 - power) / (n_guards + (1 if n_success else 0))
    how = design or FixedHorizon(0)
    needed = {
        m.name: _needed(m, shares, each if m.effect is not None else alpha, 1 - beta, how)
        for m in metrics
    }
    known = [n for n in needed.values() if n is not None]
    units = max(known) if len(known) == len(needed) else None
    seconds = units / rate if units is not None and rate else None
    return SampleSize(units, needed, each, 1 - beta, seconds)


def reachable(
    assumed: Assumed,
    units: int,
    arms: Mapping[str, float] | Sequence[float] = (1.0, 1.0),
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    design: Design | None = None,
) -> float:
    """Return the smallest effect that so many units of all arms could show.

    See it before a test starts: where only effects that nobody expects could be found, the test
    is not worth its time.

    Args:
        assumed: The metric; its effect only says how a proportion's variance changes.
        units: Units of all arms.
        arms: As in `sample_size`; of several treatments, the smallest counts.
        alpha: Level of the comparison.
        power: Chance to show it.
        design: How it is read; None is a single look.

    Returns:
        The effect, above 0, in the metric's unit, or as a share of the mean if relative.

    Example:
        >>> bought = Assumed(name="bought", mean=0.1, effect=0.1)
        >>> round(reachable(bought, 29_498), 4)
        0.1
    """
    shares = list(arms.values() if isinstance(arms, Mapping) else arms)
    variance, share = _variance(assumed, shares)
    n = units * share
    how = design or FixedHorizon(0)
    sides: Sides = 1 if assumed.margin is not None else assumed.sides
    width = how.width(n, alpha, sides) + float(special.ndtri(power))
    found = width * math.sqrt(variance / n)
    return found / abs(assumed.mean) if assumed.relative else found


def _variance(assumed: Assumed, shares: Sequence[float]) -> tuple[float, float]:
    """Return the effect's variance times both arms' units, and both arms' share of all units.

    Of several treatments the one with the fewest units counts.
    """
    total = math.fsum(shares)
    a, b = shares[0] / total, min(shares[1:]) / total
    control, treatment = assumed.variances()
    return (control / a + treatment / b) * (a + b), a + b


def _needed(
    assumed: Assumed, shares: Sequence[float], alpha: float, power: float, design: Design
) -> int | None:
    variance, share = _variance(assumed, shares)
    sides: Sides = 1 if assumed.margin is not None else assumed.sides
    pair = units_for(variance, assumed.gap(), design=design, alpha=alpha, sides=sides, power=power)
    return None if pair is None else math.ceil(pair / share - 1e-9)
