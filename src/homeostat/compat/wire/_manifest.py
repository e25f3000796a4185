"""Manifests: which files a version of an artifact has, and where each was first put."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from homeostat.compat.wire._artifacts import blob_of, stored
from homeostat.compat.wire._door import Door
from homeostat.compat.wire._shelf import Document
from homeostat.compat.wire._values import object_of
from homeostat.core import InputError
from homeostat.record import Blob

__all__ = ["MANIFEST", "contents_of", "entry_blob", "md5_hex", "merged"]

MANIFEST = "wandb_manifest.json"


def md5_hex(digest: str) -> str:
    """Return a digest in hex that clients write in base64.

    Example:
        >>> md5_hex("1B2M2Y8AsgTpgAmY7PhCfg==")
        'd41d8cd98f00b204e9800998ecf8427e'
    """
    try:
        return base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError) as error:
        raise InputError(f"A file's digest is base64, got {digest!r}.") from error


def merged(door: Door, artifact: Document, manifests: list[Document]) -> dict[str, Any]:
    """Return the whole manifest of an artifact from what its writers have put.

    An incremental one adds to the version it is based on; patches of several writers add up.
    """
    whole: dict[str, Any] = {}
    contents: dict[str, Any] = {}
    for one in manifests:
        said = object_of(door.record.read(blob_of(one).sha256).decode())
        if one["type"] == "INCREMENTAL":
            contents |= contents_of(door, artifact.get("base"))
        contents |= said.get("contents") or {}
        whole = said
    if not whole:
        raise InputError("An artifact must have a manifest before it is committed; it has none.")
    return {**whole, "contents": contents}


def contents_of(door: Door, artifact: str | None) -> Mapping[str, Any]:
    """Return the entries of a committed artifact's manifest, by path."""
    facts = door.shelf.get("artifacts", artifact) if artifact else None
    if facts is None or "manifest" not in facts:
        return {}
    said = object_of(door.record.read(blob_of(facts["manifest"]).sha256).decode())
    found: Mapping[str, Any] = said.get("contents") or {}
    return found


def entry_blob(door: Door, entity: str, entry: Mapping[str, Any]) -> Blob | None:
    """Return the content of an entry; None for one that is kept elsewhere.

    Raises:
        InputError: If it was never put here.
    """
    if entry.get("ref"):
        return None
    blob = stored(door, entity, md5_hex(str(entry.get("digest"))))
    if blob is None:
        raise InputError(
            f"Every file of an artifact must be put before it is committed, this one was not: "
            f"{json.dumps(entry)[:200]}."
        )
    return blob
