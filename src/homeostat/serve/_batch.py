"""Batches: many rows of one request, read, checked and predicted as columns."""

from __future__ import annotations

import logging
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException

from homeostat.core import InputError
from homeostat.serve._arrow import read_arrow
from homeostat.serve._deployed import Deployed, Refused, read_json
from homeostat.serve._http import Request, Response

__all__ = ["ARROW", "JSON", "Batch", "batch_answer", "is_batch", "media_type", "predict_batch"]

JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
_MAX_FRAME_BYTES = 48 << 20
_logger = logging.getLogger("homeostat.serve")


class Batch(NamedTuple):
    """A batch's features, and its probabilities; None where the model failed."""

    frame: pl.DataFrame
    probabilities: NDArray[np.float64] | None


def media_type(request: Request) -> str:
    """Return a request's media type without its parameters; JSON where it names none."""
    given = request.headers.get(b"content-type", JSON.encode())
    return given.split(b";", 1)[0].strip().lower().decode("latin-1")


def is_batch(media: str, body: bytes) -> bool:
    """Say whether a body holds many rows: Arrow, or a JSON array."""
    return media == ARROW or body[:64].lstrip()[:1] == b"["


def predict_batch(deployed: Deployed, media: str, body: bytes) -> Batch:
    """Read, check and predict a batch; may run in a thread; raises Refused."""
    if media == ARROW:
        try:
            given = read_arrow(body)
        except InputError as error:
            raise Refused(400, str(error)) from None
        frame = deployed.frame(given)
    else:
        frame = deployed.rows(read_json(body))
    if frame.estimated_size() > _MAX_FRAME_BYTES:
        most = f"{_MAX_FRAME_BYTES >> 20} MiB"
        raise Refused(413, f"A batch holds at most {most}: send several smaller ones.")
    try:
        return Batch(frame, deployed.predict(frame))
    except (Exception, PanicException):
        _logger.exception("%s failed on a batch of %d rows.", deployed.version, frame.height)
        return Batch(frame, None)


def batch_answer(
    media: str, ids: list[str], probabilities: NDArray[np.float64], version: str, arm: str
) -> Response:
    """Return the answer in the format of the request; an Arrow answer names its version above."""
    if media == ARROW:
        answer = pl.DataFrame({"id": ids, "probability": probabilities})
        headers = {"homeostat-version": quote(version, safe=":/"), "homeostat-arm": arm}
        return Response(answer.write_ipc_stream(None).getvalue(), 200, ARROW, headers)
    content = {"version": version, "arm": arm, "ids": ids, "probabilities": probabilities}
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
