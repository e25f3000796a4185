"""Targets of references that a web server keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from homeostat.core import InputError, NotFoundError, StorageError

__all__ = ["http_chunks", "http_head"]

_WAIT_S = 30.0
_CHUNK_BYTES = 1 << 20
_NO_HEAD = {400, 403, 405, 501}


class _SameKind(HTTPRedirectHandler):
    """Follow a redirect to another web address, and to nothing else."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,  # noqa: ANN401 - the stdlib's
        newurl: str,
    ) -> Request | None:
        if urlsplit(newurl).scheme not in {"http", "https"}:
            raise InputError(f"{req.full_url} leads to {newurl}, which is no web address.")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and req.get_method() == "HEAD":
            following.method = "HEAD"
        return following


def http_head(uri: str) -> tuple[str, int | None] | None:
    """Return the ETag (empty if there is none) and the size (None if it is not told).

    None as a whole is a server that does not answer HEAD.
    """
    try:
        with _open(uri, "HEAD") as answer:
            return _etag(answer.headers), _size(answer.headers)
    except HTTPError as error:
        error.close()
        if error.code in _NO_HEAD:
            return None
        raise _refused(uri, error) from error


def http_chunks(uri: str) -> Iterator[tuple[str, bytes]]:
    """Yield the content piece by piece, each time with the ETag of the whole."""
    try:
        with _open(uri, "GET") as answer:
            etag, expected, got = _etag(answer.headers), _size(answer.headers), 0
            while chunk := answer.read(_CHUNK_BYTES):
                got += len(chunk)
                yield etag, chunk
            yield etag, b""
    except HTTPError as error:
        error.close()
        raise _refused(uri, error) from error
    except (HTTPException, OSError) as error:
        raise _unreachable(uri, error) from error
    if expected is not None and got != expected:
        raise StorageError(f"{uri} sent {got} of {expected} bytes: try again.")


def _open(uri: str, method: str) -> Any:  # noqa: ANN401 - the stdlib's response has no useful type
    opener: OpenerDirector = build_opener(_SameKind)
    request = Request(uri, method=method, headers={"Accept-Encoding": "identity"})  # noqa: S310 - callers pass http(s) only
    try:
        return opener.open(request, timeout=_WAIT_S)
    except (HTTPError, InputError):
        raise
    except (URLError, HTTPException, OSError, ValueError) as error:
        raise _unreachable(uri, error) from error


def _etag(headers: Mapping[str, str]) -> str:
    return headers.get("ETag") or headers.get("Last-Modified") or ""


def _size(headers: Mapping[str, str]) -> int | None:
    told = headers.get("Content-Length") or ""
    return int(told) if told.isdecimal() else None


def _refused(uri: str, error: HTTPError) -> NotFoundError | StorageError:
    if error.code in {404, 410}:
        return NotFoundError(f"There is nothing at {uri}: the server answered {error.code}.")
    return StorageError(f"{uri} cannot be read: the server answered {error.code} {error.reason}.")


def _unreachable(uri: str, error: Exception) -> StorageError:
    reason = error.reason if isinstance(error, URLError) else error
    return StorageError(f"{uri} cannot be reached: {reason}. Check the address and the network.")
