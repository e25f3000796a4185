"""Admission: no request waits longer than its deadline, or than the server's bound on waiting.

There are two places to wait. Requests that came within one turn of the event loop are handled one
after another, so the later ones have waited since it began. Bodies that are worked on in threads
wait for those before them; how long is told from what such bodies took of late. A request that
has to wait too long is refused at once, which is all that a server in need can do for its clients.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from homeostat.serve._http._message import Refused

__all__ = ["DEADLINE", "Admission", "late"]

DEADLINE = b"homeostat-deadline-ms"
_NS = 1_000_000_000
_LONGEST_MS = 86_400_000.0
_RECENT = 0.2  # weight of the newest body in what bodies take


class Admission:
    """Says who may wait.

    Args:
        wait_s: How long a request without a deadline may wait.
        threads: How many bodies are worked on at a time.
    """

    def __init__(self, *, wait_s: float, threads: int) -> None:
        self._wait_ns = int(wait_s * _NS)
        self._threads = threads
        self._turn_at = -1.0
        self._turn_ns = 0
        self._ns_per_byte = 0.0
        self._owed_ns = 0.0  # of work that was given to the threads and is not done

    def deadline(self, headers: Mapping[bytes, bytes], since_ns: int) -> int:
        """Return until when an answer is of use, or a request without a deadline may wait.

        It is in nanoseconds since 1970. Raises Refused where the header says no number.
        """
        given = headers.get(DEADLINE)
        if given is None:
            return since_ns + self._wait_ns
        try:
            ms = float(given)
        except ValueError:
            ms = math.nan
        if not 0 < ms <= _LONGEST_MS:
            name = DEADLINE.decode()
            raise Refused(400, f"`{name}` is the milliseconds an answer is of use in, above 0.")
        return since_ns + int(ms * 1_000_000)

    def admit(self, deadline_ns: int, since_ns: int) -> None:
        """Raise Refused with 503 where a request has waited past its deadline."""
        now = asyncio.get_running_loop().time()  # of uvloop: when this turn began
        if now != self._turn_at:
            self._turn_at, self._turn_ns = now, since_ns
        elif since_ns + (since_ns - self._turn_ns) > deadline_ns:
            raise late()

    def enter(self, size: int, deadline_ns: int, now_ns: int) -> float:
        """Give a body to the threads; raises Refused with 429 where it would wait too long.

        Args:
            size: Of the body, in bytes.
            deadline_ns: See `deadline`.
            now_ns: The present.

        Returns:
            What it is thought to take, for `leave`.
        """
        wait_ns = self._owed_ns / self._threads
        if now_ns + wait_ns > deadline_ns:
            raise Refused(
                429,
                f"The server is busy: this would wait about {wait_ns / _NS:.2g} s, longer than "
                "its deadline or than the server lets requests wait.",
                retry_after_s=max(1, math.ceil(wait_ns / _NS)),
            )
        thought = self._ns_per_byte * size
        self._owed_ns += thought
        return thought

    def leave(self, size: int, thought: float, took_ns: int) -> None:
        """Take note that a body is done with.

        Args:
            size: Of the body, in bytes.
            thought: What `enter` returned.
            took_ns: What it took, without the wait.
        """
        self._owed_ns = max(self._owed_ns - thought, 0.0)
        rate = took_ns / max(size, 1)
        known = self._ns_per_byte
        self._ns_per_byte = rate if not known else known + _RECENT * (rate - known)


def late() -> Refused:
    """Return what says that a request's deadline passed before it was worked on."""
    return Refused(
        503, "The deadline passed before the request could be worked on.", retry_after_s=1
    )
