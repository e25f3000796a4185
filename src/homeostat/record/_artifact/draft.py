"""ArtifactDraft: what is to become a version of an artifact, being filled."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol

from homeostat.core import InputError, Json, NotFoundError, suggest
from homeostat.record._artifact.artifact import Entry
from homeostat.record._artifact.blobs import Blob, BlobStore, hash_file
from homeostat.record._artifact.make import File, Making
from homeostat.record._artifact.names import checked_file_name, checked_text, walk
from homeostat.record._artifact.reference import Reference
from homeostat.record._artifact.reference_target import resolve
from homeostat.record._json import plain_object, to_bytes

__all__ = ["ArtifactDraft", "Row"]

_MODES = {"w", "wb", "x", "xb", "w+", "wb+", "w+b", "x+", "xb+", "x+b"}


class Row(Protocol):
    """A value that becomes JSON, with its contents put aside: media and tables."""

    def to_row(self, put: Callable[[bytes | Path], Blob]) -> dict[str, Json]:
        """Put the contents and return the plain JSON that stands for the value."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of the user's, as it was when it was added."""

    path: Path
    size: int
    modified: int

    @classmethod
    def at(cls, path: Path) -> _Found:
        try:
            found = path.stat()
        except OSError as error:
            raise InputError(f"The file {path} cannot be read: {error.strerror}.") from error
        return cls(path, found.st_size, found.st_mtime_ns)


