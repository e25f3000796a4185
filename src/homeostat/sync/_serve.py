"""The server's side, for whoever composes a server."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import MissingExtraError
from homeostat.record import Record

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

__all__ = ["sync_routes"]


def sync_routes(record: Record | Path | str, *, durable: bool = True) -> list[BaseRoute]:
    """Return the Starlette routes by which a server takes in logs and contents.

    They answer only requests that came through a :class:`Gate`:
    ``Starlette(routes=sync_routes(record), middleware=[Middleware(Gate, accounts=accounts)])``.

    Args:
        record: The record, or its folder.
        durable: Whether what a client is told is there has surely reached the disk.

    Raises:
        MissingExtraError: If ``homeostat[server]`` is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(folder) as record:
        ...     [route.path for route in sync_routes(record)][:2]
        ['/api/logs', '/api/logs/{name}']
    """
    try:
        module = import_module("homeostat.sync._routes")
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "starlette", extra="server") from error
    opened = record if isinstance(record, Record) else Record.open(record)
    routes: list[BaseRoute] = module.routes(opened, durable=durable)
    return routes
