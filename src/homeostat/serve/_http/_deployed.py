"""Deployed: a packaged model made ready to answer, its request's rules compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException

from homeostat.core import ColumnType, HomeostatError, InputError, Schema
from homeostat.data import batch_from_rows
from homeostat.expect import (
    FieldError,
    RequestModel,
    request_model,
    validate_request,
    validate_requests,
)
from homeostat.serve._http._answers import AnswerForm
from homeostat.serve._http._by_columns import ByColumns
from homeostat.serve._http._message import Refused, shown
from homeostat.serve._http._quick import Quick, quick
from homeostat.serve._package import PackagedModel
from homeostat.serve._package._fit import Fit
from homeostat.serve._package._single import One, probes, single_row

__all__ = ["Deployed", "Prepare", "Refused", "Row", "read_json", "shown"]

_SHOWN = 20  # field errors that an answer lists
_PART = 1000  # rows that are looked at closely before it is told what is wrong with them
_logger = logging.getLogger("homeostat.serve")
Row = dict[str, object]
Prepare = Callable[[Row], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version that answers.

    Args:
        version: Its reference in the record, such as ``"delay:v3"``.
        package: The model with its schema.
        prepare: Makes of a request's fields the features, such as point-in-time ones; None
            where a request carries them all.
    """

    version: str
    package: PackagedModel
    prepare: Prepare | None = None
    one: One | None = field(init=False, repr=False)
    _schema: Schema = field(init=False, repr=False)
    _request: type[RequestModel] = field(init=False, repr=False)
    _dtypes: dict[str, pl.DataType] | None = field(init=False, repr=False)
    _fit: Fit = field(init=False, repr=False)
    _quick: Quick | None = field(init=False, repr=False)
    _by_columns: ByColumns | None = field(init=False, repr=False)
    answers: AnswerForm = field(init=False, repr=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "_schema", self.package.schema.select(self.package.schema.features))
        set_(self, "_request", request_model(self._schema))
        set_(self, "_dtypes", _plain_dtypes(self._schema))
        set_(self, "_by_columns", ByColumns(self._dtypes) if self._dtypes else None)
        set_(self, "_fit", Fit(self._schema))
        set_(self, "_quick", None if self.prepare else quick(self._schema, self._request))
        set_(self, "answers", AnswerForm.of(self.package))
        set_(self, "one", self._proven_single_row())

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the schema."""
        return self._schema.names

    @property
    def schema(self) -> Schema:
        """The features, in the order of the schema."""
        return self._schema

    @property
    def request(self) -> type[RequestModel]:
        """The pydantic model of one request."""
        return self._request

    def row(self, payload: object) -> Row:
        """Return a request's features; raises Refused with status 422 naming what is wrong."""
        if not isinstance(payload, dict):
            raise Refused(422, f"A row must be an object of fields, got {shown(payload)}.")
        if self._quick is not None and (row := self._quick.row(payload)) is not None:
            return row
        request = validate_request(self._request, self._prepared(payload))
        if request.values is None:
            raise _refused(request.errors)
        return request.values

    def rows(self, payloads: Sequence[object]) -> pl.DataFrame:
        """Return a batch of requests as a frame; raises Refused."""
        if not payloads:
            raise Refused(422, "A batch has at least one row, got none.")
        if self.prepare is None and self._by_columns is not None:
            quickly = self._by_columns.frame(payloads)
            if quickly is not None and self._fit.surely(quickly):
                return quickly
        for number, payload in enumerate(payloads):
            if not isinstance(payload, dict):
                raise Refused(
                    422, f"Row {number} must be an object of fields, got {shown(payload)}."
                )
        rows = [self._prepared(payload) for payload in payloads]  # type: ignore[arg-type]  # just told
        try:
            frame = batch_from_rows(rows, self._schema)
        except HomeostatError as error:
            self._look_closely(rows)
            raise Refused(422, str(error)) from None
        if set().union(*rows) > set(self._schema.names) or not self._fit.surely(frame):
            self._look_closely(rows)
        return frame

    def frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a batch's features after checking them; raises Refused."""
        if not frame.height:
            raise Refused(422, "A batch has at least one row, got none.")
        if self.prepare is not None:
            return self.rows(_to_rows(frame))
        if not self._fit.surely(frame):
            rows = _to_rows(frame)
            self._look_closely(rows)
            if self._dtypes is None:  # times that came as text
                return batch_from_rows(rows, self._schema)
        names = list(self._schema.names)
        return frame if frame.columns == names else frame[names]

    def sift(self, frame: pl.DataFrame) -> dict[int, str]:
        """Return what is wrong with the rows of a batch, by their number."""
        requests = validate_requests(self._request, _to_rows(frame))
        return {
            number: "; ".join(f"{one.field}: {one.message}" for one in request.errors)
            for number, request in enumerate(requests)
            if request.errors
        }

    def predict(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Return answers, shape (n,) or (n, k); raises InputError where the model gives none."""
        given = np.asarray(self.package.model.predict(frame), dtype=np.float64)
        answers = self.answers.rows(given, frame.height)
        if answers is None:
            raise InputError(
                f"{self.version} must answer {self.answers.words}, got an array of shape "
                f"{given.shape} for {frame.height} rows, or with values that are none."
            )
        return answers

    def predict_rows(self, rows: Sequence[Mapping[str, object]]) -> NDArray[np.float64]:
        """Return answers to rows that were validated; see `predict`."""
        if self._dtypes is None:
            return self.predict(batch_from_rows(rows, self._schema))
        return self.predict(pl.from_dicts(rows, schema=self._dtypes))

    def _prepared(self, payload: Row) -> Row:
        if self.prepare is None:
            return payload
        try:
            prepared = self.prepare(payload)
            return {name: prepared[name] for name in self._schema.names if name in prepared}
        except InputError as error:
            raise Refused(422, str(error)) from error

    def _look_closely(self, rows: Sequence[Row]) -> None:
        """Hold each row to the rules by itself; raises Refused saying which field is wrong."""
        for start in range(0, len(rows), _PART):
            requests = validate_requests(self._request, rows[start : start + _PART])
            errors = [error for request in requests for error in request.errors]
            if errors:
                raise _refused([replace(error, row=error.row + start) for error in errors])

    def _proven_single_row(self) -> One | None:
        """Return the model's single-row path if it is shown to answer as a frame does."""
        one = None if self._dtypes is None else single_row(self.package.model)
        if one is None:
            return None
        sampled = validate_requests(self._request, [dict(row) for row in self.package.sample])
        rows = probes(self._schema) + [row.values for row in sampled if row.values]
        found = np.array([one(row) for row in rows])
        if np.allclose(found, self.predict_rows(rows), rtol=1e-12, atol=1e-12):
            return one
        _logger.warning("%s answers rows by frames: its single-row path differs.", self.version)
        return None


def read_json(body: bytes) -> Any:  # noqa: ANN401 - whatever the client sent
    """Read a body as JSON; raises Refused with status 400."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"The body is no JSON: {error}.") from None


_PLAIN: dict[str, pl.DataType] = {
    ColumnType.BOOL: pl.Boolean(),
    ColumnType.INT: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.STRING: pl.String(),
    ColumnType.CATEGORY: pl.String(),
}


def _plain_dtypes(schema: Schema) -> dict[str, pl.DataType] | None:
    """Return the dtypes of rows that were validated, or None where one holds times.

    Such rows need no second check of their types, so they become a frame eight times as quickly.
    """
    if any(column.type not in _PLAIN for column in schema.columns):
        return None
    return {column.name: _PLAIN[column.type] for column in schema.columns}


def _to_rows(frame: pl.DataFrame) -> list[Row]:
    """Return a frame's rows; raises Refused for values that Python cannot hold."""
    try:
        return frame.to_dicts()
    except (PanicException, OverflowError, ValueError) as error:
        raise Refused(422, f"The batch holds a value that is out of range: {error}.") from None


def _refused(errors: Sequence[FieldError]) -> Refused:
    first = errors[0]
    where = f" of row {first.row}" if first.row else ""
    more = f" ({len(errors) - 1:,} more)" if len(errors) > 1 else ""
    message = f"Field `{first.field}`{where}: {first.message}, got {shown(first.value)}{more}."
    return Refused(422, message, errors[:_SHOWN])
