"""Addresses of files that need no key: what may be done stands in them, signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from homeostat.core import Clock, InputError

__all__ = ["Signer"]

_VALID_S = 24 * 3600
_KEY_BYTES = 32


class Signer:
    """Signs addresses with a key that is kept beside the record, readable by its owner alone.

    Args:
        folder: The record's folder.
        clock: Where the time comes from; an address is good for a day.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._key = _key(folder / "wandb.key")

    def token(self, **facts: Any) -> str:  # noqa: ANN401 - JSON
        """Return a text that says facts, and that we said them."""
        facts["until"] = self._clock.time_ns() // 10**9 + _VALID_S
        body = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
        return _text(body) + "." + _text(self._mark(body))

    def url(self, base: str, file: str, /, **facts: Any) -> str:  # noqa: ANN401 - JSON
        """Return an address that ends in a file's name, less what would lead out of a folder."""
        parts = [quote(part, safe="") for part in file.split("/") if part.strip(".")]
        return f"{base}/wandb-files/{self.token(**facts)}/{'/'.join(parts) or 'file'}"

    def read(self, token: str) -> dict[str, Any]:
        """Return the facts of a token.

        Raises:
            InputError: If we did not say them, or too long ago.
        """
        body, _, mark = token.partition(".")
        try:
            said, shown = _bytes(body), _bytes(mark)
        except (binascii.Error, ValueError) as error:
            raise InputError("This address is not one that this server gave.") from error
        if not hmac.compare_digest(self._mark(said), shown):
            raise InputError("This address is not one that this server gave.")
        facts: dict[str, Any] = json.loads(said)
        if facts["until"] * 10**9 < self._clock.time_ns():
            raise InputError("This address was good for a day, which is over: ask for it anew.")
        return facts

    def _mark(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:16]


def _key(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
    except FileExistsError:
        pass
    return path.read_bytes()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
