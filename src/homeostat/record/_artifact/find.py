"""Finding artifacts by what people call them."""

from __future__ import annotations

import json
from datetime import timedelta

from homeostat.core import NotFoundError, suggest
from homeostat.record._artifact.artifact import Artifact
from homeostat.record._artifact.blobs import BlobStore
from homeostat.record._artifact.reference import Reference
from homeostat.record._index.index import Index
from homeostat.record._time import instant

__all__ = ["find_artifact", "load_artifact"]


def find_artifact(index: Index, blobs: BlobStore, reference: str) -> Artifact:
    """Return the artifact that a reference names.

    Args:
        index: Where to look; it is brought up to date first.
        blobs: Where the content is.
        reference: ``"name"`` (the latest version), ``"name:latest"``, ``"name:v3"``,
            ``"name:alias"``, or an id.

    Raises:
        NotFoundError: If there is none, or it was deleted; the nearest name is suggested.
    """
    index.refresh()
    if (found := _load(index, blobs, reference)) is not None:
        return found
    name, colon, selector = reference.partition(":")
    versions = dict(
        index.rows(  # of two that were merged under one number the first counts: it comes last
            "SELECT version, artifact FROM versions WHERE name = ? ORDER BY version, time DESC",
            (name,),
        )
    )
    if not versions:
        names = [row[0] for row in index.rows("SELECT DISTINCT name FROM versions")]
        gone = _gone(index, name)
        raise NotFoundError(gone or f"The record has no artifact `{name}`.{suggest(name, names)}")
    known = {f"v{version}": id_ for version, id_ in versions.items()}
    known |= dict(index.rows("SELECT alias, artifact FROM aliases WHERE name = ?", (name,)))
    known["latest"] = versions[max(versions)]
    chosen = known.get(selector if colon else "latest", "")
    if (found := _load(index, blobs, chosen)) is not None:
        return found
    raise NotFoundError(
        _gone(index, name, selector)
        or f"Artifact `{name}` has no version or alias `{selector}`.{suggest(selector, known)}"
    )


def load_artifact(index: Index, blobs: BlobStore, id_: str) -> Artifact:
    """Return the artifact of an id that is there; raises NotFoundError if it is not."""
    if (found := _load(index, blobs, id_)) is None:
        raise NotFoundError(f"The record has no artifact `{id_}`.")
    return found


def _load(index: Index, blobs: BlobStore, id_: str) -> Artifact | None:
    """Return the artifact of an id; None if it is not there, as when it was deleted just now."""
    rows = index.rows(
        "SELECT name, type, version, files, metadata, run, time, description, ttl, refs "
        "FROM versions WHERE artifact = ?",
        (id_,),
    )
    if not rows:
        return None
    name, type_, version, files, metadata, run, time, description, ttl, refs = rows[0]
    for new_description, new_metadata, new_ttl in index.rows(
        "SELECT description, metadata, ttl FROM amendments WHERE artifact = ? "
        "ORDER BY time, log, offset",
        (id_,),
    ):
        description = description if new_description is None else new_description
        metadata = metadata if new_metadata is None else new_metadata
        ttl = ttl if new_ttl is None else new_ttl
    aliases = index.rows(
        "SELECT alias FROM aliases WHERE name = ? AND artifact = ? ORDER BY 1", (name, id_)
    )
    parts = json.loads(files)
    made = instant(time)
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
        made=made,
        blobs=blobs,
        index=index,
        description=description or "",
        expires=made + timedelta(microseconds=ttl / 1000) if (ttl or -1) >= 0 else None,
        references={
            file: Reference.from_json(one) for file, one in json.loads(refs or "{}").items()
        },
    )


def _gone(index: Index, name: str, selector: str | None = None) -> str:
    """Say that a version was deleted, if one was."""
    for version, reason in index.rows(
        "SELECT version, reason FROM deletions WHERE name = ? ORDER BY version DESC", (name,)
    ):
        if selector in {None, f"v{version}"}:
            return f"The artifact `{name}:v{version}` was deleted ({reason}): make it again."
    return ""
