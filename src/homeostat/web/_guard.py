"""Who may see the pages, and what a browser may do with them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homeostat.web._forms import COOKIE, posted

__all__ = ["Guard", "is_loopback"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NONE = re.compile(r"(?!)")

Refuse = Callable[[Request, int, str, bool], Response]


def is_loopback(host: str) -> bool:
    """Say whether a host name is this machine's loopback.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    name = host.strip("[]").lower()
    return name in {"localhost", "::1"} or (name.startswith("127.") and name.count(".") == 3)


class Guard:
    """Middleware: the token where there is one, the loopback's name where there is none.

    Without a token only requests that name the loopback as their host are answered, so that a
    page of another site, whose name was bent to this machine, cannot read the record.

    Args:
        app: What it guards.
        token: What a visitor must show; None on the loopback.
        refuse: Writes the page that says why not.
        gated: Whether whoever comes here has been asked already.
        forms: Paths that take a form, which is theirs to check; no other does.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        refuse: Refuse,
        gated: bool = False,
        forms: re.Pattern[str] | None = None,
    ) -> None:
        self.app = app
        self._forms = forms or _NONE
        self._gated = gated
        self._token = token
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it; add the headers to every answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if static else "no-store")
            await send(message)

        request = Request(scope, receive)
        answer = await self._checked(request)
        await (answer or self.app)(scope, receive, guarded)

    async def _checked(self, request: Request) -> Response | None:
        """Return what to answer instead of the page; None where the visitor may pass."""
        path = request.scope["path"]
        takes_post = path == "/token" or self._forms.fullmatch(path)
        if request.method not in ({"GET", "HEAD", "POST"} if takes_post else {"GET", "HEAD"}):
            return self._refuse(request, 405, "This page is read, not written: use GET.", False)
        if self._gated:
            return None
        if self._token is None:
            return self._only_loopback(request)
        if path.startswith("/static/") or self._has_token(request):
            return None
        given = request.query_params.get("token") or await _entered(request)
        if given is not None and _same(given, self._token):
            return self._welcome(request)
        said = "That is not the token of this record." if given else "This record has a token."
        return self._refuse(request, 401, said, True)

    def _only_loopback(self, request: Request) -> Response | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if is_loopback(host):
            return None
        message = (
            f"Without a token only the loopback is served, the request was for {host!r}: open "
            "http://127.0.0.1 instead, or start with `homeostat ui --token ...`."
        )
        return self._refuse(request, 403, message, False)

    def _has_token(self, request: Request) -> bool:
        assert self._token is not None  # noqa: S101 - asked only where there is one
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return _same(shown.strip(), self._token)
        return _same(request.cookies.get(COOKIE, ""), _keepsake(self._token))

    def _welcome(self, request: Request) -> Response:
        """Keep the token in a cookie, and go to the page without it in its address."""
        assert self._token is not None  # noqa: S101 - asked only where there is one
        path = request.scope["path"].lstrip("/\\")  # `//host` would lead to another site
        rest = [(k, v) for k, v in request.query_params.multi_items() if k != "token"]
        target = "/" if path == "token" else f"/{quote(path)}?{urlencode(rest)}".rstrip("?")
        reply = RedirectResponse(target, 303)
        reply.set_cookie(
            COOKIE, _keepsake(self._token), httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return reply


def _same(shown: str, secret: str) -> bool:
    """Compare in a time that tells nothing of how much was right."""
    return hmac.compare_digest(shown.encode("utf-8", "replace"), secret.encode())


def _keepsake(token: str) -> str:
    """Return what the cookie holds: not the token itself."""
    return hashlib.sha256(f"homeostat cookie {token}".encode()).hexdigest()


async def _entered(request: Request) -> str | None:
    """Return the token that was entered in the form that asks for it; None if none was."""
    if request.method != "POST" or request.scope["path"] != "/token":
        return None
    try:
        given = (await posted(request)).get("token")
    except HTTPException:
        return None
    return given[0] if given else None
