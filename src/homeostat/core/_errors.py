"""The errors Homeostat raises, as one tree.

    HomeostatError
    ├── InputError (ValueError)          an argument or a datum is wrong
    │   └── SchemaError                  data and schema do not agree
    ├── GateError                        a release was refused; carries the findings that refused it
    ├── MissingExtraError (ImportError)  an optional dependency is not installed
    ├── RecordError                      the record cannot be read or written
    │   ├── NotFoundError (LookupError)  no run, artifact or prediction of that name
    │   ├── CorruptionError              content does not match its digest
    │   ├── VersionError                 written by a newer Homeostat
    │   └── StorageError                 the disk refused: full, read-only, gone
    └── ServerError                      the server cannot start or answer

Each message is a sentence: what must hold, what was got, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeostat.core._finding import Finding

__all__ = [
    "CorruptionError",
    "GateError",
    "HomeostatError",
    "InputError",
    "MissingExtraError",
    "NotFoundError",
    "RecordError",
    "SchemaError",
    "ServerError",
    "StorageError",
    "VersionError",
    "suggest",
]


class HomeostatError(Exception):
    """Root of every error that Homeostat raises on purpose."""


class InputError(HomeostatError, ValueError):
    """An argument or a datum is wrong."""


class SchemaError(InputError):
    """Data and schema do not agree."""


class GateError(HomeostatError):
    """A release was refused by its gates.

    Args:
        message: One sentence that names what was refused.
        findings: The findings that refused it.
    """

    def __init__(self, message: str, findings: Iterable[Finding] = ()) -> None:
        self.findings = tuple(findings)
        lines = [message, *(f"  - {finding.summary}" for finding in self.findings)]
        super().__init__("\n".join(lines))


class MissingExtraError(HomeostatError, ImportError):
    """An optional dependency is not installed.

    Example:
        >>> raise MissingExtraError("starlette", extra="server")
        Traceback (most recent call last):
        homeostat.core._errors.MissingExtraError: `starlette` is not installed: \
run `pip install 'homeostat[server]'`.
    """

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(f"`{package}` is not installed: run `pip install 'homeostat[{extra}]'`.")


class RecordError(HomeostatError):
    """The record cannot be read or written."""


class NotFoundError(RecordError, LookupError):
    """Nothing of that name is in the record."""


class CorruptionError(RecordError):
    """Stored content does not match its digest or checksum."""


class VersionError(RecordError):
    """Something was written by a newer Homeostat than this one."""


class StorageError(RecordError):
    """The disk refused a write: full, read-only or gone."""


class ServerError(HomeostatError):
    """The server cannot start or cannot answer."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known name is nearest to one that was not found.

    Args:
        name: The name that was asked for.
        known: The names that exist.

    Returns:
        ``" Did you mean `x`?"``, or a list of what exists, or an empty string.

    Example:
        >>> suggest("dep_dely", ["dep_delay", "arr_delay"])
        ' Did you mean `dep_delay`?'
    """
    import difflib  # noqa: PLC0415 - only where something went wrong

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f" Did you mean `{close[0]}`?"
    if not names:
        return ""
    shown = ", ".join(f"`{known_name}`" for known_name in names[:8])
    return f" There is: {shown}{', ...' if len(names) > 8 else ''}."
