"""A split test: what is compared, and what may be said of it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from homeostat.core import Finding, InputError, Verdict
from homeostat.data._door import Frame
from homeostat.experiment._ab._decision import decided
from homeostat.experiment._ab._design import AlwaysValid, Design, FixedHorizon
from homeostat.experiment._ab._inferiority import non_inferiority
from homeostat.experiment._ab._metric import Metric
from homeostat.experiment._ab._quantile_guard import quantile_non_inferiority
from homeostat.experiment._ab._sample_ratio import sample_ratio, sample_ratios
from homeostat.experiment._ab._slices import heterogeneity, simpson
from homeostat.experiment._ab._success import successes
from homeostat.experiment._ab._tally import Tally, tally

__all__ = ["Experiment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Arms that units are given by lot, what shall get better, and what must not get worse.

    Args:
        arms: Share asked for of each arm, of any sum; the first is the control.
        metrics: What shall get better. All of them, times all treatments, share ``alpha``.
        guardrails: What must not get worse, each with its margin. Each has ``alpha`` to itself:
            all of them must be kept, so a treatment that breaks one is let past by chance no
            more often than that one's own alpha.
        unit: Column with what was given an arm (a user); None takes each row for one.
        arm: Column with the arm.
        design: How it is read: `AlwaysValid`, `GroupSequential` or `FixedHorizon`. Quantiles are
            read at any time under each of them.
        alpha: Chance that any metric is ever called better or worse where none is.
        slices: Columns that effects are also compared over.
        mismatch: Alpha of the check that arms hold their shares.

    Raises:
        InputError: If there are fewer than two arms, no metric, two of one name, a guardrail
            without a margin or a metric with one.

    Example:
        >>> import numpy as np, polars as pl
        >>> rng = np.random.default_rng(0)
        >>> arm = rng.integers(2, size=20_000)
        >>> rows = pl.DataFrame({
        ...     "arm": np.array(["old", "new"])[arm],
        ...     "bought": rng.random(20_000) < 0.10 + 0.03 * arm,
        ...     "ms": rng.lognormal(3, 0.5, 20_000),
        ... })
        >>> test = Experiment(
        ...     arms={"old": 1, "new": 1},
        ...     metrics=[Metric("bought")],
        ...     guardrails=[Metric("ms", goal="decrease", quantile=0.9, margin=0.1)],
        ... )
        >>> for finding in test.read(rows):
        ...     print(finding.verdict.value, finding.check)
        ok experiment.sample_ratio
        ok experiment.effect
        ok experiment.guardrail
        ok experiment.decision
    """

    arms: Mapping[str, float]
    metrics: Sequence[Metric] = ()
    guardrails: Sequence[Metric] = ()
    unit: str | None = None
    arm: str = "arm"
    design: Design = field(default_factory=AlwaysValid)
    alpha: float = 0.05
    slices: Sequence[str] = ()
    mismatch: float = 0.001

    def __post_init__(self) -> None:
        if len(self.arms) < 2 or min(self.arms.values()) <= 0:
            raise InputError(f"At least two arms with shares above 0 are needed: {self.arms}.")
        titles = [metric.title for metric in self._all()]
        if not titles or len(set(titles)) < len(titles):
            raise InputError(f"Metrics are needed, each of its own name, got {titles}.")
        for metric in self.guardrails:
            if metric.margin is None:
                raise InputError(f"The guardrail {metric.title} needs a margin.")
        for metric in self.metrics:
            if metric.margin is not None:
                raise InputError(f"{metric.title} has a margin: give it as a guardrail.")

    def tally(self, frame: Frame) -> Tally:
        """Add up rows: tallies of disjoint units (days, partitions) add up with ``+``."""
        return tally(
            frame,
            self._all(),
            arms=list(self.arms),
            arm=self.arm,
            unit=self.unit,
            slices=self.slices,
        )

    def read(self, data: Frame | Tally, *, rate: float | None = None) -> list[Finding]:
        """Say what may be said now.

        Args:
            data: Rows, or what they add up to: from one tally come the same findings, to the
                last digit, so that a decision can be computed again from what was kept.
            rate: Units of all arms a second, for the expected time to a decision.

        Returns:
            ``experiment.sample_ratio`` (of all units, of units whose outcome is known where some
            are not, and of each slice), ``experiment.effect`` and ``experiment.guardrail`` of
            each metric and treatment, ``experiment.heterogeneity`` and ``experiment.simpson`` of
            each slicing column, and ``experiment.decision`` of each treatment.
        """
        held = data if isinstance(data, Tally) else self.tally(data)
        shares = list(self._shares(held))
        effects = successes(
            held, self.metrics, tuple(self.arms), design=self.design, alpha=self.alpha, rate=rate
        )
        guards = [
            self._guard(metric, held, treatment, rate)
            for treatment in self.treatments
            for metric in self.guardrails
        ]
        parts = list(self._parts(held))
        decisions = [
            decided(treatment, shares, effects, guards, parts) for treatment in self.treatments
        ]
        return [*shares, *effects, *guards, *parts, *decisions]

    @property
    def control(self) -> str:
        """Name of the control."""
        return next(iter(self.arms))

    @property
    def treatments(self) -> list[str]:
        """Names of all other arms."""
        return list(self.arms)[1:]

    def _all(self) -> list[Metric]:
        return [*self.metrics, *self.guardrails]

    def _shares(self, held: Tally) -> Iterator[Finding]:
        continuous = not isinstance(self.design, FixedHorizon)
        yield sample_ratio(held.units, self.arms, alpha=self.mismatch, continuous=continuous)
        for title, arms in held.metrics.items():
            known = {arm: sums.n for arm, sums in arms.items()}
            if known != held.units:
                yield sample_ratio(
                    known,
                    self.arms,
                    alpha=self.mismatch,
                    continuous=continuous,
                    subject=f"units with {title} known",
                )
        for by, values in held.slices.items() if held.metrics else ():
            counts = {
                value: {arm: sums.n for arm, sums in next(iter(metrics.values())).items()}
                for value, metrics in values.items()
            }
            found = sample_ratios(counts, self.arms, alpha=self.mismatch, continuous=continuous)
            yield _renamed(found, f"each {by}")
        if held.crossed:
            n = sum(held.units.values())
            yield Finding(
                check="experiment.crossover",
                subject="units",
                verdict=Verdict.WARN if held.crossed > 0.001 * n else Verdict.OK,
                summary=f"{held.crossed:,} units were seen in more than one arm and are left out; "
                f"{n:,} remain.",
                statistic=held.crossed / max(n + held.crossed, 1),
                threshold=0.001,
                evidence={"crossed": held.crossed, "units": held.units},
            )

    def _guard(self, metric: Metric, held: Tally, treatment: str, rate: float | None) -> Finding:
        arms = (self.control, treatment)
        margin = metric.margin or 0.0
        if metric.quantile is not None:
            values = held.values[metric.title]
            return quantile_non_inferiority(
                values[self.control],
                values[treatment],
                q=metric.quantile,
                margin=margin,
                goal=metric.goal,
                alpha=self.alpha,
                metric=metric.title,
                arms=arms,
                rate=rate,
            )
        sums = held.metrics[metric.title]
        return non_inferiority(
            sums[self.control],
            sums[treatment],
            margin=margin,
            goal=metric.goal,
            relative=metric.relative,
            design=self.design,
            alpha=self.alpha,
            metric=metric.title,
            arms=arms,
            rate=rate,
        )

    def _parts(self, held: Tally) -> Iterator[Finding]:
        means = [metric for metric in self.metrics if metric.quantile is None]
        for by, values in held.slices.items():
            for metric in means:
                for treatment in self.treatments:
                    pairs = {
                        value: (m[metric.title][self.control], m[metric.title][treatment])
                        for value, m in values.items()
                    }
                    name = f"{metric.title} of {treatment}"
                    yield heterogeneity(
                        pairs,
                        goal=metric.goal,
                        design=self.design,
                        alpha=self.alpha,
                        metric=name,
                        by=by,
                    )
                    yield simpson(pairs, metric=name, by=by)


def _renamed(found: Finding, subject: str) -> Finding:
    return Finding.from_json({**found.to_json(), "subject": subject})
