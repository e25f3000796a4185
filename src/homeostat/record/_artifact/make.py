"""Making, amending and deleting versions of artifacts: what the log says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from homeostat.core import InputError, Json, NotFoundError, RecordError, StorageError
from homeostat.record._artifact.artifact import Artifact, artifact_id
from homeostat.record._artifact.blobs import Blob
from homeostat.record._artifact.find import find_artifact
from homeostat.record._artifact.names import checked_alias, checked_text
from homeostat.record._artifact.reference import Reference
from homeostat.record._index.tables import Kind
from homeostat.record._json import plain_object
from homeostat.record._lock import alone, together

if TYPE_CHECKING:
    from homeostat.record._ledger import Ledger

__all__ = [
    "Change",
    "File",
    "Making",
    "amend",
    "delete",
    "drop_alias",
    "make",
    "move_alias",
    "write_deletion",
]

File = bytes | Path | Blob | Reference
"""What a file of an artifact may be given as."""

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Making:
    """What is to be made.

    Args:
        name: What to call it; without a colon.
        type: What it is; one per name.
        files: By file name: bytes, a file to copy, a content of the store, or where it is kept.
        metadata: What to say of it; JSON.
        aliases: Names that point to it from now on.
        description: What it is, in words.
        ttl: How long it is kept if no alias points to it; None is for ever.
        empty: Whether it may have no files.
    """

    name: str
    type: str
    files: Mapping[str, File]
    metadata: Mapping[str, object] | None = None
    aliases: Iterable[str] = ()
    description: str = ""
    ttl: timedelta | None = None
    empty: bool = False


def make(ledger: Ledger, run: str, making: Making) -> Artifact:
    """Keep files as the next version of a name, unless the same content has one."""
    name = checked_text(making.name, "An artifact's name")
    type_ = checked_text(making.type, "Its type")
    if ":" in name:
        raise InputError(f"An artifact's name must hold no colon, got {name!r}.")
    aliases = dict.fromkeys(checked_alias(alias) for alias in making.aliases)
    about: dict[str, Json] = {"metadata": plain_object(making.metadata, "An artifact's metadata")}
    about |= _optional(making.description, making.ttl)
    files = _checked_files(name, making)
    ledger.index.refresh()  # the bulk of it before others have to wait
    with _kept(ledger, name, files) as (blobs, references):
        digests = {file: blob.sha256 for file, blob in blobs.items()}
        id_ = artifact_id(type_, name, digests, references)
        version, life = _version(ledger, id_, name, type_)
        made: dict[str, Json] = {"artifact": id_, "name": name, "type": type_, "version": version}
        made["files"] = {file: cast("Json", blob._asdict()) for file, blob in blobs.items()}
        if references:
            made["refs"] = {file: one.to_json() for file, one in references.items()}
        if life:
            made["life"] = life
        ledger.write(Kind.MAKE, run, made | about)
        for alias in aliases:
            _move(ledger, run, name, alias, id_, version)
        return find_artifact(ledger.index, ledger.blobs, id_)  # before anybody deletes it again


def move_alias(ledger: Ledger, run: str | None, which: Artifact, alias: str) -> None:
    """Have an alias point to an artifact."""
    alias = checked_alias(alias)
    with _alone(ledger):
        found = find_artifact(ledger.index, ledger.blobs, which.id)
        _move(ledger, run, found.name, alias, found.id, found.version)


def drop_alias(ledger: Ledger, run: str | None, name: str, alias: str) -> None:
    """Have an alias point to nothing."""
    with _alone(ledger):
        _drop(ledger, run, name, alias)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of a version from now on; None leaves a part as it is."""

    description: str | None = None
    metadata: Mapping[str, object] | None = None
    ttl: timedelta | None = None


def amend(ledger: Ledger, run: str | None, which: Artifact, change: Change) -> Artifact:
    """Change what is said of an artifact."""
    about = _optional(change.description or "", change.ttl)
    if change.description is not None:
        about["description"] = change.description
    if change.metadata is not None:
        about["metadata"] = plain_object(change.metadata, "An artifact's metadata")
    with _alone(ledger):
        found = find_artifact(ledger.index, ledger.blobs, which.id)
        ledger.write(Kind.AMEND, run, {"artifact": found.id, **about})
        return find_artifact(ledger.index, ledger.blobs, found.id)


def delete(
    ledger: Ledger, run: str | None, which: Artifact, *, aliases: bool, reason: str = "deleted"
) -> None:
    """Delete a version: it is not found any more, and its content may be collected.

    Raises:
        RecordError: If aliases point to it, unless they are to go too.
    """
    with _alone(ledger):
        found = find_artifact(ledger.index, ledger.blobs, which.id)
        if found.aliases and not aliases:
            raise RecordError(
                f"{found.reference} must have no aliases to be deleted, it has "
                f"{', '.join(found.aliases)}: move them, or delete it with `aliases=True`."
            )
        for alias in found.aliases:
            _drop(ledger, run, found.name, alias)
        write_deletion(ledger, run, found, reason)


