"""Metrics of one prediction of two classes or many, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.evaluate._metrics._averaged import Averaged, mean_of
from homeostat.evaluate._metrics._decided import Decided
from homeostat.evaluate._metrics._inputs import (
    Rows,
    class_codes,
    class_probabilities,
    known_classes,
    rows_of,
)
from homeostat.evaluate._metrics._interval import Estimated, analytic
from homeostat.evaluate._metrics._metric import Metric, Metrics
from homeostat.evaluate._metrics._ranked import Ranked
from homeostat.stats import CostMatrix, Draws, Floats, check_binary, log_losses

__all__ = ["Family", "decision_metrics", "draws_of", "metrics", "table_of"]

Kind = Literal["analytic", "bootstrap"]
Name = tuple[str, int | None]
_EPS = 1e-15


class Family(Protocol):
    """Metrics that are made of the same sums over rows."""

    def estimates(self) -> list[Estimated]:
        """Return each metric with its error."""

    def resampled(self, draws: Draws) -> dict[Name, Floats]:
        """Return each metric in each resample."""


def metrics(
    label: ArrayLike,
    p: ArrayLike,
    *,
    threshold: float = 0.5,
    blocks: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    classes: Sequence[Any] | None = None,
    costs: CostMatrix | None = None,
    betas: Sequence[float] = (),
    top: Sequence[int] = (),
    level: float = 0.95,
    interval: Kind = "analytic",
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> Metrics:
    """Return the metrics of a prediction: of its order, its probabilities and its decisions.

    Args:
        label: 0 or 1, or for probabilities by class any class, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        threshold: With two classes, a row is decided 1 from here on. With more, and with
            ``costs``, decisions are those of the largest probability or the least expected cost.
        blocks: Which block (a day, a patient) a row is in; None takes rows as independent.
        weight: How much a row counts, shape (n,), such as one over its chance to be sampled.
        classes: The columns of ``p``; None takes the labels that occur, or 0 to k - 1.
        costs: Adds ``cost``, of the decisions, and ``expected_cost``, free of any threshold:
            ``sum over j of C[actual, j] * P(j)``. Decisions are then those of least cost.
        betas: Further F-scores than ``f1``, such as 2 where recall counts twice.
        top: Adds ``accuracy_top{m}``: the actual class is among the m most probable.
        level: Confidence of the intervals.
        interval: ``"analytic"`` takes Wilson's for shares, DeLong's for areas and the delta method
            for the rest, all over whole blocks; ``"bootstrap"`` draws whole blocks.
        n_resamples: How many times.
        rng: Generator or seed of the resampling.

    Returns:
        For two classes symmetric metrics (``auc``, ``logloss``, ``normalized_entropy``,
        ``brier``, ``accuracy``, ``balanced_accuracy``, ``mcc``, ``kappa``), and those that depend
        on which class is called 1 both ways: ``precision``, ``recall``, ``f1``,
        ``average_precision`` with class 1 as the positive one, and ``precision_0``,
        ``specificity`` (the recall of class 0), ``f1_0``, ``average_precision_0`` with class 0.
        For more classes ``precision``, ``recall``, ``specificity``, ``f1``, ``auc`` (one against
        the rest) and ``average_precision`` of each class, and their means.

    Raises:
        InputError: If lengths differ, there is no row, a label is no known class, or a
            probability is NaN, outside [0, 1], or does not add up to 1 with its row.

    Example:
        >>> found = metrics([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
        >>> [str(metric) for metric in found if metric.name in ("auc", "accuracy")]
        ['auc 0.75 [0.02186, 0.9975]', 'accuracy 0.5 [0.15, 0.85]']
        >>> p = [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]
        >>> print(metrics(["cat", "dog", "cat", "owl"], p)["recall", "cat"])
        recall[cat] 0.5 [0.09453, 0.9055]
    """
    two = np.ndim(p) == 1 and classes is None
    if two:
        y, q = check_binary(label, p)
        actual, names = y.astype(np.intp), (0, 1)
        q = np.stack([1 - q, q], axis=1)
    else:
        q = class_probabilities(_two_columns(p))
        names = _names(label, q.shape[1], classes)
        actual = class_codes(label, names, "label", n=len(q))
    rows = rows_of(len(q), blocks, weight)
    if costs is not None and tuple(costs.classes) != tuple(names):
        raise InputError(f"The costs are of {costs.classes}, the probabilities of {names}.")
    decided = _decide(q, threshold, costs)
    families: list[Family] = [Ranked(rows, actual, q), *_losses(rows, actual, q, top)]
    families.append(Decided(rows, actual, decided, len(names), betas))
    if costs is not None:
        table = np.array(costs.costs, np.float64)
        families += [
            mean_of(rows, "cost", table[actual, decided], within=(-np.inf, np.inf)),
            mean_of(rows, "expected_cost", np.sum(table[actual] * q, axis=1),
                    within=(-np.inf, np.inf)),
        ]  # fmt: skip
    draws = draws_of(rows, interval, n_resamples, rng)
    return table_of(families, rows, draws, level, names, binary=two)


def decision_metrics(
    label: ArrayLike,
    decided: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    classes: Sequence[Any] | None = None,
    costs: CostMatrix | None = None,
    betas: Sequence[float] = (),
    level: float = 0.95,
    interval: Kind = "analytic",
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> Metrics:
    """Return the metrics of decisions that come without probabilities: a person's, a rule's.

    Args:
        label: Any classes, shape (n,).
        decided: The class that was decided, shape (n,).
        blocks: As in :func:`metrics`, like all that follow.
        weight: How much a row counts.
        classes: All classes; None takes those that occur in either.
        costs: Adds ``cost``.
        betas: Further F-scores.
        level: Confidence of the intervals.
        interval: ``"analytic"`` or ``"bootstrap"``.
        n_resamples: How many times.
        rng: Generator or seed of the resampling.

    Example:
        >>> found = decision_metrics(["sick", "well", "well"], ["sick", "well", "sick"])
        >>> print(found["precision", "sick"])
        precision[sick] 0.5 [0.09453, 0.9055]
    """
    names = tuple(classes) if classes is not None else (
        tuple(costs.classes) if costs is not None
        else known_classes(np.asarray(label), np.asarray(decided))
    )  # fmt: skip
    actual = class_codes(label, names, "label")
    rows = rows_of(len(actual), blocks, weight)
    d = class_codes(decided, names, "decided", n=rows.n)
    families: list[Family] = [Decided(rows, actual, d, len(names), betas)]
    if costs is not None:
        found = costs.of_decisions(np.asarray(label), np.asarray(decided))
        families.append(mean_of(rows, "cost", found, within=(-np.inf, np.inf)))
    return table_of(families, rows, draws_of(rows, interval, n_resamples, rng), level, names)


def table_of(
    families: Iterable[Family],
    rows: Rows,
    draws: Draws | None,
    level: float,
    names: Sequence[Any] = (),
    *,
    binary: bool = False,
) -> Metrics:
    """Return every metric of the families, with its interval."""
    found: list[Metric | None] = []
    for family in families:
        drawn = {} if draws is None else family.resampled(draws)
        for estimated in family.estimates():
            made, method = analytic(estimated, rows.n_blocks, level)
            if draws is not None and estimated.value is not None:
                values = drawn[estimated.name, estimated.of]
                resampled = draws.interval(values, level, centre=estimated.value)
                if resampled is not None and resampled.low < resampled.high:
                    made, method = resampled, "bootstrap"
            metric = Metric(
                estimated.name, estimated.value, made, rows.n,
                None if estimated.of is None else names[estimated.of],
                rows.n_blocks, method if made else "", estimated.note,
            )  # fmt: skip
            found += [_of_two(metric)] if binary else [metric]
    return Metrics(tuple(m for m in found if m is not None))


def _of_two(metric: Metric) -> Metric | None:
    """Give a metric of two classes the name it has when class 1 is the positive one."""
    name, of = metric.name, metric.of
    if of is None:
        mean = name.rpartition("_")[2] in {"micro", "macro", "weighted"}
        return None if mean else metric
    if name == "specificity" or (name == "auc" and of == 0):
        return None  # the recall of the other class, and the same area
    if name == "recall" and of == 0:
        return replace(metric, name="specificity", of=None)
    return replace(metric, name=name if of == 1 else f"{name}_0", of=None)


def _losses(
    rows: Rows, actual: np.ndarray[tuple[int], np.dtype[np.intp]], q: Floats, top: Sequence[int]
) -> list[Family]:
    k = q.shape[1]
    own = np.take_along_axis(q, actual[:, None], axis=1)[:, 0]
    if k == 2:
        y = actual.astype(np.float64)
        losses, squares = log_losses(y, q[:, 1]), np.square(y - q[:, 1])
    else:
        losses = -np.log(np.clip(own, _EPS, 1 - _EPS))
        squares = np.sum(q * q, axis=1) - 2 * own + 1
    shares = np.eye(k)[actual]
    found: list[Family] = [
        mean_of(rows, "logloss", losses),
        Averaged(rows, "normalized_entropy", np.column_stack([losses, shares]), _entropy,
                 note="" if np.ptp(actual) else "one class only"),
        mean_of(rows, "brier", squares, within=(0.0, 1.0 if k == 2 else 2.0)),
    ]  # fmt: skip
    for m in top:
        if not 0 < m < k:
            raise InputError(f"`top` lies between 1 and {k - 1} for {k} classes, got {m}.")
        place = np.sum(q > own[:, None], axis=1) + (np.sum(q == own[:, None], axis=1) - 1) / 2
        hit = (place < m).astype(np.float64)
        found.append(mean_of(rows, f"accuracy_top{m}", hit, shape="share"))
    return found


def _entropy(means: Floats) -> Floats:
    shares = means[..., 1:]
    logs = np.log(np.where(shares > 0, shares, 1.0))
    entropy = -np.sum(shares * logs, axis=-1)
    held = (shares < 1 - 1e-12).all(axis=-1) & (entropy > 0)
    out = np.full(entropy.shape, np.nan)
    return np.asarray(np.divide(means[..., 0], entropy, out=out, where=held), np.float64)


def _decide(
    q: Floats, threshold: float, costs: CostMatrix | None
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    if costs is not None:
        expected = q @ np.array(costs.costs, np.float64)
        return np.asarray(expected.shape[1] - 1 - expected[:, ::-1].argmin(axis=1), np.intp)
    if q.shape[1] == 2:
        return (q[:, 1] >= threshold).astype(np.intp)
    return np.asarray(q.argmax(axis=1), np.intp)


def _names(label: ArrayLike, k: int, classes: Sequence[Any] | None) -> tuple[Any, ...]:
    if classes is not None:
        names = tuple(classes)
        if len(names) != k or len(set(names)) < k:
            raise InputError(f"`classes` must name {k} columns, each once, got {list(names)[:5]}.")
        return names
    held = known_classes(np.asarray(label))
    if len(held) == k and not all(isinstance(one, int | float) for one in held):
        return held
    if all(isinstance(one, int | float) and one in range(k) for one in held):
        return tuple(range(k))
    raise InputError(
        f"Labels {list(held)[:5]} do not say which of {k} columns is which: name the columns in "
        "`classes`."
    )


def _two_columns(p: ArrayLike) -> ArrayLike:
    if np.ndim(p) != 1:
        return p
    q = np.asarray(p, np.float64)
    return np.stack([1 - q, q], axis=1)


def draws_of(
    rows: Rows, interval: str, n_resamples: int, rng: np.random.Generator | int
) -> Draws | None:
    """Return the resamples that intervals are made of; None where none are asked for."""
    if interval not in {"analytic", "bootstrap"}:
        raise InputError(f"`interval` is 'analytic' or 'bootstrap', got {interval!r}.")
    if interval == "analytic":
        return None
    return Draws.of(rows.n, rows.blocks, n_resamples=n_resamples, rng=rng)
