"""Sending a run to a server while it runs."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from homeostat.core import HomeostatError
from homeostat.track._machine import Watcher

if TYPE_CHECKING:
    from homeostat.track._run import Run

__all__ = ["LEASE_S", "server_of", "ship"]

LEASE_S = 90.0
"""How long a server hears nothing of a run before it takes it for crashed."""

_BEAT_S = 30.0
_PATIENCE_S = 10.0


def server_of(mode: str) -> str | None:
    """Return the server that a run of this mode is sent to; None if there is none."""
    return (os.environ.get("HOMEOSTAT_URL") or None) if mode == "online" else None


def ship(run: Run, url: str, *, resumed: bool) -> None:
    """Send what is written of a run from now on, from a thread that training never waits for.

    The end of the run waits a few seconds for the rest; what could not be sent by then is left
    for `homeostat sync`.
    """
    from homeostat.sync import Follower  # noqa: PLC0415 - for runs that are sent

    follower = Follower(run.record, url, runs=[run.id])
    if resumed:
        follower.follow(run.id, earlier=run.record.logs(run.id))
    pulse = Watcher(lambda: run.write("beat"), _BEAT_S)
    pulse.start()
    run.keep(pulse)
    run.url = f"{url.rstrip('/')}/runs/{quote(run.id, safe='')}"

    def send_the_rest() -> None:
        run.record.settle()
        done = False
        with suppress(HomeostatError):
            done = follower.close(_PATIENCE_S)
        if not done:
            run.notices.warn(
                f"not all of {run.name} reached {url}: run `homeostat sync --to {url} --record "
                f"{run.record.path}` when it can be reached."
            )

    run.after_end.append(send_the_rest)
