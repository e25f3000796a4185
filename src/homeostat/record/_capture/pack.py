"""Many small files as one content: a ZIP file that is the same whenever the files are."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from homeostat.core import CorruptionError

if TYPE_CHECKING:
    import zipfile

__all__ = ["PackedFile", "pack", "packed_paths", "unpack", "write_files"]

_LEVEL = 3
_LINK, _PLAIN = 0o120000, 0o100644


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a snapshot.

    Args:
        path: Where it lies, with slashes, below the root.
        mode: As git has it: 0o100644, 0o100755, or 0o120000 for a symbolic link.
        content: Its bytes; a link's target.
    """

    path: str
    mode: int
    content: bytes


def pack(files: Iterable[PackedFile]) -> bytes:
    """Return files as the bytes of a ZIP file; the order and the time do not matter.

    Example:
        >>> one = PackedFile("train.py", 0o100644, b"rate = 1")
        >>> [file.path for file in unpack(pack([one]))]
        ['train.py']
    """
    import zipfile  # noqa: PLC0415 - only the background needs it

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for file in sorted(files, key=lambda file: file.path):
            info = zipfile.ZipInfo(file.path)
            info.create_system = 3  # Unix, so that modes are kept
            info.external_attr = file.mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.content)
    return buffer.getvalue()


def unpack(content: bytes) -> Iterator[PackedFile]:
    """Yield the files of :func:`pack`."""
    with _archive(content) as archive:
        for info in archive.infolist():
            mode = (info.external_attr >> 16) or _PLAIN
            yield PackedFile(info.filename, mode, archive.read(info))


def packed_paths(content: bytes) -> list[str]:
    """Return the paths of the files of :func:`pack`, without reading them."""
    with _archive(content) as archive:
        return archive.namelist()


def write_files(folder: Path, files: Iterable[PackedFile]) -> None:
    """Write files below a folder; one that would lie outside of it is refused.

    Raises:
        CorruptionError: If a path leads out of the folder.
    """
    inside = folder.resolve()
    for file in sorted(files, key=_is_link):  # links last, so that nothing is written through one
        place = folder / file.path
        parts = PurePosixPath(file.path).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise _outside(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.parent.resolve().is_relative_to(inside):
            raise _outside(file)
        if _is_link(file):
            place.symlink_to(os.fsdecode(file.content))
        else:
            place.write_bytes(file.content)
            place.chmod(0o755 if file.mode & 0o100 else 0o644)


@contextmanager
def _archive(content: bytes) -> Iterator[zipfile.ZipFile]:
    import zipfile  # noqa: PLC0415 - as above

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise CorruptionError(
            f"A snapshot of code must be a ZIP file, but {error}: restore it from a copy."
        ) from error


def _is_link(file: PackedFile) -> bool:
    return file.mode & 0o170000 == _LINK


def _outside(file: PackedFile) -> CorruptionError:
    return CorruptionError(
        f"A file of a snapshot must lie inside of it, got {file.path!r}: the snapshot was not "
        "made by Homeostat."
    )
