"""Artifact: what a run makes or uses, with the names that W&B's users know."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from homeostat.core import Json, NotFoundError, RecordError

if TYPE_CHECKING:
    from homeostat.record import Artifact as Made
    from homeostat.record import ArtifactDraft, Entry, Record
    from homeostat.record import Run as RecordRun

__all__ = ["Artifact"]

_Path = str | os.PathLike[str]


class Artifact:
    """Files under one name: filled first, then logged, then immutable.

    Args:
        name: What to call it; without a colon.
        type: What it is, such as ``"dataset"`` or ``"model"``.
        description: What it is, in words.
        metadata: What to say of it; JSON. It may be changed until the artifact is logged.
        incremental: Nothing: contents are shared between versions anyway.
        use_as: Nothing: kept for those who pass it.

    Example:
        >>> artifact = Artifact("flights", type="dataset", metadata={"rows": 2})
        >>> with artifact.new_file("rows.csv") as file:
        ...     _ = file.write("1,2")
        >>> artifact.is_draft(), [entry.name for entry in artifact.files()]
        (True, ['rows.csv'])
    """

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - the field's word
        description: str | None = None,
        metadata: Mapping[str, object] | None = None,
        incremental: bool = False,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        use_as: str | None = None,  # noqa: ARG002 - as W&B has it
    ) -> None:
        from homeostat.record import ArtifactDraft  # noqa: PLC0415 - loaded with the first one

        self._draft: ArtifactDraft = ArtifactDraft(
            name, type, description=description, metadata=metadata
        )
        self._made: Made | None = None
        self._problem: BaseException | None = None

    @classmethod
    def of(cls, made: Made) -> Self:
        """Wrap an artifact of a record."""
        artifact = cls(made.name, made.type, made.description, made.metadata)
        artifact._made = made
        return artifact

    # -- filling ----------------------------------------------------------------------------

    def add_file(
        self,
        local_path: _Path,
        name: str | None = None,
        is_tmp: bool | None = False,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        skip_cache: bool | None = False,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        policy: Literal["mutable", "immutable"] | None = "mutable",  # noqa: ARG002 - as W&B has it
        overwrite: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
    ) -> Entry:
        """Add one file; it must be left as it is until the artifact is logged."""
        return self._open().add_file(Path(local_path), name, overwrite=overwrite)

    def add_dir(
        self,
        local_path: _Path,
        name: str | None = None,
        skip_cache: bool | None = False,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        policy: Literal["mutable", "immutable"] | None = "mutable",  # noqa: ARG002 - as W&B has it
        merge: bool = False,  # noqa: FBT001, FBT002 - as W&B has it
    ) -> None:
        """Add all files of a folder, and of the folders in it."""
        self._open().add_dir(Path(local_path), name, overwrite=merge)

    def add(self, obj: Any, name: str, overwrite: bool = False) -> Entry:  # noqa: ANN401, FBT001, FBT002 - media of any kind
        """Add an image, a table or another value of `homeostat.media`."""
        return self._open().add(obj, name, overwrite=overwrite)

    def add_reference(
        self,
        uri: str,
        name: str | None = None,
        checksum: bool = True,  # noqa: FBT001, FBT002 - as W&B has it
        max_objects: int | None = None,
    ) -> tuple[Entry, ...]:
        """Add what is kept elsewhere, without copying it."""
        return self._open().add_reference(
            uri, name, checksum=checksum, max_objects=max_objects or 10_000
        )

    def new_file(
        self, name: str, mode: str = "x", encoding: str | None = None
    ) -> AbstractContextManager[IO[Any]]:
        """Write a file that is added when the block ends well."""
        return self._open().new_file(name, mode, encoding=encoding)

    def remove(self, item: str | Entry) -> None:
        """Take a file out again, or a folder with all its files."""
        self._open().remove(item)

    # -- what it is ---------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What it is called; with its version, once it is logged."""
        return self._draft.name if self._made is None else self._made.reference

    @property
    def type(self) -> str:
        """What it is."""
        return self._draft.type

    @property
    def description(self) -> str | None:
        """What it is, in words."""
        return self._draft.description if self._made is None else self._made.description

    @property
    def metadata(self) -> dict[str, Any]:
        """What is said of it."""
        return self._draft.metadata if self._made is None else dict(self._made.metadata)

    @metadata.setter
    def metadata(self, metadata: Mapping[str, Json]) -> None:
        self._open().metadata = dict(metadata)

    @property
    def ttl(self) -> timedelta | None:
        """How long it is kept if no alias points to it; None is for ever."""
        return self._draft.ttl

    @ttl.setter
    def ttl(self, ttl: timedelta | None) -> None:
        self._open().ttl = ttl

    @property
    def version(self) -> str:
        """Such as ``"v3"``."""
        return f"v{self.made.version}"

    @property
    def aliases(self) -> list[str]:
        """Names that point to this version."""
        return list(self.made.aliases)

    @property
    def id(self) -> str | None:
        """Its id in the record; None before it is logged."""
        return None if self._made is None else self._made.id

    @property
    def digest(self) -> str:
        """SHA-256 of type, name and content."""
        return self.made.id

    @property
    def size(self) -> int:
        """Bytes of all its files together."""
        return sum(entry.size or 0 for entry in self.files())

    @property
    def made(self) -> Made:
        """The artifact in the record.

        Raises:
            RecordError: If it is not logged yet, or could not be.
        """
        if self._made is None:
            reason = f" It could not be: {self._problem}" if self._problem else ""
            raise RecordError(
                f"Artifact `{self._draft.name}` is not logged yet: call log_artifact() "
                f"first.{reason}"
            ) from self._problem
        return self._made

    def is_draft(self) -> bool:
        """Say whether it can still be filled."""
        return self._made is None

    def files(self) -> list[Entry]:
        """Return its files."""
        return list(self._draft.entries if self._made is None else self._made.entries)

    # -- reading ------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Self:  # noqa: ARG002 - as W&B has it
        """Return it: `log_artifact` has kept all of it before it returned.

        Raises:
            RecordError: If it could not be kept.
        """
        if self._problem is not None:
            _ = self.made
        return self

    def download(
        self,
        root: _Path | None = None,
        allow_missing_references: bool = False,  # noqa: ARG002, FBT001, FBT002 - as W&B has it
        skip_cache: bool | None = None,  # noqa: ARG002, FBT001 - as W&B has it
        path_prefix: str | None = None,
    ) -> str:
        """Write its files to a folder, each verified, and return the folder."""
        folder = None if root is None else Path(root)
        return str(self.made.download(folder, path_prefix=path_prefix or ""))

    def file(self, root: _Path | None = None) -> str:
        """Write its only file to a folder, and return its path."""
        names = [entry.name for entry in self.made.entries]
        if len(names) != 1:
            raise NotFoundError(f"{self.name} has {len(names)} files, not one: use download().")
        return str(self.made.get_path(names[0], None if root is None else Path(root)))

    def get_path(self, name: str) -> Path:
        """Return a read-only file with the content of one of its files, verified just now."""
        return self.made.path(name)

    get_entry = get_path

    def read(self, name: str) -> bytes:
        """Return the content of one of its files, verified."""
        return self.made.read(name)

    def verify(self, root: _Path | None = None) -> None:  # noqa: ARG002 - as W&B has it
        """Read every file again.

        Raises:
            RecordError: If any differs from what was logged.
        """
        bad = [found.summary for found in self.made.verify() if found.verdict == "fail"]
        if bad:
            raise RecordError(" ".join(bad))

    def __repr__(self) -> str:
        return f"Artifact({self.type} {self.name})"

    def make_in(self, run: RecordRun, aliases: Iterable[str], record: Record) -> None:
        """Make the next version of it, or have more aliases point to it."""
        if self._made is None:
            self._made = run.make_from(self._draft, aliases)
            return
        for alias in aliases:
            record.alias(self._made, alias, run)
        self._made = record.artifact(self._made.id)

    def fail(self, problem: BaseException) -> None:
        """Note that it could not be kept."""
        self._problem = problem

    def _open(self) -> ArtifactDraft:
        if self._made is not None:
            raise RecordError(
                f"{self.name} is logged and cannot change: fill a new Artifact of that name."
            )
        return self._draft
