"""What is measured in a split test, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homeostat.core import InputError
from homeostat.experiment._ab._inferiority import Goal

__all__ = ["Metric"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of an experiment; given a margin, a guardrail.

    Args:
        value: Column with the numbers; summed over the rows of a unit.
        goal: Which way is better.
        per: Column that the sum is divided by, which makes a ratio of sums (clicks per view);
            ``"*"`` divides by the rows, which makes the mean of a row, clustered by unit.
        how: ``sum`` over the rows of a unit, or whether ``any`` is above 0 (converted or not).
        covariate: Column of the time before the experiment that explains ``value``, such as the
            same metric then; narrows intervals (CUPED). A unit's own: the mean over its rows,
            0 where there is none, as of a new user.
        covariate_per: Likewise for ``per``.
        quantile: Compare this quantile of the rows, such as 0.99, instead of means.
        margin: How much worse a guardrail lets pass; None of a success metric.
        relative: Whether effects and margin are shares of the control's value.
        name: What findings call it; None is ``value``, with ``per`` or the quantile.

    Example:
        >>> Metric("clicks", per="views").title, Metric("ms", goal="decrease", quantile=0.99).title
        ('clicks per views', 'p99 of ms')
    """

    value: str
    goal: Goal = "increase"
    per: str | None = None
    how: Literal["sum", "any"] = "sum"
    covariate: str | None = None
    covariate_per: str | None = None
    quantile: float | None = None
    margin: float | None = None
    relative: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        if self.quantile is not None and (self.per or self.covariate or self.how != "sum"):
            raise InputError(f"A quantile of {self.value} takes no `per`, `how` or covariate.")
        if self.quantile is not None and not 0 < self.quantile < 1:
            raise InputError(f"A quantile lies in (0, 1), got {self.quantile}.")
        if self.margin is not None and not self.margin > 0:
            raise InputError(f"A margin is above 0, got {self.margin}: give equality some room.")
        if self.covariate_per and not (self.per and self.covariate):
            raise InputError("`covariate_per` goes with `per` and `covariate`.")

    @property
    def title(self) -> str:
        """What findings call it."""
        if self.name is not None:
            return self.name
        if self.quantile is not None:
            return f"p{100 * self.quantile:g} of {self.value}"
        if self.per is not None:
            return f"{self.value} per {'row' if self.per == '*' else self.per}"
        return self.value

    @property
    def columns(self) -> list[str]:
        """Columns that a frame must have."""
        names = (self.value, self.per, self.covariate, self.covariate_per)
        return [name for name in names if name is not None and name != "*"]
