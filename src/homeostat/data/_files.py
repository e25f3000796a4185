"""Files: local paths, patterns and folders, and by fsspec any object store, read whole."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from homeostat.core import InputError, MissingExtraError, suggest

__all__ = ["File", "Loaded", "Source", "digest_of_file", "find", "load", "location_of", "shown"]

Source = str | Path | bytes
_ENDINGS = (".gz", ".zst", ".bz2", ".xz", ".zip")
_ETAGS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "md5", "version_id")
"""Where the file systems of fsspec say what an object holds."""


@dataclass(frozen=True, slots=True)
class File:
    """One file that can be read.

    Args:
        location: What lineage shows: relative to the working folder, or an address without
            user, password and query.
        read: Returns its bytes.
        path: Where it is, if it is local.
        etag: What its store calls this version of it; empty where there is no such thing.
    """

    location: str
    read: Callable[[], bytes]
    path: Path | None = None
    etag: str = ""

    @property
    def stem(self) -> str:
        """Its name without folders and endings such as ``.csv.gz``."""
        name = PurePosixPath(self.location).name
        for ending in _ENDINGS:
            name = name.removesuffix(ending)
        return PurePosixPath(name).stem


def find(
    source: Source | Sequence[Source], storage_options: Mapping[str, object] | None = None
) -> list[File]:
    """Return the files that a path, a pattern, a folder, an address or a list of them names.

    Args:
        source: ``"in/*.csv"`` and ``"s3://bucket/**/*.csv"`` are patterns; a folder is all
            files in it but for those whose names start with ``.`` or ``_``; bytes are a file.
        storage_options: Passed to fsspec, such as a key or an endpoint; never in lineage.

    Raises:
        InputError: If nothing is there, or an address cannot be reached.
        MissingExtraError: If an address is given and fsspec is not installed.
    """
    if isinstance(source, bytes):
        return [File("memory", partial(bytes, source))]
    if not isinstance(source, (str, Path)):
        return [file for one in source for file in find(one, storage_options)]
    if isinstance(source, str) and "://" in source and not source.startswith("file://"):
        return _remote(source, storage_options or {})
    paths = _local(Path(str(source).removeprefix("file://")))
    return [File(location_of(path), partial(_read, path), path) for path in paths]


def _local(path: Path) -> list[Path]:
    if path.is_dir():
        found = [one for one in path.rglob("*") if one.is_file() and not _hidden(one, path)]
    elif path.exists() or not set("*?[") & set(str(path)):
        return [path]
    else:
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(anchor))
        found = [one for one in anchor.glob(pattern) if one.is_file()]
    if not found:
        raise InputError(f"No file is at {path}: check the folder or the pattern.")
    return sorted(found)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _remote(url: str, options: Mapping[str, object]) -> list[File]:
    system, path = _system(url, options)
    try:
        if set("*[" if url.startswith("http") else "*?[") & set(path):
            paths = [one for one in system.glob(path) if not system.isdir(one)]
        elif system.info(path).get("type") == "directory":
            paths = [one for one in system.find(path) if not _hidden_name(one, path)]
        else:
            paths = [path]
        about = {one: system.info(one) for one in paths}
    except Exception as error:
        raise _unreachable(url, error) from error
    if not paths:
        raise InputError(f"No object is at {shown(url)}: check the prefix or the pattern.")
    return [
        File(
            shown(system.unstrip_protocol(one)),
            partial(_fetch, system, one),
            etag=_etag(about[one]),
        )
        for one in sorted(paths)
    ]


def _hidden_name(path: str, folder: str) -> bool:
    below = path.removeprefix(folder).strip("/")
    return any(part.startswith((".", "_")) for part in below.split("/"))


def _system(url: str, options: Mapping[str, object]) -> tuple[Any, str]:
    try:
        import fsspec  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingExtraError("fsspec", extra="remote") from error
    try:
        system, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:  # s3fs, gcsfs, ...: the user's choice
        raise InputError(f"{shown(url)} cannot be opened here: {error}") from None
    except ValueError as error:
        raise _unreachable(url, error) from None
    return system, str(path)


def _fetch(system: Any, path: str) -> bytes:  # noqa: ANN401 - fsspec has no types
    try:
        content: bytes = system.cat_file(path)
    except Exception as error:
        raise _unreachable(path, error) from error
    return content


def _unreachable(url: str, error: Exception) -> InputError:
    """Say what went wrong, without what may be secret in the address."""
    parts = urlsplit(url)
    said = (str(error) or type(error).__name__).replace(url, shown(url))
    for secret in filter(None, (parts.password, parts.query)):
        said = said.replace(secret, "***")
    return InputError(
        f"{shown(url)} cannot be read: {said}. Check the address and the credentials."
    )


def _etag(about: Mapping[str, Any]) -> str:
    return next((str(about[key]).strip('"') for key in _ETAGS if about.get(key)), "")


def shown(url: str) -> str:
    """Return an address without user, password, query and fragment.

    Example:
        >>> shown("https://ann:secret@host:81/a.csv?signature=1")
        'https://host:81/a.csv'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def location_of(path: Path) -> str:
    """Return a path relative to the working folder; of one outside it, only the name."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file's content, decompressed, with what lineage says of it."""

    location: str
    sha256: str
    etag: str
    raw: bytes = b""

    @property
    def stem(self) -> str:
        """Its name without folders and endings."""
        return File(self.location, bytes).stem


