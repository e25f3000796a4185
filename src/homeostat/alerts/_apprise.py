"""Apprise: mail, Slack, PagerDuty and some hundred more, by address."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from homeostat.alerts._channel import DeliveryError
from homeostat.alerts._message import Message
from homeostat.core import InputError, MissingExtraError

__all__ = ["Apprise"]

_TYPES = {"resolved": "success", "digest": "info", "test": "info"}


class Apprise:
    """Sends messages through one of the services that Apprise knows (extra ``alerts``).

    Most of them have no key by which they would drop a second copy; a message is sent twice to
    them only if the process dies between their answer and the note of it.

    Args:
        address: As Apprise's documentation has it, such as
            ``"mailtos://user:password@mail.example?to=team@example.com"`` or
            ``"slack://token/#channel"``.

    Raises:
        MissingExtraError: If Apprise is not installed.
        InputError: If Apprise does not know the address.
    """

    def __init__(self, address: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what Apprise itself imports
            try:
                import apprise  # noqa: PLC0415 - an extra
            except ImportError as error:
                raise MissingExtraError("apprise", extra="alerts") from error
            logging.getLogger("apprise").addFilter(_without_addresses)
            self._service: Any = apprise.Apprise.instantiate(address)
        if self._service is None:
            raise InputError(
                f"Apprise must know a channel's address, and does not know this one of scheme "
                f"{address.partition(':')[0]!r}: see https://github.com/caronc/apprise/wiki."
            )

    def send(self, message: Message) -> None:
        """Send a message; Apprise says only whether it was taken."""
        worst = "failure" if message.severity == "page" else "warning"
        try:
            taken = self._service.notify(
                body=message.text,
                title=message.title,
                notify_type=_TYPES.get(message.kind, worst),
                body_format="text",
            )
        except Exception as error:
            raise DeliveryError(f"{self!r} failed: {type(error).__name__}.") from error
        if not taken:
            raise DeliveryError(f"{self!r} did not take the message.")

    def __repr__(self) -> str:
        return f"Apprise({self._service.url(privacy=True).partition('?')[0]})"


def _without_addresses(line: logging.LogRecord) -> bool:
    """Drop lines of Apprise's log that show an address, and with it a password."""
    return "://" not in line.getMessage()
