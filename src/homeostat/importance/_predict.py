"""Predictions of any model, as it is and with some features of other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.importance._fast import masks
from homeostat.importance._matrix import as_matrix, frame_or_none
from homeostat.importance._read import TreeModel, read_trees
from homeostat.stats import Floats

__all__ = ["Rows", "permuted", "predictor"]

_MOST = 200_000  # rows that are predicted in one call
_AGREES = 1e-6  # how far the sum of trees may be from what the model predicts


@dataclass(frozen=True, slots=True)
class Rows:
    """Features as a frame or a matrix, their names, and what predicts them."""

    n: int
    names: tuple[str, ...]
    frame: pl.DataFrame | None
    matrix: NDArray[Any] | None
    predict: Callable[[Any], Floats]
    trees: TreeModel | None

    @classmethod
    def of(cls, model: object, features: object, names: Sequence[str] | None) -> Rows:
        frame = frame_or_none(features)
        trees = _trees_or_none(model)
        if frame is not None:
            return cls(
                frame.height, tuple(frame.columns), frame, None, predictor(model, trees), trees
            )
        matrix = np.asarray(features)
        if matrix.ndim != 2:
            raise InputError(f"Features must be a frame or a matrix, got shape {matrix.shape}.")
        known = tuple(names) if names is not None else (trees.names if trees else None)
        known = known or tuple(f"x{i}" for i in range(matrix.shape[1]))
        if len(known) != matrix.shape[1]:
            raise InputError(
                f"There must be a name for each of {matrix.shape[1]} columns, got {len(known)}."
            )
        return cls(len(matrix), known, None, matrix, predictor(model, trees), trees)

    @property
    def features(self) -> Any:  # noqa: ANN401 - frame or matrix
        return self.frame if self.frame is not None else self.matrix

    def copies(self, places: Sequence[int], permutations: NDArray[np.intp]) -> Any:  # noqa: ANN401
        """Return the rows once a permutation, with some columns from other rows."""
        count = len(permutations)
        if self.frame is not None:
            whole = pl.concat([self.frame] * count, rechunk=True)
            at = permutations.ravel()
            return whole.with_columns(
                [self.frame[self.names[i]].gather(at).alias(self.names[i]) for i in places]
            )
        made = np.tile(self.matrix, (count, 1))  # type: ignore[arg-type]
        made[:, places] = self.matrix[permutations.ravel()][:, places]  # type: ignore[index]
        return made


def _trees_or_none(model: object) -> TreeModel | None:
    try:
        return read_trees(model)
    except InputError:
        return None


def permuted(
    rows: Rows, parts: list[list[int]], drawn: list[NDArray[np.intp]]
) -> tuple[Floats, Iterator[Floats], int]:
    """Return predictions, those of each part's permutations, and how many the library made."""
    before = rows.predict(rows.features)
    quick = _by_masks(rows, before, parts, drawn)
    if quick is not None:
        return before, iter(quick), rows.n
    count = len(drawn[0])

    def one(places: list[int], permutations: NDArray[np.intp]) -> Floats:
        step = max(1, _MOST // rows.n)
        made = [
            rows.predict(rows.copies(places, permutations[i : i + step]))
            for i in range(0, count, step)
        ]
        return np.concatenate(made).reshape(count, rows.n, *before.shape[1:])

    after = (one(places, some) for places, some in zip(parts, drawn, strict=True))
    return before, after, rows.n * (1 + count * len(parts))


def _by_masks(
    rows: Rows, before: Floats, parts: list[list[int]], drawn: list[NDArray[np.intp]]
) -> list[Floats] | None:
    read = rows.trees
    if read is None or before.ndim > 1 or not read.trees.n_trees:
        return None
    known = masks(read.trees, read.encode(rows.features))
    link = _link(read, before, rows)
    if known is None or link is None:
        return None
    order = rows.names if read.names is None else read.names
    place = {name: i for i, name in enumerate(order)}
    at = [[place[rows.names[i]] for i in part] for part in parts]
    found: list[Floats] = []
    step = max(1, (1 << 24) // (rows.n * len(drawn[0])))
    for start in range(0, len(parts), step):
        cut = slice(start, start + step)
        total, changes = known.changes(at[cut], drawn[cut])
        found += [link(total + change) for change in changes]
    return found


def _link(read: TreeModel, before: Floats, rows: Rows) -> Callable[[Floats], Floats] | None:
    """Return what turns the sum of trees into what the model predicts, if that is known."""
    some = np.unique(np.linspace(0, rows.n - 1, 200).astype(int))
    sums = read.trees.predict(read.encode(rows.features[some]))[:, 0]
    scale = max(1.0, float(np.abs(sums).max()))
    links: tuple[Callable[[Floats], Floats], ...] = (np.asarray, special.expit)
    near = (link for link in links if np.abs(link(sums) - before[some]).max() <= _AGREES * scale)
    return next(near, None)


def predictor(model: object, trees: TreeModel | None = None) -> Callable[[Any], Floats]:
    """Return a function from features to predictions, (n,), or (n, classes) of several."""
    if trees is not None and trees.booster is model:
        return _of_booster(model, trees)
    call = getattr(model, "predict_proba", None) or getattr(model, "predict", None) or model
    if not callable(call):
        raise InputError(
            "A model has `predict_proba` or `predict`, or is a function of the features, got "
            f"{type(model).__name__}."
        )
    named = getattr(model, "feature_names_in_", None) is not None

    def predict(features: Any) -> Floats:  # noqa: ANN401 - frame or matrix
        given = features
        if isinstance(features, pl.DataFrame) and _wants_matrix(model, named=named):
            given = as_matrix(features, trees.names if trees else None, features.width)
        found = np.asarray(call(given), dtype=np.float64)
        if len(found) != len(features) or not np.isfinite(found).all():
            raise InputError(
                f"A model must predict one finite number (or one a class) a row, got shape "
                f"{found.shape} for {len(features)} rows, {int((~np.isfinite(found)).sum())} not "
                "finite."
            )
        if found.ndim == 2 and found.shape[1] <= 2:
            return found[:, -1]
        return found

    return predict


def _wants_matrix(model: object, *, named: bool) -> bool:
    """Say whether a model was fitted on a matrix: a scikit-learn model that knows no names."""
    return hasattr(model, "n_features_in_") and not named


def _of_booster(model: Any, trees: TreeModel) -> Callable[[Any], Floats]:  # noqa: ANN401
    def predict(features: Any) -> Floats:  # noqa: ANN401 - frame or matrix
        matrix = trees.encode(features)
        if trees.kind == "lightgbm":
            return np.asarray(model.predict(matrix, num_threads=1), dtype=np.float64)
        import xgboost  # noqa: PLC0415 - the caller has it: the model is of it

        names, types = model.feature_names, model.feature_types
        data = xgboost.DMatrix(
            matrix, feature_names=names, feature_types=types, enable_categorical=True, nthread=1
        )
        return np.asarray(model.predict(data), dtype=np.float64)

    return predict
