"""Advice: what was compared, how each did, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from homeostat.core import Finding, InputError, suggest
from homeostat.stats import Interval

__all__ = ["Advice", "Measure", "MethodResult"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over folds, and where it lies."""

    mean: float
    interval: Interval

    def __str__(self) -> str:
        return f"{self.mean:.3f} ±{(self.interval.high - self.interval.low) / 2:.3f}"


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How one way of dealing with imbalance did.

    Args:
        name: Such as ``"smote"``.
        ap: Average precision; no threshold is involved.
        f1: At a threshold chosen on the other folds, of `plain` at a half.
        cost: Mean cost a row, likewise; None where no costs were given.
        ece: Expected calibration error of the probabilities as the model gives them.
        ece_corrected: After correcting the changed prior.
        better: How much better than moving the threshold, in the metric asked for; its interval
            is widened for the number of methods. None for `threshold` itself.
    """

    name: str
    ap: Measure
    f1: Measure
    cost: Measure | None
    ece: Measure
    ece_corrected: Measure
    better: Measure | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about an imbalance; print it for the table.

    Args:
        recommended: ``"threshold"``, or a method that is better beyond its interval.
        metric: What decided: ``"cost"``, ``"f1"`` or ``"ap"``.
        results: Of each method, by name.
        skipped: Why a method could not be tried, by name.
        findings: The same as judgements.
    """

    recommended: str
    metric: str
    results: Mapping[str, MethodResult]
    skipped: Mapping[str, str]
    findings: tuple[Finding, ...]

    def __getitem__(self, name: str) -> MethodResult:
        if name not in self.results:
            raise InputError(f"No method `{name}` was compared.{suggest(name, self.results)}")
        return self.results[name]

    def table(self) -> pl.DataFrame:
        """Return one line a method, with the ends of each interval."""
        columns = ("ap", "f1", "cost", "ece", "ece_corrected", "better")
        lines = []
        for result in self.results.values():
            line: dict[str, str | float | None] = {"method": result.name}
            for name in columns:
                measure = getattr(result, name)
                around = measure.interval if measure else None
                line[name] = measure.mean if measure else None
                line[f"{name}_low"] = around.low if around else None
                line[f"{name}_high"] = around.high if around else None
            lines.append(line)
        return pl.DataFrame(lines, infer_schema_length=None)

    def __str__(self) -> str:
        heads = ["method", "AP", "F1", "cost", "ECE", "ECE corrected", f"{self.metric} gained"]
        rows = [heads]
        for one in self.results.values():
            cells = (one.ap, one.f1, one.cost, one.ece, one.ece_corrected, one.better)
            rows.append([one.name, *("-" if cell is None else str(cell) for cell in cells)])
        wide = [max(len(row[i]) for row in rows) for i in range(len(heads))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip() for row in rows
        ]
        lines += [f"{name}: not tried, {why}" for name, why in self.skipped.items()]
        return "\n".join([*lines, self.findings[0].summary])
