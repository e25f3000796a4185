"""The advisor: does resampling help here, or would moving the threshold do?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, TrackedRows, Verdict
from homeostat.sample._advice import Advice, Measure, MethodResult
from homeostat.sample._batches import lacking
from homeostat.sample._class_weights import class_weights, row_weights
from homeostat.sample._estimators import Fitted, UnsupportedError, fitted, focal_fitted
from homeostat.sample._focal import FocalLoss
from homeostat.sample._judged import Fold, Judged, Predicted, judged
from homeostat.sample._prior import PriorCorrection
from homeostat.sample._resample import resample
from homeostat.sample._smote import Smote
from homeostat.sample._steps import RandomOver, RandomUnder
from homeostat.sample._training import Fold as Given
from homeostat.sample._training import SplitLike, training_of
from homeostat.sample._work import Step
from homeostat.stats import CostMatrix, Floats, corrected_interval

__all__ = ["advise"]

Metric = Literal["cost", "f1", "ap"]
_FEWEST = 10  # rows of the rarer class a fold must hold out, on average, for a claim
_RESAMPLERS: Mapping[str, Step] = {
    "under": RandomUnder(),
    "over": RandomOver(),
    "smote": Smote(missing="keep"),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What every method is tried on: the rows, their features, and which are 1."""

    frame: pl.DataFrame
    features: pl.DataFrame
    label: str
    y: Floats
    positive: object
    seed: int


_Try = Callable[[_Case, Fold], Predicted]


def advise(
    estimator: Any,  # noqa: ANN401 - anything with fit and predict_proba, or a Model
    rows: pl.DataFrame | TrackedRows,
    *,
    label: str,
    train: SplitLike | Given | Literal["all"] | None = None,
    positive: object = None,
    costs: CostMatrix | None = None,
    metric: Metric | None = None,
    resamplers: Mapping[str, Step] = _RESAMPLERS,
    focal: FocalLoss = FocalLoss(),  # noqa: B008 - frozen
    folds: int | Sequence[Given] = 5,
    repeats: int = 2,
    level: float = 0.95,
    seed: int,
) -> Advice:
    """Compare ways of dealing with imbalance, inside folds of the training rows.

    Compared are the model as it is (`plain`, cut at a half), the same with its threshold moved
    (`threshold`), class `weights`, `cost` weights, `focal` loss (LightGBM only), and each
    resampler, which sees only the training part of a fold. Thresholds are chosen on the other
    folds' held-out rows. A method is recommended if it beats moving the threshold beyond the
    interval (Nadeau and Bengio 2003), widened for the number of methods (Bonferroni).

    Args:
        estimator: Takes a float64 matrix if all features are numbers, else a Polars frame; a
            pipeline whose last step takes weights will do, so will a `Model` of Homeostat.
        rows: As in `resample`.
        label: Column with two values.
        train: As in `resample`; nothing but those rows is looked at.
        positive: The value that is class 1; None takes the rarer one.
        costs: Of decisions over classes 0 and 1; adds the method `cost`, and is the metric.
        metric: What decides; None takes the cost where there is one, else F1.
        resamplers: Steps by name.
        focal: Which focal loss is tried.
        folds: How many, stratified, or pairs of positions in the training rows (by time).
        repeats: How many times rows are dealt into folds; 1 where folds are given.
        level: Confidence of the intervals.
        seed: Of folds and resampling.

    Raises:
        InputError: If the label has not two values or a fold lacks one of them.
    """
    case = _case(rows, train, label, positive, seed)
    decides = metric or ("cost" if costs else "f1")
    if decides not in {"cost", "f1", "ap"} or (decides == "cost" and costs is None):
        raise InputError(f"`metric` is 'f1', 'ap', or 'cost' with costs given; got {metric!r}.")
    dealt = _dealt(case.y, folds, repeats, seed)
    found: dict[str, list[Judged]] = {}
    skipped: dict[str, str] = {}
    for name, attempt in _tries(estimator, costs, resamplers, focal).items():
        try:
            predicted = [[attempt(case, fold) for fold in deal] for deal in dealt]
        except (UnsupportedError, InputError) as error:
            if name == "plain":
                raise
            skipped[name] = str(error)
            continue
        found[name] = judged(predicted, costs, move=True)
        if name == "plain":
            found = {"plain": judged(predicted, costs, move=False), "threshold": found["plain"]}
    held = float(np.mean([len(f.held) / len(f.train) for deal in dealt for f in deal]))
    results = _results(found, decides, held, level)
    findings = _findings(results, decides, case, dealt)
    recommended = str(findings[0].evidence["recommended"])
    return Advice(recommended, decides, results, skipped, tuple(findings))


