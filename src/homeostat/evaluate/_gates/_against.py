"""Gates that hold a model against another: better, or no worse, and only with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import Finding, InputError, Verdict, suggest
from homeostat.evaluate._compare import compare
from homeostat.evaluate._gates._context import Gate, GateContext

__all__ = ["beats", "no_worse"]


def beats(than: str, *, margin: float = 0.0, loss: str = "logloss", by: Sequence[str] = ()) -> Gate:
    """Ask that the model is shown to be better than another; see :func:`compare`.

    Where no difference is shown the gate fails: without evidence there is no release. What a
    routine retrain can show is that it is no worse; see :func:`no_worse`.

    Args:
        than: ``"current"`` (the model in production), ``"majority"`` (the constant that is best
            on these very rows), or the name of one of the context's other predictions.
        margin: By how much the loss must be lower.
        loss: A loss or metric of :func:`compare`, such as ``"logloss"``, ``"brier"``,
            ``"error"`` or ``"auc"``.
        by: Columns in whose slices it must not be the other way round (Simpson's paradox; see
            :func:`compare_by_slice`).
    """

    def check(context: GateContext) -> list[Finding]:
        return [
            _superior(found, margin, better)
            for found, better in _against(context, than, loss, margin, by)
        ]

    return Gate(f"beats({than})", check)


def no_worse(
    than: str = "current",
    *,
    margin: float = 0.005,
    loss: str = "logloss",
    by: Sequence[str] = (),
) -> Gate:
    """Ask that the model is shown not to be worse than another by more than a margin.

    A retrained model is seldom shown to beat the one it replaces within two weeks of rows; that
    it does not lose more than the margin can be shown. Where that is not shown either, the gate
    fails: it takes more rows, or a margin that is worth less than the retrain.

    Args:
        than: As in :func:`beats`.
        margin: By how much the loss may be higher.
        loss: As in :func:`beats`.
        by: As in :func:`beats`.
    """

    def check(context: GateContext) -> list[Finding]:
        return [
            _not_inferior(found, margin, better)
            for found, better in _against(context, than, loss, 0.0, by)
        ]

    return Gate(f"no_worse({than}, {margin:g})", check)


def _against(
    context: GateContext, than: str, loss: str, margin: float, by: Sequence[str]
) -> list[tuple[Finding, int]]:
    """Return what a comparison found, and the sign of a difference that is better."""
    before = _prediction(context, than)
    if before is None:
        words = f"No other model is in production that {context.name} would have to beat."
        return [(_said(context, Verdict.OK, words), -1)]
    seen = np.isnan(before)
    if seen.all():
        why = context.current_note or "it gives no answer on these rows"
        words = f"{context.name} cannot be held against the model in production: {why}."
        return [(_said(context, Verdict.UNKNOWN, words), -1)]
    pair = {than: before[~seen], context.name: context.prediction[~seen]}
    if len(pair) < 2:
        raise InputError(f"A model cannot be compared with itself: both are named `{than}`.")
    found = compare(
        context.label[~seen],
        pair,
        blocks=_kept(context.blocks, ~seen),
        loss=loss,
        usefulness=margin,
        frame=context.features.filter(~seen) if by else None,
        by=by,
    )
    better = found.lines[0].better
    note = f" {seen.sum():,} rows are left out: {context.current_note}." if seen.any() else ""
    return [(replace(one, summary=one.summary + note), better) for one in found.findings]


def _said(context: GateContext, verdict: Verdict, summary: str) -> Finding:
    return Finding(check="compare.better", subject=context.name, verdict=verdict, summary=summary)


def _kept(blocks: ArrayLike | None, rows: NDArray[np.bool_]) -> ArrayLike | None:
    return None if blocks is None else np.asarray(blocks)[rows]


def _prediction(context: GateContext, than: str) -> NDArray[np.float64] | None:
    if than in context.others:
        return context.others[than]
    if than == "current":
        return context.current_prediction
    if than == "majority":
        return np.full(len(context.label), np.mean(context.label))
    known = ["current", "majority", *context.others]
    raise InputError(f"There is no prediction of `{than}` to beat.{suggest(than, known)}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float))


def _superior(found: Finding, margin: float, better: int) -> Finding:
    """Turn into a failure what is not shown, the margin included: that is not passed."""
    if found.check != "compare.better":
        return found
    ends = [better * end for end in map(found.evidence.get, ("low", "high")) if _is_number(end)]
    sure = found.verdict is Verdict.OK and (not ends or min(ends) > margin or not margin)
    if sure or found.verdict in {Verdict.UNKNOWN, Verdict.FAIL}:
        return replace(found, check="compare.beats")
    return replace(
        found, check="compare.beats", verdict=Verdict.FAIL,
        summary=f"{found.summary.rstrip('.')}, and a release must be shown to be better"
        + (f" by {margin:g}." if margin else "."),
    )  # fmt: skip


def _not_inferior(found: Finding, margin: float, better: int) -> Finding:
    if found.check != "compare.better":
        return found
    low, high = found.evidence.get("low"), found.evidence.get("high")
    if found.verdict in {Verdict.UNKNOWN, Verdict.OK}:
        return replace(found, check="compare.no_worse")
    if not isinstance(low, float) or not isinstance(high, float):
        return replace(found, check="compare.no_worse", verdict=Verdict.UNKNOWN)
    least, most = sorted((-better * low, -better * high))  # by how much it is worse
    if most < margin:
        verdict, words = Verdict.OK, "which is shown to be within"
    elif least > margin:
        verdict, words = Verdict.FAIL, "which is shown to exceed"
    else:
        verdict, words = Verdict.FAIL, "which is not shown to be within"
    summary = f"{found.summary.rstrip('.')}, {words} the {margin:g} allowed."
    return replace(
        found, check="compare.no_worse", verdict=verdict, summary=summary, threshold=margin
    )
