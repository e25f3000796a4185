"""Channels: where messages go; the terminal and a file need nothing but this."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol, TextIO, runtime_checkable
from urllib.parse import unquote, urlsplit

import orjson

from homeostat.alerts._message import Message
from homeostat.core import HomeostatError, InputError

__all__ = ["Channel", "DeliveryError", "File", "Stdout", "channel_of", "channels_of_environment"]


class DeliveryError(HomeostatError):
    """A channel did not take a message.

    Args:
        message: Why, without any secret: it is kept in the record and shown on a page.
        retry_after_s: How long the receiver asks to be left alone.
        refused: Whether it refused this very message: others may go before it is tried again.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, refused: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.refused = refused


@runtime_checkable
class Channel(Protocol):
    """Sends messages somewhere; it may be called again with a message that it sent before."""

    def send(self, message: Message) -> None:
        """Send one message; return once it is taken, raise DeliveryError where it is not."""


class Stdout:
    """Prints messages.

    Args:
        stream: Where to; standard output as it is at that time, unless told.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream

    def send(self, message: Message) -> None:
        """Print a message."""
        stream = sys.stdout if self.stream is None else self.stream
        try:
            stream.write(f"{message.title}\n{message.text}\n\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise DeliveryError(f"The terminal did not take the message: {error}.") from error

    def __repr__(self) -> str:
        return "Stdout()"


class File:
    """Appends messages to a file, one JSON object a line, each by one write.

    Args:
        path: The file; its folder must exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def send(self, message: Message) -> None:
        """Append a message; a second copy has the same ``id``."""
        line = orjson.dumps(message.to_json()) + b"\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                while line:
                    line = line[os.write(file, line) :]
            finally:
                os.close(file)
        except OSError as error:
            raise DeliveryError(f"{self.path} cannot be written: {error.strerror}.") from error

    def __repr__(self) -> str:
        return f"File({str(self.path)!r})"


def channel_of(address: str) -> Channel:
    """Return the channel of an address.

    Args:
        address: ``"stdout:"``, ``"file:///path"``, ``"https://..."`` (a webhook),
            ``"alertmanager+http://host:9093"``, or any address that Apprise knows: mail, Slack,
            PagerDuty, ... (see its documentation; it needs the extra ``alerts``).

    Raises:
        InputError: If it is no address, or Apprise does not know it.
        MissingExtraError: If it is Apprise's and Apprise is not installed.

    Example:
        >>> channel_of("file:///tmp/alerts.jsonl")
        File('/tmp/alerts.jsonl')
    """
    from homeostat.alerts._alertmanager import Alertmanager  # noqa: PLC0415 - the ones below need this
    from homeostat.alerts._apprise import Apprise  # noqa: PLC0415 - likewise
    from homeostat.alerts._webhook import Webhook  # noqa: PLC0415 - likewise

    scheme, colon, rest = address.strip().partition(":")
    match scheme.lower():
        case "stdout":
            return Stdout()
        case "file":
            return File(unquote(urlsplit(address.strip()).path))
        case "http" | "https":
            return Webhook(address.strip())
        case "alertmanager+http" | "alertmanager+https":
            return Alertmanager(f"{scheme.partition('+')[2]}:{rest}")
    if not colon or not rest:
        raise InputError(
            "A channel is an address such as 'https://host/hook' or 'mailto://user:password@host', "
            f"got one of {len(address)} characters without a scheme."
        )
    return Apprise(address.strip())


def channels_of_environment(variable: str = "HOMEOSTAT_ALERTS") -> dict[str, Channel]:
    """Return the channels that an environment variable names: ``name=address`` each, by spaces.

    Addresses hold secrets, so they stay out of the record and out of code: the record only knows
    the channels' names.

    Raises:
        InputError: If a part has no name, or its address is of no use.
    """
    channels: dict[str, Channel] = {}
    for part in os.environ.get(variable, "").split():
        name, equals, address = part.partition("=")
        if not equals or not name:
            raise InputError(
                f"{variable} must hold channels as name=address, by spaces; part "
                f"{len(channels) + 1} has no name."
            )
        channels[name] = channel_of(address)
    return channels
