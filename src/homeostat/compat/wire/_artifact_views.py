"""Versions of artifacts, as clients see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeostat.compat.wire import _artifacts as state
from homeostat.compat.wire._collection_views import (
    CollectionView,
    MembershipView,
    TypeView,
    alias_view,
    tag_view,
)
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._manifest import contents_of
from homeostat.compat.wire._names import from_global, to_global
from homeostat.compat.wire._page import page
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._values import instant_text

__all__ = ["ArtifactView", "by_client_id", "by_id", "manifest_view", "of_run"]


def by_id(ask: Ask, id_: str) -> ArtifactView | None:
    """Return an artifact by its global id."""
    key = from_global(id_, "Artifact")[0]
    return ArtifactView(ask, key) if ask.door.shelf.get("artifacts", key) else None


def by_client_id(ask: Ask, id_: str) -> dict[str, Any] | None:
    """Return the global id of an artifact that a client named itself."""
    found = ask.door.shelf.get("clients", id_)
    return None if found is None else {"server_id": state.global_id(found["artifact"])}


def of_run(ask: Ask, run: WireRun, how: str, paging: Mapping[str, Any]) -> dict[str, Any]:
    """Return the artifacts that a run made or used."""
    ids = [
        one
        for one in run.about.get(f"wandb_{how}") or ()
        if (ask.door.shelf.get("artifacts", one) or {}).get("state") == state.COMMITTED
    ]
    return page(ids, lambda one: ArtifactView(ask, one), **paging)


def manifest_view(ask: Ask, id_: str) -> dict[str, Any]:
    """Return a manifest that is being made."""
    facts = ask.door.shelf.get("manifests", id_) or {}
    file = {
        "id": to_global("File", id_),
        "name": facts["name"],
        "display_name": facts["name"],
        "upload_url": lambda: ask.sign(facts["name"], do="put", manifest=id_),
        "upload_headers": [],
    }
    return {
        "id": to_global("ArtifactManifest", id_),
        "digest": facts.get("digest"),
        "file": file,
        "artifact": ArtifactView(ask, facts["artifact"]),
    }


class ArtifactView:
    """The fields of the schema's type ``Artifact``."""

    typename = "Artifact"

    def __init__(self, ask: Ask, key: str) -> None:
        self._ask, self.key = ask, key
        facts = ask.door.shelf.get("artifacts", key) or {}
        self.facts = facts
        self.id = state.global_id(key)
        self.state, self.digest = facts["state"], facts["digest"]
        self.digest_algorithm = facts.get("algorithm")
        self.description, self.metadata = facts["description"], facts["metadata"]
        self.version_index = facts.get("version")
        self.size, self.file_count = facts.get("size", 0), facts.get("files", 0)
        self.history_step = facts.get("step")
        self.commit_hash = key
        ttl = facts.get("ttl")
        self.ttl_is_inherited = ttl is None or ttl == -1
        self.ttl_duration_seconds = ttl if ttl is not None and ttl > 0 else 0
        self.created_at = instant_text(facts["created"])
        self.updated_at = instant_text(facts.get("updated"))
        self.tags = [tag_view(name) for name in facts.get("tags") or ()]

    def artifact_type(self) -> TypeView:
        """Return what it is."""
        facts = self.facts
        collection = self._ask.door.shelf.get("collections", facts["collection"]) or facts
        return TypeView(self._ask, facts["entity"], facts["project"], collection["type"])

    def artifact_sequence(self) -> CollectionView:
        """Return the collection it was made in."""
        return CollectionView(self._ask, self.facts["collection"])

    def artifact_memberships(self, **paging: Any) -> dict[str, Any]:  # noqa: ANN401 - first, after
        """Return its places in collections."""
        found = list(state.places(self._ask.door, self.key))
        return page(found, lambda one: MembershipView(self._ask, one), **paging)

    def aliases(self) -> list[dict[str, Any]]:
        """Return its aliases in all collections."""
        return [
            alias_view(self._ask, one["collection"], name)
            for one in state.places(self._ask.door, self.key)
            for name in one["aliases"]
        ]

    def current_manifest(self) -> dict[str, Any] | None:
        """Return its manifest."""
        kept = self.facts.get("manifest")
        if kept is None:
            return None
        name = "wandb_manifest.json"
        url = self._ask.sign(name, do="get", sha256=state.blob_of(kept).sha256, name=name)
        file = {"id": to_global("File", self.key), "name": name, "direct_url": url, "url": url}
        return {"id": to_global("ArtifactManifest", self.key), "file": file, "artifact": self}

    def created_by(self) -> Any:  # noqa: ANN401 - a view
        """Return the run or the user that made it."""
        if self.facts["run"] is None:
            return self._ask.show("user", self.facts["user"])
        run = self._ask.door.run(*self.facts["run"])
        return None if run is None else self._ask.show("run", run)

    def used_by(self, **paging: Any) -> dict[str, Any]:  # noqa: ANN401 - first, after
        """Return the runs that used it."""
        users = [
            run for run in self._ask.door.every_run() if self.key in run.about.get("wandb_used", ())
        ]
        return page(users, lambda run: self._ask.show("run", run), **paging)

    def files(
        self,
        names: Sequence[str] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> dict[str, Any]:
        """Return its files, by path."""
        entries = contents_of(self._ask.door, self.key)
        paths = [path for path in sorted(entries) if names is None or path in names]
        return page(paths, lambda path: self._file(path, entries[path]), first=first, after=after)

    def files_by_manifest_entries(
        self, entries: Sequence[Mapping[str, Any]] | None = None, **_: object
    ) -> dict[str, Any]:
        """Return where the files that a client names can be had."""
        known = contents_of(self._ask.door, self.key)
        paths = [str(one["name"]) for one in entries or () if one["name"] in known]
        return page(paths, lambda path: self._file(path, known[path]))

    def _file(self, path: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        ref = entry.get("ref")
        place = f"wandb_artifacts/{self.key}/{path}"
        url = ref or self._ask.sign(place, do="get", artifact=self.key, name=path)
        return {
            "id": to_global("File", self.key, path),
            "name": path,
            "display_name": path,
            "url": url,
            "direct_url": url,
            "size_bytes": entry.get("size") or 0,
            "storage_path": place,
            "mimetype": None,
            "updated_at": self.created_at,
            "digest": entry["digest"],
            "md5": None if ref else entry["digest"],
            "artifact": self,
        }
