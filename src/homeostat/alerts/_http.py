"""Posting JSON to a server, with what went wrong told without secrets."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from homeostat.alerts._channel import DeliveryError
from homeostat.core import InputError, RealClock

__all__ = ["Place", "post"]

_PASSING = {408, 425, 429}  # of the answers below 500 those that a later try may turn


class Place(NamedTuple):
    """Where to post to: an address taken apart, its secrets never shown."""

    secure: bool
    host: str
    port: int | None
    target: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Take an http(s) address apart; raises InputError where it is none."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InputError("A webhook's address must be a valid URL; this one is not.") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(
                f"A webhook's address starts with http:// or https:// and a host, got the scheme "
                f"{parts.scheme!r}."
            )
        if parts.username or parts.password:
            raise InputError("A webhook's password goes into a header, not into its address.")
        target = parts.path or "/"
        target += f"?{parts.query}" if parts.query else ""
        return cls(parts.scheme == "https", parts.hostname, port, target)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def post(place: Place, body: bytes, headers: Mapping[str, str], timeout_s: float) -> None:
    """Post a body; return once the server answered with 2xx. Redirects are not followed.

    Raises:
        DeliveryError: If it did not.
    """
    connection = _connection(place, timeout_s)
    try:
        connection.request("POST", place.target, body, dict(headers))
        answer = connection.getresponse()
        answer.read(65536)
    except (OSError, HTTPException) as error:
        why = " ".join([type(error).__name__, *filter(None, [getattr(error, "strerror", None)])])
        raise DeliveryError(f"{place} did not answer: {why}.") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        refused = answer.status < 500 and answer.status not in _PASSING
        raise DeliveryError(
            f"{place} answered {answer.status} {answer.reason}.",
            retry_after_s=_retry_after(answer),
            refused=refused,
        )


def _connection(place: Place, timeout_s: float) -> HTTPConnection:
    if not place.secure:
        return HTTPConnection(place.host, place.port, timeout=timeout_s)
    context = ssl.create_default_context()
    return HTTPSConnection(place.host, place.port, timeout=timeout_s, context=context)


def _retry_after(answer: HTTPResponse) -> float | None:
    """Read how long a server asks to be left alone: seconds, or a date (RFC 9110, 10.2.3)."""
    text = (answer.getheader("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - RealClock().now()).total_seconds())
    except (ValueError, TypeError):
        return None
