"""Tell open pages that the record grew, by server-sent events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from homeostat.record import Record

__all__ = ["events"]

_POLL_S = 1.0
_KEEP_ALIVE_POLLS = 15


def events(record: Record, closing: threading.Event) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that sends ``changed`` each time a record has grown.

    A page asks from where it stands (``?since=``), so nothing written meanwhile is missed.

    Args:
        record: What is watched, by its cursor, once a second.
        closing: Ends all streams once it is set.
    """

    async def stream(request: Request) -> AsyncIterator[str]:
        seen = request.headers.get("last-event-id") or request.query_params.get("since")
        quiet = 0
        yield "retry: 3000\n\n"
        while not closing.is_set() and not await request.is_disconnected():
            now = await run_in_threadpool(record.cursor)
            quiet = 0 if now != seen else quiet + 1
            if now != seen:
                yield f"event: changed\nid: {now}\ndata: \n\n"
            elif quiet % _KEEP_ALIVE_POLLS == 0:
                yield ": nothing new\n\n"
            seen = now
            await asyncio.sleep(_POLL_S)

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(stream(request), media_type="text/event-stream")

    return endpoint
