"""Names of an artifact's files, and files of a folder by such names."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from homeostat.core import InputError
from homeostat.record._json import plain

__all__ = ["checked_alias", "checked_file_name", "checked_text", "place_in", "walk"]

_VERSION = re.compile(r"v\d+")
"""How a version is written; no alias may look like one."""

_MAX_NAME_BYTES = 4000
_MAX_PART_BYTES = 255


def checked_file_name(name: object) -> str:
    """Return the name of a file within an artifact; refuse one that could leave a folder.

    Raises:
        InputError: If it is no text, is empty, absolute or longer than a file system takes, or
            has a part that is empty, ``.`` or ``..``.

    Example:
        >>> checked_file_name("images/1.png")
        'images/1.png'
        >>> checked_file_name("../1.png")
        Traceback (most recent call last):
        homeostat.core._errors.InputError: A file's name is a path within the artifact, such as \
'images/1.png', got '../1.png'.
    """
    text = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(text, str) or not _stays_within(text):
        raise InputError(
            f"A file's name is a path within the artifact, such as 'images/1.png', got {name!r}."
        )
    kept = str(plain(text, "A file's name"))
    size = len(kept.encode())
    longest = max(len(part.encode()) for part in kept.split("/"))
    if size > _MAX_NAME_BYTES or longest > _MAX_PART_BYTES:
        raise InputError(
            f"A file's name has at most {_MAX_NAME_BYTES} bytes, and {_MAX_PART_BYTES} between "
            f"slashes; got {size} and {longest} in {kept[:60]!r}..."
        )
    return kept


def place_in(root: Path, name: str) -> Path:
    """Return where a file of an artifact belongs below a folder.

    Raises:
        InputError: If that would be outside.
    """
    if not _stays_within(name):
        raise InputError(
            f"The file {name!r} would be written outside {root}: read it with `artifact.read`."
        )
    return root / name


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a folder and of the folders in it, by their path below it, in order.

    Symbolic links stand for what they point to.

    Raises:
        InputError: If one points to nothing or to a folder it is in, or something is neither
            file nor folder (a pipe, a socket, a device).
    """
    yield from _walk(folder, PurePosixPath(), ())


def _walk(
    folder: Path, below: PurePosixPath, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, Path]]:
    try:
        found = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    here = (found.st_dev, found.st_ino)
    if here in above:
        raise InputError(f"The folder {folder} is a link to a folder it is in: remove the link.")
    for path in entries:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise InputError(f"The file {path} cannot be read: {error.strerror}.") from error
        if stat.S_ISDIR(mode):
            yield from _walk(path, below / path.name, (*above, here))
        elif stat.S_ISREG(mode):
            yield str(below / path.name), path
        else:
            raise InputError(
                f"{path} is no regular file (a pipe, a socket or a device): remove it, or add "
                "the files one by one."
            )


def _stays_within(name: str) -> bool:
    parts = name.split("/")
    return "\0" not in name and not any(part in {"", ".", ".."} for part in parts)


def checked_text(value: object, what: str) -> str:
    """Return a name as it is kept; refuse what is no name."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{what} must be a text that is not empty, got {value!r}.")
    return str(plain(value, what))


def checked_alias(value: object) -> str:
    """Return an alias; refuse what reads as a version, or holds the colon that sets it off."""
    alias = checked_text(value, "An alias")
    if alias == "latest" or ":" in alias or _VERSION.fullmatch(alias):
        raise InputError(
            f"An alias must not be 'latest', look like a version or hold a colon, got {alias!r}."
        )
    return alias
