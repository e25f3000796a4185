"""Gates on how good a model is: calibration, and metrics on slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from homeostat.core import Finding, InputError, Role, Verdict
from homeostat.evaluate._calibration._judge import calibration
from homeostat.evaluate._confidence._conformal_sets import conformal_sets
from homeostat.evaluate._confidence._coverage import check_sets
from homeostat.evaluate._gates._context import Gate, GateContext
from homeostat.evaluate._slicing._slices import SliceBy, slices

__all__ = ["calibrated", "covers", "slices_at_least", "slices_even"]


def calibrated(max_ece: float = 0.05, *, bins: int = 15) -> Gate:
    """Ask that probabilities come true as often as they say; see :func:`calibration`."""

    def check(context: GateContext) -> list[Finding]:
        found = calibration(
            context.label,
            context.prediction,
            max_ece=max_ece,
            blocks=context.blocks,
            bins=bins,
            subject=context.name,
        )
        return [found]

    return Gate(f"calibrated({max_ece:g})", check)


def covers(
    alpha: float = 0.1, *, by: Literal["all", "class"] = "class", tolerance: float = 0.02
) -> Gate:
    """Ask that conformal sets hold the label as often as promised, and each class's too.

    Sets are calibrated on the first half of the rows and judged on the second, as in use: a
    guarantee that drift takes away within the rows fails.

    Args:
        alpha: Share of sets that may miss.
        by: ``"class"`` promises it of each class, ``"all"`` only of all rows together, where a
            rare class may be missed altogether: then this gate fails.
        tolerance: How far below the promise matters.
    """

    def check(context: GateContext) -> list[Finding]:
        label = context.label.astype(np.int64)
        p = np.column_stack([1 - context.prediction, context.prediction])
        half = len(label) // 2
        sets = conformal_sets(label[:half], p[:half], alpha=alpha, by=by)(p[half:])
        counts = {"all rows": half}
        counts |= {str(one): int((label[:half] == one).sum()) if by == "class" else half
                   for one in (0, 1)}  # fmt: skip
        return check_sets(
            label[half:], sets, alpha=alpha, n_calibration=counts, tolerance=tolerance
        )

    return Gate(f"covers({1 - alpha:g})", check)


def slices_at_least(
    *,
    by: Sequence[SliceBy] | None = None,
    min_auc: float | None = None,
    min_accuracy: float | None = None,
    minimum: int = 200,
    critical: Sequence[str] = (),
) -> Gate:
    """Ask that a metric reaches a bound on every slice; see :func:`slices`.

    Args:
        by: Columns, crossed columns or slices; None takes the schema's slice columns.
        min_auc: What the AUC must reach.
        min_accuracy: What the accuracy must reach.
        minimum: Slices of fewer rows are unknown; rarer values of a column are taken together.
        critical: Slices, by their text, that fail a bound without proof that they break it.
    """
    bounds = {"auc": min_auc, "accuracy": min_accuracy}
    asked = {metric: bound for metric, bound in bounds.items() if bound is not None}
    if not asked:
        raise InputError("`slices_at_least` needs a bound: pass `min_auc` or `min_accuracy`.")

    def check(context: GateContext) -> list[Finding]:
        return [
            found
            for metric, bound in asked.items()
            for found in slices(
                context.label,
                context.prediction,
                context.features,
                by=_columns(context, by),
                metric=metric,
                at_least=bound,
                minimum=minimum,
                weights=dict.fromkeys(critical, 2.0),
                blocks=context.blocks,
            )
        ]

    bound_text = ", ".join(f"{metric} >= {bound:g}" for metric, bound in asked.items())
    return Gate(f"slices_at_least({bound_text})", check)


def slices_even(
    metric: str = "error",
    *,
    by: Sequence[SliceBy] | None = None,
    tolerance: float = 0.05,
    minimum: int = 200,
) -> Gate:
    """Ask that no slice is shown to be worse than all other rows by more than a tolerance.

    For groups of people: that a model that is good on the whole is not bad for some of them.

    Args:
        metric: As in :func:`slices`.
        by: As in :func:`slices_at_least`.
        tolerance: By how much a slice may be worse, in units of the metric.
        minimum: Slices of fewer rows are unknown.
    """

    def check(context: GateContext) -> list[Finding]:
        found = slices(
            context.label,
            context.prediction,
            context.features,
            by=_columns(context, by),
            metric=metric,
            tolerance=tolerance,
            minimum=minimum,
            blocks=context.blocks,
        )
        return [
            replace(one, verdict=Verdict.FAIL) if one.verdict is Verdict.WARN else one
            for one in found
        ]

    return Gate(f"slices_even({metric}, {tolerance:g})", check)


def _columns(context: GateContext, by: Sequence[SliceBy] | None) -> Sequence[SliceBy]:
    columns = context.schema.having(Role.SLICE) if by is None else by
    if not columns:
        raise InputError("No slices: pass `by`, or give columns the role `slice`.")
    return columns
