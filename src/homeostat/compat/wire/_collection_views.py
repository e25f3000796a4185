"""Collections of artifacts and the places of versions in them, as clients see them."""

from __future__ import annotations

from typing import Any

from homeostat.compat.wire import _artifacts as state
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._filter import ordered, passing
from homeostat.compat.wire._names import from_global, to_global
from homeostat.compat.wire._page import page
from homeostat.compat.wire._shelf import Document
from homeostat.compat.wire._values import instant_text, object_of

__all__ = [
    "CollectionView", "MembershipView", "TypeView", "Types", "alias_view", "collection_by_id",
    "tag_view",
]  # fmt: skip


def collection_by_id(ask: Ask, id_: str) -> CollectionView | None:
    """Return a collection by its global id."""
    key = "/".join(from_global(id_, "ArtifactCollection"))
    return CollectionView.of(ask, state.present_key(ask.door, key))


class Types:
    """The artifacts of a project, by type and collection."""

    def __init__(self, ask: Ask, entity: str, project: str) -> None:
        self._ask, self._entity, self._project = ask, entity, project

    def types(
        self, first: int | None = None, after: str | None = None, **_: object
    ) -> dict[str, Any]:
        """Return the types of artifacts there are."""
        names = dict.fromkeys(str(one["type"]) for _, one in self._known())
        prefix = f"{self._entity}/{self._project}/"
        for key, _ in self._ask.door.shelf.items("types"):
            if key.startswith(prefix):
                names[key.removeprefix(prefix)] = None
        return page(sorted(names), self._type, first=first, after=after)

    def type(self, name: str) -> TypeView | None:
        """Return a type, if there is anything of it."""
        known = {edge["node"].name for edge in self.types()["edges"]}
        return self._type(name) if name in known else None

    def collection(self, name: str) -> CollectionView | None:
        """Return a collection by name."""
        return CollectionView.of(self._ask, f"{self._entity}/{self._project}/{name}")

    def collections(
        self,
        filters: str | None = None,
        order: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the field's word
        first: int | None = None,
        after: str | None = None,
    ) -> dict[str, Any]:
        """Return collections that pass a filter, in order."""
        mine = [key for key, one in self._known() if type is None or one["type"] == type]
        views = [CollectionView(self._ask, key) for key in mine]
        found = ordered(passing(views, filters, _collection_field), order or "", _collection_field)
        return page(found, lambda one: one, first=first, after=after)

    def membership(self, name: str) -> MembershipView | None:
        """Return an artifact's place by ``collection:alias``; the latest if no alias is said."""
        collection, _, alias = name.partition(":")
        found = self.collection(collection)
        return None if found is None else found.artifact_membership(alias or "latest")

    def _known(self) -> list[tuple[str, Document]]:
        return [
            (key, one)
            for key, one in self._ask.door.shelf.items("collections")
            if (one["entity"], one["project"]) == (self._entity, self._project)
            and one["state"] != "DELETED"
        ]

    def _type(self, name: str) -> TypeView:
        return TypeView(self._ask, self._entity, self._project, name)


