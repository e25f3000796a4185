"""What is sent as it is: files of artifacts, and series for charts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast
from urllib.parse import quote

import numpy as np
import orjson
import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from homeostat.core import InputError, NotFoundError, suggest
from homeostat.record import Record, series_of
from homeostat.web._page import Table

__all__ = ["MOST_RUNS", "download", "patch", "series"]

MOST_RUNS = 200
"""How many runs one chart holds."""
_MOST_COLUMNS = 4000
_STREAMS = ("history", "system")
_FORMS = ("binary", "json", "csv")


def download(record: Record) -> Callable[[Request], Response]:
    """Return an endpoint that sends one verified file of an artifact, never to be rendered."""

    def endpoint(request: Request) -> Response:
        query = request.query_params
        artifact = record.artifact(query.get("artifact", ""))
        name = query.get("name", "")
        if name in artifact.references:  # the server reads no address that a run was free to name
            raise InputError(f"{name} is kept elsewhere, at {artifact.references[name].uri}.")
        content = artifact.read(name)
        filename = quote(name.replace("/", "_"), safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{filename}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        return Response(content, 200, headers, "application/octet-stream")

    return endpoint


def patch(record: Record) -> Callable[[Request], Response]:
    """Return an endpoint that sends the uncommitted changes of a run, to be saved."""

    def endpoint(request: Request) -> Response:
        info = record.run(request.path_params["run"])
        if info.code is None or not info.code.patch:
            raise NotFoundError(f"The run `{info.id}` has no patch: its code was as committed.")
        name = quote(f"{info.name or info.kind}.patch".replace("/", "_"), safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(info.code.patch, 200, headers, "text/x-patch; charset=utf-8")

    return endpoint


def series(record: Record) -> Callable[[Request], Response]:
    """Return an endpoint that sends one metric of a run, or of several.

    As binary it is float32, one run after another: for each the middle, the least and the most of
    each of at most ``columns`` columns and how many points of it are NaN. ``X-Counts`` says how
    many columns each run has, ``X-Base`` what is to be added to the middles: steps, or for
    ``stream=system`` seconds since the start of the run. As JSON the same of the one run; as CSV
    every point. ``low`` and ``high`` ask for a stretch, which comes from a finer level.
    """

    def endpoint(request: Request) -> Response:
        query = request.query_params
        form, name = query.get("form", "binary"), query.get("name", "")
        stream = query.get("stream", "history")
        for key, value, known in (("form", form, _FORMS), ("stream", stream, _STREAMS)):
            if value not in known:
                raise InputError(f"`{key}` cannot be {value!r}.{suggest(value, known)}")
        runs, origin = _asked(record, request, name, stream)
        if form == "csv":
            return _points(record, runs, name, stream)
        span = [_bound(key, query.get(key), stream, origin) for key in ("low", "high")]
        frame = record.chart(
            runs,
            name,
            columns=_columns(query.get("columns", "600")),
            low=span[0],
            high=span[1],
            stream=cast("Literal['history', 'system']", stream),
        )
        return _sent(frame, runs, form, 1e9 if stream == "system" else 1.0, origin)

    return endpoint


def _asked(record: Record, request: Request, name: str, stream: str) -> tuple[list[str], float]:
    """Return the runs, and where the axis begins (nanoseconds, of the system stream)."""
    if "run" not in request.path_params:
        runs = list(dict.fromkeys(request.query_params.getlist("run")))[:MOST_RUNS]
        return runs, 0.0
    info = record.run(request.path_params["run"])
    known = [one.name for one in series_of(record, info.id, stream)]
    if name not in known:
        raise NotFoundError(f"The run has no metric `{name}`.{suggest(name, known)}")
    return [info.id], info.started.timestamp() * 1e9 if stream == "system" else 0.0


def _points(record: Record, runs: list[str], name: str, stream: str) -> Response:
    if stream == "system":
        frame = record.system_metrics(runs[0]).filter(pl.col("name") == name)
    else:
        frame = record.metrics(runs, [name])
    columns = ("step", "time", "value") if len(runs) == 1 else ("run", "step", "time", "value")
    table = Table(name, columns, frame.select(columns).rows())
    return Response(table.csv(), media_type="text/csv; charset=utf-8")


def _bound(key: str, text: str | None, stream: str, origin: float) -> int | None:
    if not text:
        return None
    try:
        value = float(text)
        return int(value * 1e9 + origin) if stream == "system" else int(value)
    except (ValueError, OverflowError):
        raise InputError(f"`{key}` must be a number, got {text[:40]!r}.") from None


def _sent(frame: pl.DataFrame, runs: list[str], form: str, unit: float, origin: float) -> Response:
    middle = (frame["x0"].to_numpy() / 2 + frame["x1"].to_numpy() / 2 - origin) / unit
    base = float(middle.min()) if len(middle) else 0.0
    parts = [frame[name].to_numpy() for name in ("min", "max", "nans")]
    if form == "json":
        names = ("step", "low", "high", "nans")
        body = {key: part.tolist() for key, part in zip(names, (middle, *parts), strict=True)}
        return Response(orjson.dumps(body), media_type="application/json")
    counts = dict(frame.group_by("run").len().iter_rows())
    ends = np.cumsum([counts.get(run, 0) for run in runs])
    rows = np.stack([middle - base, *parts]).astype("<f4")
    blocks = (block.tobytes() for block in np.split(rows, ends[:-1], axis=1))
    headers = {
        "X-Base": repr(base),
        "X-Counts": ",".join(str(counts.get(run, 0)) for run in runs),
    }
    return Response(b"".join(blocks), 200, headers, "application/octet-stream")


def _columns(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= _MOST_COLUMNS):
        raise InputError(f"`columns` must be a number from 1 to {_MOST_COLUMNS}, got {text!r}.")
    return int(text)
