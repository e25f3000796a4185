"""The addresses clients use, who may use them, and how much they may send."""

from __future__ import annotations

import base64
import binascii
import logging
import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from homeostat.compat.wire._door import Ask, Door
from homeostat.compat.wire._graphql import answer, changes
from homeostat.compat.wire._root import SHOWN, Root
from homeostat.compat.wire._signed import Signer
from homeostat.compat.wire._stream import take_in
from homeostat.compat.wire._transfer import Transfer
from homeostat.core import Clock, HomeostatError, InputError, NotFoundError, RealClock
from homeostat.record import Record

__all__ = ["MOST_FILE_BYTES", "wire_routes"]

Authenticate = Callable[[str], str | None]
_log = logging.getLogger("homeostat.compat.wire")
_MOST_BODY = 64 << 20
_MOST_QUERY = 16 << 20
MOST_FILE_BYTES = 64 << 30


def wire_routes(
    record: Record,
    *,
    authenticate: Authenticate,
    clock: Clock | None = None,
    most_file_bytes: int = MOST_FILE_BYTES,
    regions: Collection[str] = ("default",),
    may_write: Callable[[Request], bool] = lambda _: True,
) -> list[Route]:
    """Return the routes by which W&B's own client works against a record.

    A script that uses the unmodified ``wandb`` package needs ``WANDB_BASE_URL`` (where these
    routes are served) and ``WANDB_API_KEY``. One process serves a record's wire at a time.

    Args:
        record: Where everything is kept.
        authenticate: Returns the user that a key belongs to, or None for a key of nobody.
        clock: Where the time comes from; the system's clock unless told.
        most_file_bytes: The largest file a client may put.
        regions: Storage regions that clients may name; all of them are the record.
        may_write: Whether whoever sends a request may change anything; all may read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(folder) as record:
        ...     routes = wire_routes(record, authenticate=lambda key: "ada")
        ...     [route.path for route in routes][:2]
        ['/graphql', '/files/{entity}/{project}/{run}/file_stream']
    """
    clock = clock or RealClock()
    wire = _Wire(Door(record, clock, regions), authenticate, most_file_bytes, may_write)
    put, get = ["PUT", "POST"], ["GET", "HEAD"]
    files = wire.transfer
    return [
        Route("/graphql", wire.guarded(wire.graphql), methods=["POST"]),
        Route(
            "/files/{entity}/{project}/{run}/file_stream",
            wire.guarded(wire.file_stream),
            methods=["POST"],
        ),
        Route("/wandb-files/{token}/{name:path}", _told(files.put), methods=put),
        Route("/wandb-files/{token}/{name:path}", _told(files.get), methods=get),
        Route(
            "/files/{entity}/{project}/{run}/{path:path}", wire.guarded(files.run_file), methods=get
        ),
        Route("/artifactsV2/{path:path}", wire.guarded(files.artifact_file), methods=get),
        Route("/sdk/otel/{path:path}", _ignored, methods=["POST"]),
        Route("/ready", _ready),
    ]


class _Wire:
    """The routes of one record."""

    def __init__(
        self,
        door: Door,
        authenticate: Authenticate,
        most_file_bytes: int,
        may_write: Callable[[Request], bool],
    ) -> None:
        self.door = door
        self.signer = Signer(door.record.path, door.clock)
        self.transfer = Transfer(self.door, self.signer, most_file_bytes)
        self._authenticate = authenticate
        self._may_write = may_write

    def guarded(
        self, endpoint: Callable[[Request, Ask], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that is reached with a good key alone."""

        async def checked(request: Request) -> Response:
            key = _key(request.headers.get("authorization", ""))
            user = None if key is None else await run_in_threadpool(self._authenticate, key)
            if user is None:
                said = "This server does not know the API key: set WANDB_API_KEY to one it gave."
                return _refusal(401, said)
            base = str(request.base_url).rstrip("/")
            ask = Ask(self.door, user, base, partial(self.signer.url, base), str(key)[:8], SHOWN)
            return await _told(lambda asked: endpoint(asked, ask))(request)

        return checked

    async def graphql(self, request: Request, ask: Ask) -> Response:
        """Answer a GraphQL request."""
        said = await _body(request, _MOST_QUERY)
        query, variables = said.get("query"), said.get("variables") or {}
        if not isinstance(query, str) or not isinstance(variables, dict):
            raise InputError("A GraphQL request has a `query`, a text, and `variables`, an object.")
        if not self._may_write(request) and changes(query):
            return _refusal(403, "A viewer may ask and not change: log in with a writer's key.")
        reply, status = await run_in_threadpool(self._answer, query, variables, said, ask)
        return Response(orjson.dumps(reply), status, media_type="application/json")

    async def file_stream(self, request: Request, _: Ask) -> Response:
        """Take in what a running client sends."""
        said = await _body(request, _MOST_BODY)
        names = request.path_params
        await run_in_threadpool(self._take_in, names, said)
        return JSONResponse({"exitcode": None, "limits": {}})

    def _answer(
        self, query: str, variables: Mapping[str, Any], said: Mapping[str, Any], ask: Ask
    ) -> tuple[dict[str, Any], int]:
        operation = said.get("operationName") or None
        with self.door.lock:
            return answer(query, variables, operation=operation, root=Root(ask), context=ask)

    def _take_in(self, names: Mapping[str, str], said: Mapping[str, Any]) -> None:
        with self.door.lock:
            run = self.door.run(names["entity"], names["project"], names["run"])
            if run is None:
                raise NotFoundError(f"There is no run {names['run']!r} to stream to.")
            take_in(run, said)


def _told(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint whose errors are answers."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except NotFoundError as error:
            return _refusal(404, str(error))
        except InputError as error:
            return _refusal(400, str(error))
        except HomeostatError as error:
            _log.exception("A request failed.")
            return _refusal(500, str(error))

    return answered


async def _body(request: Request, most: int) -> dict[str, Any]:
    """Return the JSON object of a request, unpacked if it was packed."""
    packed = request.headers.get("content-encoding", "") == "gzip"
    unpack = zlib.decompressobj(wbits=31) if packed else None
    whole = bytearray()
    async for part in request.stream():
        try:
            whole += unpack.decompress(part, most + 1 - len(whole)) if unpack else part
        except zlib.error as error:
            raise InputError(f"The request says it is gzip, and is not: {error}.") from error
        if len(whole) > most or (unpack and unpack.unconsumed_tail):
            raise InputError(f"A request may have {most} bytes, this one has more.")
    if unpack and not unpack.eof:
        raise InputError("The request says it is gzip, and ends before its end.")
    try:
        said = orjson.loads(bytes(whole) or b"{}")
    except orjson.JSONDecodeError as error:
        raise InputError(f"A request is JSON, this one is not: {error}.") from error
    if not isinstance(said, dict):
        raise InputError(f"A request is a JSON object, got {type(said).__name__}.")
    return said


def _key(header: str) -> str | None:
    """Return the API key of a request: the password of ``api``, or a bearer's token."""
    scheme, _, shown = header.partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(shown.strip(), validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message, "errors": [{"message": message}]}, status)


async def _ignored(request: Request) -> Response:
    """Take telemetry of the client's makers, and throw it away."""
    async for _ in request.stream():
        pass
    return JSONResponse({})


async def _ready(_: Request) -> Response:
    return PlainTextResponse("ok")
