"""Terms: what scikit-learn's preparing steps make of each raw column."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["Term", "Unfoldable", "plain_terms", "transformed"]


class Unfoldable(Exception):  # noqa: N818 - not a fault: the frame is kept
    """A step that is not a function of one column each, or not an affine one."""


@dataclass(frozen=True, slots=True)
class Term:
    """One column of a design as a function of one raw column.

    Args:
        column: The raw column.
        slope: Of a number.
        start: Of a number.
        null: What a missing number gives; NaN where none may be missing.
        table: What each category gives; None of a number.
        other: What any other category gives; NaN where none may be.
        fill: What stands for a missing category before it is looked up; None where nothing does.
    """

    column: str
    slope: float = 1.0
    start: float = 0.0
    null: float = math.nan
    table: Mapping[Any, float] | None = None
    other: float = math.nan
    fill: object = None

    @property
    def is_raw(self) -> bool:
        """Whether nothing was done to the column yet, but for filling what is missing."""
        return self.table is None and self.slope == 1 and self.start == 0

    def affine(self, slope: float, start: float) -> Term:
        """Return ``slope * term + start``."""
        if self.fill is not None and self.table is None:
            raise Unfoldable
        return replace(
            self,
            slope=self.slope * slope,
            start=self.start * slope + start,
            null=self.null * slope + start,
            table=None
            if self.table is None
            else {key: value * slope + start for key, value in self.table.items()},
            other=self.other * slope + start,
        )


def plain_terms(names: Sequence[str]) -> list[Term]:
    """Return the raw columns."""
    return [Term(name) for name in names]


def transformed(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - any transformer
    """Return what a fitted step makes of terms; raises Unfoldable."""
    if step is None or step == "passthrough":
        return list(terms)
    name = type(step).__name__
    if name not in _STEPS or not type(step).__module__.startswith("sklearn."):
        raise Unfoldable
    return _STEPS[name](step, terms)


def _pipeline(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    for _, inner in step.steps:
        terms = transformed(inner, terms)
    return list(terms)


def _union(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if step.transformer_weights:
        raise Unfoldable
    kept = [inner for _, inner in step.transformer_list if inner != "drop"]
    return [term for inner in kept for term in transformed(inner, terms)]


def _by_column(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if step.transformer_weights:
        raise Unfoldable
    names = [str(name) for name in getattr(step, "feature_names_in_", ())]
    if names and names != [term.column for term in terms]:
        raise Unfoldable
    found: list[Term] = []
    for _, inner, chosen in step.transformers_:
        if inner == "drop":
            continue
        found += transformed(inner, [terms[i] for i in _positions(chosen, names, len(terms))])
    return found


def _positions(chosen: Any, names: Sequence[str], many: int) -> list[int]:  # noqa: ANN401 - as it may be given
    if isinstance(chosen, slice):
        bounds = (chosen.start, chosen.stop, chosen.step)
        if any(isinstance(bound, str) for bound in bounds):
            raise Unfoldable
        return list(range(many))[chosen]
    listed = [chosen] if isinstance(chosen, str | int) else list(chosen)
    if listed and all(isinstance(one, bool | np.bool_) for one in listed):
        return [i for i, one in enumerate(listed) if one]
    return [names.index(one) if isinstance(one, str) else range(many)[int(one)] for one in listed]


def _standard(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    mean = step.mean_ if step.with_mean else np.zeros(len(terms))
    scale = step.scale_ if step.with_std else np.ones(len(terms))
    return _affine(terms, 1 / np.asarray(scale), -np.asarray(mean) / scale)


def _min_max(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if step.clip:
        raise Unfoldable
    return _affine(terms, step.scale_, step.min_)


def _max_abs(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if getattr(step, "clip", False):
        raise Unfoldable
    return _affine(terms, 1 / step.scale_, np.zeros(len(terms)))


def _robust(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    centre = step.center_ if step.with_centering else np.zeros(len(terms))
    scale = step.scale_ if step.with_scaling else np.ones(len(terms))
    return _affine(terms, 1 / np.asarray(scale), -np.asarray(centre) / scale)


def _affine(terms: Sequence[Term], slopes: Any, starts: Any) -> list[Term]:  # noqa: ANN401 - arrays
    pairs = zip(terms, slopes, starts, strict=True)
    return [term.affine(float(slope), float(start)) for term, slope, start in pairs]


def _imputer(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    missing = step.missing_values
    if not (missing is None or (isinstance(missing, float) and math.isnan(missing))):
        raise Unfoldable
    found = []
    for term, value in zip(terms, step.statistics_, strict=True):
        if term.table is not None:
            raise Unfoldable
        if isinstance(value, str):
            found.append(replace(term, fill=value))
        elif value is None or math.isnan(float(value)):
            raise Unfoldable  # a column that was empty in training is dropped
        elif math.isnan(term.null):
            found.append(replace(term, null=float(value)))
        else:
            found.append(term)
    if step.indicator_ is not None:
        asked = [terms[i] for i in step.indicator_.features_]
        found += [Term(term.column, table={None: 1.0}, other=0.0) for term in asked]
    return found


def _one_hot(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if step._infrequent_enabled:  # noqa: SLF001 - rare levels share a column, which only it knows
        raise Unfoldable
    strict = step.handle_unknown == "error"
    found = []
    for i, term in enumerate(terms):
        levels = _levels(step.categories_[i])
        dropped = None if step.drop_idx_ is None else step.drop_idx_[i]
        for position in range(len(levels)):
            if position == dropped:
                continue
            hot = {level: float(j == position) for j, level in enumerate(levels)}
            found.append(_table(term, hot, math.nan if strict else 0.0))
    return found


def _ordinal(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if getattr(step, "_infrequent_enabled", False):
        raise Unfoldable
    other = float(step.unknown_value) if step.handle_unknown != "error" else math.nan
    found = []
    for term, categories in zip(terms, step.categories_, strict=True):
        levels = _levels(categories)
        codes = {level: float(code) for code, level in enumerate(levels)}
        if None in codes:
            codes[None] = float(step.encoded_missing_value)
        found.append(_table(term, codes, other))
    return found


def _levels(categories: Any) -> list[Any]:  # noqa: ANN401 - an array of any dtype
    return [
        None if isinstance(level, float) and math.isnan(level) else level
        for level in np.asarray(categories).tolist()
    ]


def _table(term: Term, values: Mapping[Any, float], other: float) -> Term:
    """Look a raw column up; what is missing is its own level, its filling's, or any other."""
    if not term.is_raw:
        raise Unfoldable
    held = dict(values)
    filled = term.fill if term.fill is not None else term.null
    if not (isinstance(filled, float) and math.isnan(filled)):
        held[None] = held.get(filled, other)
    return Term(term.column, table=held, other=other)


def _selected(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    return [term for term, kept in zip(terms, step.get_support(), strict=True) if kept]


def _function(step: Any, terms: Sequence[Term]) -> list[Term]:  # noqa: ANN401 - of scikit-learn
    if step.func is not None:
        raise Unfoldable
    return list(terms)


_STEPS: Mapping[str, Callable[[Any, Sequence[Term]], list[Term]]] = {
    "ColumnTransformer": _by_column,
    "FeatureUnion": _union,
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "Pipeline": _pipeline,
    "RobustScaler": _robust,
    "SelectFromModel": _selected,
    "SelectKBest": _selected,
    "SelectPercentile": _selected,
    "SimpleImputer": _imputer,
    "StandardScaler": _standard,
    "VarianceThreshold": _selected,
}
