"""A glass-box model: each feature has a curve, and the prediction is their sum."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from homeostat.core import InputError, MissingExtraError, SchemaError
from homeostat.importance._explanation import Explanation
from homeostat.importance._matrix import frame_or_none
from homeostat.stats import Floats

if TYPE_CHECKING:
    from homeostat.core import Model

__all__ = ["ExplainableBoosting"]


class ExplainableBoosting:
    """An explainable boosting machine (Nori et al. 2019, interpret): additive curves by boosting.

    Often within a hair of boosted trees on tables, and every prediction is a sum that can be
    read off. Training needs the extra ``ebm``; predicting, explaining and loading do not.

    Args:
        interactions: How many pairs of features may have a surface of their own.
        settings: Further settings of interpret's ``ExplainableBoostingClassifier``.
        seed: Of bags and rounds.

    Example:
        >>> ExplainableBoosting(interactions=0).family
        'ebm'
    """

    family = "ebm"

    def __init__(
        self,
        *,
        interactions: int = 0,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.interactions = interactions
        self.settings = dict(settings or {})
        self.seed = seed
        self.terms_: dict[str, Any] | None = None

    def fit(self, features: pl.DataFrame, label: Floats) -> None:
        """Learn the curves.

        Raises:
            MissingExtraError: If interpret is not installed.
            InputError: If there are no rows or labels are not 0 and 1.
        """
        frame, y = _frame(features), np.asarray(label, dtype=np.float64)
        if not frame.height or y.shape != (frame.height,) or not np.isin(y, (0, 1)).all():
            raise InputError(
                f"There must be rows and a label of 0 or 1 for each, got {frame.height} rows and "
                f"labels of shape {y.shape}."
            )
        names = list(frame.columns)
        levels = {name: _levels(frame[name]) for name in names if _is_text(frame[name])}
        if len(np.unique(y)) == 1:
            rate = (y.sum() + 0.5) / (len(y) + 1)
            self.terms_ = _state(names, levels, math.log(rate / (1 - rate)), [], [], [])
            return
        try:
            from interpret.glassbox import (  # noqa: PLC0415 - an extra
                ExplainableBoostingClassifier,
            )
        except ImportError as error:
            raise MissingExtraError("interpret", extra="ebm") from error
        kinds = ["nominal" if name in levels else "continuous" for name in names]
        model = ExplainableBoostingClassifier(
            feature_names=names, feature_types=kinds, interactions=self.interactions,
            random_state=self.seed, n_jobs=1, **self.settings,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that its plots leave out missing values
            model.fit(_coded(frame, levels), y.astype(int))
        bins = [[_cuts(one) for one in per_feature] for per_feature in model.bins_]
        scores = [np.asarray(one).tolist() for one in model.term_scores_]
        terms = [list(term) for term in model.term_features_]
        intercept = float(np.ravel(model.intercept_)[0])
        self.terms_ = _state(names, levels, intercept, bins, terms, scores)

    def predict(self, features: pl.DataFrame) -> Floats:
        """Return the probability of label 1, shape (n,)."""
        state = self._learned()
        margin = self._of_terms(features).sum(axis=1) + state["intercept"]
        return np.asarray(1 / (1 + np.exp(-np.clip(margin, -700, 700))))

    def explain(self, features: pl.DataFrame) -> Explanation:
        """Return what each curve adds to each prediction, in log-odds; pairs are terms too."""
        state, values = self._learned(), self._of_terms(features)
        frame = _frame(features).select(state["names"])
        data = np.full(values.shape, math.nan)
        for j, term in enumerate(state["terms"]):
            if len(term) == 1:
                data[:, j] = _coded(frame, state["levels"])[:, term[0]]
        base = np.array([state["intercept"]])
        return Explanation(values, base, data, self._names(), ("",), "log-odds", frame)

    def importances(self, features: pl.DataFrame) -> dict[str, float]:
        """Return the mean size of each curve over some rows: ``ebm`` in an importance table."""
        return self.explain(features).mean_abs()

    def save(self) -> Mapping[str, bytes]:
        """Return the curves and settings as JSON."""
        own = {"interactions": self.interactions, "settings": self.settings, "seed": self.seed}
        return {"model.json": json.dumps({"settings": own, "terms": self._learned()}).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Rebuild from :meth:`save`."""
        try:
            read = json.loads(files["model.json"])
            model = cls(**read["settings"])
            model.terms_ = read["terms"]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"`model.json` is not one of an `ebm` model: {error}.") from error
        return model

    def _learned(self) -> dict[str, Any]:
        if self.terms_ is None:
            raise InputError("This `ebm` model has learned nothing yet: call `fit` first.")
        return self.terms_

    def _names(self) -> tuple[str, ...]:
        state = self._learned()
        return tuple(" & ".join(state["names"][i] for i in term) for term in state["terms"])

    def _of_terms(self, features: pl.DataFrame) -> Floats:
        state = self._learned()
        frame = _frame(features)
        if missing := [name for name in state["names"] if name not in frame.columns]:
            raise SchemaError(f"The model needs the column `{missing[0]}`, which is missing.")
        matrix = _coded(frame.select(state["names"]), state["levels"])
        found = np.zeros((frame.height, len(state["terms"])))
        for j, (term, scores) in enumerate(zip(state["terms"], state["scores"], strict=True)):
            at = tuple(
                _places(matrix[:, i], state["bins"][i][min(len(term), len(state["bins"][i])) - 1])
                for i in term
            )
            found[:, j] = np.asarray(scores)[at]
        return found


