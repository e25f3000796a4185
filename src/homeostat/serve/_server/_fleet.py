"""Fleet: many models in one process, each loaded when it is asked for, the idle making room."""

from __future__ import annotations

import asyncio
import ctypes
import hmac
import logging
import os
import sys
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

import orjson

from homeostat.core import HomeostatError, NotFoundError, ServerError
from homeostat.serve._http._heads import Heads
from homeostat.serve._http._http import Connection
from homeostat.serve._http._message import Answer, Request, Response, problem
from homeostat.serve._router._route import Route
from homeostat.serve._server._hosted import Around, Hosted
from homeostat.serve._server._live import Follower

__all__ = ["Fleet"]

_MOST = 20  # times its files that a model is taken to need at most
_ABSENT = 1000  # names without a model that are remembered
_PREFIXES = ("/models/", "/v2/models/")
_logger = logging.getLogger("homeostat.serve")


@dataclass(slots=True)
class _Loaded:
    """A model in memory: how much it takes, and how many of its answers are under way."""

    hosted: Hosted
    size_bytes: int
    under_way: int = 1  # until those that waited for it have been handed on


class Fleet:
    """Serves many models: ``/models/NAME/predict``, and all else that one has.

    A model is loaded at the first request for it, aside, while others are answered. Where those
    in memory take more than ``memory_bytes``, the one that was asked for least lately and has
    nothing under way is let go. What a model takes is how much the process grew by loading it, at
    least its files, at most 20 times those. As memory that was let go is used again, growth says
    little from then on: a model takes at least as many times its files as all did before.

    Args:
        names: Which models may be served; None is all that are in production.
        around: What they share.
    """

    def __init__(self, names: frozenset[str] | None, around: Around) -> None:
        self.limits = around.settings.limits
        self.connections: set[Connection] = set()
        self.heads = Heads()
        self.draining = False
        self.date = b""
        self._names, self._around = names, around
        self._loop = asyncio.get_running_loop()
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._loading: dict[str, asyncio.Task[_Loaded]] = {}
        self._absent: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._grown = self._read_bytes = 0  # by all that was loaded before any was let go
        token = around.settings.token
        self._bearer = None if token is None else f"Bearer {token}".encode()

    @property
    def service(self) -> Fleet:
        """What answers the requests of all connections."""
        return self

    def handle(self, request: Request) -> Answer:
        """Answer a request, or promise to; never raises."""
        prefix = next((one for one in _PREFIXES if request.path.startswith(one)), None)
        if prefix is None:
            return self._counted(self._own(request))
        name, _, rest = request.path.removeprefix(prefix).partition("/")
        name = unquote(name, errors="replace")
        if prefix == "/models/":
            request = replace(request, path=f"/{rest}" if rest else "/model")
        found = self._loaded.get(name)
        if found is not None:
            self._loaded.move_to_end(name)
            return self._hand(found, request)
        if (refused := self._unauthorized(request)) is not None:
            return self._counted(refused)
        if not self._may_be(name):
            return self._counted(_unknown(name))
        answer: asyncio.Future[Response] = self._loop.create_future()
        self._load(name).add_done_callback(lambda done: self._loaded_for(request, done, answer))
        return answer

    def refused(self, status: int) -> None:
        """Count a request that was refused before it could be handled."""
        self._around.counters.statuses[status] += 1

    async def follow(self) -> None:
        """Take new routes of the models in memory where the record asks for them."""
        for name, one in list(self._loaded.items()):
            if self._loaded.get(name) is one:
                await one.hosted.follow()
        self._make_room()  # what was too busy to let go may idle now

    async def drain(self, wait_s: float) -> None:
        """Finish what was begun after answers were given."""
        waiting = [one.hosted.drain(wait_s) for one in self._loaded.values()]
        await asyncio.gather(*waiting, *self._closing)

    def close(self) -> None:
        """Close the logs."""
        for one in self._loaded.values():
            one.hosted.close()

    @property
    def in_memory(self) -> dict[str, int]:
        """What each model in memory takes in bytes, the one asked for least lately first."""
        return {name: one.size_bytes for name, one in self._loaded.items()}

    def _hand(self, found: _Loaded, request: Request) -> Answer:
        answer = found.hosted.app.handle(request)
        if isinstance(answer, asyncio.Future):
            found.under_way += 1
            answer.add_done_callback(lambda _: _less(found))
        return answer

    def _loaded_for(
        self, request: Request, done: asyncio.Task[_Loaded], answer: asyncio.Future[Response]
    ) -> None:
        """Answer a request that had to wait for its model."""
        if answer.done():
            return
        ended = ServerError("The server ends.")
        error: BaseException | None = ended if done.cancelled() else done.exception()
        if error is not None:
            answer.set_result(self._counted(_failed(error)))
            return
        given = self._hand(done.result(), request)
        if isinstance(given, Response):
            answer.set_result(given)
        else:
            given.add_done_callback(lambda ready: _pass_on(ready, answer))

    def _may_be(self, name: str) -> bool:
        """Return whether a name is worth a look into the record."""
        if self._names is not None and name not in self._names:
            return False
        looked = self._absent.get(name)
        return looked is None or self._loop.time() - looked > self._around.settings.poll_s

    def _load(self, name: str) -> asyncio.Task[_Loaded]:
        task = self._loading.get(name)
        if task is None:
            task = self._loading[name] = self._loop.create_task(self._loading_of(name))
            task.add_done_callback(lambda done: self._arrived(name, done))
        return task

    def _arrived(self, name: str, done: asyncio.Task[_Loaded]) -> None:
        """Let a model be let go, once those who wait for it, called after this, are handed on."""
        self._loading.pop(name, None)
        if not done.cancelled() and done.exception() is None:
            self._loop.call_soon(_less, done.result())

    async def _loading_of(self, name: str) -> _Loaded:
        control = self._around.control
        try:
            follower, route, grown = await self._loop.run_in_executor(control, self._read, name)
        except ServerError:
            if len(self._absent) >= _ABSENT:
                self._absent.clear()
            self._absent[name] = self._loop.time()
            raise
        self._absent.pop(name, None)
        hosted = Hosted(name, follower, route, self._around)
        size = self._size(follower.size_bytes, grown)
        found = self._loaded[name] = _Loaded(hosted, size)
        self._make_room()
        return found

    def _read(self, name: str) -> tuple[Follower, Route, int]:
        known, loaded = len(sys.modules), self._follow(name)
        if len(sys.modules) > known:  # the first of its kind: another tells what the model takes
            loaded = self._follow(name)
        return loaded

    def _follow(self, name: str) -> tuple[Follower, Route, int]:
        before = _resident_bytes()
        follower = Follower(self._around.record, name, prepare=self._around.settings.prepare)
        route = follower.look()
        assert route is not None  # noqa: S101 - the first look finds a route or raises
        return follower, route, _resident_bytes() - before

    def _size(self, files: int, grown: int) -> int:
        """Return what a model takes, of the size of its files and how much the process grew."""
        if not self._around.counters.evicted:
            self._grown += grown
            self._read_bytes += files
        usual = int(files * self._grown / max(self._read_bytes, 1))
        return min(max(grown, usual, files), _MOST * files)

    def _make_room(self) -> None:
        """Let go of models until what is left fits; the last one asked for stays, however large."""
        limit = self._around.settings.memory_bytes
        total = sum(one.size_bytes for one in self._loaded.values())
        for name, one in list(self._loaded.items())[:-1]:
            if total <= limit:
                break
            if one.under_way == 0:
                total -= one.size_bytes
                del self._loaded[name]
                self._around.counters.add("evicted")
                task = self._loop.create_task(self._let_go(one.hosted))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def _let_go(self, hosted: Hosted) -> None:
        await hosted.drain(self._around.settings.drain_s)
        hosted.close()
        hosted.forget()
        await self._loop.run_in_executor(self._around.control, _give_back_memory)

    def _counted(self, answer: Response) -> Response:
        self._around.counters.statuses[answer.status] += 1
        return answer

    def _own(self, request: Request) -> Response:
        """Answer what concerns no single model."""
        if request.path in {"/healthz", "/v2/health/live", "/v2/health/ready"}:
            state, status = ("draining", 503) if self.draining else ("ok", 200)
            return Response(orjson.dumps({"status": state, "models": len(self._loaded)}), status)
        if (refused := self._unauthorized(request)) is not None:
            return refused
        if request.path == "/models":
            return Response(orjson.dumps({"models": self._listed()}))
        if request.path == "/metrics":
            loaded = self._loaded.values()
            live = [arm for one in loaded for arm in one.hosted.predictor.route.arms]
            text = self._around.counters.metrics(live)
            return Response(text.encode(), 200, "text/plain; version=0.0.4; charset=utf-8")
        return problem(404, f"There is no `{request.path}`: see /models, or ask /models/NAME/docs.")

    def _listed(self) -> list[dict[str, object]]:
        memory = self.in_memory
        names = self._names if self._names is not None else memory
        return [
            {"name": name, "path": f"/models/{quote(name, safe='')}", "bytes": memory.get(name)}
            for name in sorted(names)
        ]

    def _unauthorized(self, request: Request) -> Response | None:
        given = request.headers.get(b"authorization", b"")
        if self._bearer is None or hmac.compare_digest(given, self._bearer):
            return None
        answer = problem(401, "Send the server's token: `Authorization: Bearer ...`.")
        answer.headers = {"www-authenticate": "Bearer"}
        return answer


def _pass_on(ready: asyncio.Future[Response], answer: asyncio.Future[Response]) -> None:
    if not answer.done():
        answer.set_result(ready.result())


def _less(found: _Loaded) -> None:
    found.under_way -= 1


def _unknown(name: str) -> Response:
    return problem(404, f"There is no model `{name}` in production here.")


def _failed(error: BaseException) -> Response:
    if isinstance(error, (NotFoundError, ServerError)):
        return problem(404, str(error))
    _logger.error("A model could not be loaded.", exc_info=error)
    status = 503 if isinstance(error, HomeostatError) else 500
    return problem(status, "The model cannot be loaded; the log says why.")


def _resident_bytes() -> int:
    """Return how much memory this process has; 0 where the system does not tell."""
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - as quick as can be
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _give_back_memory() -> None:
    """Have the C library give freed memory back to the system, where it can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
