"""The application: which address is which page, and what every page has around it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from homeostat import __version__
from homeostat.core import HomeostatError, InputError, NotFoundError
from homeostat.record import Record
from homeostat.web import (
    _alerts,
    _alerts_act,
    _artifacts,
    _card,
    _compare,
    _evaluation,
    _findings,
    _home,
    _lineage,
    _observations,
    _profiles,
    _run,
    _runs,
    _shift,
    _tables,
    _timeline,
)
from homeostat.web._download import download, patch, series
from homeostat.web._forms import Forms
from homeostat.web._guard import Guard
from homeostat.web._links import Links, query
from homeostat.web._live import events
from homeostat.web._media import media
from homeostat.web._page import Ask, Page, View, answer, missing
from homeostat.web._read import systems

__all__ = ["create_app"]

_NAV = {
    "Loop": "/",
    "Timeline": "/timeline",
    "Shift": "/shift",
    "Alerts": "/alerts",
    "Observations": "/observations",
    "Evaluation": "/evaluation",
    "Runs": "/runs",
    "Artifacts": "/artifacts",
    "Findings": "/findings",
}
_PAGES: Mapping[str, Page] = {
    "/": _home.home,
    "/timeline": _timeline.timeline,
    "/shift": _shift.shift,
    "/alerts": _alerts.alerts,
    "/alerts/{number}": _alerts.alert,
    "/evaluation": _evaluation.evaluation,
    "/runs": _runs.runs,
    "/runs/{run}": _run.run,
    "/compare": _compare.compare,
    "/tables": _tables.of_artifact,
    "/tables/{run}": _tables.of_run,
    "/artifacts": _artifacts.artifacts,
    "/artifacts/{reference:path}": _artifacts.artifact,
    "/profiles": _profiles.profiles,
    "/models/{name:path}/{version}/card": _card.card,
    "/lineage/{identity:path}": _lineage.lineage,
    "/findings": _findings.findings,
    "/findings/{finding}": _findings.finding,
}
_PART_OF = {
    "/compare": "/runs", "/tables": "/runs", "/profiles": "/artifacts", "/models": "/artifacts",
}  # fmt: skip
_OF_ALERTS = ("/alerts", "/alerts/{number}")
_FORMS = re.compile(r"/alerts(/\d+)?")
_OF_A_SYSTEM = ("/", "/timeline", "/shift", "/alerts", "/evaluation")


def create_app(
    record: Record | Path | str,
    *,
    token: str | None = None,
    gated: bool = False,
    read_only: bool = False,
) -> Starlette:
    """Make the application that shows a record.

    Args:
        record: The record, or its folder.
        token: What visitors must show; None answers only requests to the loopback.
        gated: Whether something before this application asks visitors who they are.
        read_only: Whether nothing may be done here, such as acknowledging an alert.

    Raises:
        NotFoundError: If there is no record in the folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(folder) as record:
        ...     [route.path for route in create_app(record).routes if "find" in route.path][-2:]
        ['/findings/{finding}.csv', '/findings/{finding}']
    """
    opened = record if isinstance(record, Record) else Record.open(record)
    closing = threading.Event()
    forms = Forms(opened.path, token=token, read_only=read_only)
    routes: list[BaseRoute] = [
        Route("/events", events(opened, closing)),
        Route("/file", download(opened)),
        Route("/card.css", _card.style),
        Route("/profile.css", _profiles.style),
        Route("/profile.js", _profiles.script),
        Route("/media/{content}", media(opened)),
        Route("/series", series(opened)),
        Route("/runs/{run}/series", series(opened)),
        Route("/runs/{run}/patch", patch(opened)),
    ]
    pages = {**_PAGES, "/observations": _observations.observations()}
    for path, page in pages.items():
        twin = "/index" if path == "/" else path
        routes += [
            Route(f"{twin}.{form}", _endpoint(opened, forms, page, form))
            for form in ("json", "csv")
        ]
        routes.append(Route(path, shown := _endpoint(opened, forms, page, "html")))
        if path in _OF_ALERTS:
            act = _alerts_act.act(opened, forms, shown)
            routes.append(Route(path, act, methods=["POST"]))
    routes.append(Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")))

    def refuse(request: Request, status: int, message: str, ask_token: bool) -> Response:  # noqa: FBT001 - a callback
        return _plain(request, _trouble(status, message, ask_token=ask_token))

    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, token=token, refuse=refuse, gated=gated, forms=_FORMS)],
        exception_handlers=dict.fromkeys((HTTPException, HomeostatError, Exception), _failed),
    )
    app.state.closing = closing
    return app


def _endpoint(record: Record, forms: Forms, page: Page, form: str) -> Any:  # noqa: ANN401 - what Starlette's Route takes
    def endpoint(request: Request) -> Response:
        known = systems(record)
        asked = request.query_params.get("system")
        if asked and asked not in known:
            view = missing("system", asked, known, lambda name: query("/", system=name))
            return _plain(request, view, form)
        system = asked or (known[0] if known else None)
        path = _address(request).removesuffix(f".{form}")
        path = "/" if path == "/index" else path
        link = Links(system if len(known) > 1 else None)
        ask = Ask(
            record, path, request.path_params, request.query_params, system, link,
            forms.visitor(request),
        )  # fmt: skip
        frame = _frame(request, link, path) | {"systems": known, "system": system}
        frame |= {"record_path": str(record.path), "cursor": record.cursor()}
        return answer(page(ask), form, table=ask.get("table"), frame=frame)

    return endpoint


def _frame(request: Request, link: Links, path: str) -> dict[str, object]:
    """Return what every page has around it."""
    first = "/" + path.split("/")[1]
    first = _PART_OF.get(first, first)
    theme = request.cookies.get("homeostat_theme")

    def twin(form: str, table: str | None = None) -> str:
        kept = {key: request.query_params.getlist(key) for key in request.query_params}
        return query(f"{'/index' if path == '/' else path}.{form}", **(kept | {"table": table}))

    return {
        "cursor": "",
        "here": path,
        "link": link,
        "nav": [{"name": n, "href": link(p), "here": p == first} for n, p in _NAV.items()],
        "record_path": "",
        "switch": path if path in _OF_A_SYSTEM else "/",
        "system": "",
        "systems": [],
        "theme": theme if theme in {"light", "dark"} else None,
        "twin": twin,
        "version": __version__,
    }


def _address(request: Request) -> str:
    """Return the path of a request as an address: what is no letter in it is escaped."""
    return quote(request.scope["path"])


def _plain(request: Request, view: View, form: str | None = None) -> Response:
    """Answer with a view that is about no system: an error."""
    path = _address(request)
    form = form or ("json" if path.endswith((".json", ".csv")) else "html")
    return answer(view, form if form == "html" else "json", table=None,
                  frame=_frame(request, Links(), path))  # fmt: skip


def _trouble(status: int, message: str, *, heading: str = "", ask_token: bool = False) -> View:
    words = {400: "That cannot be asked", 401: "A token is needed", 403: "That is not allowed",
             404: "There is no such page", 405: "Only to be read"}  # fmt: skip
    heading = heading or words.get(status, "That did not work")
    drawing = {"heading": heading, "message": message, "ask_token": ask_token}
    return View("error.html", heading, {"error": message, "near": []}, (), drawing, status)


def _failed(request: Request, error: Exception) -> Response:
    """Answer an error with a page in the same style, and no traceback."""
    match error:
        case HTTPException(status_code=404):
            return _plain(request, missing("page", request.scope["path"], _NAV.values(), str))
        case HTTPException():
            view = _trouble(error.status_code, error.detail)
        case NotFoundError():
            view = _trouble(404, str(error), heading="There is no such thing")
        case InputError():
            view = _trouble(400, str(error))
        case HomeostatError():
            view = _trouble(500, str(error))
        case _:
            view = _trouble(500, "Homeostat itself is at fault; its terminal shows what happened.")
    return _plain(request, view)
