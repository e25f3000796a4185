"""CatBoost: its own binary; categories are given as text, as it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, in_order
from homeostat.serve._package._extra import imported
from homeostat.serve._package._wanted import AsTrained, Wanted, read_settings, write_settings

__all__ = ["CatBoost"]

_TREES = "model.cbm"
_MISSING = "nan"  # what `astype(str)` makes of a missing category before training


class CatBoost(AsTrained):
    """A CatBoost model; use `pack`.

    Args:
        content: The model in CatBoost's own format.
        columns: Features, in the order it was trained on.
        answers: What it says of a row.
    """

    family = "catboost"
    libraries = ("catboost",)
    needs: tuple[str, ...] = ()

    def __init__(self, content: bytes, columns: Columns, answers: AnswerDecoder) -> None:
        self.answers = answers
        self.columns = columns
        self._content = content
        self._model = _library().CatBoost()
        try:
            self._model.load_model(blob=content)
        except Exception as error:  # its errors have no class in common
            raise InputError(f"`{_TREES}` is not a CatBoost model: {error}.") from error
        text = set(self._model.get_cat_feature_indices())
        self._text = tuple(i in text for i in range(len(columns.names)))
        self._type = "RawFormulaVal" if answers.kind == "value" else "Probability"

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - of catboost
        """Return a CatBoost, CatBoostClassifier or CatBoostRegressor as it is served."""
        names = [str(name) for name in model.feature_names_]
        named = names != [str(i) for i in range(len(names))]
        columns = Columns(in_order(wanted.schema, names, named=named), {})
        labels = wanted.labels if wanted.labels is not None else list(model.classes_)
        loss = str(model.get_all_params().get("loss_function", "")).split(":")[0]
        found = "value"
        if labels or loss in {"Logloss", "CrossEntropy"}:
            found = "classes" if len(labels) > 2 else "probability"
        if loss in {"Poisson", "Tweedie"}:
            raise InputError(
                f"CatBoost keeps a {loss} model's exponent out of its raw value; pack "
                "a function that answers with `exp` of it."
            )
        with TemporaryDirectory() as folder:
            path = Path(folder, _TREES)
            model.save_model(str(path), format="cbm")
            content = path.read_bytes()
        return cls(content, columns, AnswerDecoder.wanted(wanted.answers, found, labels))

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        if not features.height:
            return np.zeros((0, self.answers.width) if self.answers.kind == "classes" else 0)
        raw = self._model.predict(self._frame(features), prediction_type=self._type, thread_count=1)
        return self.answers.of(raw, features.height)

    def row_path(self) -> Callable[[Mapping[str, Any]], Any]:
        """Return a way to answer one row without a frame."""
        names, kind, wide = self.columns.names, self._type, self.answers.kind == "classes"
        predict, values, answers = self._model.predict, self._values, self.answers

        def answer(row: Mapping[str, Any]) -> float | list[float]:
            raw = predict(values([row[name] for name in names]), prediction_type=kind)
            found = answers.of(np.asarray(raw).reshape(1, -1), 1)[0]
            return found.tolist() if wide else float(found)

        return answer

    def save(self) -> Mapping[str, bytes]:
        """Return CatBoost's binary, and the columns and answers as JSON."""
        settings = write_settings(self.answers, columns=self.columns.to_json())
        return {_TREES: self._content} | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:  # noqa: ARG003 - trees run nothing
        """Rebuild from :meth:`save`."""
        answers, settings = read_settings(files)
        return cls(files[_TREES], Columns.from_json(settings["columns"]), answers)

    def _frame(self, features: pl.DataFrame) -> Any:  # noqa: ANN401 - of pandas
        import pandas as pd  # noqa: PLC0415 - CatBoost brings it

        held = {}
        for name, text in zip(self.columns.names, self._text, strict=True):
            series = features.get_column(name)
            if not text:
                held[name] = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
                continue
            spelled = {True: "True", False: "False"} if series.dtype == pl.Boolean else None
            series = series.replace_strict(spelled) if spelled else series.cast(pl.String)
            held[name] = np.array(series.fill_null(_MISSING).to_list(), dtype=object)
        return pd.DataFrame(held, columns=list(self.columns.names))

    def _values(self, row: Sequence[Any]) -> list[Any]:
        pairs = zip(row, self._text, strict=True)
        return [
            (_MISSING if value is None else str(value))
            if text
            else (np.nan if value is None else value)
            for value, text in pairs
        ]


def _library() -> Any:  # noqa: ANN401 - the module
    return imported("catboost", extra="catboost")
