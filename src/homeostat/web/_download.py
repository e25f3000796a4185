"""What is sent as it is: files of artifacts, and series for charts."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from homeostat.core import InputError, NotFoundError, suggest
from homeostat.record import Record
from homeostat.web._page import Table
from homeostat.web._series import min_max

__all__ = ["download", "series"]

_MOST_COLUMNS = 4000
_FORMS = ("binary", "json", "csv")


def download(record: Record) -> Callable[[Request], Response]:
    """Return an endpoint that sends one verified file of an artifact, never to be rendered."""

    def endpoint(request: Request) -> Response:
        query = request.query_params
        artifact = record.artifact(query.get("artifact", ""))
        name = query.get("name", "")
        content = artifact.read(name)
        filename = quote(name.replace("/", "_"), safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{filename}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        return Response(content, 200, headers, "application/octet-stream")

    return endpoint


def series(record: Record) -> Callable[[Request], Response]:
    """Return an endpoint that sends one metric of a run.

    As binary it is float32 in three runs: steps, lowest and highest value of each of ``columns``
    pixel columns. As JSON the same; as CSV every point.
    """

    def endpoint(request: Request) -> Response:
        query = request.query_params
        form, name = query.get("form", "binary"), query.get("name", "")
        if form not in _FORMS:
            raise InputError(f"`form` cannot be {form!r}.{suggest(form, _FORMS)}")
        run = record.run(request.path_params["run"])
        frame = record.metrics(run.id)
        points = frame.filter(pl.col("name") == name)
        if points.is_empty():
            known = frame["name"].unique().to_list()
            raise NotFoundError(f"The run has no metric `{name}`.{suggest(name, known)}")
        if form == "csv":
            table = Table(
                name, ("step", "time", "value"), points.select("step", "time", "value").rows()
            )
            return Response(table.csv(), media_type="text/csv; charset=utf-8")
        parts = min_max(
            points["step"].cast(pl.Float64).to_numpy(), points["value"].to_numpy(),
            _columns(query.get("columns", "600")),
        )  # fmt: skip
        if form == "json":
            body = {
                key: part.tolist() for key, part in zip(("step", "low", "high"), parts, strict=True)
            }
            return Response(orjson.dumps(body), media_type="application/json")
        return Response(
            np.concatenate(parts).astype("<f4").tobytes(), media_type="application/octet-stream"
        )

    return endpoint


def _columns(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= _MOST_COLUMNS):
        raise InputError(f"`columns` must be a number from 1 to {_MOST_COLUMNS}, got {text!r}.")
    return int(text)
