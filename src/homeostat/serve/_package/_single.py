"""One row without a frame: the quick way of a model that has one, once it is shown to be right.

For one row, making a frame costs several times what the model does. The quick way is compared
with ``predict`` on rows that move each feature through its values, its extremes, null and what was
never seen; where they differ anywhere, the frame is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.special import expit

from homeostat.core import Column, ColumnType, Model, Schema
from homeostat.expect import request_model, validate_requests
from homeostat.serve._package._trees import Trees

__all__ = ["UNSEEN", "One", "RowPath", "SingleRow", "probes", "single_row"]

Row = Mapping[str, object]
One = Callable[[Row], Any]  # a float, or a list of k where classes are answered
_NUMBERS: tuple[float, ...] = (-1e9, -100.0, -3.7, -1.0, 0.0, 0.1, 1.0, 3.7, 20.0, 100.0, 1e9)
_MAX_CATEGORIES = 300
_FEW_COLUMNS = 40  # up to here each column is moved by itself
_TOGETHER = 512  # rows, at most, in which all columns move, where there are more
_CELLS = 200_000  # values of such rows, at most, but for a few rows
_LARGEST = 1e100  # of a number that models of ours take; see their encoder
UNSEEN = "\0 never seen"


@runtime_checkable
class SingleRow(Protocol):
    """A model that answers one row without a frame."""

    def predict_row(self, row: Row) -> float | list[float]:
        """Return what ``predict`` returns for a frame of this one row."""


@runtime_checkable
class RowPath(Protocol):
    """A model that can make such a way of its own, or cannot."""

    def row_path(self) -> One | None:
        """Return a way to answer one row, or None."""


def single_row(model: Model) -> One | None:
    """Return a model's way to answer one row without a frame, or None if it has none.

    It is the model's own ``predict_row`` or ``row_path``, or is made of what models of our families
    have learned.
    """
    if isinstance(model, SingleRow):
        return model.predict_row
    if isinstance(model, RowPath):
        return model.row_path()
    make = _MAKERS.get(model.family)
    return make(model) if make else None


def probes(schema: Schema) -> list[dict[str, object]]:
    """Return rows that move each column of a schema through its values.

    They are rows that a request may bring: they keep the schema's expectations, hold a null only
    where one is allowed, and a category that was never seen only where categories are open.
    """
    values = {column.name: list(_values(column, schema)) for column in schema.columns}
    model = request_model(schema)
    moved = max((len(each) for each in values.values()), default=0)
    together = [{name: each[i % len(each)] for name, each in values.items()} for i in range(moved)]
    for row, answer in zip(together, validate_requests(model, together), strict=True):
        for name in {error.field for error in answer.errors} & values.keys():
            values[name] = [one for one in values[name] if one is not row[name]] or values[name]
    if len(values) <= _FEW_COLUMNS:
        base = {name: each[0] for name, each in values.items()}
        rows = [base | {name: value} for name, each in values.items() for value in each]
    else:
        rows = [
            {name: each[(i + j) % len(each)] for j, (name, each) in enumerate(values.items())}
            for i in range(max(32, min(_TOGETHER, _CELLS // len(values))))
        ]
    return [one.values for one in validate_requests(model, rows) if one.values is not None]


def _values(column: Column, schema: Schema) -> Iterator[object]:
    if column.type is ColumnType.BOOL:
        yield from (False, True)
    elif column.type in {ColumnType.INT, ColumnType.FLOAT}:
        make = int if column.type is ColumnType.INT else float
        yield from (make(value) for value in (*_bounds(column.name, schema), *_NUMBERS))
    elif column.type is ColumnType.DATE:
        yield date(2000, 2, 29)
    elif column.type is ColumnType.DATETIME:
        yield datetime(2000, 2, 29, tzinfo=UTC)
    else:
        yield from (column.categories or ("",))[:_MAX_CATEGORIES]
        if column.categories is None:
            yield UNSEEN
    if column.nullable:
        yield None


def _bounds(name: str, schema: Schema) -> Iterator[float]:
    """Return the bounds that expectations set to a column: values that surely may come."""
    for one in schema.expectations:
        if one.column == name:
            for bound in ("min_value", "max_value"):
                value = one.arguments.get(bound)
                if isinstance(value, int | float) and math.isfinite(value):
                    yield value


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


def _encoder(encoder: Any) -> Callable[[Row], Sequence[float]]:  # noqa: ANN401 - likewise
    """Return the encoding of one row: numbers, codes of categories, NaN for what is missing.

    What lies beyond 1e100 is missing too, as in a frame; if the norm of all is below, none does.
    """
    columns = [(name, _codes(encoder.levels.get(name))) for name in encoder.columns]
    names = encoder.columns if len(encoder.columns) > 1 else encoder.columns * 2
    take, numbers = itemgetter(*names), len(encoder.columns) > 1 and not encoder.levels

    def encode(row: Mapping[str, Any]) -> Sequence[float]:
        if numbers:
            values: Sequence[Any] = take(row)
            try:
                if math.hypot(*values) <= _LARGEST:
                    return values
            except TypeError:  # a null
                pass
        return [
            codes.get(row[name], codes[_UNSEEN])
            if codes is not None
            else math.nan
            if row[name] is None or not -_LARGEST <= row[name] <= _LARGEST
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
