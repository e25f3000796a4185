"""Comparison of models on the same rows, each against the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, Verdict, suggest
from homeostat.evaluate._measures import row_losses
from homeostat.stats import Difference, Interval, auc, holm, mean_interval, paired_difference

__all__ = ["Compared", "Comparison", "compare", "difference_finding"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One model, and how it differs from the one before; the first differs from none.

    Args:
        name: The model's.
        before: Name of the model it is compared with.
        loss: Its mean loss.
        interval: The loss's interval; None for too few blocks.
        auc: None for one class.
        difference: Its loss less that of the model before: below 0 is better.
        p_value: Adjusted by Holm for the number of comparisons.
    """

    name: str
    before: str | None
    loss: float
    interval: Interval | None
    auc: float | None
    difference: Difference | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models in order, and a finding ``compare.better`` for each but the first."""

    models: tuple[Compared, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        lines = [f"{model.name}: {model.loss:.4f} {model.interval or ''}" for model in self.models]
        return "\n".join([*lines, *(found.summary for found in self.findings)])


def compare(
    label: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    *,
    order: Sequence[str] | None = None,
    blocks: ArrayLike | None = None,
    loss: str = "logloss",
    usefulness: float = 0.0,
    level: float = 0.95,
    rng: np.random.Generator | int = 0,
) -> Comparison:
    """Compare each model with the one before it, on the same rows.

    Args:
        label: 0 or 1, shape (n,).
        predictions: Probability of label 1 by model, each of shape (n,).
        order: Names from the simplest to the most complex; None takes the mapping's order.
        blocks: Which block (a day) a row is in; leave it out only where rows are independent.
        loss: ``"logloss"``, ``"brier"`` or ``"error"``.
        usefulness: By how much the loss must fall for the added complexity to be worth it.
        level: Confidence; a claim is made where the adjusted p-value is below ``1 - level``.
        rng: Generator or seed of the resampling.

    Returns:
        Findings of verdict ok where a model is shown to be better by at least ``usefulness``,
        warn where no difference is shown or it is too small, fail where it is shown to be
        worse, unknown where there are fewer than six blocks.

    Raises:
        InputError: If there are fewer than two models or ``order`` names one that is not there.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(2000)
        >>> label = rng.random(2000) < p
        >>> found = compare(label, {"majority": np.full(2000, 0.5), "model": p})
        >>> found.findings[0].verdict.value
        'ok'
    """
    names = _ordered(predictions, order)
    losses = {name: row_losses(label, predictions[name], loss) for name in names}
    generator = np.random.default_rng(rng)
    differences = [
        paired_difference(losses[name], losses[before], blocks, level=level, rng=generator)
        for before, name in pairwise(names)
    ]
    p_values = _adjusted([found.p_value for found in differences])
    pairs = [(None, None, None), *zip(names, differences, p_values, strict=False)]
    models = [
        Compared(
            name=name,
            before=before,
            loss=float(losses[name].mean()),
            interval=mean_interval(losses[name], blocks, level=level),
            auc=auc(label, predictions[name]),
            difference=difference,
            p_value=p_value,
        )
        for name, (before, difference, p_value) in zip(names, pairs, strict=True)
    ]
    findings = [
        difference_finding(
            difference, name, before, loss, usefulness=usefulness, p_value=p_value, level=level
        )
        for (before, name), difference, p_value in zip(
            pairwise(names), differences, p_values, strict=True
        )
    ]
    return Comparison(tuple(models), tuple(findings))


def _ordered(predictions: Mapping[str, ArrayLike], order: Sequence[str] | None) -> list[str]:
    names = list(predictions if order is None else order)
    if missing := [name for name in names if name not in predictions]:
        known = suggest(missing[0], predictions)
        raise InputError(f"`order` names `{missing[0]}`, which has no predictions.{known}")
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"A comparison needs two models or more, each once, got {names}.")
    return names


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    adjusted = iter(holm([p for p in p_values if p is not None]).tolist())
    return [None if p is None else next(adjusted) for p in p_values]


def difference_finding(
    found: Difference,
    name: str,
    before: str,
    loss: str,
    *,
    usefulness: float = 0.0,
    p_value: float | None,
    level: float = 0.95,
) -> Finding:
    """Say what a paired difference in loss shows; see :func:`compare` for the verdicts."""
    shown = p_value is not None and p_value < 1 - level
    if p_value is None:
        verdict, words = Verdict.UNKNOWN, "cannot be told from"
    elif shown and found.mean < 0 and -found.mean >= usefulness:
        verdict, words = Verdict.OK, "is better than"
    elif shown and found.mean < 0:
        verdict, words = Verdict.WARN, f"is better, but by less than {usefulness:g}, than"
    elif shown:
        verdict, words = Verdict.FAIL, "is worse than"
    else:
        verdict, words = Verdict.WARN, "is not shown to differ from"
    size = f"{loss} {found.mean:+.4f}" + ("" if found.interval is None else f" {found.interval}")
    why = f"only {found.n_blocks} blocks" if p_value is None else f"p = {p_value:.2g}"
    ends = found.interval
    return Finding(
        check="compare.better",
        subject=name,
        verdict=verdict,
        summary=f"{name} {words} {before}: {size} over {found.n:,} rows ({why}).",
        statistic=found.mean,
        threshold=-usefulness,
        p_value=p_value,
        effect=found.mean,
        evidence={
            "before": before,
            "loss": loss,
            "low": None if ends is None else ends.low,
            "high": None if ends is None else ends.high,
            "rows": found.n,
            "blocks": found.n_blocks,
        },
    )
