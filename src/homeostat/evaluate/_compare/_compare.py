"""Comparison of models on the same rows, each against another, by paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import Finding, InputError, suggest
from homeostat.evaluate._compare._lines import ComparisonLine, adjusted, line_finding, lines_frame
from homeostat.evaluate._compare._measured import Measured, Task
from homeostat.evaluate._compare._tests import bootstrapped, difference
from homeostat.evaluate._metrics._inputs import rows_of
from homeostat.stats import (
    CostMatrix,
    Difference,
    Draws,
    Interval,
    auc,
    influence_error,
    influence_interval,
    rows_needed,
    smallest_difference,
)

__all__ = ["Compared", "Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One model, and how it differs from the one before; the first differs from none.

    Args:
        name: The model's.
        before: Name of the model it is compared with; None for the first, and where each is
            compared with several.
        loss: Its mean loss, or the metric.
        interval: The loss's interval; None for too few blocks.
        auc: None for one class, for more than two classes and for numbers.
        difference: Its loss less that of the model before.
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
    """Models in order, a line for each pair compared, and what is found.

    Args:
        models: In order.
        findings: ``compare.better`` a line, then ``compare.by_slice`` a column and line.
        lines: What was compared with what.
    """

    models: tuple[Compared, ...]
    findings: tuple[Finding, ...]
    lines: tuple[ComparisonLine, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return a row a line: effect, interval, test, p-values, rows, blocks, seeds."""
        return lines_frame(self.lines)

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
    against: str | None = None,
    classes: Sequence[Any] | None = None,
    positive: Any = None,  # noqa: ANN401 -- a class is any value
    costs: CostMatrix | None = None,
    threshold: float = 0.5,
    weight: ArrayLike | None = None,
    interval: Literal["test", "bootstrap"] = "test",
    power: float = 0.8,
    frame: pl.DataFrame | None = None,
    by: Sequence[str | tuple[str, ...]] = (),
) -> Comparison:
    """Compare models on the same rows, by default each with the one before it.

    A baseline (random, majority, a rule), a person's decisions and the existing system are
    predictions like any other.

    Args:
        label: 0 or 1, any classes, or numbers (for a loss of numbers), shape (n,).
        predictions: By model: probability of label 1, shape (n,), or of each class, shape
            (n, k); decided classes, for ``"error"``, ``"cost"`` and metrics of decisions;
            numbers.
        order: Names from the simplest to the most complex; None takes the mapping's order.
        blocks: Which block (a day, a patient) a row is in; leave it out only where rows are
            independent.
        loss: ``"logloss"``, ``"brier"``, ``"error"``, ``"cost"``, ``"expected_cost"``; for
            numbers ``"absolute"``, ``"squared"``, ``"pinball:0.9"``; or a metric, of which more
            is better: ``"auc"``, ``"average_precision"``, ``"accuracy"``,
            ``"balanced_accuracy"``, ``"mcc"``, ``"kappa"``, ``"precision"``, ``"recall"``,
            ``"specificity"``, ``"f1"``, ``"f1_macro"``.
        usefulness: By how much it must gain for the added complexity to be worth it.
        level: Confidence; a claim is made where the adjusted p-value is below ``1 - level``.
        rng: Generator or seed of the resampling.
        against: None is each with the one before, ``"all"`` every pair, or the name of the model
            that all others are set against.
        classes: All classes, in the order of the columns; None takes those that occur.
        positive: The class that a metric of one class is of; None is the last.
        costs: What each decision costs; decisions are then those of least expected cost.
        threshold: From where label 1 is decided, without costs.
        weight: How much a row counts, shape (n,).
        interval: ``"test"`` inverts the test; ``"bootstrap"`` draws whole blocks, the same for
            both models.
        power: The chance with which ``smallest_shown`` would have been shown.
        frame: Columns whose slices may say otherwise than the whole (Simpson's paradox), n rows.
        by: Their names, or tuples of names to be crossed; see :func:`compare_by_slice`.

    Returns:
        Findings of verdict ok where a model is shown to be better by at least ``usefulness``,
        warn where no difference is shown or it is too small, fail where it is shown to be
        worse, unknown where there are fewer than six blocks. Independent decisions are compared
        by McNemar's exact test, losses by Student's paired t, losses in blocks by the wild
        cluster bootstrap, an AUC by DeLong's and other metrics by the delta method over blocks.

    Raises:
        InputError: If there are fewer than two models or ``order`` names one that is not there.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(2000)
        >>> label = rng.random(2000) < p
        >>> found = compare(label, {"majority": np.full(2000, 0.5), "model": p})
        >>> found.findings[0].verdict.value
        'ok'
        >>> found.lines[0].test, found.lines[0].says
        ('paired t', 'better')
    """
    names = _ordered(predictions, order)
    pairs = _pairs(names, against)
    rows = rows_of(np.shape(label)[0] if np.ndim(label) else 0, blocks, weight)
    task = Task.of(
        rows, label, loss, classes=classes, costs=costs, threshold=threshold, positive=positive
    )
    measured = {name: task.measure(name, predictions[name]) for name in names}
    generator = np.random.default_rng(rng)
    differences = []
    drawn = None
    if interval == "bootstrap":
        draws = Draws.of(rows.n, rows.blocks, n_resamples=2000, rng=generator)
        drawn = draws, {name: one.resampled(draws) for name, one in measured.items()}
    for before, name in pairs:
        found, test = difference(measured[name], measured[before], task, level, generator)
        if drawn is not None:
            found, test = bootstrapped(found, drawn, name, before, level)
        differences.append((found, test))
    setting = _Setting(usefulness, level, power)
    lines = adjusted(
        [
            _line(measured[name], measured[before], found, test, task, setting)
            for (before, name), (found, test) in zip(pairs, differences, strict=True)
        ]
    )
    models = _models(names, measured, lines, [found for found, _ in differences], task, predictions)
    findings = [line_finding(line) for line in lines]
    if frame is not None:
        findings += _by_slice(task, measured, predictions, frame, by, pairs, level)
    return Comparison(tuple(models), tuple(findings), tuple(lines))


