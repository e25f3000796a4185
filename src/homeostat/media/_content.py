"""The bytes of a media value, wherever they are, and the seam to whoever keeps them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from homeostat.core import InputError, Json

__all__ = ["Blob", "Content", "Media", "Put", "Read", "Row", "content_of"]

Row = dict[str, Json]


class Blob(Protocol):
    """What a content store says of a content it keeps."""

    @property
    def sha256(self) -> str:
        """The digest of the content, in hex."""

    @property
    def size(self) -> int:
        """How many bytes it has."""


Put = Callable[[bytes | Path], Blob]
Read = Callable[[str], bytes | Path]


@runtime_checkable
class Media(Protocol):
    """A value that is logged as a row with its contents put aside."""

    def to_row(self, put: Put) -> Row:
        """Put the contents and return the plain JSON that stands for the value."""


class Content:
    """The bytes of one file: in memory, on the disk, or still in a store.

    Args:
        source: The bytes, the file, or what reads them when they are first needed.
    """

    def __init__(self, source: bytes | Path | Callable[[], bytes | Path]) -> None:
        self._source = source

    @classmethod
    def stored(cls, row: Mapping[str, object], read: Read) -> Content:
        """Return the content that a row refers to; it is read when it is needed."""
        digest = row.get("sha256")
        if not isinstance(digest, str):
            kind = row.get("_type")
            raise InputError(
                f"A row of type {kind!r} needs the `sha256` of its content, got {row}."
            )
        return cls(lambda: read(digest))

    def read(self) -> bytes:
        """Return the bytes."""
        if callable(self._source):
            self._source = self._source()
        return self._source if isinstance(self._source, bytes) else self._source.read_bytes()

    def put(self, put: Put) -> Row:
        """Hand the content to a store; return its digest and size."""
        source = self._source
        blob = put(source if isinstance(source, (bytes, Path)) else self.read())
        return {"sha256": blob.sha256, "size": blob.size}


def content_of(data: object, kind: str, formats: tuple[str, ...]) -> tuple[Content, str] | None:
    """Return the content of a path or an open file and its format; None for other data.

    Args:
        data: A path (text or os.PathLike), an open file, or anything else.
        kind: For messages, such as ``"An image"``.
        formats: The suffixes that are allowed, without the dot; empty for any.

    Raises:
        InputError: If there is no such file, it is a folder or empty, or the suffix is not allowed.
    """
    if isinstance(data, (str, os.PathLike)):
        return _file(Path(data), kind, formats)
    if isinstance(data, (io.BufferedIOBase, io.RawIOBase, io.TextIOBase)):
        data = data.read()
    if isinstance(data, str):
        data = data.encode()
    if isinstance(data, (bytes, bytearray)):
        if not data:
            raise InputError(f"{kind} has at least one byte, got none.")
        return Content(bytes(data)), ""
    return None


def _file(path: Path, kind: str, formats: tuple[str, ...]) -> tuple[Content, str]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{kind} is read from a file, but {path} {what}.")
    suffix = path.suffix.lower().removeprefix(".")
    if formats and suffix not in formats:
        raise InputError(
            f"{kind} is a file of type {', '.join(formats)}, got {path.name!r}: "
            "convert it, or log it as an artifact."
        )
    if not path.stat().st_size:
        raise InputError(f"{kind} has at least one byte, but {path} is empty.")
    return Content(path.absolute()), suffix