def write_deletion(ledger: Ledger, run: str | None, which: Artifact, reason: str) -> None:
    """Write that a version is no more; for a caller that holds the lock and has looked."""
    [(life,)] = ledger.index.rows(
        "SELECT max(coalesce(life, 0)) FROM made WHERE artifact = ?", (which.id,)
    )
    gone: dict[str, Json] = {"artifact": which.id, "name": which.name, "version": which.version}
    ledger.write(Kind.DELETE, run, {**gone, "life": life, "reason": reason})


@contextmanager
def _alone(ledger: Ledger) -> Iterator[None]:
    """Be the only one who changes what names point to, and know the latest of it."""
    with alone(ledger.folder / "record.lock"):
        ledger.index.refresh()
        yield


@contextmanager
def _kept(
    ledger: Ledger, name: str, files: Mapping[str, File]
) -> Iterator[tuple[dict[str, Blob], dict[str, Reference]]]:
    """Put contents in the store, and keep collection off them while the block names them."""
    references = {file: one for file, one in files.items() if isinstance(one, Reference)}
    contents = {file: one for file, one in files.items() if not isinstance(one, Reference)}
    for _ in range(_TRIES):
        blobs = _put(ledger, name, contents)
        with _alone(ledger), together(ledger.blobs.lock):
            held = ledger.blobs.hold_locked(list(blobs.values()))
            if len(held) == len(set(blobs.values())):
                yield blobs, references
                return
    raise StorageError(f"Contents of `{name}` vanish as soon as they are kept: look at the disk.")


def _put(ledger: Ledger, name: str, contents: Mapping[str, bytes | Path | Blob]) -> dict[str, Blob]:
    given = {file: one for file, one in contents.items() if isinstance(one, Blob)}
    there = ledger.blobs.hold(list(given.values()))
    for file, blob in given.items():
        if blob not in there:
            raise NotFoundError(
                f"The content {blob.sha256} of `{file}` of `{name}` ({blob.size} bytes) is not in "
                "the record: put it again."
            )
    fresh = {file: one for file, one in contents.items() if not isinstance(one, Blob)}
    put = dict(zip(fresh, ledger.blobs.put_all(list(fresh.values())), strict=True))
    return {file: given.get(file) or put[file] for file in contents}


def _checked_files(name: str, making: Making) -> dict[str, File]:
    files = making.files
    if not isinstance(files, Mapping) or not (files or making.empty):
        raise InputError(f"Artifact `{name}` must have files, as a dict; got {files!r}.")
    checked: dict[str, File] = {}
    for file, content in files.items():
        if not isinstance(content, (bytes, Path, Blob, Reference)):
            raise InputError(
                f"The file `{file}` of `{name}` must be bytes, a Path, a Blob or a Reference, "
                f"got {type(content).__name__}."
            )
        checked[checked_text(file, "A file's name")] = content
    return checked


def _optional(description: str, ttl: timedelta | None) -> dict[str, Json]:
    """Return what is only written where it was said; a time to live in nanoseconds."""
    if not isinstance(description, str):
        raise InputError(f"A description is a text, got {description!r}.")
    if ttl is not None and (not isinstance(ttl, timedelta) or ttl < timedelta(0)):
        raise InputError(f"A time to live is a timedelta that is not negative, got {ttl!r}.")
    said: dict[str, Json] = {"description": description} if description else {}
    if ttl is not None:
        said["ttl"] = ttl // timedelta(microseconds=1) * 1000
    return said


def _version(ledger: Ledger, id_: str, name: str, type_: str) -> tuple[int, int]:
    """Return the version that has this content, or else the next one, and its life."""
    index = ledger.index
    for (other,) in index.rows("SELECT type FROM made WHERE name = ? LIMIT 1", (name,)):
        if other != type_:
            raise InputError(f"Artifact `{name}` is a {other}: call the {type_} by another name.")
    [(deleted,)] = index.rows("SELECT max(life) FROM deletions WHERE artifact = ?", (id_,))
    life = 0 if deleted is None else int(deleted) + 1
    for (version,) in index.rows("SELECT version FROM makings WHERE artifact = ? LIMIT 1", (id_,)):
        return int(version), life
    [(last,)] = index.rows(
        "SELECT max(version) FROM (SELECT version FROM made WHERE name = :name "
        "UNION SELECT version FROM numbers WHERE name = :name) n",
        {"name": name},
    )
    return 0 if last is None else int(last) + 1, life


def _move(ledger: Ledger, run: str | None, name: str, alias: str, id_: str, version: int) -> None:
    now = ledger.index.rows(
        "SELECT artifact, move FROM moves WHERE name = ? AND alias = ? ORDER BY move DESC LIMIT 1",
        (name, alias),
    )
    if now and now[0][0] == id_:
        return
    data: dict[str, Json] = {"name": name, "alias": alias, "artifact": id_, "version": version}
    ledger.write(Kind.ALIAS, run, {**data, "move": now[0][1] + 1 if now else 0})


def _drop(ledger: Ledger, run: str | None, name: str, alias: str) -> None:
    for move, id_ in ledger.index.rows(
        "SELECT move, artifact FROM moves WHERE name = ? AND alias = ? ORDER BY move DESC LIMIT 1",
        (name, alias),
    ):
        if id_ is not None:
            data: dict[str, Json] = {"name": name, "alias": alias, "artifact": None}
            ledger.write(Kind.ALIAS, run, {**data, "version": -1, "move": move + 1})
