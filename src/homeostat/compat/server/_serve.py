"""Serve a record from this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from homeostat.compat.server._app import create_server
from homeostat.core import HomeostatError, ServerError
from homeostat.record import Record
from homeostat.sync import Accounts
from homeostat.web import is_loopback, listen_and_run

__all__ = ["serve_record"]

_COMPACT_S = 600.0


def serve_record(
    record: Record | Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8322,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve a record to a team until interrupted; it is made if it is not there.

    Args:
        record: The record, or its folder.
        host: Where to listen; past the loopback there must be accounts.
        port: 0 takes any that is free.
        announce: Called with the address once it answers.

    Raises:
        ServerError: If the port cannot be had, or accounts are needed and there are none.
    """
    opened = record if isinstance(record, Record) else Record(record)
    accounts = Accounts(opened.path)
    if not accounts and not is_loopback(host):
        raise ServerError(
            f"Past the loopback people need accounts, got host {host!r} and none: run `homeostat "
            "server user add NAME --role writer` first, or listen on 127.0.0.1."
        )
    stopping = threading.Event()
    threading.Thread(target=_compact, args=(opened, stopping), daemon=True).start()
    try:
        listen_and_run(create_server(opened, accounts=accounts), host, port, announce=announce)
    finally:
        stopping.set()


def _compact(record: Record, stopping: threading.Event) -> None:
    """Pack logs that nobody writes any more, now and then."""
    while not stopping.wait(_COMPACT_S):
        with suppress(HomeostatError):  # a full disk today may have room tomorrow
            record.compact()