@dataclass(frozen=True, slots=True)
class _Setting:
    usefulness: float
    level: float
    power: float


def _ordered(predictions: Mapping[str, ArrayLike], order: Sequence[str] | None) -> list[str]:
    names = list(predictions if order is None else order)
    if missing := [name for name in names if name not in predictions]:
        known = suggest(missing[0], predictions)
        raise InputError(f"`order` names `{missing[0]}`, which has no predictions.{known}")
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"A comparison needs two models or more, each once, got {names}.")
    return names


def _pairs(names: list[str], against: str | None) -> list[tuple[str, str]]:
    if against is None:
        return list(pairwise(names))
    if against == "all":
        return list(combinations(names, 2))
    if against not in names:
        raise InputError(f"`against` names `{against}`, which is not compared: {names}.")
    return [(against, name) for name in names if name != against]


def _line(
    one: Measured, before: Measured, found: Difference, test: str, task: Task, setting: _Setting
) -> ComparisonLine:
    error, n_blocks = influence_error(one.influence - before.influence, task.rows.blocks)
    known = found.p_value is not None and error > 1e-12
    level, power = setting.level, setting.power
    target = setting.usefulness or found.mean
    return ComparisonLine(
        model=one.name,
        against=before.name,
        measure=task.name,
        effect=found.mean,
        interval=found.interval,
        p_value=found.p_value,
        p_adjusted=None,
        test=test,
        better=task.sign,
        n_rows=found.n,
        n_blocks=found.n_blocks,
        smallest_shown=(
            smallest_difference(error, level=level, power=power, df=n_blocks - 1) if known else None
        ),
        rows_needed=(
            rows_needed(error, found.n, target, level=level, power=power) if known else None
        ),
        usefulness=setting.usefulness,
        level=level,
    )


def _models(
    names: list[str],
    measured: Mapping[str, Measured],
    lines: Sequence[ComparisonLine],
    differences: Sequence[Difference],
    task: Task,
    predictions: Mapping[str, ArrayLike],
) -> list[Compared]:
    own: dict[str, list[int]] = {name: [] for name in names}
    for place, line in enumerate(lines):
        own[line.model].append(place)
    found = []
    for name in names:
        at = own[name][0] if len(own[name]) == 1 else None
        one = measured[name]
        found.append(
            Compared(
                name=name,
                before=None if at is None else lines[at].against,
                loss=one.value,
                interval=influence_interval(
                    one.value, one.influence, task.rows.blocks, level=lines[0].level
                ),
                auc=_auc(task, predictions[name]),
                difference=None if at is None else differences[at],
                p_value=None if at is None else lines[at].p_adjusted,
            )
        )
    return found


def _auc(task: Task, prediction: ArrayLike) -> float | None:
    array = np.asarray(prediction)
    if task.classes != (0, 1) or array.ndim != 1 or array.dtype.kind not in "biuf":
        return None
    return auc(task.label, array, task.rows.weight)


def _by_slice(
    task: Task,
    measured: Mapping[str, Measured],
    predictions: Mapping[str, ArrayLike],
    frame: pl.DataFrame,
    by: Sequence[str | tuple[str, ...]],
    pairs: Sequence[tuple[str, str]],
    level: float,
) -> list[Finding]:
    """Look for columns whose slices say otherwise than the whole (Simpson's paradox)."""
    from homeostat.evaluate._slicing._by_slice import compare_by_slice  # noqa: PLC0415 -- a cycle
    from homeostat.evaluate._slicing._measures_own import row_measure  # noqa: PLC0415 -- likewise

    own = {name: one.losses for name, one in measured.items() if one.losses is not None}
    given = own if len(own) == len(measured) else predictions
    as_it_is = row_measure(task.name, lambda _, values: values, larger_is_better=task.sign > 0)
    return compare_by_slice(
        task.label, given, frame, by=by, pairs=pairs, blocks=task.rows.blocks, level=level,
        metric=as_it_is if own else task.name,
    )  # fmt: skip
