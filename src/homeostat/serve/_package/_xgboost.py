"""XGBoost: its own UBJSON; a row is answered in place, from one buffer that is used again."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, in_order
from homeostat.serve._package._extra import imported
from homeostat.serve._package._wanted import AsTrained, Wanted, read_settings, write_settings

__all__ = ["XGBoost"]

_TREES = "trees.ubj"


class XGBoost(AsTrained):
    """An XGBoost model; use `pack`.

    Args:
        content: The model as ``Booster.save_raw("ubj")`` writes it.
        columns: From features to the matrix it was trained on.
        answers: What it says of a row.
    """

    family = "xgboost"
    libraries = ("xgboost", "xgboost-cpu")
    needs: tuple[str, ...] = ()

    def __init__(self, content: bytes, columns: Columns, answers: AnswerDecoder) -> None:
        xgboost = _library()
        self.answers = answers
        self.columns = columns
        self._content = content
        try:
            self._booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(content))
        except xgboost.core.XGBoostError as error:
            raise InputError(f"`{_TREES}` is not an XGBoost model: {error}.") from error
        self._row: _Row | None = None

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - of xgboost
        """Return a Booster, XGBClassifier or XGBRegressor as it is served.

        A model that was stopped early answers with its best trees, as XGBoost's own classes do.
        """
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        if (best := booster.attr("best_iteration")) is not None:
            booster = booster[: int(best) + 1]
        learner = json.loads(booster.save_raw("json"))["learner"]
        trained = booster.feature_names or [""] * booster.num_features()
        order = in_order(wanted.schema, trained, named=booster.feature_names is not None)
        levels = dict(wanted.levels) or _levels(learner, order)
        labels = wanted.labels if wanted.labels is not None else getattr(model, "classes_", ())
        answers, objective = _answers(learner, list(labels), wanted)
        content = bytes(booster.save_raw("ubj"))
        if objective == "multi:softmax":  # its label is the largest of what softprob answers
            copy = _library().Booster(model_file=bytearray(content))
            copy.set_param({"objective": "multi:softprob"})
            content = bytes(copy.save_raw("ubj"))
        return cls(content, Columns.of(wanted.schema, order, levels), answers)

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        if not features.height:
            return np.zeros((0, self.answers.width) if self.answers.kind == "classes" else 0)
        matrix = self.columns.matrix(features)
        raw = self._booster.inplace_predict(matrix, validate_features=False)
        return self.answers.of(raw, features.height)

    def predict_row(self, row: Mapping[str, object]) -> float | list[float]:
        """Return what ``predict`` returns for a frame of this one row."""
        if self._row is None:
            self._row = _Row(self._booster, len(self.columns.names))
        found = self._row.predict(self.columns.row(row))
        if self.answers.kind != "classes" and self.answers.link == "identity":
            return found[0]
        told = self.answers.of(np.array([found], dtype=np.float32), 1)[0]
        return told.tolist() if self.answers.kind == "classes" else float(told)

    def save(self) -> Mapping[str, bytes]:
        """Return XGBoost's UBJSON, and the columns and answers as JSON."""
        settings = write_settings(self.answers, columns=self.columns.to_json())
        return {_TREES: self._content} | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:  # noqa: ARG003 - trees run nothing
        """Rebuild from :meth:`save`."""
        answers, settings = read_settings(files)
        return cls(files[_TREES], Columns.from_json(settings["columns"]), answers)


class _Row:
    """One row by XGBoost's own call for dense data in place; not for several threads at once."""

    def __init__(self, booster: Any, columns: int) -> None:  # noqa: ANN401 - of xgboost
        self._booster = booster  # keeps the handle alive
        self._values = np.zeros((1, columns))
        where = self._values.__array_interface__
        self._array = json.dumps(
            {
                "data": [where["data"][0], True],
                "shape": [1, columns],
                "typestr": "<f8",
                "version": 3,
            }
        ).encode()
        self._settings = json.dumps(
            {
                "type": 0,
                "training": False,
                "iteration_begin": 0,
                "iteration_end": 0,
                "missing": float("nan"),
                "strict_shape": False,
                "cache_id": 0,
            }
        ).encode()
        self._shape = ctypes.POINTER(ctypes.c_uint64)()
        self._dims = ctypes.c_uint64()
        self._out = ctypes.POINTER(ctypes.c_float)()
        self._call = _library().core._LIB.XGBoosterPredictFromDense  # noqa: SLF001 - the C API
        self._pointers = (
            ctypes.byref(self._shape),
            ctypes.byref(self._dims),
            ctypes.byref(self._out),
        )

    def predict(self, values: Sequence[float]) -> list[float]:
        """Return what the booster says of one encoded row."""
        self._values[0] = values
        status = self._call(
            self._booster.handle, self._array, self._settings, None, *self._pointers
        )
        if status:
            raise InputError("XGBoost cannot predict this row: its package may be damaged.")
        size = 1
        for axis in range(self._dims.value):
            size *= self._shape[axis]
        return self._out[:size]


def _library() -> Any:  # noqa: ANN401 - the module
    return imported("xgboost", extra="xgboost")


def _levels(learner: Mapping[str, Any], order: Sequence[str]) -> dict[str, list[Any]]:
    """Return the categories that the model itself keeps, from 3.1 on."""
    booster = learner["gradient_booster"]
    kept = booster.get("model", booster.get("gbtree", {}).get("model", {})).get("cats", {})
    found = {}
    for name, one in zip(order, kept.get("enc", ()), strict=False):
        offsets, values = one["offsets"], one["values"]
        if offsets:
            text = bytes(value % 256 for value in values)
            ends = pairwise(offsets)
            found[name] = [text[start:end].decode() for start, end in ends]
        elif values:
            found[name] = list(values)
    return found


def _answers(
    learner: Mapping[str, Any], labels: Sequence[object], wanted: Wanted
) -> tuple[AnswerDecoder, str]:
    objective = learner["objective"]["name"]
    many = int(learner["learner_model_param"]["num_class"])
    if objective.startswith("multi:"):
        return AnswerDecoder.wanted(wanted.answers, "classes", labels or range(many)), objective
    if objective in {"binary:logistic", "reg:logistic"}:
        found = "probability" if objective == "binary:logistic" or labels else "value"
        return AnswerDecoder.wanted(wanted.answers, found, labels), objective
    if objective in {"binary:logitraw", "binary:hinge"}:
        if objective == "binary:hinge":
            raise InputError("binary:hinge gives no probability: train with binary:logistic.")
        return AnswerDecoder.wanted(wanted.answers, "probability", labels, "sigmoid"), objective
    return AnswerDecoder.wanted(wanted.answers, "value", labels, wanted.link), objective
