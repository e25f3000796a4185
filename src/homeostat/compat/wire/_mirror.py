"""What clients say of a version, said of the record's artifact too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from homeostat.compat.wire._artifacts import COMMITTED
from homeostat.compat.wire._door import Door
from homeostat.compat.wire._shelf import Document
from homeostat.compat.wire._values import object_of
from homeostat.core import NotFoundError

__all__ = ["mirror_alias_drop", "mirror_aliases", "mirror_deletion", "mirror_words"]

_OURS = re.compile(r"latest|v\d+|.*:.*|")
"""Aliases that the record gives by itself, or refuses."""


def mirror_aliases(door: Door, collection: str, artifact: str, aliases: Iterable[str]) -> None:
    """Have aliases point to the record's artifact as they do in its own collection."""
    facts = door.shelf.get("artifacts", artifact) or {}
    if facts.get("record") and facts["collection"] == collection:
        for alias in aliases:
            if not _OURS.fullmatch(alias):
                door.record.alias(facts["record"], alias)


def mirror_alias_drop(door: Door, collection: str, aliases: Iterable[str]) -> None:
    """Take aliases away in the record."""
    name = (door.shelf.get("collections", collection) or {}).get("kept_as")
    for alias in aliases:
        if name and not _OURS.fullmatch(alias):
            door.record.drop_alias(name, alias)


def mirror_words(door: Door, facts: Document) -> None:
    """Say of the record's artifact what a client now says of it."""
    if facts.get("record"):
        ttl = facts.get("ttl") or 0
        door.record.amend(
            facts["record"],
            description=facts.get("description"),
            metadata=object_of(facts.get("metadata")),
            ttl=timedelta(seconds=ttl) if ttl > 0 else None,
        )


def mirror_deletion(door: Door, facts: Document) -> None:
    """Delete the record's artifact, unless another version is it too."""
    kept = facts.get("record")
    shared = any(
        one.get("record") == kept and one["state"] == COMMITTED
        for _, one in door.shelf.items("artifacts")
    )
    if kept and not shared:
        try:
            door.record.delete_artifact(kept, aliases=True)
        except NotFoundError:  # somebody deleted it by the record's own door
            return
