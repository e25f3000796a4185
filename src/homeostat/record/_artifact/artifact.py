"""Artifacts: what was made, immutable, versioned, addressed by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

from homeostat.core import Finding, Json, NotFoundError, suggest
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._artifact.check import check_artifact
from homeostat.record._artifact.download import download, fetch
from homeostat.record._artifact.lineage import Lineage, Node, neighbours, trace
from homeostat.record._artifact.reference import Reference
from homeostat.record._artifact.reference_target import read_target
from homeostat.record._index.index import Index
from homeostat.record._json import to_bytes

__all__ = ["Artifact", "Entry", "artifact_id"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an artifact, or of a draft of one.

    Args:
        name: Its path within the artifact.
        size: Its bytes; None where that is not known.
        sha256: Of its content, in hex; empty where that is not known.
        reference: Where it is kept, if not in the record.
    """

    name: str
    size: int | None
    sha256: str
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """One version of something that was made.

    Args:
        name: What it is called.
        type: What it is, such as ``"dataset"`` or ``"model"``.
        version: 0, 1, 2, ... in the order the contents of this name were first made.
        id: SHA-256, in hex, of type, name and content.
        aliases: Names that point to this version now.
        metadata: What its maker said of it, at the first making, or whoever amended it.
        files: SHA-256 of each file that the record keeps, by the file's name.
        sizes: Bytes of each of them.
        run: Id of the run that first made it.
        made: When.
        description: What it is, in words.
        expires: From when on it may be collected if no alias points to it; None is never.
        references: Files that are kept elsewhere, by their name.
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
    index: Index = field(repr=False, compare=False)
    description: str = ""
    expires: datetime | None = None
    references: Mapping[str, Reference] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The name people use: ``"name:v3"``."""
        return f"{self.name}:v{self.version}"

    @property
    def size_bytes(self) -> int:
        """Size of all files that the record keeps, together."""
        return sum(self.sizes.values())

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All its files, also those kept elsewhere, by name."""
        kept = [Entry(name, self.sizes[name], sha256) for name, sha256 in self.files.items()]
        elsewhere = [
            Entry(name, one.size, one.digest, one) for name, one in self.references.items()
        ]
        return tuple(sorted([*kept, *elsewhere], key=lambda entry: entry.name))

    def get_entry(self, filename: str) -> Entry:
        """Return one of its files; raises NotFoundError if it has none of that name."""
        self._must_have(filename)
        return next(entry for entry in self.entries if entry.name == filename)

    def read(self, filename: str) -> bytes:
        """Return the content of one file, verified; also of one that is kept elsewhere.

        Raises:
            NotFoundError: If the artifact has no such file, or its content is gone.
            CorruptionError: If the content no longer matches its digest (elsewhere: its ETag).
        """
        return b"".join(self.chunks(filename))

    def chunks(self, filename: str) -> Iterator[bytes]:
        """Yield the content of one file piece by piece; raises as `read`, at the end.

        What was taken in must be thrown away if the end is an error.
        """
        self._must_have(filename)
        if filename in self.references:
            return read_target(self.references[filename])
        return self.blobs.chunks(self.files[filename])

    def path(self, filename: str) -> Path:
        """Return a read-only file with the content, verified just now; raises as `read`.

        The file is named by its digest, without the suffix of ``filename``. A file kept elsewhere
        is fetched; its copy in the record stays for as long as an unnamed content does.
        """
        self._must_have(filename)
        if filename in self.references:
            return self.blobs.path(self.blobs.put(self.read(filename)).sha256)
        return self.blobs.path(self.files[filename])

    def download(
        self, root: str | Path | None = None, *, path_prefix: str = "", parallel: int = 8
    ) -> Path:
        """Write its files to a folder, and return the folder.

        Each file is verified before it gets its name; one that is there already with the same
        content is left alone.

        Args:
            root: The folder, made if absent; ``artifacts/name:v3`` unless told.
            path_prefix: Only files whose name starts so.
            parallel: How many at once.

        Raises:
            InputError: If a file's name leads outside the folder; then nothing is written.
            CorruptionError: If a content no longer matches its digest or ETag.
            StorageError: If the disk refuses, or a target cannot be reached.
        """
        return download(self, root, path_prefix=path_prefix, parallel=parallel)

    def get_path(self, filename: str, root: str | Path | None = None) -> Path:
        """Write one file below a folder, under its own name; raises as `download`.

        Args:
            filename: Of the file.
            root: As for `download`.
        """
        self._must_have(filename)
        return fetch(self, filename, root)

    def verify(self, *, references: bool = True) -> list[Finding]:
        """Read every file again; what differs from what was made is a failure.

        Args:
            references: Whether to read the files kept elsewhere too.
        """
        return check_artifact(self, references=references)

    def lineage(self) -> Lineage:
        """Return where it came from and what came of it, as far as the record knows."""
        return trace(self.index, self.id)

    def made_by(self) -> tuple[Node, ...]:
        """Return the runs that made this content."""
        return neighbours(self.index, self.id, "made")

    def used_by(self) -> tuple[Node, ...]:
        """Return the runs that read it."""
        return neighbours(self.index, self.id, "used")

    def _must_have(self, filename: str) -> None:
        if filename not in self.files and filename not in self.references:
            known = [*self.files, *self.references]
            raise NotFoundError(
                f"{self.reference} has no file `{filename}`.{suggest(filename, known)}"
            )


def artifact_id(
    type_: str, name: str, digests: Mapping[str, str], references: Mapping[str, Reference]
) -> str:
    """Return the SHA-256 that names a content.

    It covers type, name, and each file's name and digest; of a file kept elsewhere its address
    too.
    """
    kept = sorted([file, digest] for file, digest in digests.items())
    elsewhere = sorted([file, one.uri, one.identity] for file, one in references.items())
    content: list[Json] = [type_, name, cast("Json", kept)]
    content += [cast("Json", elsewhere)] if elsewhere else []
    return hashlib.sha256(to_bytes(content)).hexdigest()
