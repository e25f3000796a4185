"""The content store: bytes named by their SHA-256, written once, verified when read."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from homeostat.core import CorruptionError, InputError, NotFoundError, StorageError
from homeostat.record._artifact.draft_file import draft_file
from homeostat.record._artifact.stat_cache import StatCache
from homeostat.record._folder import sync_folder
from homeostat.record._lock import together

__all__ = ["Blob", "BlobStore", "hash_file"]

_CHUNK_BYTES = 1 << 20
_DIGEST = re.compile("[0-9a-f]{64}")
_THREADS = min(8, (os.cpu_count() or 1) + 2)
_CHUNK_FILES = 16
_SMALL_BYTES = 1 << 20
_SEAL_NS = 946_684_800 * 10**9
"""The time of modification of a blob that was verified when it got its name: whatever changes it
later, changes that time. (Its time of change, which nobody can set, says when it was last put.)"""


class Blob(NamedTuple):
    """A content of the store.

    Args:
        sha256: Its SHA-256, in hex.
        size: Its bytes.
    """

    sha256: str
    size: int


class BlobStore:
    """Blobs in a local folder.

    `put`, `get` and `path` are the whole seam: another place for blobs is another class that
    has them.

    Args:
        folder: Where blobs are kept; made when the first one is. Beside it stand a lock and the
            cache that spares reading an unchanged file again.
        durable: Whether :meth:`put` waits until the content is on the disk.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = BlobStore(f"{folder}/blobs")
        ...     digest, size = store.put(b"weights")
        ...     store.get(digest), size
        (b'weights', 7)
    """

    def __init__(self, folder: str | Path, *, durable: bool = False) -> None:
        self.folder = Path(folder)
        self.lock = self.folder.with_name(f"{self.folder.name}.lock")
        self.cache = StatCache(self.folder.with_name(f"{self.folder.name}-cache.sqlite"))
        self._durable = durable
        self._root = os.fspath(self.folder)

    def put(self, content: bytes | Path) -> Blob:
        """Keep bytes, or a copy of a file; return the SHA-256 in hex and the size in bytes.

        What is written is read back before it gets its name. Content that is there already is
        not written again, unless what is there has gone bad: then it is replaced. A file that
        has not changed since it was last put is not even read.

        The content is safe from collection for the grace period (see `Record.collect`); by then
        something must name it.

        Raises:
            InputError: If a file to copy cannot be read, or changes while it is copied.
            StorageError: If the disk refuses; nothing half-written stays.
        """
        [blob] = self.put_all([content])
        return blob

    def put_all(self, contents: Sequence[bytes | Path]) -> list[Blob]:
        """Keep several contents, hashing many of them at once; as :meth:`put`."""
        self._prepare()
        known = [None if isinstance(one, bytes) else self._known(one) for one in contents]
        held = self.hold([blob for blob in known if blob is not None])
        kept = {i: blob for i, blob in enumerate(known) if blob is not None and blob in held}
        rest = [i for i in range(len(contents)) if i not in kept]
        new = _in_parallel(self._keep, [contents[i] for i in rest])
        self.cache.note(noted for _, noted in new if noted is not None)
        kept |= dict(zip(rest, (blob for blob, _ in new), strict=True))
        return [kept[i] for i in range(len(contents))]

    def hold(self, blobs: Sequence[Blob]) -> set[Blob]:
        """Renew the grace period of contents, and return those that are there, and good.

        Only what nobody has verified since it was last written is read.
        """
        if not blobs:
            return set()
        with together(self.lock):
            return self.hold_locked(blobs)

    def hold_locked(self, blobs: Sequence[Blob]) -> set[Blob]:
        """Do the same for a caller that holds :attr:`lock` already."""
        return {blob for blob in dict.fromkeys(blobs) if self._hold(blob)}

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
        _compare(place, digest, _digest(_chunks(place)).sha256)
        return place

    def chunks(self, digest: str) -> Iterator[bytes]:
        """Yield the content of a blob piece by piece; raises as `get`, at the end.

        So what was taken in must be thrown away if the end is an error.
        """
        place = self._place(digest)
        found = hashlib.sha256()
        for chunk in _chunks(place):
            found.update(chunk)
            yield chunk
        _compare(place, digest, found.hexdigest())

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of any file; one that has not changed since is not read again."""
        known = self._known(path)
        if known is None:
            known, noted, _ = _hashed(path, self.cache.now())
            self.cache.note([noted])
        return known.sha256

    def close(self) -> None:
        """Close the cache; it opens again when used."""
        self.cache.close()

    def _place(self, digest: str) -> Path:
        place = self.folder / digest[:2] / digest[2:]
        if not _DIGEST.fullmatch(digest) or not place.is_file():
            raise NotFoundError(f"The content {digest} is not in the record: {place} is missing.")
        return place

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(error) from error

    def _known(self, path: Path) -> Blob | None:
        try:
            found = path.stat()
        except OSError as error:
            raise _unreadable(path, error) from error
        digest = self.cache.find(path, found)
        return None if digest is None else Blob(digest, found.st_size)

    def _hold(self, blob: Blob) -> bool:
        """Renew the grace period of a blob, and say whether it is there and good."""
        place = self._named(blob.sha256)
        try:
            found = os.stat(place)  # noqa: PTH116 - a thousand of them are to cost nothing
            if found.st_size != blob.size or not _DIGEST.fullmatch(blob.sha256):
                return False
            os.utime(place, ns=(found.st_atime_ns, found.st_mtime_ns))
            if found.st_mtime_ns != _SEAL_NS:
                if _digest(_chunks(Path(place))) != blob:
                    return False
                os.utime(place, ns=(found.st_atime_ns, _SEAL_NS))
        except OSError:  # gone, or somebody else's: one of our own is written
            return False
        return True

    def _keep(self, content: bytes | Path) -> tuple[Blob, _Noted | None]:
        noted = None
        if isinstance(content, Path):
            blob, noted, read = _hashed(content, self.cache.now())
            content = content if read is None else read
        else:
            blob = Blob(hashlib.sha256(content).hexdigest(), len(content))
        if not os.path.exists(self._named(blob.sha256)) or blob not in self.hold([blob]):  # noqa: PTH110 - as in `_hold`
            self._write(content, blob)
        return blob, noted

    def _named(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest[2:]}"

    def _write(self, content: bytes | Path, blob: Blob) -> None:
        place = Path(self._named(blob.sha256))
        try:
            if not place.parent.is_dir():
                place.parent.mkdir(exist_ok=True)
            with draft_file(place, content, durable=self._durable) as draft:
                if _digest(_chunks(draft)) != blob:
                    raise InputError(f"{_shown(content)} changed while it was copied: try again.")
                draft.chmod(0o444)
                os.utime(draft, ns=(_SEAL_NS, _SEAL_NS))
                with together(self.lock):
                    draft.replace(place)
            if self._durable:
                sync_folder(place.parent)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> StorageError:
        return StorageError(
            f"The content store {self.folder} cannot be written: {error.strerror or error}; "
            "nothing was kept. Free the disk or make the folder writable."
        )


