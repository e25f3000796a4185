"""Artifacts: what was made, immutable, versioned, addressed by content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from homeostat.core import InputError, Json, NotFoundError, suggest
from homeostat.record._blobs import BlobStore
from homeostat.record._index import Index
from homeostat.record._json import plain, to_bytes
from homeostat.record._time import instant

__all__ = ["Artifact", "artifact_id", "checked_alias", "checked_text", "find_artifact"]

_VERSION = re.compile(r"v\d+")
"""How a version is written; no alias may look like one."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One version of something that was made.

    Args:
        name: What it is called.
        type: What it is, such as ``"dataset"`` or ``"model"``.
        version: 0, 1, 2, ... in the order the contents of this name were first made.
        id: SHA-256, in hex, of type, name and content.
        aliases: Names that point to this version now.
        metadata: What its maker said of it, at the first making.
        files: SHA-256 of each file, by the file's name.
        sizes: Bytes of each file.
        run: Id of the run that first made it.
        made: When.
    """

    name: str
    type: str
    version: int
    id: str
    aliases: tuple[str, ...]
    metadata: Mapping[str, Json]
    files: Mapping[str, str]
    sizes: Mapping[str, int]
    run: str
    made: datetime
    blobs: BlobStore = field(repr=False, compare=False)

    @property
    def reference(self) -> str:
        """The name people use: ``"name:v3"``."""
        return f"{self.name}:v{self.version}"

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(self.sizes.values())

    def read(self, filename: str) -> bytes:
        """Return the content of one file, verified.

        Raises:
            NotFoundError: If the artifact has no such file.
            CorruptionError: If the content no longer matches its digest.
        """
        return self.blobs.get(self._digest(filename))

    def path(self, filename: str) -> Path:
        """Return a read-only file with the content, verified just now; raises as `read`.

        The file is named by its digest, without the suffix of ``filename``.
        """
        return self.blobs.path(self._digest(filename))

    def _digest(self, filename: str) -> str:
        if filename not in self.files:
            raise NotFoundError(
                f"{self.reference} has no file `{filename}`.{suggest(filename, self.files)}"
            )
        return self.files[filename]


def artifact_id(type_: str, name: str, digests: Mapping[str, str]) -> str:
    """Return the SHA-256 that names a content: type, name, and each file's name and digest."""
    content: Json = [type_, name, sorted([file, digest] for file, digest in digests.items())]
    return hashlib.sha256(to_bytes(content)).hexdigest()


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


def find_artifact(index: Index, blobs: BlobStore, reference: str) -> Artifact:
    """Return the artifact that a reference names.

    Args:
        index: Where to look; it is brought up to date first.
        blobs: Where the content is.
        reference: ``"name"`` (the latest version), ``"name:latest"``, ``"name:v3"``,
            ``"name:alias"``, or an id.

    Raises:
        NotFoundError: If there is none; the nearest name is suggested.
    """
    index.refresh()
    if index.rows("SELECT 1 FROM versions WHERE artifact = ?", (reference,)):
        return _load(index, blobs, reference)
    name, colon, selector = reference.partition(":")
    versions = dict(
        index.rows("SELECT version, artifact FROM versions WHERE name = ? ORDER BY 1", (name,))
    )
    if not versions:
        names = [row[0] for row in index.rows("SELECT DISTINCT name FROM versions")]
        raise NotFoundError(f"The record has no artifact `{name}`.{suggest(name, names)}")
    known = {f"v{version}": id_ for version, id_ in versions.items()}
    known |= dict(index.rows("SELECT alias, artifact FROM aliases WHERE name = ?", (name,)))
    known["latest"] = versions[max(versions)]
    chosen = known.get(selector if colon else "latest")
    if chosen is None:
        raise NotFoundError(
            f"Artifact `{name}` has no version or alias `{selector}`.{suggest(selector, known)}"
        )
    return _load(index, blobs, chosen)


def _load(index: Index, blobs: BlobStore, id_: str) -> Artifact:
    [(name, type_, version, files, metadata, run, time), *_] = index.rows(
        "SELECT name, type, version, files, metadata, run, time FROM versions WHERE artifact = ?",
        (id_,),
    )
    aliases = index.rows(
        "SELECT alias FROM aliases WHERE name = ? AND artifact = ? ORDER BY 1", (name, id_)
    )
    parts = json.loads(files)
    return Artifact(
        name=name,
        type=type_,
        version=version,
        id=id_,
        aliases=tuple(alias for (alias,) in aliases),
        metadata=json.loads(metadata),
        files={file: part["sha256"] for file, part in parts.items()},
        sizes={file: part["size"] for file, part in parts.items()},
        run=run,
        made=instant(time),
        blobs=blobs,
    )