class TypeView:
    """The fields of the schema's type ``ArtifactType``."""

    def __init__(self, ask: Ask, entity: str, project: str, name: str) -> None:
        self._types = Types(ask, entity, project)
        self.id = to_global("ArtifactType", entity, project, name)
        self.name = name
        self.description = None
        said = ask.door.shelf.get("types", f"{entity}/{project}/{name}") or {}
        self.created_at = instant_text(said.get("created", 0.0))

    def artifact_collection(self, name: str) -> CollectionView | None:
        """Return a collection of this type."""
        found = self._types.collection(name)
        return found if found is not None and found.type == self.name else None

    def artifact_collections(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        """Return the collections of this type."""
        return self._types.collections(type=self.name, **asked)


class CollectionView:
    """The fields of the schema's interface ``ArtifactCollection``."""

    def __init__(self, ask: Ask, key: str) -> None:
        self._ask, self.key = ask, key
        facts = ask.door.shelf.get("collections", key) or {}
        self.facts = facts
        self.typename = facts["kind"]
        self.id = to_global("ArtifactCollection", facts["entity"], facts["project"], facts["name"])
        self.name, self.type, self.state = facts["name"], facts["type"], facts["state"]
        self.description = facts.get("description")
        self.created_at = instant_text(facts["created"])
        self.updated_at = instant_text(facts.get("updated", facts["created"]))
        self.digest_algorithm = "MANIFEST_MD5"

    @classmethod
    def of(cls, ask: Ask, key: str) -> CollectionView | None:
        """Return a collection, or None if there is none."""
        facts = ask.door.shelf.get("collections", key)
        return None if facts is None or facts["state"] == "DELETED" else cls(ask, key)

    def project(self) -> Any:  # noqa: ANN401 - a view
        """Return the project it is in."""
        return self._ask.show("project", self.facts["entity"], self.facts["project"])

    def default_artifact_type(self) -> TypeView:
        """Return what its versions are."""
        return TypeView(self._ask, self.facts["entity"], self.facts["project"], self.type)

    def tags(self) -> dict[str, Any]:
        """Return its tags."""
        return {"edges": [{"node": tag_view(name)} for name in self.facts.get("tags") or ()]}

    def aliases(self, **paging: Any) -> dict[str, Any]:  # noqa: ANN401 - first, after
        """Return all aliases of its versions."""
        names = [name for one in self._members() for name in one["aliases"]]
        return page(names, lambda name: alias_view(self._ask, self.key, name), **paging)

    def artifacts(
        self,
        filters: str | None = None,
        order: str | None = None,
        *,
        first: int | None = None,
        after: str | None = None,
    ) -> dict[str, Any]:
        """Return its versions that pass a filter, the newest first."""
        found = [MembershipView(self._ask, one) for one in reversed(self._members())]
        found = ordered(passing(found, filters, _version_field), order or "", _version_field)
        told = page(found, lambda one: one.artifact(), first=first, after=after)
        start = int(after or 0)
        for place, edge in enumerate(told["edges"]):
            edge["version"] = f"v{found[start + place].version_index}"
        return told

    def artifact_membership(self, alias_name: str) -> MembershipView | None:
        """Return the version that an alias or ``vN`` names."""
        found = state.membership(self._ask.door, self.key, alias_name)
        return None if found is None else MembershipView(self._ask, found)

    def latest_artifact(self) -> Any:  # noqa: ANN401 - a view
        """Return the newest version."""
        found = state.latest(self._ask.door, self.key)
        return None if found is None else self._ask.show("artifact", found["artifact"])

    def _members(self) -> list[Document]:
        return state.memberships(self._ask.door, self.key)


class MembershipView:
    """The fields of the schema's type ``ArtifactCollectionMembership``."""

    def __init__(self, ask: Ask, facts: Document) -> None:
        self._ask, self.facts = ask, facts
        self.id = to_global("ArtifactCollectionMembership", facts["collection"], facts["artifact"])
        self.version_index = facts["version"]
        self.created_at = instant_text(facts["created"])

    def aliases(self) -> list[dict[str, Any]]:
        """Return the aliases of the version here."""
        return [
            alias_view(self._ask, self.facts["collection"], name) for name in self.facts["aliases"]
        ]

    def artifact_collection(self) -> CollectionView:
        """Return the collection."""
        return CollectionView(self._ask, self.facts["collection"])

    def artifact(self) -> Any:  # noqa: ANN401 - a view
        """Return the version."""
        return self._ask.show("artifact", self.facts["artifact"])

    def files(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        """Return the files of the version."""
        found: dict[str, Any] = self.artifact().files(**asked)
        return found


def tag_view(name: str) -> dict[str, Any]:
    """Return a tag."""
    return {"id": to_global("Tag", name), "name": name}


def alias_view(ask: Ask, collection: str, name: str) -> dict[str, Any]:
    """Return an alias of a version in a collection."""
    id_ = to_global("ArtifactAlias", collection, name)
    return {
        "id": id_, "alias": name, "artifact_collection": lambda: CollectionView(ask, collection)
    }  # fmt: skip


def _collection_field(one: CollectionView, name: str) -> Any:  # noqa: ANN401 - any JSON
    facts = one.facts
    match name.replace("_", "").lower():
        case "createdat" | "created":
            return facts["created"]
        case "updatedat":
            return facts.get("updated", facts["created"])
        case "tag" | "tags":
            return facts.get("tags") or []
        case plain:
            return facts.get(plain)


def _version_field(one: MembershipView, name: str) -> Any:  # noqa: ANN401 - any JSON
    facts = one.artifact().facts
    first, _, rest = name.partition(".")
    match first.replace("_", "").lower():
        case "versionindex" | "version":
            return one.version_index
        case "alias" | "aliases":
            return one.facts["aliases"]
        case "metadata":
            found = object_of(facts["metadata"])
            return found.get(rest) if rest else found
        case plain:
            return facts.get(_SAID.get(plain, plain))


_SAID = {"createdat": "created", "updatedat": "updated", "tag": "tags"}
