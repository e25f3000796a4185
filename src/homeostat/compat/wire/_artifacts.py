"""Artifacts, collections and their aliases: the state that clients change step by step."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from typing import Any

from homeostat.compat.wire._door import Door
from homeostat.compat.wire._names import from_global, to_global
from homeostat.compat.wire._shelf import Document
from homeostat.core import NotFoundError
from homeostat.record import Blob

__all__ = [
    "COMMITTED",
    "DELETED",
    "PENDING",
    "artifact_of",
    "blob_of",
    "collection_key",
    "global_id",
    "latest",
    "membership",
    "memberships",
    "move_aliases",
    "new_id",
    "note_content",
    "places",
    "present_key",
    "set_member",
    "short",
    "stored",
]

PENDING, COMMITTED, DELETED = "PENDING", "COMMITTED", "DELETED"


def collection_key(entity: str, project: str, name: str) -> str:
    """Return the key of a collection's document."""
    return f"{entity}/{project}/{name}"


def present_key(door: Door, key: str) -> str:
    """Return the key a collection has now; clients go on with the name and the id they knew."""
    moved = door.shelf.get("renamed", key)
    if moved is None or door.shelf.get("collections", key) is not None:
        return key
    return present_key(door, moved["to"])


def new_id() -> str:
    """Return an id nothing has yet."""
    return os.urandom(12).hex()


def global_id(artifact: str) -> str:
    """Return the id clients know an artifact by."""
    return to_global("Artifact", artifact)


def artifact_of(door: Door, given: str) -> tuple[str, Document]:
    """Return an artifact's key and document by its global id, or by a client's own id."""
    key = from_global(given, "Artifact")[0]
    found = door.shelf.get("artifacts", key)
    if found is None:
        raise NotFoundError(f"There is no artifact {given!r} here.")
    return key, found


def memberships(door: Door, collection: str) -> list[Document]:
    """Return the versions in a collection, the oldest first."""
    known = door.shelf.get("members", collection) or {}
    return sorted(
        (one for one in known.values() if one is not None), key=lambda one: one["version"]
    )


def membership(door: Door, collection: str, alias: str) -> Document | None:
    """Return the version in a collection that an alias or ``vN`` names."""
    for one in memberships(door, collection):
        if alias in one["aliases"] or alias == f"v{one['version']}":
            return one
    return None


def latest(door: Door, collection: str) -> Document | None:
    """Return the newest version in a collection."""
    versions = memberships(door, collection)
    return versions[-1] if versions else None


def set_member(door: Door, collection: str, artifact: str, **fields: Any) -> Document:  # noqa: ANN401 - JSON
    """Put an artifact into a collection, or change its place there."""
    known = (door.shelf.get("members", collection) or {}).get(artifact)
    if known is None:
        every = (door.shelf.get("members", collection) or {}).values()
        count = (door.shelf.get("collections", collection) or {}).get("count", len(every))
        known = {"artifact": artifact, "collection": collection, "version": count, "aliases": []}
        known["created"] = door.now()
        door.shelf.put("collections", collection, count=count + 1)
    door.shelf.put("members", collection, **{artifact: {**known, **fields}})
    return {**known, **fields}


def move_aliases(door: Door, collection: str, artifact: str, aliases: list[str]) -> Document:
    """Have aliases point to one version of a collection, away from the others."""
    for one in memberships(door, collection):
        kept = [alias for alias in one["aliases"] if alias not in aliases]
        if one["artifact"] != artifact and kept != one["aliases"]:
            set_member(door, collection, one["artifact"], aliases=kept)
    known = (door.shelf.get("members", collection) or {}).get(artifact) or {"aliases": []}
    merged = [*known["aliases"], *(alias for alias in aliases if alias not in known["aliases"])]
    return set_member(door, collection, artifact, aliases=merged)


def places(door: Door, artifact: str) -> Iterator[Document]:
    """Yield the places of an artifact in collections."""
    for _, members in door.shelf.items("members"):
        if members.get(artifact) is not None:
            yield members[artifact]


def note_content(door: Door, entity: str, md5: str, blob: Blob) -> None:
    """Note that a content of an artifact has arrived.

    Its digest is written as base64: what artifacts hold is kept because they hold it, not
    because it arrived once.
    """
    door.shelf.put("contents", f"{entity}/{md5}", **short(blob))


def stored(door: Door, entity: str, md5: str) -> Blob | None:
    """Return the content of an MD5 that an entity has put here, if it is there still."""
    facts = door.shelf.get("contents", f"{entity}/{md5}")
    blob = None if facts is None else blob_of(facts)
    return blob if blob is not None and door.record.hold([blob]) else None


def short(blob: Blob) -> Document:
    """Return what a document names a content by."""
    return {
        "sha256": base64.b64encode(bytes.fromhex(blob.sha256)).decode(), "size": blob.size
    }  # fmt: skip


def blob_of(facts: Mapping[str, Any]) -> Blob:
    """Return the content that a document names."""
    return Blob(base64.b64decode(facts["sha256"]).hex(), facts["size"])
