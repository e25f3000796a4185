"""Who is let in, how often, and to do what: a middleware for every address of a server."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from homeostat.sync._accounts import Accounts, Role, User, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["LOCAL", "Gate", "Rates", "user_of"]

LOCAL = User("local", "admin")
"""Whoever asks over the loopback while nobody has an account."""

_READS = {"GET", "HEAD", "OPTIONS"}
_MOST_VISITORS = 10_000


@dataclass(frozen=True, slots=True)
class Rates:
    """How often one visitor may ask.

    Args:
        per_s: Requests a second, in the long run.
        burst: Requests at once.
        wrong_per_min: Wrong tokens a minute from one address.
    """

    per_s: float = 200.0
    burst: float = 1000.0
    wrong_per_min: float = 20.0


class _No(NamedTuple):
    """Why somebody is not let in."""

    status: int
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Gate:
    """ASGI middleware: asks for the token, and lets pass what the user's role allows.

    A viewer may read (GET, HEAD, OPTIONS), a writer may do all but what is under ``admin``.
    The application finds the user by :func:`user_of`. The token comes as ``Authorization:
    Bearer``, or as the password of ``Authorization: Basic`` (as W&B's clients and browsers send
    it). While there is no account, whoever is on the loopback is let in, and nobody else.

    Args:
        app: What is behind the gate.
        accounts: Who may come in.
        open_paths: Starts of paths that anybody may read, such as ``"/static/"``.
        signed: Starts of paths whose addresses carry their own leave, whatever the method.
        reads: Starts of paths where POST may be reading: viewers pass, and the application
            itself must ask :meth:`User.may` before it writes.
        admin: Starts of paths for admins only.
        rates: How often one visitor may ask.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        accounts: Accounts,
        open_paths: Collection[str] = (),
        reads: Collection[str] = (),
        signed: Collection[str] = (),
        admin: Collection[str] = ("/api/accounts",),
        rates: Rates | None = None,
    ) -> None:
        self.app = app
        self._accounts = accounts
        self._open = tuple(open_paths)
        self._reads = tuple(reads)
        self._signed = tuple(signed)
        self._admin = tuple(admin)
        rates = rates or Rates()
        self._asked = _Buckets(rates.per_s, rates.burst)
        self._wrong = _Buckets(rates.wrong_per_min / 60, rates.wrong_per_min)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or say why not."""
        if scope["type"] not in {"http", "websocket"} or "homeostat.user" in scope:
            await self.app(scope, receive, send)
            return
        found = self._user(scope)
        if isinstance(found, User):
            found = self._allowed(scope, found) or found
        if isinstance(found, User):
            await self.app({**scope, "homeostat.user": found}, receive, send)
        else:
            await _refuse(scope, found, receive, send)

    def _user(self, scope: Scope) -> User | _No:
        """Return who asks."""
        now = asyncio.get_running_loop().time()
        address = (scope.get("client") or ("", 0))[0]
        anybody = self._signed + (self._open if scope.get("method") in _READS else ())
        if scope["path"].startswith(anybody or ("\0",)):
            return User("anybody", "writer")
        if not self._accounts:
            return LOCAL if _from_here(scope) else _NOT_FROM_HERE
        token = _token(scope)
        if token is None:
            return _NO_TOKEN
        if not self._wrong.has(address, now):
            return _No(429, "Too many wrong tokens from this address: wait a minute.", _LATER)
        user = self._accounts.authenticate(token)
        if user is None:
            self._wrong.take(address, now)
            return _WRONG_TOKEN
        return user

    def _allowed(self, scope: Scope, user: User) -> _No | None:
        """Return why a user may not do this; None where they may."""
        if not self._asked.take(user.name, asyncio.get_running_loop().time()):
            return _No(429, "Too many requests: wait a second, then go on.", _LATER)
        method, path = scope.get("method", "GET"), scope["path"]
        reading = method in _READS
        if not reading and _foreign(scope):
            return _No(403, "A page of another site may not write here.")
        need: Role = "viewer" if reading or path.startswith(self._reads or ("\0",)) else "writer"
        need = "admin" if path.startswith(self._admin or ("\0",)) else need
        if user.may(need):
            return None
        return _No(403, f"{user.name} is a {user.role}, and {method} {path} takes a {need}.")


def user_of(scope: Mapping[str, object]) -> User | None:
    """Return who sent a request that came through a :class:`Gate`."""
    found = scope.get("homeostat.user")
    return found if isinstance(found, User) else None


class _Buckets:
    """A bucket of tokens for each visitor; the least recent ones are forgotten."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has(self, who: str, now: float) -> bool:
        """Say whether one could be taken."""
        return self._level(who, now) >= 1

    def take(self, who: str, now: float) -> bool:
        """Take one, if there is one."""
        level = self._level(who, now)
        self._levels[who] = (level - 1 if level >= 1 else level, now)
        self._levels.move_to_end(who)
        if len(self._levels) > _MOST_VISITORS:
            self._levels.popitem(last=False)
        return level >= 1

    def _level(self, who: str, now: float) -> float:
        level, then = self._levels.get(who, (self._burst, now))
        return min(self._burst, level + (now - then) * self._per_s)


_LATER = ((b"retry-after", b"1"),)
_ASK = ((b"www-authenticate", b'Basic realm="homeostat", charset="UTF-8"'),)
_NO_TOKEN = _No(401, "This server asks for a token: pass it, or set HOMEOSTAT_TOKEN.", _ASK)
_WRONG_TOKEN = _No(401, "That is no token of this server.", _ASK)
_NOT_FROM_HERE = _No(
    403,
    "While nobody has an account only the machine itself is served, as 127.0.0.1: run `homeostat "
    "server user add NAME --role writer` there.",
)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _token(scope: Scope) -> str | None:
    scheme, _, shown = _headers(scope).get(b"authorization", b"").partition(b" ")
    shown = shown.strip()
    if scheme.lower() == b"bearer" and shown:
        return shown.decode("latin-1")
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(shown, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _from_here(scope: Scope) -> bool:
    """Say whether a request comes from this machine, under its own name, and past no proxy."""
    headers = _headers(scope)
    if b"x-forwarded-for" in headers or b"forwarded" in headers:
        return False
    host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
    client = scope.get("client")
    return is_loopback(host) and (client is None or is_loopback(client[0]))


def _foreign(scope: Scope) -> bool:
    """Say whether a browser sends this on behalf of another site's page."""
    headers = _headers(scope)
    origin = headers.get(b"origin")
    if origin is None:
        return False
    return urlsplit(origin.decode("latin-1")).netloc != headers.get(b"host", b"").decode("latin-1")


async def _refuse(scope: Scope, why: _No, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4000 + why.status, "reason": why.message})
        return
    body = json.dumps({"error": why.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    headers += [(b"content-length", str(len(body)).encode()), *why.headers]
    await send({"type": "http.response.start", "status": why.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