def _case(
    rows: pl.DataFrame | TrackedRows,
    train: Any,  # noqa: ANN401 - judged by training_of
    label: str,
    positive: object,
    seed: int,
) -> _Case:
    frame = training_of(rows, train).frame
    lacking([label], frame.columns)
    counts = frame[label].drop_nulls().value_counts().sort("count", label)
    if counts.height != 2 or frame[label].null_count():
        raise InputError(
            f"Advice is for a label of two values without gaps, `{label}` has {counts.height} "
            f"and {frame[label].null_count()} gaps."
        )
    one = counts[label][0] if positive is None else positive
    if one not in counts[label].to_list():
        raise InputError(f"`positive` is a value of `{label}`: {counts[label].to_list()}.")
    y = (frame[label] == one).cast(pl.Float64).to_numpy()
    features = frame.drop(label)
    if not features.width:
        raise InputError("Advice needs at least one column beside the label.")
    return _Case(frame, features, label, y, one, seed)


def _dealt(y: Floats, folds: int | Sequence[Given], repeats: int, seed: int) -> list[list[Fold]]:
    if not isinstance(folds, int):
        given = [Fold(np.asarray(a, np.int64), np.asarray(b, np.int64)) for a, b in folds]
        deals = [given]
    else:
        if folds < 2 or repeats < 1:
            raise InputError(f"At least 2 folds and 1 repeat are needed, got {folds}, {repeats}.")
        rng = np.random.default_rng(seed)
        deals = [_stratified(y, folds, rng) for _ in range(repeats)]
    for fold in (fold for deal in deals for fold in deal):
        for part in (fold.train, fold.held):
            if not 0 < y[part].sum() < len(part):
                raise InputError(
                    "Each fold needs both classes in both of its parts: use fewer folds, or "
                    f"bring more rows ({int(y.sum())} are of the rarer class)."
                )
    if len(deals[0]) < 2:
        raise InputError("At least 2 folds are needed, got 1.")
    return deals