def _state(
    names: list[str],
    levels: dict[str, list[str]],
    intercept: float,
    bins: list[Any],
    terms: list[Any],
    scores: list[Any],
) -> dict[str, Any]:
    return {
        "names": names, "levels": levels, "intercept": intercept,
        "bins": bins, "terms": terms, "scores": scores,
    }  # fmt: skip


def _cuts(bins: Any) -> dict[str, Any]:  # noqa: ANN401 - an array or a dict, as interpret stores it
    if isinstance(bins, dict):
        return {"codes": {str(float(key)): int(place) for key, place in bins.items()}}
    return {"cuts": np.asarray(bins, dtype=np.float64).tolist()}


def _places(column: Floats, bins: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an index array
    """Return the bin of each value: 0 is missing, the last is unknown."""
    missing = np.isnan(column)
    if "cuts" in bins:
        found = np.searchsorted(np.asarray(bins["cuts"]), column, side="right") + 1
    else:
        distinct, code = np.unique(np.where(missing, -1.0, column), return_inverse=True)
        found = np.array([bins["codes"].get(str(float(v)), -1) for v in distinct])[code]
    return np.where(missing, 0, found)


def _frame(features: object) -> pl.DataFrame:
    frame = frame_or_none(features)
    if frame is None:
        raise SchemaError(f"Features must be a frame, got {type(features).__name__}.")
    return frame


def _is_text(column: pl.Series) -> bool:
    return isinstance(column.dtype, (pl.String, pl.Categorical, pl.Enum))


def _levels(column: pl.Series) -> list[str]:
    return [str(v) for v in column.cast(pl.String).drop_nulls().unique().sort().to_list()]


def _coded(frame: pl.DataFrame, levels: Mapping[str, list[str]]) -> Floats:
    made = []
    for column in frame.iter_columns():
        if column.name in levels:
            enum = pl.Enum(levels[column.name])
            codes = column.cast(pl.String).cast(enum, strict=False).to_physical().cast(pl.Float64)
            unknown = codes.is_null() & column.is_not_null()
            made.append(codes.set(unknown, float(len(levels[column.name]))))
        else:
            made.append(column.cast(pl.Float64))
    return pl.DataFrame(made).to_numpy() if made else np.zeros((frame.height, 0))


if TYPE_CHECKING:
    _MODEL: Model = ExplainableBoosting()
