"""Gates: what a model must pass before it is released."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Json, Model, Role, Schema, Verdict, suggest
from homeostat.evaluate._behaviour import check_directional, check_invariance
from homeostat.evaluate._calibration import calibration
from homeostat.evaluate._compare import compare
from homeostat.evaluate._slices import SliceBy, slices

__all__ = [
    "Gate",
    "GateContext",
    "beats",
    "calibrated",
    "directional",
    "invariance",
    "no_worse",
    "slices_at_least",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateContext:
    """What a gate may look at: one model, and rows it was not fitted on.

    Args:
        schema: Of the rows.
        features: The rows, as the model gets them; columns to slice by may be there too.
        label: 0 or 1, shape (n,).
        prediction: The model's, shape (n,).
        model: The model.
        name: What people call it.
        current_prediction: That of the model in production on these rows; None at first.
        others: Predictions of further models on these rows, by name, such as baselines.
        blocks: Which block (a day) a row is in; None takes rows as independent.
    """

    schema: Schema
    features: pl.DataFrame
    label: NDArray[np.float64]
    prediction: NDArray[np.float64]
    model: Model
    name: str = "model"
    current_prediction: NDArray[np.float64] | None = None
    others: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    blocks: ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A named check of a model before its release; called with a context, it returns findings."""

    name: str
    check: Callable[[GateContext], list[Finding]] = field(repr=False)

    def __call__(self, context: GateContext) -> list[Finding]:
        """Return the gate's findings."""
        return self.check(context)


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
        columns = context.schema.having(Role.SLICE) if by is None else by
        if not columns:
            raise InputError("No slices: pass `by`, or give columns the role `slice`.")
        return [
            found
            for metric, bound in asked.items()
            for found in slices(
                context.label,
                context.prediction,
                context.features,
                by=columns,
                metric=metric,
                at_least=bound,
                minimum=minimum,
                weights=dict.fromkeys(critical, 2.0),
                blocks=context.blocks,
            )
        ]

    bound_text = ", ".join(f"{metric} >= {bound:g}" for metric, bound in asked.items())
    return Gate(f"slices_at_least({bound_text})", check)


def beats(than: str, *, margin: float = 0.0, loss: str = "logloss") -> Gate:
    """Ask that the model is shown to be better than another; see :func:`compare`.

    Args:
        than: ``"current"``, ``"majority"`` (the constant that is best on these very rows), or
            the name of one of the context's other predictions.
        margin: By how much the loss must be lower.
        loss: ``"logloss"``, ``"brier"`` or ``"error"``.
    """

    def check(context: GateContext) -> list[Finding]:
        return _against(context, than, loss, margin)

    return Gate(f"beats({than})", check)


def no_worse(than: str = "current", *, margin: float = 0.005, loss: str = "logloss") -> Gate:
    """Ask that the model is shown not to be worse than another by more than a margin.

    A retrained model is seldom shown to beat the one it replaces within two weeks of rows; that
    it does not lose more than the margin can be shown.

    Args:
        than: As in :func:`beats`.
        margin: By how much the loss may be higher.
        loss: ``"logloss"``, ``"brier"`` or ``"error"``.
    """

    def check(context: GateContext) -> list[Finding]:
        return [_not_inferior(found, margin) for found in _against(context, than, loss, 0.0)]

    return Gate(f"no_worse({than}, {margin:g})", check)


def _against(context: GateContext, than: str, loss: str, margin: float) -> list[Finding]:
    before = _prediction(context, than)
    if before is None:
        summary = f"There is no current model that {context.name} would have to beat."
        return [
            Finding(
                check="compare.better", subject=context.name, verdict=Verdict.OK, summary=summary
            )
        ]
    pair = {than: before, context.name: context.prediction}
    if len(pair) < 2:
        raise InputError(f"A model cannot be compared with itself: both are named `{than}`.")
    found = compare(context.label, pair, blocks=context.blocks, loss=loss, usefulness=margin)
    return list(found.findings)


def _prediction(context: GateContext, than: str) -> NDArray[np.float64] | None:
    if than in context.others:
        return context.others[than]
    if than == "current":
        return context.current_prediction
    if than == "majority":
        return np.full(len(context.label), np.mean(context.label))
    known = ["current", "majority", *context.others]
    raise InputError(f"There is no prediction of `{than}` to beat.{suggest(than, known)}")


def _not_inferior(found: Finding, margin: float) -> Finding:
    high = found.evidence.get("high")
    if found.verdict in {Verdict.UNKNOWN, Verdict.OK} or not isinstance(high, float):
        return replace(found, check="compare.no_worse")
    low = found.evidence["low"]
    if high < margin:
        verdict, words = Verdict.OK, "which is shown to be within"
    elif isinstance(low, float) and low > margin:
        verdict, words = Verdict.FAIL, "which is shown to exceed"
    else:
        verdict, words = Verdict.WARN, "which is not shown to be within"
    summary = f"{found.summary.rstrip('.')}, {words} the {margin:g} allowed."
    return replace(
        found, check="compare.no_worse", verdict=verdict, summary=summary, threshold=margin
    )


def invariance(
    column: str,
    *,
    values: Sequence[Json] | None = None,
    tolerance: float = 0.05,
    max_share: float = 0.01,
) -> Gate:
    """Ask that a column does not matter; see :func:`check_invariance`."""

    def check(context: GateContext) -> list[Finding]:
        found = check_invariance(
            context.model.predict,
            context.features,
            column,
            values=values,
            tolerance=tolerance,
            max_share=max_share,
        )
        return [found]

    return Gate(f"invariance({column})", check)


def directional(
    column: str,
    rises: Literal["up", "down"] = "up",
    *,
    step: float | None = None,
    max_share: float = 0.0,
) -> Gate:
    """Ask that the prediction follows a column one way; see :func:`check_directional`."""

    def check(context: GateContext) -> list[Finding]:
        found = check_directional(
            context.model.predict,
            context.features,
            column,
            rises=rises,
            step=step,
            max_share=max_share,
        )
        return [found]

    return Gate(f"directional({column}, {rises})", check)
