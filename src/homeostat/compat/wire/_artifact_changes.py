"""Making artifacts: create, put files, commit, use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from homeostat.compat.wire._artifact_views import ArtifactView, manifest_view
from homeostat.compat.wire._artifacts import (
    COMMITTED,
    PENDING,
    artifact_of,
    collection_key,
    global_id,
    memberships,
    move_aliases,
    new_id,
    set_member,
    short,
    stored,
)
from homeostat.compat.wire._collection_views import TypeView
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._manifest import MANIFEST, entry_blob, md5_hex, merged
from homeostat.compat.wire._mirror import mirror_aliases
from homeostat.compat.wire._names import checked_name, from_global, to_global
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._shelf import Document
from homeostat.compat.wire._values import dumps, object_of
from homeostat.core import InputError, NotFoundError

__all__ = ["MUTATIONS", "link_in"]

Given = Mapping[str, Any]


def create_artifact_type(ask: Ask, given: Given) -> dict[str, Any]:
    """Make a type of artifacts."""
    entity, project = ask.entity(given.get("entityName")), given["projectName"]
    ask.door.ensure_project(entity, project, ask.user)
    name = checked_name(given.get("name"), "A type's name")
    ask.door.shelf.put("types", f"{entity}/{project}/{name}", created=ask.door.now())
    return {"artifact_type": TypeView(ask, entity, project, name)}


def create_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Begin a version, unless the collection has one of the same digest."""
    door = ask.door
    entity, project = ask.entity(given.get("entityName")), given["projectName"]
    names = given.get("artifactCollectionNames") or [given.get("artifactCollectionName")]
    name = checked_name(names[0], "An artifact's name")
    if (region := given.get("storageRegion")) and region not in door.regions:
        known = ", ".join(sorted(door.regions))
        raise InputError(f"This server has the storage regions {known}, not {region!r}.")
    door.ensure_project(entity, project, ask.user)
    key = _sequence(ask, entity, project, name, str(given["artifactTypeName"]))
    aliases = [one["alias"] for one in given.get("aliases") or ()]
    run = [entity, project, given["runName"]] if given.get("runName") else None
    if found := _same(ask, key, given):
        link_in(ask, key, found, aliases)
        _made(ask, found, run)
        return {"artifact": ArtifactView(ask, found)}
    if (found := _shared(ask, key, given)) is not None:
        _known_as(ask, given, found)
        return {"artifact": ArtifactView(ask, found)}
    id_ = new_id()
    facts = {
        "entity": entity, "project": project, "collection": key,
        "type": given["artifactTypeName"], "digest": given.get("digest"),
        "algorithm": given.get("digestAlgorithm") or "MANIFEST_MD5", "state": PENDING,
        "description": given.get("description"), "metadata": given.get("metadata"),
        "tags": [one["tagName"] for one in given.get("tags") or ()],
        "ttl": given.get("ttlDurationSeconds"), "step": given.get("historyStep"),
        "aliases": aliases, "distributed": given.get("distributedID"), "user": ask.user,
        "client": given.get("clientID"), "created": door.now(), "run": run,
    }  # fmt: skip
    door.shelf.put("artifacts", id_, **facts)
    _known_as(ask, given, id_)
    return {"artifact": ArtifactView(ask, id_)}


def create_artifact_manifest(ask: Ask, given: Given) -> dict[str, Any]:
    """Begin a manifest of a version."""
    artifact, _ = artifact_of(ask.door, given["artifactID"])
    base = given.get("baseArtifactID")
    if base:
        ask.door.shelf.put("artifacts", artifact, base=from_global(base, "Artifact")[0])
    id_ = new_id()
    kind = str(given.get("type") or "FULL")
    facts = {"artifact": artifact, "name": given.get("name") or MANIFEST, "type": kind}
    ask.door.shelf.put("manifests", id_, **facts, digest=given.get("digest"))
    known = (ask.door.shelf.get("artifacts", artifact) or {}).get("manifests", [])
    ask.door.shelf.put("artifacts", artifact, manifests=[*known, id_])
    return {"artifact_manifest": manifest_view(ask, id_)}


def update_artifact_manifest(ask: Ask, given: Given) -> dict[str, Any]:
    """Say what digest a manifest will have."""
    [id_] = from_global(given["artifactManifestID"], "ArtifactManifest")
    if ask.door.shelf.get("manifests", id_) is None:
        raise NotFoundError("There is no such manifest here.")
    ask.door.shelf.put("manifests", id_, digest=given.get("digest"))
    return {"artifact_manifest": manifest_view(ask, id_)}


def create_artifact_files(ask: Ask, given: Given) -> dict[str, Any]:
    """Return where files may be put; those whose content is here need not be."""
    edges = [{"node": _file_to_put(ask, one)} for one in given.get("artifactFiles") or ()]
    info = {"has_next_page": False, "end_cursor": None}
    return {"files": {"edges": edges, "page_info": info, "total_count": len(edges)}}


