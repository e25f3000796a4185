"""Deployed: a packaged model made ready to answer, its request's rules compiled."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException, PolarsError
from pydantic import ValidationError

from homeostat.core import HomeostatError, InputError, Schema, Verdict
from homeostat.data import (
    FieldError,
    RequestModel,
    batch_from_rows,
    check,
    request_model,
    validate_request,
    validate_requests,
)
from homeostat.serve._package import PackagedModel

__all__ = ["Deployed", "Refused", "SingleRow", "read_arrow", "read_json"]

_SHOWN = 20  # field errors that an answer lists
Row = dict[str, object]
Prepare = Callable[[Row], Mapping[str, object]]


class Refused(Exception):  # noqa: N818 - an answer to the client, not a fault
    """A request that cannot be answered as it is."""

    def __init__(self, status: int, message: str, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields


@runtime_checkable
class SingleRow(Protocol):
    """A model that answers one row without a frame, which is far quicker."""

    def predict_row(self, row: Mapping[str, object]) -> float:
        """Return what ``predict`` returns for a frame of this one row."""


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
    one: Callable[[Mapping[str, object]], float] | None = field(init=False, repr=False)
    _schema: Schema = field(init=False, repr=False)
    _request: type[RequestModel] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "_schema", self.package.schema.select(self.package.schema.features))
        set_(self, "_request", request_model(self._schema))
        set_(self, "one", self._proven_single_row())

    @property
    def request(self) -> type[RequestModel]:
        """The pydantic model of one request."""
        return self._request

    def row(self, payload: object) -> Row:
        """Return a request's features; raises Refused with status 422 naming what is wrong."""
        try:
            return self._request.model_validate(self._prepared(payload)).values()
        except ValidationError:
            errors = validate_request(self._request, self._prepared(payload)).errors
            raise _refused(errors) from None

    def rows(self, payloads: Sequence[object]) -> pl.DataFrame:
        """Return a batch of requests as a frame; raises Refused."""
        if not payloads:
            raise Refused(422, "A batch has at least one row, got none.")
        prepared = [self._prepared(payload) for payload in payloads]
        try:
            if not all(isinstance(row, dict) for row in prepared):
                raise InputError("Each row is an object.")
            extra = {name for row in prepared for name in row} - set(self._schema.names)  # type: ignore[attr-defined] - just told
            frame = batch_from_rows(prepared, self._schema)  # type: ignore[arg-type] - just told
        except HomeostatError as error:
            raise self._wrong_rows(prepared) or Refused(422, str(error)) from None
        if extra or self._broken(frame):
            wrong = self._wrong_rows(prepared)
            if wrong is not None:
                raise wrong
        return frame

    def frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a batch's features after checking them; raises Refused."""
        if not frame.height:
            raise Refused(422, "A batch has at least one row, got none.")
        if self.prepare is not None:
            return self.rows(frame.to_dicts())
        broken = self._broken(frame)
        if broken:
            raise Refused(422, f"The batch breaks the schema: {broken[0].message}", broken)
        return frame.select(self._schema.names)

    def predict(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Return probabilities; raises InputError where the model's answer is none."""
        probabilities = np.asarray(self.package.model.predict(frame), dtype=np.float64)
        if probabilities.shape != (frame.height,) or not _are_probabilities(probabilities):
            raise InputError(
                f"{self.version} must answer one probability a row, got shape "
                f"{probabilities.shape} with values outside [0, 1] or NaN."
            )
        return probabilities

    def predict_rows(self, rows: Sequence[Mapping[str, object]]) -> NDArray[np.float64]:
        """Return probabilities of rows that were validated."""
        return self.predict(batch_from_rows(rows, self._schema))

    def _prepared(self, payload: object) -> object:
        if self.prepare is None or not isinstance(payload, dict):
            return payload
        try:
            return dict(self.prepare(payload))
        except InputError as error:
            raise Refused(422, str(error)) from error

    def _broken(self, frame: pl.DataFrame) -> list[FieldError]:
        found = check(frame, self._schema, subject="the batch", extra="fail")
        return [
            FieldError(str(one.evidence.get("column", "")), None, one.check, one.summary)
            for one in found
            if one.verdict is Verdict.FAIL
        ]

    def _wrong_rows(self, rows: Sequence[object]) -> Refused | None:
        """Hold each row to the rules by itself, to say which field of which row is wrong."""
        requests = validate_requests(self._request, rows)
        errors = [error for request in requests for error in request.errors]
        return _refused(errors) if errors else None

    def _proven_single_row(self) -> Callable[[Mapping[str, object]], float] | None:
        """Return the model's own single-row path if it is shown to answer as a frame does."""
        model, sample = self.package.model, [dict(row) for row in self.package.sample]
        if not isinstance(model, SingleRow) or not sample:
            return None
        rows = [row.values for row in validate_requests(self._request, sample) if row.values]
        if not rows:
            return None
        wanted = self.predict_rows(rows)
        found = np.array([model.predict_row(row) for row in rows])
        return model.predict_row if np.allclose(found, wanted, rtol=0, atol=1e-12) else None


def read_json(body: bytes) -> Any:  # noqa: ANN401 - whatever the client sent
    """Read a body as JSON; raises Refused with status 400."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"The body is no JSON: {error}.") from None


def read_arrow(body: bytes) -> pl.DataFrame:
    """Read a body as Arrow IPC, stream or file; raises Refused with status 400."""
    reader = pl.read_ipc if body.startswith(b"ARROW1") else pl.read_ipc_stream
    try:
        return reader(io.BytesIO(body))
    except (PolarsError, PanicException, OSError, ValueError) as error:
        raise Refused(400, f"The body is no Arrow IPC stream or file: {error}.") from None


def _refused(errors: Sequence[FieldError]) -> Refused:
    first = errors[0]
    where = f" of row {first.row}" if first.row else ""
    more = f" ({len(errors) - 1:,} more)" if len(errors) > 1 else ""
    message = f"Field `{first.field}`{where}: {first.message}, got {first.value!r}{more}."
    return Refused(422, message, errors[:_SHOWN])


def _are_probabilities(values: NDArray[np.float64]) -> bool:
    return bool((values >= 0).all() and (values <= 1).all())
