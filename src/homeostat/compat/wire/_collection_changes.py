"""What clients change of artifacts that are there: aliases, tags, links, words, deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.compat.wire._artifact_changes import link_in
from homeostat.compat.wire._artifact_views import ArtifactView
from homeostat.compat.wire._artifacts import (
    DELETED,
    artifact_of,
    collection_key,
    memberships,
    move_aliases,
    places,
    present_key,
    set_member,
)
from homeostat.compat.wire._collection_views import CollectionView, MembershipView
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._mirror import (
    mirror_alias_drop,
    mirror_aliases,
    mirror_deletion,
    mirror_words,
)
from homeostat.compat.wire._names import checked_name, from_global, to_global
from homeostat.core import InputError, NotFoundError

__all__ = ["MUTATIONS"]

Given = Mapping[str, Any]
_DONE = {"success": True}


def update_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Change what is said of a version."""
    id_, facts = artifact_of(ask.door, given["artifactID"])
    changes: dict[str, Any] = {"updated": ask.door.now()}
    for theirs, ours in (
        ("description", "description"), ("metadata", "metadata"), ("ttlDurationSeconds", "ttl"),
    ):  # fmt: skip
        if given.get(theirs) is not None:
            changes[ours] = given[theirs]
    changes["tags"] = _tagged(facts["tags"], given.get("tagsToAdd"), given.get("tagsToDelete"))
    mirror_words(ask.door, ask.door.shelf.put("artifacts", id_, **changes))
    return {"artifact": ArtifactView(ask, id_)}


def delete_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Take a version away."""
    id_, _ = artifact_of(ask.door, given["artifactID"])
    held = [alias for one in places(ask.door, id_) for alias in one["aliases"]]
    if [alias for alias in held if alias != "latest"] and not given.get("deleteAliases"):
        raise InputError(
            f"An artifact with aliases ({', '.join(held)}) is deleted only with its aliases."
        )
    for one in list(places(ask.door, id_)):
        ask.door.shelf.put("members", one["collection"], **{id_: None})
    mirror_deletion(ask.door, ask.door.shelf.put("artifacts", id_, state=DELETED))
    return {"artifact": ArtifactView(ask, id_)}


def add_aliases(ask: Ask, given: Given) -> dict[str, Any]:
    """Have aliases point to a version."""
    id_, facts = artifact_of(ask.door, given["artifactID"])
    for key, aliases in _by_collection(ask, given, facts["collection"]).items():
        move_aliases(ask.door, key, id_, aliases)
        mirror_aliases(ask.door, key, id_, aliases)
    return _DONE


def delete_aliases(ask: Ask, given: Given) -> dict[str, Any]:
    """Have aliases point to a version no more."""
    id_, facts = artifact_of(ask.door, given["artifactID"])
    for key, aliases in _by_collection(ask, given, facts["collection"]).items():
        for one in memberships(ask.door, key):
            if one["artifact"] == id_:
                left = [alias for alias in one["aliases"] if alias not in aliases]
                set_member(ask.door, key, id_, aliases=left)
                mirror_alias_drop(ask.door, key, set(one["aliases"]) & set(aliases))
    return _DONE


def link_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Put a version into a portfolio of another project."""
    id_ = _linked(ask, given)
    entity, project = ask.entity(given.get("entityName")), given.get("projectName")
    name = checked_name(given.get("artifactPortfolioName"), "A portfolio's name")
    facts = ask.door.ensure_project(entity, project, ask.user)
    key = collection_key(entity, facts["name"], name)
    type_ = (ask.door.shelf.get("artifacts", id_) or {})["type"]
    known = ask.door.shelf.get("collections", key)
    if known is None or known["state"] == DELETED:
        ask.door.shelf.put(
            "collections", key, entity=entity, project=facts["name"], name=name,
            kind="ArtifactPortfolio", type=type_, state="READY", created=ask.door.now(), tags=[],
            description=None,
        )  # fmt: skip
    elif known["type"] != type_:
        raise InputError(f"The portfolio {name!r} holds {known['type']}, not {type_}.")
    aliases = [one["alias"] for one in given.get("aliases") or ()]
    place = link_in(ask, key, id_, ["latest", *aliases])
    return {"version_index": place["version"], "artifact_membership": MembershipView(ask, place)}


