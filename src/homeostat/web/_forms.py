"""Forms that write: what a browser must show before a page's form is taken."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from homeostat.core import InputError
from homeostat.sync import user_of

__all__ = ["COOKIE", "Forms", "Visitor", "posted", "refused", "remember", "signed_by"]

COOKIE = "homeostat_token"
"""The cookie that holds what a visitor's token came to."""
_BY = "homeostat_by"
_REFUSED = "homeostat.refused_form"
_YEAR_S = 365 * 86400
_MOST_BYTES, _MOST_FIELDS, _MOST_NAME = 1 << 16, 1000, 100
_PLAIN_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, and what they may do there.

    Args:
        refusal: Why nothing can be done here, in a sentence; empty where it can.
        seal: What a form of this visitor must bring along.
        by: Their name, as far as it is known.
        known: Whether that name is an account's, and not for the visitor to choose.
        problem: Why the form they just sent was not taken; empty where none was refused.
        filled: What was in it.
    """

    refusal: str = ""
    seal: str = ""
    by: str = ""
    known: bool = False
    problem: str = ""
    filled: Mapping[str, list[str]] = field(default_factory=dict)

    def was(self, name: str, otherwise: str = "") -> str:
        """Return what a field of the refused form held."""
        return (self.filled.get(name) or [otherwise])[0]

    def had(self, name: str, value: object) -> bool:
        """Say whether a box of the refused form was ticked."""
        return str(value) in self.filled.get(name, [])


class Forms:
    """Tells a form of these pages from one that another site's page has a browser send.

    A browser sends cookies and passwords along with whatever a page of another site submits. So a
    form is taken only where the browser says that it comes from this very site (`Sec-Fetch-Site`,
    or `Origin` where a browser is too old for that), *and* with it a seal that only a page of this
    site could have read: a keyed digest of the visitor (OWASP's signed token).

    Args:
        path: Folder of the record.
        token: What visitors must show; seals then outlive this process.
        read_only: Whether to take none at all.
    """

    def __init__(self, path: Path, *, token: str | None = None, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._key = secrets.token_bytes(32)
        if token is not None:
            self._key = hashlib.sha256(f"homeostat forms {token}".encode()).digest()

    def visitor(self, request: Request) -> Visitor:
        """Return who asks, and what they may do."""
        user = user_of(request.scope)
        if self._read_only:
            return Visitor("These pages were started to be read only.")
        if not os.access(self._path, os.W_OK):
            return Visitor(f"The record in {self._path} cannot be written by this server.")
        if user is not None and not user.may("writer"):
            return Visitor(f"{user.name} is a {user.role}; it takes a writer.", by=user.name)
        problem, filled = request.scope.get(_REFUSED, ("", {}))
        by = user.name if user is not None else unquote(request.cookies.get(_BY, ""))
        return Visitor("", self._seal(request), by, user is not None, problem, filled)

    def checked(self, request: Request, fields: Mapping[str, list[str]]) -> Visitor:
        """Return who sends a form, if it may be taken.

        Raises:
            HTTPException: 403 if it may not.
        """
        visitor = self.visitor(request)
        if visitor.refusal:
            raise HTTPException(403, visitor.refusal)
        if not _from_this_site(request):
            raise HTTPException(403, "A page of another site may not write here.")
        given = (fields.get("seal") or [""])[0]
        if not hmac.compare_digest(given.encode(), visitor.seal.encode()):
            raise HTTPException(
                403, "This form is not of a page that this server showed you: load the page anew."
            )
        return visitor

    def _seal(self, request: Request) -> str:
        user = user_of(request.scope)
        who = user.name if user is not None else request.cookies.get(COOKIE, "")
        return hmac.new(self._key, who.encode("utf-8", "replace"), "sha256").hexdigest()


def _from_this_site(request: Request) -> bool:
    """Say whether a browser vouches that a page of this very site sends a request."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    there = origin.netloc.removesuffix(_PLAIN_PORTS.get(origin.scheme, "\0"))
    here = request.headers.get("host", "").removesuffix(_PLAIN_PORTS.get(origin.scheme, "\0"))
    return bool(there) and there.lower() == here.lower()


async def posted(request: Request) -> dict[str, list[str]]:
    """Return the fields of a posted form.

    Raises:
        HTTPException: If it is too long (413), in another form (415) or malformed (400).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(
            415, f"A form is sent as application/x-www-form-urlencoded, not {kind}."
        )
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, f"A form has at most {_MOST_BYTES:,} bytes.")
    try:
        return parse_qs(body.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "A form is UTF-8 of at most 1,000 fields.") from None


def refused(request: Request, problem: str, fields: Mapping[str, list[str]]) -> Request:
    """Return the request for the page of a form that was not taken: it finds why, and the form."""
    return Request({**request.scope, "method": "GET", _REFUSED: (problem, fields)})


def signed_by(visitor: Visitor, fields: Mapping[str, list[str]]) -> str:
    """Return the name that an act is kept under: the account's, or the one in the form.

    Raises:
        InputError: If there is none, or it is too long for one.
    """
    name = visitor.by if visitor.known else " ".join((fields.get("by") or [""])[0].split())
    if not name:
        raise InputError("Say who does this: your name is kept with it.")
    if len(name) > _MOST_NAME:
        raise InputError(f"A name has at most {_MOST_NAME} characters, got {len(name)}.")
    return name


def remember(reply: Response, request: Request, name: str) -> None:
    """Have a browser keep a name, so that the next form has it already."""
    reply.set_cookie(
        _BY, quote(name), max_age=_YEAR_S, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
