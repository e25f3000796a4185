"""Contents that arrive in parts, checked against their digest before they get their name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from homeostat.core import CorruptionError, InputError, StorageError
from homeostat.record import BlobStore, together

__all__ = ["Intake", "checked_digest", "place_of"]

_DIGEST = re.compile("[0-9a-f]{64}")


def checked_digest(digest: str) -> str:
    """Return a digest; refuse what is none."""
    if not _DIGEST.fullmatch(digest):
        raise InputError(f"A content is named by its SHA-256 in hex, got {digest[:80]!r}.")
    return digest


def place_of(store: BlobStore, digest: str) -> Path:
    """Return where a store keeps a content."""
    return store.folder / digest[:2] / digest[2:]


class Intake:
    """One content that is being received; used as a context manager.

    Args:
        store: Where it is kept.
        digest: SHA-256 in hex that the content must have.
        durable: Whether :meth:`keep` waits until it is on the disk.
    """

    def __init__(self, store: BlobStore, digest: str, *, durable: bool = False) -> None:
        self._store = store
        self._place = place_of(store, checked_digest(digest))
        self._wanted = digest
        self._durable = durable
        self._digest = hashlib.sha256()
        unique = f"{self._place.name}.{os.getpid()}-{os.urandom(4).hex()}"
        self._draft = self._place.with_name(unique)

    def __enter__(self) -> Self:
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._draft.open("xb")
            fcntl.flock(self._file, fcntl.LOCK_EX)  # so that nobody takes it for abandoned
        except OSError as error:
            raise self._refused(error) from error
        return self

    def write(self, part: bytes) -> None:
        """Add a part; raises StorageError if the disk refuses."""
        self._digest.update(part)
        try:
            self._file.write(part)
        except OSError as error:
            raise self._refused(error) from error

    def keep(self) -> None:
        """Give the content its name.

        Raises:
            CorruptionError: If it has another digest; then it is thrown away.
            StorageError: If the disk refuses.
        """
        if self._digest.hexdigest() != self._wanted:
            raise CorruptionError(
                f"The content must have SHA-256 {self._wanted}, what was sent has "
                f"{self._digest.hexdigest()}: it changed on its way. Send it again."
            )
        try:
            self._file.flush()
            if self._durable:
                os.fsync(self._file.fileno())
            self._draft.chmod(0o444)
            with together(self._store.lock):
                self._draft.replace(self._place)
        except OSError as error:
            raise self._refused(error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._draft.unlink()

    def _refused(self, error: OSError) -> StorageError:
        return StorageError(
            f"The content store cannot be written: {self._place.parent}: "
            f"{error.strerror or error}. Nothing was kept; free the disk or make it writable."
        )
