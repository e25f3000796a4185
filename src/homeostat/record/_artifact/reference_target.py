"""Targets of references: what is there, and its verified content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from homeostat.core import InputError, MissingExtraError, NotFoundError, StorageError
from homeostat.record._artifact.names import walk
from homeostat.record._artifact.reference import Reference

__all__ = ["read_target", "resolve"]

_CHUNK_BYTES = 1 << 20
_ETAGS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "md5")
"""Where the file systems of fsspec say what an object holds."""


def resolve(uri: str, *, max_objects: int, digest: Callable[[Path], str]) -> dict[str, Reference]:
    """Return what is at an address, by the path below it (empty for the address itself).

    Args:
        uri: Of a file or an object, or of a folder or a prefix, which becomes all that is in it.
        max_objects: Refuse a folder or a prefix of more.
        digest: How to hash a local file.

    Raises:
        InputError: If there are too many objects, or the address is of no use.
        NotFoundError: If there is nothing.
        StorageError: If it cannot be reached.
    """
    match urlsplit(uri).scheme.lower():
        case "file":
            found = _local(uri, digest)
        case "http" | "https":
            found = iter([("", _web(uri))])
        case _:
            found = _remote(uri)
    references: dict[str, Reference] = {}
    for name, reference in found:
        if len(references) == max_objects:
            raise InputError(
                f"{uri} has more than {max_objects} objects: refer to a part of it, or raise "
                "`max_objects`."
            )
        references[name] = reference
    if not references:
        raise NotFoundError(f"There is nothing at {uri}.")
    return references


def read_target(reference: Reference) -> Iterator[bytes]:
    """Yield the content of a target piece by piece; the end is an error where it changed.

    So what was taken in must be thrown away if the end is an error.

    Raises:
        CorruptionError: If its digest, ETag or size is not what it was; names both.
        NotFoundError: If it is gone.
        StorageError: If it cannot be reached.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(reference):
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    reference.must_be(digest=digest.hexdigest(), size=size)


def _chunks(reference: Reference) -> Iterator[bytes]:
    scheme = urlsplit(reference.uri).scheme.lower()
    if scheme in {"http", "https"}:
        for etag, chunk in _http().http_chunks(reference.uri):
            reference.must_be(etag=etag)
            yield chunk
    elif scheme == "file":
        yield from _file_chunks(_local_path(reference.uri))
    else:
        yield from _remote_chunks(reference)


def _local_path(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise InputError(f"A local file is written 'file:///its/path', got {uri!r}.")
    return Path(unquote(parts.path))


def _local(uri: str, digest: Callable[[Path], str]) -> Iterator[tuple[str, Reference]]:
    path = _local_path(uri)
    if not path.exists():
        raise NotFoundError(f"There is nothing at {uri}.")
    whole = {"": path} if not path.is_dir() else dict(walk(path))
    for name, file in sorted(whole.items()):
        sha256 = digest(file)
        yield name, Reference(file.absolute().as_uri(), sha256, file.stat().st_size)


def _file_chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except FileNotFoundError as error:
        raise NotFoundError(f"The target {path} is gone.") from error
    except OSError as error:
        raise StorageError(f"The target {path} cannot be read: {error.strerror}.") from error


def _http() -> ModuleType:
    return import_module(
        "homeostat.record._artifact.reference_http"
    )  # a web client is slow to import


def _web(uri: str) -> Reference:
    told = _http().http_head(uri)
    etag, size = told or ("", None)
    if told and etag:
        return Reference(uri, "", size, etag)
    digest, size = hashlib.sha256(), 0
    for etag, chunk in _http().http_chunks(uri):  # noqa: B007 - the last one counts
        digest.update(chunk)
        size += len(chunk)
    return Reference(uri, digest.hexdigest(), size, etag)


def _remote(uri: str) -> Iterator[tuple[str, Reference]]:
    system, path = _system(uri)
    try:
        found: Mapping[str, Mapping[str, Any]] = system.find(path, detail=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreachable(uri, error) from error
    for name, about in sorted(found.items()):
        below = "" if name == path else os.path.relpath(name, path)
        address = uri if not below else f"{uri.rstrip('/')}/{below}"
        size = about.get("size")
        reference = Reference(address, "", None if size is None else int(size), _etag(about))
        if not reference.etag:
            reference = _with_digest(reference)
        yield below, reference


def _with_digest(reference: Reference) -> Reference:
    digest, size = hashlib.sha256(), 0
    for chunk in _remote_chunks(reference):
        digest.update(chunk)
        size += len(chunk)
    return replace(reference, digest=digest.hexdigest(), size=size)


def _remote_chunks(reference: Reference) -> Iterator[bytes]:
    system, path = _system(reference.uri)
    try:
        if reference.etag:
            reference.must_be(etag=_etag(system.info(path)))
        with system.open(path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        if reference.etag:  # also if it was replaced while it was read
            reference.must_be(etag=_etag(system.info(path)))
    except FileNotFoundError as error:
        raise NotFoundError(f"The target {reference.uri} is gone.") from error
    except OSError as error:
        raise _unreachable(reference.uri, error) from error


def _system(uri: str) -> tuple[Any, str]:
    try:
        import fsspec  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingExtraError("fsspec", extra="remote") from error
    try:
        system, path = fsspec.core.url_to_fs(uri)
    except ImportError as error:  # s3fs, gcsfs, ...: the user's choice
        raise InputError(f"{uri} cannot be opened here: {error}") from error
    except ValueError as error:
        raise InputError(f"{uri} is of no kind that fsspec knows: {error}.") from error
    return system, str(path)


def _etag(about: Mapping[str, Any]) -> str:
    for key in _ETAGS:
        if about.get(key):
            return str(about[key]).strip('"')
    return ""


def _unreachable(uri: str, error: OSError) -> StorageError:
    return StorageError(f"{uri} cannot be read: {error}. Check the address and the credentials.")