def _stratified(y: Floats, folds: int, rng: np.random.Generator) -> list[Fold]:
    place = np.empty(len(y), np.intp)
    for value in (0.0, 1.0):
        rows = rng.permutation(np.flatnonzero(y == value))
        place[rows] = np.arange(len(rows)) % folds
    return [Fold(np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in range(folds)]


def _tries(
    estimator: Any,  # noqa: ANN401
    costs: CostMatrix | None,
    resamplers: Mapping[str, Step],
    focal: FocalLoss,
) -> dict[str, _Try]:
    def weighted(weigh: Callable[[Floats], dict[Any, float]]) -> _Try:
        def attempt(case: _Case, fold: Fold) -> Predicted:
            y = case.y[fold.train]
            weight = row_weights(y, weigh(y))
            model = fitted(estimator, case.features[fold.train], y, weight)
            return _predicted(case, fold, model, PriorCorrection.from_sample_weights(y, weight))

        return attempt

    def plain(case: _Case, fold: Fold) -> Predicted:
        model = fitted(estimator, case.features[fold.train], case.y[fold.train])
        return _predicted(case, fold, model, None)

    def by_focal(case: _Case, fold: Fold) -> Predicted:
        model = focal_fitted(estimator, case.features[fold.train], case.y[fold.train], focal)
        return _predicted(case, fold, model, focal.calibrate)

    def resampled(step: Step) -> _Try:
        def attempt(case: _Case, fold: Fold) -> Predicted:
            pair = (fold.train, fold.held)
            seed = case.seed + int(fold.held[0])
            done = resample(case.frame, step, label=case.label, train=pair, seed=seed)
            y = (done.frame[case.label] == case.positive).cast(pl.Float64).to_numpy()
            model = fitted(estimator, done.frame.drop(case.label), y)
            before, after = case.y[fold.train].mean(), y.mean()
            back = PriorCorrection.binary(trained=float(after), true=float(before))
            return _predicted(case, fold, model, back)

        return attempt

    named: dict[str, _Try] = {"plain": plain, "weights": weighted(class_weights)}
    if costs is not None:
        if tuple(costs.classes) != (0, 1):
            raise InputError(
                f"Costs are of classes (0, 1), 1 being `positive`; got {costs.classes}."
            )
        named["cost"] = weighted(lambda _: costs.weights)
    named["focal"] = by_focal
    if taken := {"plain", "threshold", "weights", "cost", "focal"} & set(resamplers):
        raise InputError(f"A resampler needs another name than `{taken.pop()}`.")
    return named | {name: resampled(step) for name, step in resamplers.items()}


def _predicted(
    case: _Case,
    fold: Fold,
    model: Fitted,
    correct: Callable[[Floats], Floats] | None,
) -> Predicted:
    p = np.clip(model.p(case.features[fold.held]), 0, 1)
    return Predicted(case.y[fold.held], p, p if correct is None else correct(p))


def _results(
    found: Mapping[str, Sequence[Judged]], metric: Metric, held: float, level: float
) -> dict[str, MethodResult]:
    rivals = len(found) - 2
    widened = 1 - (1 - level) / max(rivals, 1)
    towards = -1.0 if metric == "cost" else 1.0
    base = _column(found["threshold"], metric)

    def measure(values: NDArray[np.float64], at: float = level) -> Measure:
        return Measure(*corrected_interval(values, held, at))

    results = {}
    for name, folds in found.items():
        gain = towards * (_column(folds, metric) - base)
        costs = [one.cost for one in folds if one.cost is not None]
        results[name] = MethodResult(
            name=name,
            ap=measure(_column(folds, "ap")),
            f1=measure(_column(folds, "f1")),
            cost=measure(np.array(costs)) if costs else None,
            ece=measure(_column(folds, "ece")),
            ece_corrected=measure(_column(folds, "ece_corrected")),
            better=None if name == "threshold" else measure(gain, widened),
        )
    return results


def _column(folds: Sequence[Judged], name: str) -> Floats:
    return np.array([getattr(one, name) for one in folds], np.float64)


def _findings(
    results: Mapping[str, MethodResult],
    metric: Metric,
    case: _Case,
    dealt: Sequence[Sequence[Fold]],
) -> list[Finding]:
    rivals = {name: r for name, r in results.items() if name not in {"plain", "threshold"}}
    each = [_of_method(result, metric) for result in rivals.values()]
    gains = {n: r.better for n, r in rivals.items() if r.better and r.better.interval.low > 0}
    best = max(gains, key=lambda name: gains[name].mean, default="threshold")
    ones = float(np.mean([case.y[fold.held].sum() for deal in dealt for fold in deal]))
    unsure = min(ones, float(len(case.y)) - ones) < _FEWEST
    if unsure:
        best = "threshold"
        summary = (
            f"A fold holds {ones:.0f} rows of class {case.positive!r} to judge on, {_FEWEST} are "
            "needed to tell methods apart: move the threshold, and collect more rows."
        )
    elif best == "threshold":
        tried = ", ".join(rivals) or "no other method"
        summary = f"Move the threshold: beyond chance, none of {tried} beats that in {metric}."
    else:
        gain = gains[best]
        summary = (
            f"Use {best}: it beats moving the threshold by {gain.mean:.3g} {metric}, interval "
            f"{gain.interval}."
        )
    found = Finding(
        check="sample.advice",
        subject=case.label,
        verdict=Verdict.UNKNOWN if unsure else Verdict.OK,
        summary=summary,
        evidence={"recommended": best, "metric": metric, "methods": list(results)},
    )
    return [found, *each]


def _of_method(result: MethodResult, metric: Metric) -> Finding:
    gain = result.better
    if gain is None:
        raise InputError(f"`{result.name}` was not compared with moving the threshold.")
    low, high = gain.interval.low, gain.interval.high
    word = "better" if low > 0 else "worse" if high < 0 else "neither better nor worse"
    return Finding(
        check="sample.method",
        subject=result.name,
        verdict=Verdict.WARN if high < 0 else Verdict.OK,
        summary=(
            f"{result.name} is {word} than moving the threshold: {gain.mean:+.3g} {metric}, "
            f"interval {gain.interval}; ECE {result.ece.mean:.3f}, corrected for the prior "
            f"{result.ece_corrected.mean:.3f}."
        ),
        statistic=gain.mean,
        threshold=0.0,
        effect=gain.mean,
        evidence={"low": low, "high": high, "ap": result.ap.mean, "f1": result.f1.mean},
    )