def unlink_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Take a version out of a portfolio."""
    id_, _ = artifact_of(ask.door, given["artifactID"])
    key = "/".join(from_global(given["artifactPortfolioID"], "ArtifactCollection"))
    ask.door.shelf.put("members", key, **{id_: None})
    return _DONE


def update_collection(ask: Ask, given: Given) -> dict[str, Any]:
    """Change what is said of a collection, or its name."""
    key = _collection(ask, given)
    changes = {
        field: given[field] for field in ("description",) if given.get(field) is not None
    }  # fmt: skip
    ask.door.shelf.put("collections", key, **changes, updated=ask.door.now())
    name = given.get("name")
    facts = ask.door.shelf.get("collections", key) or {}
    if name and name != facts["name"]:
        key = _renamed(ask, key, checked_name(name, "A collection's name"))
    return {"artifact_collection": CollectionView(ask, key)}


def move_artifact_sequence(ask: Ask, given: Given) -> dict[str, Any]:
    """Have a collection be of another type."""
    key = _collection(ask, given)
    type_ = checked_name(given.get("destinationArtifactTypeName"), "A type's name")
    facts = ask.door.shelf.get("collections", key) or {}
    kept = f"{facts['entity']}/{facts['project']}/{facts['name']}/{type_}"
    ask.door.shelf.put("collections", key, type=type_, updated=ask.door.now(), kept_as=kept)
    return {"artifact_collection": CollectionView(ask, key)}


def delete_collection(ask: Ask, given: Given) -> dict[str, Any]:
    """Take a collection and its versions away."""
    key = _collection(ask, given)
    owns = (ask.door.shelf.get("collections", key) or {})["kind"] == "ArtifactSequence"
    for one in memberships(ask.door, key):
        for place in list(places(ask.door, one["artifact"])) if owns else [one]:
            ask.door.shelf.put("members", place["collection"], **{one["artifact"]: None})
        if owns:
            gone = ask.door.shelf.put("artifacts", one["artifact"], state=DELETED)
            mirror_deletion(ask.door, gone)
    ask.door.shelf.put("collections", key, state=DELETED)
    return {"artifact_collection": CollectionView(ask, key)}


def tag_collection(ask: Ask, given: Given) -> dict[str, Any]:
    """Give a collection tags."""
    key, tags = _named(ask, given)
    names = [one["tagName"] for one in given.get("tags") or ()]
    ask.door.shelf.put("collections", key, tags=_tagged(tags, given.get("tags"), None))
    return {"tags": [{"id": to_global("Tag", name), "name": name} for name in names]}


def untag_collection(ask: Ask, given: Given) -> dict[str, Any]:
    """Take tags away from a collection."""
    key, tags = _named(ask, given)
    ask.door.shelf.put("collections", key, tags=_tagged(tags, None, given.get("tags")))
    return _DONE


def _tagged(
    tags: Sequence[str], more: Sequence[Given] | None, fewer: Sequence[Given] | None
) -> list[str]:
    gone = {one["tagName"] for one in fewer or ()}
    every = dict.fromkeys([*tags, *(str(one["tagName"]) for one in more or ())])
    return sorted(tag for tag in every if tag not in gone)


def _by_collection(ask: Ask, given: Given, own: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in given.get("aliases") or ():
        entity, project, _ = own.split("/", 2)
        key = collection_key(
            one.get("entityName") or entity,
            one.get("projectName") or project,
            one["artifactCollectionName"],
        )
        if ask.door.shelf.get("collections", key) is None:
            raise NotFoundError(f"There is no collection {key!r} here.")
        found.setdefault(key, []).append(checked_name(one["alias"], "An alias"))
    return found


def _linked(ask: Ask, given: Given) -> str:
    if given.get("artifactID"):
        return artifact_of(ask.door, given["artifactID"])[0]
    known = ask.door.shelf.get("clients", str(given.get("clientID")))
    if known is None:
        raise NotFoundError("The artifact to link must be known here; it is not (yet).")
    return str(known["artifact"])


def _collection(ask: Ask, given: Given) -> str:
    id_ = given.get("artifactSequenceID") or given.get("artifactPortfolioID")
    key = present_key(ask.door, "/".join(from_global(id_, "ArtifactCollection")))
    known = ask.door.shelf.get("collections", key)
    if known is None or known["state"] == DELETED:
        raise NotFoundError(f"There is no collection {key!r} here.")
    return key


def _named(ask: Ask, given: Given) -> tuple[str, list[str]]:
    entity, project = ask.entity(given.get("entityName")), given.get("projectName")
    key = collection_key(entity, str(project), str(given.get("artifactCollectionName")))
    key = present_key(ask.door, key)
    known = ask.door.shelf.get("collections", key)
    if known is None:
        raise NotFoundError(f"There is no collection {key!r} here.")
    return key, known["tags"]


def _renamed(ask: Ask, key: str, name: str) -> str:
    shelf = ask.door.shelf
    facts = shelf.get("collections", key) or {}
    new = collection_key(facts["entity"], facts["project"], name)
    if shelf.get("collections", new) is not None:
        raise InputError(f"There is a collection {new!r} already.")
    shelf.put("collections", new, **{**facts, "name": name})
    for one in memberships(ask.door, key):
        shelf.put("members", new, **{one["artifact"]: {**one, "collection": new}})
        if (shelf.get("artifacts", one["artifact"]) or {}).get("collection") == key:
            shelf.put("artifacts", one["artifact"], collection=new)
    shelf.drop("members", key)
    shelf.drop("collections", key)
    shelf.put("renamed", key, to=new)
    return new


MUTATIONS = {
    "update_artifact": update_artifact,
    "delete_artifact": delete_artifact,
    "add_aliases": add_aliases,
    "delete_aliases": delete_aliases,
    "link_artifact": link_artifact,
    "unlink_artifact": unlink_artifact,
    "update_artifact_sequence": update_collection,
    "update_artifact_portfolio": update_collection,
    "move_artifact_sequence": move_artifact_sequence,
    "delete_artifact_sequence": delete_collection,
    "delete_artifact_portfolio": delete_collection,
    "create_artifact_collection_tag_assignments": tag_collection,
    "delete_artifact_collection_tag_assignments": untag_collection,
}
