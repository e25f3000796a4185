"""The addresses under which a server takes in and hands out a record's logs and contents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from homeostat.core import HomeostatError, InputError, NotFoundError, StorageError
from homeostat.record import Blob, BlobStore, Record, whole_frames
from homeostat.sync._body import Patience, parts, whole
from homeostat.sync._gate import user_of
from homeostat.sync._intake import Intake, checked_digest, place_of
from homeostat.sync._parts import parts_of
from homeostat.sync._shelf import ConflictError, DamageError, GapError, Shelf, checked_log

__all__ = ["Limits", "routes"]

_JSON_BYTES = 8 << 20
_GATHER_BYTES = 4 << 20

Endpoint = Callable[[Request], Awaitable[Response]]


class Limits:
    """Bounds on what a client may send.

    Args:
        log_bytes: Largest stretch of a log, unpacked; more than the largest frame.
        blob_bytes: Largest content.
        patience: How long a body may take.
    """

    def __init__(
        self,
        *,
        log_bytes: int = 80 << 20,
        blob_bytes: int = 64 << 30,
        patience: Patience | None = None,
    ) -> None:
        self.log_bytes = log_bytes
        self.blob_bytes = blob_bytes
        self.patience = patience or Patience()


def routes(
    record: Record, *, durable: bool = True, limits: Limits | None = None
) -> list[BaseRoute]:
    """Return the routes; see `sync_routes`."""
    desk = _Desk(record, durable=durable, limits=limits or Limits())
    return [
        _route("/api/logs", GET=desk.sizes),
        _route("/api/logs/{name}", HEAD=desk.size, GET=desk.read, PUT=desk.append),
        _route("/api/blobs/missing", POST=desk.missing),
        _route("/api/blobs/{digest}", HEAD=desk.has, GET=desk.content, PUT=desk.take),
        _route("/api/runs/{run}/parts", GET=desk.parts),
    ]


class _Desk:
    """Answers the requests."""

    def __init__(self, record: Record, *, durable: bool, limits: Limits) -> None:
        self._record = record
        self._blobs = BlobStore(record.path / "blobs", durable=durable)
        self._durable = durable
        self._limits = limits
        self._shelf = Shelf(record.path / "logs", durable=durable, admit=record.admit)

    async def sizes(self, _: Request) -> Response:
        return JSONResponse({"logs": await run_in_threadpool(self._shelf.sizes)})

    async def size(self, request: Request) -> Response:
        size = await run_in_threadpool(self._shelf.size, request.path_params["name"])
        return Response(headers={"homeostat-size": str(size)})

    async def read(self, request: Request) -> Response:
        """Hand out whole frames from an offset on; nothing where there are none."""
        name, offset = checked_log(request.path_params["name"]), _offset(request)
        data = await run_in_threadpool(self._whole_frames, name, offset)
        return Response(data, media_type="application/octet-stream")

    async def append(self, request: Request) -> Response:
        name, offset = checked_log(request.path_params["name"]), _offset(request)
        damaged = request.query_params.get("damaged") == "true"
        data = await whole(request, self._limits.log_bytes, self._limits.patience)
        size = await run_in_threadpool(self._shelf.append, name, offset, data, damaged=damaged)
        return JSONResponse({"size": size})

    async def missing(self, request: Request) -> Response:
        """Say which of some contents are not here; those that are, are kept for a while."""
        asked = _blobs(await whole(request, _JSON_BYTES, self._limits.patience))
        held = await run_in_threadpool(self._blobs.hold, asked)
        return JSONResponse({"missing": [blob.sha256 for blob in asked if blob not in held]})

    async def has(self, request: Request) -> Response:
        digest = checked_digest(request.path_params["digest"])
        there = place_of(self._blobs, digest).is_file()
        return Response(status_code=200 if there else 404)

    async def content(self, request: Request) -> Response:
        digest = checked_digest(request.path_params["digest"])
        place = place_of(self._blobs, digest)
        if not place.is_file():
            raise NotFoundError(f"There is no content {digest} in this record.")
        return FileResponse(place, media_type="application/octet-stream")

    async def take(self, request: Request) -> Response:
        """Keep a content while it comes in."""
        digest = request.path_params["digest"]
        with Intake(self._blobs, digest, durable=self._durable) as intake:
            gathered, size = [], 0
            async for part in parts(request, self._limits.blob_bytes, self._limits.patience):
                gathered.append(part)
                size += len(part)
                if size >= _GATHER_BYTES:
                    await run_in_threadpool(intake.write, b"".join(gathered))
                    gathered, size = [], 0
            await run_in_threadpool(intake.write, b"".join(gathered))
            await run_in_threadpool(intake.keep)
        return JSONResponse({"sha256": digest}, 201)

    async def parts(self, request: Request) -> Response:
        """Say which logs and contents make up a run."""
        found = await run_in_threadpool(parts_of, self._record, request.path_params["run"])
        return JSONResponse(found)

    def _whole_frames(self, name: str, offset: int) -> bytes:
        limit = _GATHER_BYTES
        while True:
            block = self._shelf.read(name, offset, limit)
            end = whole_frames(block, offset)
            if end or len(block) < limit:
                return block[:end]
            limit *= 2


def _route(path: str, **methods: Endpoint) -> Route:
    """Return a route that answers each method by its endpoint, and errors in words."""

    async def endpoint(request: Request) -> Response:
        if user_of(request.scope) is None:
            return _problem(401, "These addresses are behind a gate: see `homeostat.sync.Gate`.")
        try:
            return await methods[request.method](request)
        except HTTPException as error:
            return _problem(error.status_code, error.detail)
        except HomeostatError as error:
            return _failed(error)

    return Route(path, endpoint, methods=list(methods))


def _failed(error: HomeostatError) -> Response:
    statuses = {NotFoundError: 404, StorageError: 507, InputError: 400}
    match error:
        case GapError():
            return _problem(409, str(error), reason="gap", size=error.size)
        case ConflictError():
            return _problem(409, str(error), reason="conflict")
        case DamageError():
            return _problem(422, str(error), reason="damaged", at=error.at)
    fitting = [status for kind, status in statuses.items() if isinstance(error, kind)]
    return _problem(fitting[0] if fitting else 422, str(error))


def _problem(status: int, message: str, **more: object) -> Response:
    return JSONResponse({"error": message, **more}, status)


def _offset(request: Request) -> int:
    text = request.query_params.get("offset", "0")
    if not text.isdigit() or len(text) > 18:
        raise InputError(f"An offset is a number of bytes, got {text[:40]!r}.")
    return int(text)


def _blobs(body: bytes) -> list[Blob]:
    try:
        given = cast("Any", orjson.loads(body))
        return [Blob(checked_digest(str(digest)), int(size)) for digest, size in given["blobs"]]
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            'The body must be JSON such as {"blobs": [["<sha256 in hex>", 123]]}.'
        ) from error
