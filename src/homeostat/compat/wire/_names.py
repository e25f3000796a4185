"""Names on the wire: global ids, and the id a run has in the record."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from homeostat.core import InputError, NotFoundError

__all__ = ["checked_name", "from_global", "number_of", "record_ids", "to_global"]

_PLAIN_ID = re.compile(r"[^\x00-\x1f/\\?#%:]{1,100}")


def to_global(kind: str, *parts: str) -> str:
    """Return the id a client knows a thing by: base64 text, as clients decode and re-encode it.

    Example:
        >>> from_global(to_global("Run", "ada", "flights", "r1"), "Run")
        ['ada', 'flights', 'r1']
    """
    return base64.b64encode("\x1f".join([kind, *parts]).encode()).decode()


def from_global(text: object, kind: str) -> list[str]:
    """Return the parts of a global id of the kind; NotFoundError where it is none."""
    try:
        found, *parts = base64.b64decode(str(text), validate=True).decode().split("\x1f")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotFoundError(
            f"The id of a {kind} is a text this server gave, got {text!r}."
        ) from error
    if found != kind:
        raise NotFoundError(f"The id {text!r} is of a {found}, a {kind} was asked for.")
    return parts


def number_of(*parts: str) -> int:
    """Return a stable number for what the wire knows by number, of 31 bits.

    Example:
        >>> number_of("ada", "flights") == number_of("ada", "flights")
        True
    """
    text = "\x1f".join(parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def checked_name(value: object, what: str) -> str:
    """Return the name of an entity, a project or a run; refuse what is no name.

    Raises:
        InputError: If it is no text of 1 to 128 characters, or holds a slash or the like.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[^\x00-\x1f/\\?#%:]{1,128}", value):
        raise InputError(
            f"{what} must be 1 to 128 characters without / \\ ? # % : and control characters, "
            f"got {value!r}."
        )
    return value


def record_ids(entity: str, project: str, name: str) -> Iterator[str]:
    """Yield ids a run may have in the record: its own first, then its own with a suffix.

    Example:
        >>> next(record_ids("ada", "flights", "r1"))
        'r1'
    """
    if _PLAIN_ID.fullmatch(name):
        yield name
    digest = hashlib.sha256(f"{entity}\x1f{project}\x1f{name}".encode()).hexdigest()[:8]
    yield from (f"{name[:100]}-{digest}{turn or ''}" for turn in range(1000))