def load(file: File, member: str | None = None) -> Loaded:
    """Read a file and decompress it; the checksum is that of the bytes as they are stored.

    A member of a zip counts as a file of its own.
    """
    stored = file.read()
    raw, location = unpack(stored, file.location, member)
    sha256 = hashlib.sha256(raw if location != file.location else stored).hexdigest()
    return Loaded(location, sha256, file.etag, raw)


def unpack(raw: bytes, location: str, member: str | None = None) -> tuple[bytes, str]:
    """Return what a file holds, decompressed if it is gz, zst, bz2, xz or zip, and where.

    Which it is, its first bytes say.

    Raises:
        InputError: If it is damaged, or a zip holds several files and none is named.
    """
    try:
        if raw.startswith(b"PK\x03\x04") or member is not None:
            return _from_zip(raw, location, member)
        for magic, opened in _PACKED:
            if magic.match(raw):
                return opened(raw), location
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise InputError(f"{location} cannot be read: {error}.") from error
    if raw and location.endswith(_ENDINGS):
        raise InputError(f"{location} cannot be read: it is not what its name says it is.")
    return raw, location


def _from_zip(raw: bytes, location: str, member: str | None) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        inside = [one for one in archive.namelist() if not one.endswith("/")]
        if member is None and len(inside) == 1:
            member = inside[0]
        if member not in inside:
            asked = "must be named" if member is None else f"`{member}` is not in it"
            hint = suggest(member or "", inside)
            name = PurePosixPath(location).name
            raise InputError(f"{name} holds {len(inside)} files; the member {asked}.{hint}")
        return archive.read(member), f"{location}/{member}"


def _from_zstandard(raw: bytes) -> bytes:
    try:
        pa = import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", extra="sources") from error
    with pa.input_stream(pa.py_buffer(raw), compression="zstd") as stream:
        content: bytes = stream.read()
    return content


_PACKED: tuple[tuple[re.Pattern[bytes], Callable[[bytes], bytes]], ...] = (
    (re.compile(rb"\x1f\x8b"), gzip.decompress),
    (re.compile(rb"\x28\xb5\x2f\xfd"), _from_zstandard),
    (re.compile(rb"BZh[1-9]1AY&SY"), bz2.decompress),
    (re.compile(rb"\xfd7zXZ\x00"), lzma.decompress),
)


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, read piece by piece."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
