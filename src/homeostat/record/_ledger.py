"""What a record and its runs share: the log, the index, the content store."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from homeostat.core import Clock, InputError, Json
from homeostat.record._artifact import (
    Artifact,
    artifact_id,
    checked_alias,
    checked_text,
    find_artifact,
)
from homeostat.record._blobs import BlobStore
from homeostat.record._capture import capture_code, capture_environment
from homeostat.record._event_log import EventLog
from homeostat.record._fork import renew_after_fork
from homeostat.record._index import Index
from homeostat.record._json import plain_object, to_bytes
from homeostat.record._lock import alone
from homeostat.record._tables import Kind

__all__ = ["Ledger"]


class Ledger:
    """The parts of one record, in one folder."""

    def __init__(self, folder: Path, clock: Clock, durability: Literal["process", "disk"]) -> None:
        self.folder = folder
        self.clock = clock
        self.log = EventLog(folder / "logs", durability=durability, clock=clock)
        self.index = Index(folder / "logs", folder)
        self.blobs = BlobStore(folder / "blobs", durable=durability == "disk")
        self._captured: tuple[str, str] | None = None
        self.renew()
        renew_after_fork(self)

    def write(self, kind: Kind, run: str | None, data: Mapping[str, Json]) -> None:
        """Append one frame of JSON."""
        self.log.append(kind, to_bytes({"run": run, "time": self.clock.time_ns(), **data}))

    def artifact(self, which: Artifact | str) -> Artifact:
        """Return an artifact of this record, by itself or by reference."""
        reference = which.id if isinstance(which, Artifact) else which
        if not isinstance(reference, str):
            raise InputError(f"An artifact is named by a text such as 'name:v3', got {which!r}.")
        return find_artifact(self.index, self.blobs, reference)

    def make(
        self,
        run: str,
        *,
        name: str,
        type: str,  # noqa: A002 - the field's word
        files: Mapping[str, bytes | Path],
        metadata: Mapping[str, object] | None,
        aliases: Iterable[str],
    ) -> Artifact:
        """Keep files as the next version of ``name``, unless the same content has one."""
        name, type_ = checked_text(name, "An artifact's name"), checked_text(type, "Its type")
        if ":" in name:
            raise InputError(f"An artifact's name must hold no colon, got {name!r}.")
        aliases = dict.fromkeys(checked_alias(alias) for alias in aliases)
        about = plain_object(metadata, "An artifact's metadata")
        kept = self._keep(name, files)
        id_ = artifact_id(type_, name, {file: str(part["sha256"]) for file, part in kept.items()})
        self.index.refresh()  # the bulk of it before others have to wait
        with alone(self.folder / "record.lock"):
            version = self._version(id_, name, type_)
            made: dict[str, Json] = {
                "artifact": id_,
                "name": name,
                "type": type_,
                "version": version,
            }
            self.write(Kind.MAKE, run, {**made, "files": kept, "metadata": about})
            for alias in aliases:
                self._move(run, name, alias, id_, version)
        return self.artifact(id_)

    def alias(self, run: str | None, artifact: Artifact, alias: str) -> None:
        """Have an alias point to an artifact."""
        alias = checked_alias(alias)
        with alone(self.folder / "record.lock"):
            self.index.refresh()
            self._move(run, artifact.name, alias, artifact.id, artifact.version)

    def capture(self, run: str) -> Future[None] | None:
        """Keep code and environment of a run; the first time in the background, if so return it."""
        if self._captured is not None:
            self._capture(run)
            return None
        executor = ThreadPoolExecutor(1)
        future = executor.submit(self._capture, run)
        executor.shutdown(wait=False)
        return future

    def close(self) -> None:
        """Close the log and the index; either opens again when used."""
        self.log.close()
        self.index.close()

    def renew(self) -> None:
        """Use another lock in a forked child."""
        self._capturing = threading.Lock()

    def _keep(
        self, name: str, files: Mapping[str, bytes | Path]
    ) -> dict[str, dict[str, str | int]]:
        if not isinstance(files, Mapping) or not files:
            raise InputError(f"Artifact `{name}` must have files, as a dict; got {files!r}.")
        kept: dict[str, dict[str, str | int]] = {}
        for file, content in files.items():
            if not isinstance(content, (bytes, Path)):
                raise InputError(
                    f"The file `{file}` of `{name}` must be bytes or a Path, got "
                    f"{type(content).__name__}."
                )
            digest, size = self.blobs.put(content)
            kept[checked_text(file, "A file's name")] = {"sha256": digest, "size": size}
        return kept

    def _version(self, id_: str, name: str, type_: str) -> int:
        """Return the version that has this content, or else the next one."""
        self.index.refresh()
        for (other,) in self.index.rows("SELECT type FROM made WHERE name = ? LIMIT 1", (name,)):
            if other != type_:
                raise InputError(
                    f"Artifact `{name}` is a {other}: call the {type_} by another name."
                )
        for (version,) in self.index.rows(
            "SELECT version FROM made WHERE artifact = ? LIMIT 1", (id_,)
        ):
            return int(version)
        [(last,)] = self.index.rows("SELECT max(version) FROM made WHERE name = ?", (name,))
        return 0 if last is None else int(last) + 1

    def _move(self, run: str | None, name: str, alias: str, id_: str, version: int) -> None:
        now = self.index.rows(
            "SELECT artifact, move FROM aliases WHERE name = ? AND alias = ?", (name, alias)
        )
        if now and now[0][0] == id_:
            return
        data: dict[str, Json] = {"name": name, "alias": alias, "artifact": id_, "version": version}
        self.write(Kind.ALIAS, run, {**data, "move": now[0][1] + 1 if now else 0})

    def _capture(self, run: str) -> None:
        with self._capturing:
            if self._captured is None:
                code = self.blobs.put(to_bytes(capture_code().to_json()))[0]
                environment = self.blobs.put(to_bytes(capture_environment().to_json()))[0]
                self._captured = code, environment
        code, environment = self._captured
        self.write(Kind.CAPTURE, run, {"code": code, "environment": environment})