def commit_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Make a version of what was put."""
    door = ask.door
    id_, facts = artifact_of(door, given["artifactID"])
    if facts["state"] == PENDING:
        _commit(ask, id_, facts)
    return {"artifact": ArtifactView(ask, id_)}


def use_artifact(ask: Ask, given: Given) -> dict[str, Any]:
    """Note that a run reads a version."""
    id_, facts = artifact_of(ask.door, given["artifactID"])
    entity = ask.entity(given.get("entityName"))
    run = ask.door.run(entity, given.get("projectName"), str(given.get("runName") or ""))
    if run is not None:
        used = list(run.about.get("wandb_used") or [])
        if id_ not in used:
            run.update(about={"wandb_used": [*used, id_]})
            if facts.get("record"):
                with run.writing() as writer:
                    writer.use(facts["record"])
    return {"artifact": ArtifactView(ask, id_)}


def link_in(ask: Ask, key: str, artifact: str, aliases: list[str]) -> Document:
    """Put a version into a collection with aliases."""
    set_member(ask.door, key, artifact)
    place = move_aliases(ask.door, key, artifact, aliases)
    mirror_aliases(ask.door, key, artifact, aliases)
    return place


def _sequence(ask: Ask, entity: str, project: str, name: str, type_: str) -> str:
    key = collection_key(entity, project, name)
    known = ask.door.shelf.get("collections", key)
    if known is None or known["state"] == "DELETED":
        ask.door.shelf.put(
            "collections", key, entity=entity, project=project, name=name, kind="ArtifactSequence",
            type=type_, state="READY", created=ask.door.now(), tags=[], description=None,
            kept_as=f"{entity}/{project}/{name}",
        )  # fmt: skip
    elif known["type"] != type_:
        raise InputError(
            f"Artifact {name!r} already exists with type {known['type']!r}; cannot create another "
            f"with type {type_!r}."
        )
    return key


def _same(ask: Ask, key: str, given: Given) -> str | None:
    if not given.get("enableDigestDeduplication"):
        return None
    for one in memberships(ask.door, key):
        facts = ask.door.shelf.get("artifacts", one["artifact"])
        if facts and facts["state"] == COMMITTED and facts["digest"] == given.get("digest"):
            return str(one["artifact"])
    return None


def _known_as(ask: Ask, given: Given, artifact: str) -> None:
    """Note by which id of its own a client knows a version."""
    if given.get("clientID"):
        ask.door.shelf.put("clients", str(given["clientID"]), artifact=artifact)


def _shared(ask: Ask, key: str, given: Given) -> str | None:
    """Return the version that several writers make together, if one of them has begun it."""
    wanted = given.get("distributedID")
    for id_, facts in ask.door.shelf.items("artifacts") if wanted else ():
        mine = facts["collection"] == key and facts.get("distributed") == wanted
        if mine and facts["state"] == PENDING:
            return id_
    return None


def _file_to_put(ask: Ask, given: Given) -> dict[str, Any]:
    id_, facts = artifact_of(ask.door, given["artifactID"])
    md5 = md5_hex(str(given.get("md5")))
    name = str(given.get("name") or md5)
    url = None
    if stored(ask.door, facts["entity"], md5) is None:
        url = ask.sign(name, do="put", entity=facts["entity"], md5=md5)
    return {
        "id": to_global("File", id_, name),
        "name": name,
        "display_name": name,
        "storage_path": f"wandb_artifacts/{id_}/{md5}",
        "upload_url": url,
        "upload_headers": [],
        "artifact": {"id": global_id(id_)},
    }


def _commit(ask: Ask, id_: str, facts: Document) -> None:
    door = ask.door
    parts = [door.shelf.get("manifests", one) or {} for one in facts.get("manifests", ())]
    whole = merged(door, facts, [one for one in parts if "sha256" in one])
    entries = whole["contents"]
    blobs = {path: entry_blob(door, facts["entity"], entry) for path, entry in entries.items()}
    text = dumps(whole).encode()
    run = door.run(*facts["run"]) if facts["run"] else None
    collection = door.shelf.get("collections", facts["collection"]) or {}
    files = {path: blob for path, blob in blobs.items() if blob is not None}
    made = _make(ask, run, collection, facts, {**files, MANIFEST: text})
    manifest = door.shelf.journal.put(text)
    size = sum(int(entry.get("size") or 0) for entry in entries.values())
    digest = facts["digest"]
    if not digest or facts.get("distributed"):
        digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    door.shelf.put(
        "artifacts", id_, state=COMMITTED, record=made, files=len(entries), size=size,
        digest=digest, updated=door.now(), manifest=short(manifest),
    )  # fmt: skip
    place = link_in(ask, facts["collection"], id_, facts["aliases"])
    door.shelf.put("artifacts", id_, version=place["version"])
    _made(ask, id_, facts["run"])


def _make(
    ask: Ask, run: WireRun | None, collection: Document, facts: Document, files: dict[str, Any]
) -> str:
    """Make the version in the record; the run that logged it is its maker there too."""
    metadata = object_of(facts["metadata"])
    kept = {"name": collection["kept_as"], "type": facts["type"], "metadata": metadata}
    if run is None:
        return ask.door.shelf.journal.make(files=files, **kept).id
    with run.writing() as writer:
        return writer.make(files=files, **kept).id


def _made(ask: Ask, id_: str, run: list[str] | None) -> None:
    maker = ask.door.run(*run) if run else None
    if maker is not None and id_ not in (made := list(maker.about.get("wandb_made") or [])):
        maker.update(about={"wandb_made": [*made, id_]})


MUTATIONS = {
    "create_artifact_type": create_artifact_type,
    "create_artifact": create_artifact,
    "create_artifact_manifest": create_artifact_manifest,
    "update_artifact_manifest": update_artifact_manifest,
    "create_artifact_files": create_artifact_files,
    "commit_artifact": commit_artifact,
    "use_artifact": use_artifact,
}
