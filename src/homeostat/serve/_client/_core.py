"""How one call is tried, as steps that a transport takes: the core of both clients.

`Core.steps` is a generator. It yields what to do next, `Send` or `Pause`, is sent what came of it
(a `Reply`, a `BrokenError`, or None after a pause), and returns the reply that is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import numpy as np
import orjson

from homeostat.core import InputError, RealClock
from homeostat.serve._client._backoff import Backoff, Budget, retry_after_s
from homeostat.serve._client._errors import DeadlineError, UnavailableError
from homeostat.serve._client._wire import Ask, BrokenError, Reply

__all__ = ["Core", "Origin", "Pause", "Send", "Steps", "one_line", "said"]

_AGAIN = frozenset({408, 425, 429, 502, 503, 504})
_DEADLINE = "homeostat-deadline-ms"


class Send(NamedTuple):
    """Send these bytes and wait for the reply, so long; on a new connection if need be."""

    data: bytes
    within_s: float
    fresh: bool


class Pause(NamedTuple):
    """Wait so long before the next step."""

    seconds: float


Steps = Generator[Send | Pause, Reply | BrokenError | None, Reply]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a server is.

    Args:
        host: Name or address.
        port: Number.
        tls: Whether to speak TLS.
        prefix: Path under which it answers; empty, or ``"/..."`` without a slash at its end.
    """

    host: str
    port: int
    tls: bool
    prefix: str

    @classmethod
    def of(cls, url: str) -> Origin:
        """Read a URL; raises InputError for what is none."""
        one_line(url, "A URL")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InputError(f"A server's URL is http://host:port, got {url!r}: {error}.") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(f"A server's URL is http://host:port or https://..., got {url!r}.")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise InputError(f"A server's URL has no user, query or fragment, got {url!r}.")
        tls = parts.scheme == "https"
        prefix = quote(parts.path.rstrip("/"), safe="/%")
        return cls(parts.hostname, port or (443 if tls else 80), tls, prefix)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Core:
    """What all calls of a client share.

    Args:
        origin: Where the server is.
        token: The server's; None where it asks for none.
        timeout_s: How long a call may take in all.
        attempt_s: How long one attempt may take; None for as long as is left.
        attempts: How often a request is sent at most; 1 never sends again.
        backoff: What lies between.
        seed: Of the jitter.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        token: str | None,
        timeout_s: float,
        attempt_s: float | None,
        attempts: int,
        backoff: Backoff,
        seed: int | None,
    ) -> None:
        self.origin = origin
        self.now_s = RealClock.steady_s
        self._timeout_s = _positive(timeout_s, "timeout_s")
        self._attempt_s = math.inf if attempt_s is None else _positive(attempt_s, "attempt_s")
        if attempts < 1:
            raise InputError(f"`attempts` must be 1 or more, got {attempts}.")
        self._attempts = attempts
        self._backoff = backoff
        self._budget = Budget(backoff.budget)
        self._rng = np.random.default_rng(seed)
        self._fixed = f"host: {origin}\r\n"
        if token is not None:
            self._fixed += f"authorization: Bearer {one_line(token, 'A token')}\r\n"

    def steps(self, ask: Ask, timeout_s: float | None) -> Steps:
        """Yield the steps of one call; raises UnavailableError and DeadlineError."""
        within_s = self._timeout_s if timeout_s is None else _positive(timeout_s, "timeout_s")
        end, fresh, attempts = self.now_s() + within_s, False, 0
        while True:
            left = end - self.now_s()
            if left <= 0:
                raise self._too_late(within_s, attempts)
            data = ask.to_bytes(
                self.origin.prefix, self._fixed, f"{_DEADLINE}: {math.ceil(left * 1000)}\r\n"
            )
            outcome = yield Send(data, min(left, self._attempt_s), fresh)
            assert outcome is not None  # noqa: S101 - what is sent has an outcome
            if isinstance(outcome, BrokenError) and outcome.stale and not fresh:
                fresh = True  # the server closed what idled: this was no attempt
                continue
            attempts += 1
            if isinstance(outcome, Reply) and outcome.status not in _AGAIN:
                self._budget.earn()
                return outcome
            if isinstance(outcome, BrokenError) and outcome.timed_out and self.now_s() >= end:
                raise self._too_late(within_s, attempts) from outcome
            wait_s = self._wait_s(outcome, attempts, end)
            if isinstance(outcome, BrokenError):
                fresh = True
            yield Pause(wait_s)

    def _wait_s(self, outcome: Reply | BrokenError, attempts: int, end: float) -> float:
        """Return how long to wait before the next attempt, or raise where there is none."""
        if isinstance(outcome, BrokenError):
            asked_s, why = None, f"{outcome}."
        else:
            asked_s = retry_after_s(outcome.headers.get("retry-after"), RealClock().now())
            why = f"{outcome.status}: {said(outcome)}"
        if attempts >= self._attempts:
            raise self._unavailable(outcome, attempts, why)
        wait_s = self._backoff.wait_s(attempts, asked_s, self._rng)
        if self.now_s() + wait_s >= end:
            raise self._unavailable(outcome, attempts, f"{why} No time is left to try again.")
        if not self._budget.spend():
            raise self._unavailable(outcome, attempts, f"{why} Too many calls fail to try again.")
        return wait_s

    def _unavailable(
        self, outcome: Reply | BrokenError, attempts: int, why: str
    ) -> UnavailableError:
        times = "once" if attempts == 1 else f"{attempts} times"
        if isinstance(outcome, Reply):
            message = f"The server at {self.origin} was asked {times} and answered {why}"
            return UnavailableError(message, status=outcome.status, attempts=attempts)
        message = f"The server at {self.origin} was asked {times} and did not answer: {why}"
        return UnavailableError(f"{message} Is it running?", status=None, attempts=attempts)

    def _too_late(self, within_s: float, attempts: int) -> DeadlineError:
        times = "once" if attempts == 1 else f"{attempts} times"
        return DeadlineError(
            f"The server at {self.origin} was asked {times} and gave no answer within "
            f"{within_s:g} s."
        )


def said(reply: Reply) -> str:
    """Return the sentence of an error, whoever wrote it."""
    try:
        message = str(orjson.loads(reply.body)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = reply.body[:200].decode("utf-8", "replace")
    return message


def one_line(text: str, what: str) -> str:
    """Return text that may stand in a head; raises InputError where it would break out of it."""
    if not text.isprintable() or not text.isascii():
        raise InputError(f"{what} is printable ASCII without line breaks, got {text[:40]!r}.")
    return text


def _positive(value: float, name: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"`{name}` must be a finite number of seconds above 0, got {value}.")
    return value
