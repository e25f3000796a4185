"""Before and after: the calibration of several predictions of the same rows, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Verdict
from homeostat.evaluate._calibration._draw import curves_svg
from homeostat.evaluate._calibration._judge import NAMES
from homeostat.stats import (
    CalibrationKind,
    Floats,
    Reliability,
    calibration_error,
    check_binary,
    check_classes,
    ece,
    holm,
    mean_interval,
    paired_difference,
    reliability,
)

__all__ = ["CalibrationTable", "compare_calibration"]

_LEAST = 1e-15
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationTable:
    """Predictions of the same rows, compared by their calibration; the first is the one before.

    Args:
        frame: One row a prediction: name, kind, n; ece with ece_low and ece_high, ece_debiased,
            ece_band (what a calibrated forecast shows at most), ece_mass (bins of equal mass);
            brier and log_loss, each with its interval.
        findings: ``calibration.better`` for each prediction after the first: is its log loss, a
            proper score, shown to be lower?
        curves: The reliability curve of each; classwise that of the top label.
    """

    frame: pl.DataFrame
    findings: tuple[Finding, ...]
    curves: Mapping[str, Reliability] = field(repr=False)

    def to_text(self) -> str:
        """Return the table as text, with what the differences show."""
        rows = [["", "ECE", "interval", "debiased", "by chance", "Brier", "log loss"]]
        rows += [
            [
                str(one["name"]),
                f"{one['ece']:.4f}",
                f"[{one['ece_low']:.4f}, {one['ece_high']:.4f}]",
                f"{one['ece_debiased']:.4f}",
                f"< {one['ece_band']:.4f}",
                f"{one['brier']:.4f}",
                f"{one['log_loss']:.4f}",
            ]
            for one in self.frame.iter_rows(named=True)
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        kind, n = self.frame["kind"][0], self.frame["n"][0]
        told = [found.summary for found in self.findings]
        return "\n".join([f"{NAMES[kind]} over {n:,} rows", *lines, *told])

    def to_svg(self, *, title: str = "Calibration") -> str:
        """Return the reliability curves as an SVG that follows a light or dark theme."""
        return curves_svg(self.curves, title=title)


def compare_calibration(
    label: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    *,
    kind: CalibrationKind | None = None,
    bins: int = 15,
    level: float = 0.95,
    blocks: ArrayLike | None = None,
    rng: np.random.Generator | int = 0,
) -> CalibrationTable:
    """Compare the calibration of predictions before and after, on rows that no map was fitted on.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        predictions: By name, the one before first; each (n,) or (n, k).
        kind: Which ECE; as in :func:`calibration`.
        bins: How many bins.
        level: Confidence of the intervals.
        blocks: Which block (a day) a row is in.
        rng: Generator or seed.

    Returns:
        The table. An ECE is not proper (a constant forecast can have none), so what is better is
        judged by the log loss of the same rows, paired, corrected for how many are compared.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(20_000)
        >>> label, sharp = rng.random(20_000) < p, p**2 / (p**2 + (1 - p) ** 2)
        >>> compare_calibration(label, {"as is": sharp, "right": p}).findings[0].verdict.value
        'ok'
    """
    if not predictions:
        raise InputError("At least one prediction is needed, got none.")
    generator = np.random.default_rng(rng)
    losses = {name: _losses(label, p) for name, p in predictions.items()}
    rows = []
    for name, p in predictions.items():
        found = calibration_error(
            label, p, kind=kind, blocks=blocks, bins=bins, level=level, rng=generator
        )
        told: dict[str, object] = {"name": name, "kind": found.kind, "n": found.n}
        told |= {"ece": found.ece, "ece_low": found.low, "ece_high": found.high}
        told |= {"ece_debiased": found.debiased, "ece_band": found.band}
        told["ece_mass"] = ece(label, p, kind=kind, bins=bins, binning="mass")
        for score, values in zip(("brier", "log_loss"), losses[name], strict=True):
            around = mean_interval(values, blocks, level=level)
            told[score] = float(values.mean())
            told[f"{score}_low"] = None if around is None else max(around.low, 0.0)
            told[f"{score}_high"] = None if around is None else around.high
        rows.append(told)
    return CalibrationTable(
        pl.DataFrame(rows),
        _better({name: both[1] for name, both in losses.items()}, blocks, level, generator),
        {
            name: reliability(label, p, bins=bins, level=level, blocks=blocks, rng=generator)
            for name, p in predictions.items()
        },
    )


def _losses(label: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats]:
    """Return each row's Brier score and log loss."""
    if np.ndim(p) != 2:
        y, q = check_binary(label, p)
        own = np.where(y == 1, q, 1 - q)
        return (q - y) ** 2, -np.log(np.maximum(own, _LEAST))
    numbers, whole = check_classes(label, p)
    own = whole[np.arange(len(numbers)), numbers]
    brier = np.einsum("nk,nk->n", whole, whole) - 2 * own + 1
    return brier, -np.log(np.maximum(own, _LEAST))


def _better(
    losses: Mapping[str, Floats],
    blocks: ArrayLike | None,
    level: float,
    rng: np.random.Generator,
) -> tuple[Finding, ...]:
    (first, before), *others = losses.items()
    differences = {
        name: paired_difference(before, after, blocks=blocks, level=level, rng=rng)
        for name, after in others
    }
    known = [one.p_value for one in differences.values() if one.p_value is not None]
    corrected = iter(holm(known).tolist() if known else [])
    findings = []
    for name, one in differences.items():
        p = None if one.p_value is None else next(corrected)
        verdict, words = Verdict.UNKNOWN, "too few rows or blocks to tell"
        if p is not None and one.interval is not None:
            shown = p <= _ALPHA
            better = one.mean > 0
            verdict = Verdict.WARN if not shown else Verdict.OK if better else Verdict.FAIL
            words = f"{'shown' if shown else 'not shown'} to be {'lower' if better else 'higher'}"
            words += f" (difference {-one.mean:+.4f}, interval {-one.interval.high:+.4f} to "
            words += f"{-one.interval.low:+.4f})"
        findings.append(
            Finding(
                check="calibration.better",
                subject=name,
                verdict=verdict,
                summary=f"The log loss of {name} against {first} is {words}.",
                statistic=-one.mean,
                threshold=0.0,
                p_value=p,
                effect=-one.mean,
                evidence={"n": one.n, "blocks": one.n_blocks},
            )
        )
    return tuple(findings)
