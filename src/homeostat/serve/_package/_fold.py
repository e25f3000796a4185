"""Fold: a scikit-learn pipeline of linear steps as one dot product over the raw columns.

Scalers, imputers and encoders make of each column an affine function or a table of numbers, and
a linear model weighs those: so its score is a sum over the columns of ``slope * x + start`` or of
``table[x]``. A step that is anything else is not folded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._terms import Term, Unfoldable, plain_terms, transformed

__all__ = ["fold"]

_LINEAR = {
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "SGDRegressor",
    "BayesianRidge",
    "LinearSVR",
    "TweedieRegressor",
}
_LOGISTIC = {"LogisticRegression", "LogisticRegressionCV"}


def fold(
    model: Any,  # noqa: ANN401 - any estimator
    names: Sequence[str],
    answers: AnswerDecoder,
) -> Callable[[Mapping[str, Any]], Any] | None:
    """Return a pipeline's way to answer one row, or None where a step is not linear.

    Args:
        model: A fitted pipeline or a linear model.
        names: The columns it was trained on, in order.
        answers: What it says of a row.
    """
    try:
        steps = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
        terms = plain_terms(names)
        for step in steps[:-1]:
            terms = transformed(step, terms)
        last = steps[-1]
        weights, start, link = _linear(last, answers)
    except (Unfoldable, AttributeError, TypeError, ValueError):
        return None
    if weights.shape[1] != len(terms):
        return None
    if len(weights) == 1:
        return _one_score(*_summed(terms, weights[0], float(start[0])), link)
    return _scores([_summed(terms, w, float(b)) for w, b in zip(weights, start, strict=True)])


Numbers = list[tuple[str, float, float]]
Tables = list[tuple[str, dict[Any, float], float]]


def _linear(last: Any, answers: AnswerDecoder) -> tuple[NDArray[Any], NDArray[Any], str]:  # noqa: ANN401 - any estimator
    """Return the weights (k, d), the intercepts (k,) and the link of a linear model."""
    name, module = type(last).__name__, type(last).__module__
    if not module.startswith("sklearn."):
        raise Unfoldable
    weights = np.atleast_2d(np.asarray(last.coef_, dtype=np.float64))
    start = np.broadcast_to(np.atleast_1d(np.asarray(last.intercept_, np.float64)), len(weights))
    if name in _LINEAR and len(weights) == 1 and answers.kind == "value":
        if name == "TweedieRegressor" and (last.link == "log" or last.power > 0):
            raise Unfoldable
        return weights, start, "identity"
    if name in _LOGISTIC and answers.link == "identity":
        if len(weights) == 1 and answers.kind == "probability":
            return weights, start, "sigmoid"
        if len(weights) > 2 and answers.kind == "classes":
            return weights, start, "softmax"
    raise Unfoldable


def _summed(
    terms: Iterable[Term], weights: Iterable[float], start: float
) -> tuple[Numbers, Tables, float]:
    """Gather what each column contributes: slopes, tables, and one start."""
    numbers: dict[str, list[tuple[Term, float]]] = {}
    tables: dict[str, list[tuple[Term, float]]] = {}
    for term, weight in zip(terms, weights, strict=True):
        kind = numbers if term.table is None else tables
        kind.setdefault(term.column, []).append((term, float(weight)))
    found: Numbers = []
    for name, held in numbers.items():
        begun = math.fsum(weight * term.start for term, weight in held)
        missing = math.fsum(weight * term.null for term, weight in held)
        start += begun
        found.append((name, math.fsum(w * term.slope for term, w in held), missing - begun))
    return found, [(name, *_table(held)) for name, held in tables.items()], start


def _table(held: Sequence[tuple[Term, float]]) -> tuple[dict[Any, float], float]:
    """Return what each category of a column contributes, and any other."""
    known = {key for term, _ in held for key in term.table or ()}
    return {
        key: math.fsum(w * (term.table or {}).get(key, term.other) for term, w in held)
        for key in known
    }, math.fsum(weight * term.other for term, weight in held)


def _score(numbers: Numbers, tables: Tables, start: float) -> Callable[[Mapping[str, Any]], float]:
    def score(row: Mapping[str, Any]) -> float:
        total = start
        for name, slope, null in numbers:
            value = row[name]
            total += null if value is None else slope * value
        for name, table, other in tables:
            total += table.get(row[name], other)
        return total

    return score


def _one_score(
    numbers: Numbers, tables: Tables, start: float, link: str
) -> Callable[[Mapping[str, Any]], float]:
    score, exp = _score(numbers, tables, start), math.exp
    if link == "identity":
        return score

    def probability(row: Mapping[str, Any]) -> float:
        total = score(row)
        if total >= 0:
            return 1 / (1 + exp(-total))
        if total < -700:
            return 0.0 if total < -745 else exp(total)
        odds = exp(total)
        return odds / (1 + odds)

    return probability


def _scores(
    parts: Sequence[tuple[Numbers, Tables, float]],
) -> Callable[[Mapping[str, Any]], list[float]]:
    scores = [_score(*part) for part in parts]

    def probabilities(row: Mapping[str, Any]) -> list[float]:
        found = [score(row) for score in scores]
        highest = max(found)
        odds = [math.exp(one - highest) for one in found]
        total = sum(odds)
        return [one / total for one in odds]

    return probabilities
