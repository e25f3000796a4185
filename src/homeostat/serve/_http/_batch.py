"""Batches: many rows of one request, read, checked and predicted as columns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException

from homeostat.core import InputError
from homeostat.serve._http._arrow import read_arrow
from homeostat.serve._http._arrow_answer import write_answers
from homeostat.serve._http._deployed import Deployed, read_json
from homeostat.serve._http._message import JSON, Refused, Request, Response

__all__ = [
    "ARROW",
    "JSON",
    "Answered",
    "Batch",
    "Read",
    "Render",
    "is_batch",
    "media_type",
    "predict_batch",
    "read_batch",
    "tell_arrow",
    "tell_json",
]

ARROW = "application/vnd.apache.arrow.stream"
_MAX_FRAME_BYTES = 48 << 20
_ABOUT_BYTES = 1024  # of a stream, that may be about a column
_logger = logging.getLogger("homeostat.serve")

Read = Callable[[Deployed], pl.DataFrame]
"""Reads and checks a body as the features of a version; raises Refused."""


class Batch(NamedTuple):
    """A batch's features, and the answers; None where the model failed.

    Args:
        frame: The features.
        answers: (n,) or (n, k).
        stream: The features as an Arrow stream, where they came as one.
    """

    frame: pl.DataFrame
    answers: NDArray[np.float64] | None
    stream: bytes | None = None


class Answered(NamedTuple):
    """What is told of rows that were predicted.

    Args:
        deployed: The version that answered.
        arm: Its arm.
        ids: Of the n predictions.
        answers: (n,) or (n, k).
    """

    deployed: Deployed
    arm: str
    ids: list[str]
    answers: NDArray[np.float64]


Render = Callable[[Answered], Response]


def media_type(request: Request) -> str:
    """Return a request's media type without its parameters; JSON where it names none.

    Raises Refused with 415 for a body that is compressed.
    """
    headers = request.headers
    given, coded = headers.get(b"content-type"), headers.get(b"content-encoding", b"identity")
    if coded.lower() != b"identity":
        raise Refused(415, "A body is sent as it is, without a content encoding.")
    if given is None or given == b"application/json":
        return JSON
    return given.split(b";", 1)[0].strip().lower().decode("latin-1")


def is_batch(media: str, body: bytes) -> bool:
    """Say whether a body holds many rows: Arrow, or a JSON array."""
    return media == ARROW or body[:64].lstrip()[:1] == b"["


def read_batch(media: str, body: bytes) -> Read:
    """Return what reads a body of Arrow or JSON."""
    if media == ARROW:
        return _ReadArrow(body)
    return lambda deployed: deployed.rows(read_json(body))


class _ReadArrow:
    """Reads a body of Arrow."""

    __slots__ = ("_body", "_given")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._given: pl.DataFrame | None = None

    def __call__(self, deployed: Deployed) -> pl.DataFrame:
        try:
            self._given = read_arrow(self._body)
        except InputError as error:
            raise Refused(400, str(error)) from None
        return deployed.frame(self._given)

    def stream_of(self, frame: pl.DataFrame) -> bytes | None:
        """Return the body where it holds these very features and little besides."""
        most = 2 * frame.estimated_size() + _ABOUT_BYTES * (frame.width + 1)
        return self._body if frame is self._given and len(self._body) <= most else None


def predict_batch(deployed: Deployed, read: Read) -> Batch:
    """Read, check and predict a batch; may run in a thread; raises Refused."""
    frame = read(deployed)
    if frame.estimated_size() > _MAX_FRAME_BYTES:
        most = f"{_MAX_FRAME_BYTES >> 20} MiB"
        raise Refused(413, f"A batch holds at most {most}: send several smaller ones.")
    try:
        answers = deployed.predict(frame)
    except (Exception, PanicException):
        _logger.exception("%s failed on a batch of %d rows.", deployed.version, frame.height)
        return Batch(frame, None)
    return Batch(frame, answers, read.stream_of(frame) if isinstance(read, _ReadArrow) else None)


def tell_arrow(answered: Answered) -> Response:
    """Return the answers as an Arrow stream; its version and arm stand in the headers."""
    deployed, arm, ids, answers = answered
    headers = {
        "homeostat-version": quote(deployed.version, safe=":/"),
        "homeostat-arm": quote(arm, safe=""),
    }
    form = deployed.answers
    body = None if form.kind == "classes" else write_answers(form.kind, ids, answers)
    if body is None:
        columns = {"id": pl.Series(ids, dtype=pl.String), **form.columns(answers)}
        body = pl.DataFrame(columns).write_ipc_stream(None).getvalue()
    return Response(body, 200, ARROW, headers)


def tell_json(answered: Answered) -> Response:
    """Return the answers as JSON, by columns."""
    deployed, arm, ids, answers = answered
    content = {"version": deployed.version, "arm": arm, "ids": ids}
    content |= deployed.answers.of_rows(answers)
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