def hash_file(path: Path) -> Blob:
    """Return digest and size of any regular file.

    Raises:
        InputError: If it cannot be read, or changes meanwhile.
    """
    return _hashed(path, 0)[0]


_Noted = tuple[Path, os.stat_result, int, str]


def _in_parallel(
    keep: Callable[[bytes | Path], tuple[Blob, _Noted | None]], contents: Sequence[bytes | Path]
) -> list[tuple[Blob, _Noted | None]]:
    if len(contents) == 1:
        return [keep(contents[0])]
    size = _CHUNK_FILES if len(contents) > 8 * _CHUNK_FILES else 1
    parts = [contents[i : i + size] for i in range(0, len(contents), size)]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for many files only

    with ThreadPoolExecutor(_THREADS) as pool:
        return [one for part in pool.map(lambda part: list(map(keep, part)), parts) for one in part]


def _hashed(path: Path, began: int) -> tuple[Blob, _Noted, bytes | None]:
    """Hash a file of which nothing may change meanwhile; return what was read if it is small."""
    content = None
    try:
        with open(path, "rb", opener=_open_regular, buffering=0) as file:
            before = os.fstat(file.fileno())
            if before.st_size <= _SMALL_BYTES:
                content = file.read()
                digest = hashlib.sha256(content).hexdigest()
            else:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error) from error
    if _state(before) != _state(after):
        raise InputError(f"The file {path} changed while it was read: try again.")
    return Blob(digest, before.st_size), (path, before, began, digest), content


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_size, found.st_mtime_ns, found.st_ino


def _open_regular(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe; refuse what is no regular file."""
    file = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(file).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        os.close(file)
        raise OSError(None, "it is no regular file (a pipe, a socket or a device)")
    return file


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    try:
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise _unreadable(content, error) from error


def _digest(chunks: Iterator[bytes]) -> Blob:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return Blob(digest.hexdigest(), size)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"The file {path} cannot be read: {error.strerror}.")


def _compare(place: Path, digest: str, found: str) -> None:
    if found == digest:
        return
    with suppress(OSError):
        os.utime(place)  # break the seal: the next put of this content writes it anew
    raise CorruptionError(
        f"The file {place} must have SHA-256 {digest}, its content has {found}: restore it "
        "from a copy, or make the artifact again."
    )


def _shown(content: bytes | Path) -> str:
    return f"{len(content)} bytes" if isinstance(content, bytes) else str(content)
