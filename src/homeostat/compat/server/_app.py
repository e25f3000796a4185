"""One application of the page, the sync routes and the wire."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from homeostat.compat.wire import wire_routes
from homeostat.record import Record
from homeostat.sync import LOCAL, Accounts, Gate, sync_routes, user_of
from homeostat.web import create_app

__all__ = ["create_server"]


def create_server(record: Record | Path | str, *, accounts: Accounts | None = None) -> Starlette:
    """Make the application that serves a record to a team.

    It answers pages for people, ``/api`` for `homeostat sync`, and what the unmodified ``wandb``
    package asks for where ``WANDB_BASE_URL`` is this server's address.

    Args:
        record: The record, or its folder.
        accounts: Who may use it; those of the record's folder unless told. While there are none,
            whoever is on the loopback may do everything, and nobody else anything.

    Raises:
        NotFoundError: If there is no record in the folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(folder) as record:
        ...     create_server(record).url_path_for("health")
        '/health'
    """
    opened = record if isinstance(record, Record) else Record.open(record)
    people = accounts or Accounts(opened.path)

    def authenticate(key: str) -> str | None:
        user = people.authenticate(key) if people else LOCAL
        return user.name if user else None

    page = create_app(opened, gated=True)
    app = Starlette(
        routes=[
            Route("/health", _health, name="health"),
            *sync_routes(opened),
            *wire_routes(opened, authenticate=authenticate, may_write=_may_write),
            Mount("/", page),
        ],
        middleware=[
            Middleware(
                Gate,
                accounts=people,
                open_paths=("/health", "/ready", "/static/"),
                reads=("/graphql",),
                signed=("/wandb-files/",),
            )
        ],
    )
    app.state.closing = page.state.closing
    return app


def _may_write(request: Request) -> bool:
    user = user_of(request.scope)
    return user is not None and user.may("writer")


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})
