"""Once: a request that is sent again is answered as it was, and predicted once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from homeostat.serve._http._message import Answer, Refused, Request, Response

__all__ = ["Once"]

_REMEMBERED_BYTES = 4 << 20


class Once:
    """Remembers answers by the idempotency keys of their requests; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bytes], tuple[int, Answer]] = OrderedDict()
        self._bytes = 0

    def known(self, request: Request, key: bytes) -> Answer | None:
        """Return what the same request was answered, or is about to be; None of a new one.

        Raises Refused with 422 where the key came with another body.
        """
        found = self._known.get((request.path, key))
        if found is None:
            return None
        if found[0] != hash(request.body):
            raise Refused(422, "This idempotency key came with another body: use a new key.")
        if isinstance(found[1], Response):
            return found[1]
        return _after(found[1])

    def keep(self, request: Request, key: bytes, answer: Answer) -> None:
        """Remember an answer; one that failed is forgotten once it is there."""
        place = request.path, key
        if isinstance(answer, Response):
            self._settle(place, hash(request.body), answer)
            return
        body = hash(request.body)
        self._known[place] = body, answer

        def settle(done: asyncio.Future[Response]) -> None:
            self._known.pop(place, None)
            if not done.cancelled():
                self._settle(place, body, done.result())

        answer.add_done_callback(settle)

    def _settle(self, place: tuple[str, bytes], body: int, answer: Response) -> None:
        if answer.status != 200:
            return
        self._known[place] = body, answer
        self._bytes += _size(answer)
        while self._bytes > _REMEMBERED_BYTES:
            _, (_, oldest) = self._known.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(answer: Answer) -> int:
    return len(answer.body) + 200 if isinstance(answer, Response) else 0


def _after(first: asyncio.Future[Response]) -> asyncio.Future[Response]:
    """Return a future of one's own that is done when the first is."""
    second: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def finish(done: asyncio.Future[Response]) -> None:
        if not second.done():
            second.set_result(done.result())

    first.add_done_callback(finish)
    return second
