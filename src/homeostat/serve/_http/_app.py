"""The application: from a request's method and path to its answer, behind the token."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from polars.exceptions import PanicException

from homeostat.core import HomeostatError, NotFoundError
from homeostat.serve._http._batch import JSON, media_type
from homeostat.serve._http._deployed import read_json
from homeostat.serve._http._describe import model_info, openapi, page
from homeostat.serve._http._heads import Heads
from homeostat.serve._http._http import Connection
from homeostat.serve._http._message import Answer, Limits, Refused, Request, Response, problem
from homeostat.serve._http._predict import Predictor
from homeostat.serve._http._v2 import Protocol2
from homeostat.serve._log._feedback import Feedback
from homeostat.serve._server._counters import Counters

__all__ = ["App"]

_logger = logging.getLogger("homeostat.serve")
_V2 = "/v2"
_OPEN = frozenset({"/healthz", "/v2/health/live", "/v2/health/ready"})
_Endpoint = Callable[[Request], Answer]


class App:
    """Answers requests; the server's `Service`.

    Args:
        name: Of the model.
        predictor: Answers predictions.
        feedback: Takes outcomes.
        counters: What is counted.
        limits: Bounds on requests.
        token: What clients must show as a bearer; None where none is asked for.
        change: Puts a route asked for by ``PUT /route`` into the record and into force.
        hold: Lets an answer go once the log it stands on is as durable as it should be.
    """

    def __init__(
        self,
        name: str,
        *,
        predictor: Predictor,
        feedback: Feedback,
        counters: Counters,
        limits: Limits,
        token: str | None,
        change: Callable[[Mapping[str, Any]], asyncio.Future[None]],
        hold: Callable[[Answer], Answer] = lambda answer: answer,
    ) -> None:
        self.limits = limits
        self.connections: set[Connection] = set()
        self.heads = Heads()
        self.draining = False
        self.date = b""
        self.counters = counters
        self._name = name
        self._predictor = predictor
        self._feedback = feedback
        self._bearer = None if token is None else f"Bearer {token}".encode()
        self._change = change
        self._hold = hold
        self._endpoints: dict[str, dict[str, _Endpoint]] = {
            "/predict": {"POST": predictor.answer},
            "/feedback": {"POST": self._take_feedback},
            "/route": {"PUT": self._put_route},
            "/model": {"GET": self._model},
            "/healthz": {"GET": self._health},
            "/metrics": {"GET": self._metrics},
            "/openapi.json": {"GET": self._openapi},
            "/docs": {"GET": self._docs},
        }
        self._protocol2 = Protocol2(name, predictor)
        self._v2: dict[str, _Endpoint] = {"GET": self._infer, "POST": self._infer}

    def handle(self, request: Request) -> Answer:
        """Answer a request, or promise to; never raises."""
        try:
            answer = self._hold(self._dispatch(request))
        except Refused as refused:
            answer = refused.response()
        except (Exception, PanicException):
            _logger.exception("A request failed.")
            answer = problem(500, "The request failed; the log says why.")
        if isinstance(answer, Response):
            self.counters.statuses.add(answer.status)
        else:
            answer.add_done_callback(self._count)
        return answer

    def refused(self, status: int) -> None:
        """Count a request that was refused before it could be handled."""
        self.counters.statuses.add(status)

    def _count(self, done: asyncio.Future[Response]) -> None:
        if not done.cancelled():
            self.counters.statuses.add(done.result().status)

    def _dispatch(self, request: Request) -> Answer:
        verbs = self._endpoints.get(request.path)
        if verbs is None and request.path.startswith(_V2):
            verbs = self._v2
        if verbs is None:
            return problem(404, f"There is no `{request.path}`; see /docs.")
        method = "GET" if request.method == "HEAD" else request.method
        endpoint = verbs.get(method)
        if endpoint is None:
            answer = problem(405, f"`{request.path}` takes {', '.join(verbs)}, not {method}.")
            answer.headers = {"allow": ", ".join(verbs)}
            return answer
        if self._bearer is not None and request.path not in _OPEN:
            given = request.headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._bearer):
                answer = problem(401, "Send the server's token: `Authorization: Bearer ...`.")
                answer.headers = {"www-authenticate": "Bearer"}
                return answer
        return endpoint(request)

    def _infer(self, request: Request) -> Answer:
        return self._protocol2.answer(request, ready=not self.draining)

    def _take_feedback(self, request: Request) -> Answer:
        _must_be_json(request)
        return self._feedback.answer(request)

    def _put_route(self, request: Request) -> Answer:
        if self._bearer is None:
            return problem(403, "Routes are changed only on a server that was given a token.")
        _must_be_json(request)
        wanted = read_json(request.body)
        if not isinstance(wanted, dict):
            raise Refused(422, "A route is an object with a champion, or the fields of a plan.")
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def finish(done: asyncio.Future[None]) -> None:
            if not answer.done():
                answer.set_result(_changed(done.exception()) or self._model(request))

        self._change(wanted).add_done_callback(finish)
        return answer

    def _model(self, _: Request) -> Response:
        return Response(orjson.dumps(model_info(self._name, self._predictor.route)))

    def _health(self, _: Request) -> Response:
        version = self._predictor.route.champion.version
        state, status = ("draining", 503) if self.draining else ("ok", 200)
        return Response(orjson.dumps({"status": state, "version": version}), status)

    def _metrics(self, _: Request) -> Response:
        text = self.counters.metrics(self._predictor.route.arms)
        return Response(text.encode(), 200, "text/plain; version=0.0.4; charset=utf-8")

    def _openapi(self, _: Request) -> Response:
        return Response(orjson.dumps(openapi(self._name, self._predictor.route)))

    def _docs(self, _: Request) -> Response:
        text = page(openapi(self._name, self._predictor.route))
        policy = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(text.encode(), 200, "text/html; charset=utf-8", policy)


def _must_be_json(request: Request) -> None:
    media = media_type(request)
    if media != JSON:
        raise Refused(415, f"A body is `{JSON}`, got `{media}`.")


def _changed(error: BaseException | None) -> Response | None:
    if error is None:
        return None
    if isinstance(error, NotFoundError):
        return problem(404, str(error))
    if isinstance(error, HomeostatError):
        return problem(422, str(error))
    _logger.error("The route was not changed.", exc_info=error)
    return problem(500, "The route was not changed; the log says why.")
