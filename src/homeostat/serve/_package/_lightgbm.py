"""LightGBM: its own text of trees; a row is answered by its single-row call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.serve._package._answers import AnswerDecoder
from homeostat.serve._package._columns import Columns, in_order
from homeostat.serve._package._trees import Trees
from homeostat.serve._package._wanted import AsTrained, Wanted, read_settings, write_settings

__all__ = ["LightGBM"]

_TREES = "trees.txt"
_PROBABILITY = {"binary", "cross_entropy", "cross_entropy_lambda"}
_CLASSES = {"multiclass", "multiclassova"}


class LightGBM(AsTrained):
    """A LightGBM model; use `pack`.

    Args:
        text: The model as ``Booster.model_to_string`` writes it.
        columns: From features to the matrix it was trained on.
        answers: What it says of a row.
    """

    family = "lightgbm"
    libraries = ("lightgbm",)
    needs: tuple[str, ...] = ()

    def __init__(self, text: str, columns: Columns, answers: AnswerDecoder) -> None:
        import lightgbm  # noqa: PLC0415 - half a second to import

        self.answers = answers
        self.columns = columns
        self._text = text
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise InputError(f"`{_TREES}` is not a LightGBM model: {error}.") from error
        self._trees: Trees | None = None

    @classmethod
    def of(cls, model: Any, wanted: Wanted) -> Self:  # noqa: ANN401 - of lightgbm
        """Return a Booster, LGBMClassifier or LGBMRegressor as it is served."""
        booster = getattr(model, "booster_", model)
        text = booster.model_to_string()
        names = booster.feature_name()
        named = not all(re.fullmatch(r"Column_\d+", name) for name in names)
        spelled = {_plain(name): name for name in wanted.schema.features}
        order = in_order(wanted.schema, [spelled.get(n, n) for n in names], named=named)
        levels = dict(wanted.levels) or _levels(booster, order, wanted)
        columns = Columns.of(wanted.schema, order, levels)
        labels = wanted.labels or getattr(model, "classes_", ())
        return cls(text, columns, _answers(text, labels, wanted))

    def predict(self, features: pl.DataFrame) -> NDArray[np.float64]:
        """Return the answers, (n,) or (n, k)."""
        if not features.height:
            return np.zeros((0, self.answers.width) if self.answers.kind == "classes" else 0)
        raw = self._booster.predict(self.columns.matrix(features), num_threads=1)
        return self.answers.of(raw, features.height)

    def predict_row(self, row: Mapping[str, object]) -> float | list[float]:
        """Return what ``predict`` returns for a frame of this one row."""
        if self._trees is None:
            self._trees = Trees(self._text, len(self.columns.names))
        wide, values = self.answers.kind == "classes", self.columns.row(row)
        if self.answers.link == "identity" and not wide:
            return self._trees.predict(values)
        found = self._trees.predict_all(values)
        if self.answers.link == "identity" and len(found) > 1:
            return found
        told = self.answers.of([found], 1)[0]
        return told.tolist() if wide else float(told)

    def save(self) -> Mapping[str, bytes]:
        """Return LightGBM's text, and the columns and answers as JSON."""
        settings = write_settings(self.answers, columns=self.columns.to_json())
        return {_TREES: self._text.encode()} | settings

    @classmethod
    def load(cls, files: Mapping[str, bytes], *, allow: Sequence[str] = ()) -> Self:  # noqa: ARG003 - text runs nothing
        """Rebuild from :meth:`save`."""
        answers, settings = read_settings(files)
        return cls(files[_TREES].decode(), Columns.from_json(settings["columns"]), answers)


def _plain(name: str) -> str:
    """Return a name as LightGBM keeps it: it has no spaces."""
    return name.replace(" ", "_")


def _levels(booster: Any, order: Sequence[str], wanted: Wanted) -> dict[str, list[Any]]:  # noqa: ANN401 - of lightgbm
    """Return the categories that pandas had in training: LightGBM keeps them in their order."""
    kept = booster.pandas_categorical or []
    if not kept:
        return {}
    found = re.search(r"^feature_infos=(.*)$", booster.model_to_string(), re.MULTILINE)
    infos = found[1].split(" ") if found else []
    coded = [n for n, info in zip(order, infos, strict=False) if not info.startswith(("[", "none"))]
    if len(coded) != len(kept):  # one of them has a single value, so nothing is told of it
        coded = [name for name in order if not wanted.schema.column(name).is_numeric]
    if len(coded) != len(kept):
        raise InputError(
            f"The model was trained on {len(kept)} pandas categories, the schema has "
            f"{len(coded)} features that are none of numbers: give `levels` by name."
        )
    return dict(zip(coded, (list(one) for one in kept), strict=True))


def _answers(text: str, labels: Any, wanted: Wanted) -> AnswerDecoder:  # noqa: ANN401 - an array or a list
    found = re.search(r"^objective=(\S+)", text, re.MULTILINE)
    objective = found[1] if found else "custom"
    many = int(re.search(r"^num_class=(\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]  # each model has it
    if objective in _CLASSES:
        link = "shares" if objective == "multiclassova" else "identity"
        return AnswerDecoder.wanted(wanted.answers, "classes", list(labels) or range(many), link)
    if objective in _PROBABILITY:
        return AnswerDecoder.wanted(wanted.answers, "probability", list(labels))
    if objective == "custom" and wanted.answers is None:
        raise InputError(
            "The model was trained on an objective of its own, so it cannot be told what it "
            'answers: give `answers`, and `link="sigmoid"` where it returns scores.'
        )
    return AnswerDecoder.wanted(wanted.answers, "value", list(labels), wanted.link)
