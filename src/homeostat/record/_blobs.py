"""The content store: bytes named by their SHA-256, written once, verified when read."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from homeostat.core import CorruptionError, InputError, NotFoundError, StorageError
from homeostat.record._folder import sync_folder

__all__ = ["BlobStore"]

_CHUNK_BYTES = 1 << 20
_DIGEST = re.compile("[0-9a-f]{64}")


class BlobStore:
    """Blobs in a local folder.

    `put`, `get` and `path` are the whole seam: another place for blobs is another class that
    has them.

    Args:
        folder: Where blobs are kept; made when the first one is.
        durable: Whether :meth:`put` waits until the content is on the disk.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = BlobStore(folder)
        ...     digest, size = store.put(b"weights")
        ...     store.get(digest), size
        (b'weights', 7)
    """

    def __init__(self, folder: str | Path, *, durable: bool = False) -> None:
        self.folder = Path(folder)
        self._durable = durable

    def put(self, content: bytes | Path) -> tuple[str, int]:
        """Keep bytes, or a copy of a file; return the SHA-256 in hex and the size in bytes.

        What is written is read back before it gets its name. Content that is there already is
        not written again, unless what is there has gone bad: then it is replaced.

        Raises:
            InputError: If a file to copy cannot be read, or changes while it is copied.
            StorageError: If the disk refuses; nothing half-written stays.
        """
        digest, size = _digest(_chunks(content))
        try:
            self.path(digest)
        except (NotFoundError, CorruptionError):
            self._write(content, digest)
        return digest, size

    def get(self, digest: str) -> bytes:
        """Return the content of a blob.

        Raises:
            NotFoundError: If there is no such blob.
            CorruptionError: If the content no longer matches its digest.
        """
        place = self._place(digest)
        content = b"".join(_chunks(place))
        _compare(place, digest, hashlib.sha256(content).hexdigest())
        return content

    def path(self, digest: str) -> Path:
        """Return the read-only file that holds a blob, verified just now; raises as `get`."""
        place = self._place(digest)
        _compare(place, digest, _digest(_chunks(place))[0])
        return place

    def _place(self, digest: str) -> Path:
        place = self.folder / digest[:2] / digest[2:]
        if not _DIGEST.fullmatch(digest) or not place.is_file():
            raise NotFoundError(f"The content {digest} is not in the record: {place} is missing.")
        return place

    def _write(self, content: bytes | Path, digest: str) -> None:
        place = self.folder / digest[:2] / digest[2:]
        draft = place.with_name(f"{digest[2:]}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("xb") as file:
                for chunk in _chunks(content):
                    file.write(chunk)
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
            if _digest(_chunks(draft))[0] != digest:
                raise InputError(f"{_shown(content)} changed while it was copied: try again.")
            draft.chmod(0o444)
            draft.replace(place)
            if self._durable:
                sync_folder(place.parent)
        except OSError as error:
            raise StorageError(
                f"The content store {self.folder} cannot be written: {error.strerror or error}; "
                "nothing was kept. Free the disk or make the folder writable."
            ) from error
        finally:
            with suppress(OSError):
                draft.unlink()


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    try:
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise InputError(f"The file {content} cannot be read: {error.strerror}.") from error


def _digest(chunks: Iterator[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _compare(place: Path, digest: str, found: str) -> None:
    if found != digest:
        raise CorruptionError(
            f"The file {place} must have SHA-256 {digest}, its content has {found}: restore it "
            "from a copy, or make the artifact again."
        )


def _shown(content: bytes | Path) -> str:
    return f"{len(content)} bytes" if isinstance(content, bytes) else str(content)
