"""Kinds: how much of a change the inputs did, how much the outcome given them, or class shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeostat.core import Json
from homeostat.monitor._cause._attribution import about, said_both_ways
from homeostat.monitor._cause._mix import decomposed
from homeostat.monitor._cause._segments import code
from homeostat.monitor._cause._values import Values
from homeostat.stats import Interval

__all__ = ["Kinds", "kinds_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """A change of a metric, split by which distribution moved.

    `covariate` and `concept` are the two Shapley values of moving P(features) and P(outcome |
    features) from the reference's to the window's, and add up to the change. In which order they
    move matters by `order`. `label` cuts the same change the other way, into P(outcome) and
    P(features | outcome): it is what class shares alone did, and no third part of the sum.

    Args:
        covariate: What other inputs did, while outcomes follow from them as halfway between.
        covariate_interval: Given the models; None with too few rows or blocks.
        concept: What outcomes did that follow from inputs in another way; what models cannot
            tell from the features is in it.
        concept_interval: Likewise.
        order: By how much more or less it is covariate if that moves first or last.
        label: What the shares of outcomes did alone; exactly 0 for an AUC.
    """

    covariate: float
    covariate_interval: Interval | None
    concept: float
    concept_interval: Interval | None
    order: float
    label: float

    def facts(self) -> dict[str, Json]:
        """Return all as JSON."""
        return {
            "covariate": self.covariate,
            "covariate_low": _end(self.covariate_interval, "low"),
            "covariate_high": _end(self.covariate_interval, "high"),
            "concept": self.concept,
            "concept_low": _end(self.concept_interval, "low"),
            "concept_high": _end(self.concept_interval, "high"),
            "order": self.order,
            "label": self.label,
        }

    def __str__(self) -> str:
        return (
            f"other inputs {self.covariate:+.4g} {_said(self.covariate_interval)}, another outcome "
            f"of the same inputs {self.concept:+.4g} {_said(self.concept_interval)} (±"
            f"{abs(self.order):.2g} by which moved first); class shares alone {self.label:+.4g}"
        )


def kinds_of(values: Values, features: Sequence[str], outcome: str, *, seed: int) -> Kinds | None:
    """Split a change by kind; None with too few rows.

    A model of the value is learned from either frame, and asked about both, rows held out in
    halves; halfway between the models, the change of the mean of what they say is the inputs'.

    Args:
        values: What changed.
        features: Columns of both frames.
        outcome: Column of both.
        seed: Of the halves and of the rows that are asked about.

    Source: Zhang, Singh, Ghassemi and Joshi 2023, "Why did the model fail?", ICML, for two
    distributions, with models in the place of importance weights; for a linear model it is
    Kitagawa's (1955) and Oaxaca's. Cai, Namkoong and Yadlowsky 2023 on its assumption: both
    models must know the inputs they are asked about.
    """
    if not values.enough:
        return None
    asked, by_then, by_now = said_both_ways(values, features, seed=seed)
    halfway = [(a + b) / 2 for a, b in zip(by_then, by_now, strict=True)]
    first, last = (float(now.mean() - then.mean()) for then, now in (by_then, by_now))
    left = asked.then - halfway[0], asked.now - halfway[1]
    covariate = (first + last) / 2
    shares = decomposed(values, code(values.reference, values.window, outcome))
    return Kinds(
        covariate=covariate,
        covariate_interval=asked.interval_of(halfway[0], halfway[1]),
        concept=values.change - covariate,
        concept_interval=about(values.change - covariate, asked.interval_of(*left)),
        order=(first - last) / 2,
        label=shares.mix,
    )


def _end(interval: Interval | None, which: str) -> float | None:
    return None if interval is None else float(getattr(interval, which))


def _said(interval: Interval | None) -> str:
    return "[unknown]" if interval is None else str(interval)