class ArtifactDraft:
    r"""Files on their way to becoming a version of an artifact; handed to `Run.make_from`.

    A draft without a store remembers where the user's files are: they must still be there, and
    be what they were, when the version is made. A draft with a store takes their contents in as
    they are added. Neither makes a second copy.

    Args:
        name: What to call it; without a colon.
        type: What it is, such as ``"dataset"`` or ``"model"``; one per name.
        description: What it is, in words.
        metadata: What to say of it; JSON. It may be changed until the version is made.
        ttl: How long the version is kept if no alias points to it; None is for ever.
        store: Where contents go as soon as they are added.

    Example:
        >>> draft = ArtifactDraft("flights", "dataset", metadata={"rows": 2})
        >>> with draft.new_file("rows.csv") as file:
        ...     _ = file.write("1,2\n")
        >>> [entry.name for entry in draft.entries]
        ['rows.csv']
    """

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - the field's word
        *,
        description: str | None = None,
        metadata: Mapping[str, object] | None = None,
        ttl: timedelta | None = None,
        store: BlobStore | None = None,
    ) -> None:
        self.name = checked_text(name, "An artifact's name")
        self.type = checked_text(type, "Its type")
        self.description = description or ""
        self.metadata: dict[str, Any] = dict(plain_object(metadata, "An artifact's metadata"))
        self.ttl = ttl
        self._store = store
        self._files: dict[str, _Found | Blob | Reference | bytes] = {}
        self._folder: Path | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it holds by now, by name; digests are known of what is in the store."""
        return tuple(self.get_entry(name) for name in sorted(self._files))

    def add_file(
        self, path: str | Path, name: str | None = None, *, overwrite: bool = False
    ) -> Entry:
        """Add one file.

        Args:
            path: Of the file; a symbolic link stands for what it points to.
            name: Its path within the artifact; its own name unless told.
            overwrite: Whether it may take the place of another file of that name.

        Raises:
            InputError: If it cannot be read, is no regular file, or the name is taken or of no
                use.
        """
        path = Path(path)
        if path.is_dir():
            raise InputError(f"{path} is a folder: add it with `add_dir`.")
        name = checked_file_name(path.name if name is None else name)
        self._add({name: path}, overwrite=overwrite)
        return self.get_entry(name)

    def add_dir(
        self, path: str | Path, name: str | None = None, *, overwrite: bool = False
    ) -> tuple[Entry, ...]:
        """Add all files of a folder, and of the folders in it.

        Args:
            path: Of the folder. Symbolic links in it stand for what they point to.
            name: The folder within the artifact; its root unless told.
            overwrite: Whether they may take the place of others of the same names.

        Raises:
            InputError: If something in it is neither file nor folder, or a link leads nowhere or
                back to where it is; then nothing is added.
        """
        path = Path(path)
        if not path.is_dir():
            raise InputError(f"{path} is no folder: add a file with `add_file`.")
        start = f"{checked_file_name(name.rstrip('/'))}/" if name else ""
        files = {checked_file_name(start + below): file for below, file in walk(path)}
        self._add(files, overwrite=overwrite)
        return tuple(self.get_entry(one) for one in files)

    @contextmanager
    def new_file(
        self, name: str, mode: str = "w", *, encoding: str | None = None
    ) -> Iterator[IO[Any]]:
        """Write a file that is added when the block ends well.

        Args:
            name: Its path within the artifact.
            mode: As for `open`, for writing: ``"w"``, ``"wb"``, ``"x"``, ...
            encoding: Of a text; UTF-8 unless told.
        """
        if mode not in _MODES:
            raise InputError(f"A new file is opened to write, as by 'w' or 'wb', got {mode!r}.")
        name = checked_file_name(name)
        if "x" in mode and name in self._files:
            raise InputError(f"The draft has a file `{name}` already: remove it, or use mode 'w'.")
        path = self._scratch() / os.urandom(8).hex()
        told = None if "b" in mode else (encoding or "utf-8")
        try:
            with path.open(mode, encoding=told) as file:
                yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._add({name: path}, overwrite=True)
        if self._store is not None:
            path.unlink()

    def add(self, value: Row, name: str, *, overwrite: bool = False) -> Entry:
        """Add an image, a table or another value of `homeostat.media`.

        Its JSON becomes the file ``name.TYPE.json``, its contents become files of ``media/``.

        Args:
            value: What has a ``to_row(put)``.
            name: Its path within the artifact, without a suffix.
            overwrite: Whether it may take the place of another file of that name.
        """
        if not hasattr(value, "to_row"):
            raise InputError(
                f"A value to add is media or a table, got {type(value).__name__}: add a file with "
                "`add_file`, or write one with `new_file`."
            )
        contents: dict[str, bytes | Path] = {}

        def put(content: bytes | Path) -> Blob:
            blob = _blob(content)
            contents[f"media/{blob.sha256}"] = content
            return blob

        row = value.to_row(put)
        file = checked_file_name(f"{name}.{row.get('_type', 'json')}.json")
        self._add({file: to_bytes(row)}, overwrite=overwrite)
        self._add(contents, overwrite=True)
        return self.get_entry(file)

    def add_reference(
        self,
        uri: str | Path,
        name: str | None = None,
        *,
        checksum: bool = True,
        max_objects: int = 10_000,
    ) -> tuple[Entry, ...]:
        """Add what is kept elsewhere, without copying it.

        Args:
            uri: ``file://``, ``http(s)://``, ``s3://``, ``gs://`` or any other that fsspec opens
                (extra ``remote``). A folder or a prefix becomes all objects in it.
            name: Its path within the artifact; the last part of the address unless told. Of a
                folder: where its objects go; the root unless told.
            checksum: Whether to look at it now and keep its SHA-256 or its ETag, so that a change
                is noticed; else only the address is kept, and nothing is asked.
            max_objects: Refuse a folder of more.

        Raises:
            InputError: If the address is of no use, or has too many objects.
            NotFoundError: If there is nothing.
            StorageError: If it cannot be reached.
        """
        uri = uri.absolute().as_uri() if isinstance(uri, Path) else uri
        last = Reference(uri).uri.rstrip("/").rsplit("/", 1)[-1].split("?")[0]
        found = {"": Reference(uri)}
        if checksum:
            found = resolve(uri, max_objects=max_objects, digest=self._digest)
        named = {
            checked_file_name("/".join(filter(None, [name or ("" if below else last), below]))): one
            for below, one in found.items()
        }
        self._add(named, overwrite=False)
        return tuple(self.get_entry(one) for one in named)

    def remove(self, name: str | Entry) -> None:
        """Take a file out again, or a folder with all its files.

        Raises:
            NotFoundError: If there is none of that name.
        """
        name = name.name if isinstance(name, Entry) else name
        below = [one for one in self._files if one == name or one.startswith(f"{name}/")]
        if not below:
            raise NotFoundError(f"The draft has no file `{name}`.{suggest(name, self._files)}")
        for one in below:
            del self._files[one]

    def get_entry(self, name: str) -> Entry:
        """Return one file; raises NotFoundError if there is none of that name."""
        match self._files.get(name):
            case Blob() as blob:
                return Entry(name, blob.size, blob.sha256)
            case Reference() as one:
                return Entry(name, one.size, one.digest, one)
            case _Found() as found:
                return Entry(name, found.size, "")
            case bytes() as content:
                return Entry(name, len(content), hashlib.sha256(content).hexdigest())
        raise NotFoundError(f"The draft has no file `{name}`.{suggest(name, self._files)}")

    def making(self, aliases: Iterable[str] = (), *, empty: bool = False) -> Making:
        """Return what is to be made of it, for the record.

        Args:
            aliases: Names that point to the version from now on.
            empty: Whether it may have no files.

        Raises:
            InputError: If a file that was added is gone or has changed since.
        """
        files: dict[str, File] = {}
        for name, one in self._files.items():
            if isinstance(one, _Found) and _Found.at(one.path) != one:
                raise InputError(
                    f"The file {one.path} changed after it was added as `{name}`: add it again."
                )
            files[name] = one.path if isinstance(one, _Found) else one
        return Making(
            self.name,
            self.type,
            files,
            self.metadata,
            aliases,
            description=self.description,
            ttl=self.ttl,
            empty=empty,
        )

    def __repr__(self) -> str:
        return f"ArtifactDraft({self.type} {self.name}: {len(self._files)} files)"

    def _add(self, files: Mapping[str, Path | bytes | Reference], *, overwrite: bool) -> None:
        taken = [] if overwrite else [name for name in files if name in self._files]
        if taken:
            raise InputError(
                f"The draft has a file `{taken[0]}` already: remove it, or add it with "
                "`overwrite=True` or under another name."
            )
        found: dict[str, _Found | Blob | Reference | bytes] = {
            name: _Found.at(one) if isinstance(one, Path) else one for name, one in files.items()
        }
        if self._store is not None:
            contents = {k: one for k, one in files.items() if not isinstance(one, Reference)}
            found |= zip(contents, self._store.put_all(list(contents.values())), strict=True)
        self._files |= found

    def _digest(self, path: Path) -> str:
        return _blob(path).sha256 if self._store is None else self._store.digest(path)

    def _scratch(self) -> Path:
        """Return a folder for files being written, which goes with the draft."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="homeostat-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


def _blob(content: bytes | Path) -> Blob:
    if isinstance(content, bytes):
        return Blob(hashlib.sha256(content).hexdigest(), len(content))
    return hash_file(content)
