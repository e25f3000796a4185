"""Webhook: a message as one POST of JSON."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import orjson

from homeostat.alerts._http import Place, post
from homeostat.alerts._message import Message
from homeostat.core import InputError

__all__ = ["Webhook"]


class Webhook:
    """Posts each message as JSON to an address.

    The header ``Idempotency-Key`` is the message's id. It is the same each time a message is
    tried, so a receiver that keeps the keys it has seen takes each message once.

    Args:
        url: Where to; ``http`` or ``https``.
        headers: More headers, such as an authorization.
        secret: Signs the body: header ``X-Homeostat-Signature: sha256=<HMAC>``.
        timeout_s: How long to wait for the server.

    Raises:
        InputError: If the address is none, or a header holds a line break.

    Example:
        >>> Webhook("https://hooks.example/T00/secret")
        Webhook(hooks.example)
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secret: str | bytes | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._place = Place.of(url)
        self._headers = dict(headers or {})
        if any(mark in text for pair in self._headers.items() for text in pair for mark in "\r\n"):
            raise InputError("A webhook's headers must be single lines.")
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._timeout_s = timeout_s

    def send(self, message: Message) -> None:
        """Post a message."""
        body = orjson.dumps(message.to_json())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "homeostat",
            "Idempotency-Key": message.id,
        }
        if self._secret is not None:
            signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers["X-Homeostat-Signature"] = f"sha256={signature}"
        post(self._place, body, headers | self._headers, self._timeout_s)

    def __repr__(self) -> str:
        return f"Webhook({self._place})"
