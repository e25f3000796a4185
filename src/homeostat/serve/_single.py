"""One row without a frame: the quick way of a model that has one, once it is shown to be right.

For one row, making a frame costs several times what the model does. The quick way is compared
with ``predict`` on rows that move each feature through its values, its extremes, null and what was
never seen; where they differ anywhere, the frame is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.special import expit

from homeostat.core import Column, ColumnType, Model, Schema
from homeostat.serve._trees import Trees

__all__ = ["One", "SingleRow", "probes", "single_row"]

Row = Mapping[str, object]
One = Callable[[Row], float]
_NUMBERS: tuple[float, ...] = (-1e9, -100.0, -3.7, -1.0, 0.0, 0.1, 1.0, 3.7, 20.0, 100.0, 1e9)
_MAX_CATEGORIES = 300


@runtime_checkable
class SingleRow(Protocol):
    """A model that answers one row without a frame."""

    def predict_row(self, row: Row) -> float:
        """Return what ``predict`` returns for a frame of this one row."""


def single_row(model: Model) -> One | None:
    """Return a model's way to answer one row without a frame, or None if it has none.

    It is the model's own ``predict_row``, or is made of what models of our families have learned.
    """
    if isinstance(model, SingleRow):
        return model.predict_row
    make = _MAKERS.get(model.family)
    return make(model) if make else None


def probes(schema: Schema) -> list[dict[str, object]]:
    """Return rows that move each column of a schema through its values, one at a time."""
    base = {column.name: next(_values(column)) for column in schema.columns}
    return [base | {column.name: value} for column in schema.columns for value in _values(column)]


def _values(column: Column) -> Iterator[object]:
    if column.type is ColumnType.BOOL:
        yield from (False, True)
    elif column.type is ColumnType.INT:
        yield from (int(value) for value in _NUMBERS)
    elif column.type is ColumnType.FLOAT:
        yield from _NUMBERS
    else:
        yield from (column.categories or ("",))[:_MAX_CATEGORIES]
        yield "\0 never seen"
    yield None


def _boosted(model: Any) -> One | None:  # noqa: ANN401 - known by its family
    if model.booster_ is None:
        return None
    encode, columns = _encoder(model.encoder_), len(model.encoder_.columns)
    trees = Trees(model.booster_.model_to_string(), columns)
    return lambda row: trees.predict(encode(row))


def _logistic(model: Any) -> One:  # noqa: ANN401 - likewise
    encode, score, weights = _encoder(model.design_.encoder), model.design_.score, model.weights_
    return lambda row: float(expit(score(np.array([encode(row)]), weights)[0]))


_MAKERS: Mapping[str, Callable[[Any], One | None]] = {"boosted": _boosted, "logistic": _logistic}


def _encoder(encoder: Any) -> Callable[[Row], list[float]]:  # noqa: ANN401 - likewise
    """Return the encoding of one row: numbers, codes of categories, NaN for what is missing."""
    columns = [(name, _codes(encoder.levels.get(name))) for name in encoder.columns]

    def encode(row: Mapping[str, Any]) -> list[float]:
        return [
            codes.get(row[name], codes[_UNSEEN])
            if codes is not None
            else math.nan
            if row[name] is None
            else row[name]
            for name, codes in columns
        ]

    return encode


_UNSEEN = object()


def _codes(levels: tuple[str, ...] | None) -> dict[object, float] | None:
    if levels is None:
        return None
    codes: dict[object, float] = {level: float(code) for code, level in enumerate(levels)}
    return codes | {_UNSEEN: float(len(levels)), None: len(levels) + 1.0}
