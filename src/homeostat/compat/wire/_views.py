"""Users, entities and projects, as clients see them; the root of all queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homeostat.compat.wire import _artifact_views as artifacts
from homeostat.compat.wire import _sweep_views as sweeps
from homeostat.compat.wire._collection_views import Types, collection_by_id
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._filter import ordered, passing
from homeostat.compat.wire._names import number_of, to_global
from homeostat.compat.wire._page import page
from homeostat.compat.wire._run import WireRun
from homeostat.compat.wire._run_fields import run_field
from homeostat.compat.wire._run_view import RunView
from homeostat.compat.wire._shelf import Document
from homeostat.compat.wire._users import ENTITY, UserView, member
from homeostat.compat.wire._values import instant_text

__all__ = ["FEATURES", "ProjectView", "QueryView"]

FEATURES = (
    "LARGE_FILENAMES",
    "ARTIFACT_TAGS",
    "CLIENT_IDS",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
    "EXPAND_DEFINED_METRIC_GLOBS",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "SWEEPS_QUERY_FILTERING",
    "FILESTREAM_GZIP",
)
"""What newer clients ask for by name before they use it."""


class QueryView:
    """The fields of the schema's type ``Query``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def viewer(self) -> UserView:
        """Return who asks."""
        return UserView(self._ask.user, self._ask.key_id)

    def user(self, user_name: str | None = None) -> UserView:
        """Return a user by name."""
        return UserView(user_name or self._ask.user)

    def users(self, query: str | None = None, **paging: Any) -> dict[str, Any]:  # noqa: ANN401 - first, after
        """Return the asker, where the text fits: others are not told."""
        fits = not query or query in {self._ask.user, f"{self._ask.user}@localhost"}
        return page([self._ask.user] if fits else [], UserView, **paging)

    def server_info(self) -> dict[str, Any]:
        """Return which versions of the client are served, and what can be done."""
        versions = {"max_cli_version": "99.0.0", "min_cli_version": "0.15.0"}
        return {
            "cli_version_info": versions,
            "latest_local_version_info": None,
            "features": [{"name": name, "is_enabled": True} for name in FEATURES],
        }

    def entity(self, name: str | None = None) -> dict[str, Any]:
        """Return an entity; whoever has a key may use any."""
        return _entity(self._ask, self._ask.entity(name))

    def organization(self, name: str | None = None) -> None:
        """Say that there are no organizations."""

    def project(
        self, name: str | None = None, entity_name: str | None = None
    ) -> ProjectView | None:
        """Return a project."""
        return ProjectView.of(self._ask, self._ask.entity(entity_name), name)

    model = project

    def models(
        self, entity_name: str | None = None, *, first: int | None = None, after: str | None = None,
        **_: object,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the projects of an entity."""
        return _projects(self._ask, self._ask.entity(entity_name), first, after)

    projects = models

    def artifact(self, id: str) -> Any:  # noqa: A002, ANN401 - GraphQL's word
        """Return an artifact by its global id."""
        return artifacts.by_id(self._ask, id)

    def artifact_collection(self, id: str) -> Any:  # noqa: A002, ANN401 - GraphQL's word
        """Return a collection by its global id."""
        return collection_by_id(self._ask, id)

    def client_id_mapping(self, client_id: str) -> dict[str, Any] | None:
        """Return the id that an artifact got which a client knew by an id of its own."""
        return artifacts.by_client_id(self._ask, client_id)


class ProjectView:
    """The fields of the schema's type ``Project``."""

    typename = "Project"

    def __init__(self, ask: Ask, facts: Document) -> None:
        self._ask, self._facts = ask, facts
        self._entity, self.name = facts["entity"], facts["name"]
        self.id = to_global("Project", self._entity, self.name)
        self.internal_id = str(number_of(self._entity, self.name))
        self.entity_name = self._entity
        self.description, self.repo = facts.get("description"), facts.get("repo")
        self.created_at = instant_text(facts["created"])
        self.updated_at = instant_text(facts.get("updated", facts["created"]))
        self.access, self.views = facts.get("access", "USER_READ"), facts.get("views")
        self.read_only = self.is_benchmark = self.is_published = False
        self.artifact_types = Types(ask, self._entity, self.name).types

    @classmethod
    def of(cls, ask: Ask, entity: str, name: str | None) -> ProjectView | None:
        """Return a project, or None if there is none."""
        facts = ask.door.project(entity, name)
        return None if facts is None else cls(ask, facts)

    def entity(self) -> dict[str, Any]:
        """Return who owns it."""
        return _entity(self._ask, self._entity)

    def user(self) -> UserView:
        """Return who made it."""
        return UserView(self._facts["user"])

    def run(
        self,
        name: str | None = None,
        desc: str | None = None,  # noqa: ARG002 - a GraphQL argument
        missing_ok: bool | None = None,  # noqa: ARG002, FBT001 - likewise
    ) -> RunView | None:
        """Return a run."""
        found = self._ask.door.run(self._entity, self.name, name or "")
        return None if found is None else RunView(self._ask, found)

    bucket = run

    def run_count(self, filters: str | None = None) -> int:
        """Return how many runs pass a filter."""
        return len(self._runs(filters))

    def runs(
        self, filters: str | None = None, order: str | None = None, *, first: int | None = None,
        after: str | None = None, names: Sequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return runs that pass a filter, in order."""
        found = [run for run in self._runs(filters) if names is None or run.name in names]
        ranked = ordered(found, order or "-created_at", run_field)
        return page(ranked, lambda run: RunView(self._ask, run), first=first, after=after)

    buckets = runs

    def total_sweeps(self) -> int:
        """Return how many sweeps it has."""
        return len(sweeps.of_project(self._ask, self._entity, self.name))

    def sweep(self, sweep_name: str) -> Any:  # noqa: ANN401 - a view
        """Return a sweep."""
        return sweeps.by_name(self._ask, self._entity, self.name, sweep_name)

    def sweeps(self, filters: str | None = None, order: str | None = None, **paging: Any) -> Any:  # noqa: ANN401 - first, after
        """Return its sweeps."""
        found = sweeps.of_project(self._ask, self._entity, self.name)
        return sweeps.paged(self._ask, found, filters, order, **paging)

    def artifact(self, name: str) -> Any:  # noqa: ANN401 - a view
        """Return an artifact by ``name:alias``."""
        found = Types(self._ask, self._entity, self.name).membership(name)
        return found and found.artifact()

    def artifact_type(self, name: str) -> Any:  # noqa: ANN401 - a view
        """Return a type of artifacts, if there is one of it."""
        return Types(self._ask, self._entity, self.name).type(name)

    def artifact_collection(self, name: str) -> Any:  # noqa: ANN401 - a view
        """Return a collection by name."""
        return Types(self._ask, self._entity, self.name).collection(name)

    def artifact_collections(self, **asked: Any) -> Any:  # noqa: ANN401 - GraphQL arguments
        """Return its collections."""
        return Types(self._ask, self._entity, self.name).collections(**asked)

    def artifact_collection_membership(self, name: str) -> Any:  # noqa: ANN401 - a view
        """Return an artifact's place in a collection, by ``name:alias``."""
        return Types(self._ask, self._entity, self.name).membership(name)

    def all_views(self, **paging: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        """Say that there are no reports."""
        return page([], str, first=paging.get("first"))

    def _runs(self, filters: str | None) -> list[WireRun]:
        return passing(self._ask.door.runs(self._entity, self.name), filters, run_field)


def _entity(ask: Ask, name: str) -> dict[str, Any]:
    return {
        **ENTITY,
        "id": to_global("Entity", name),
        "name": name,
        "user": lambda: UserView(name),
        "members": [member(name)],
        "project": lambda name_=None, **asked: ProjectView.of(ask, name, asked.get("name", name_)),
        "projects": lambda first=None, after=None, **_: _projects(ask, name, first, after),
    }


def _projects(ask: Ask, entity: str, first: int | None, after: str | None) -> dict[str, Any]:
    found = ask.door.projects(entity)
    return page(found, lambda facts: ProjectView(ask, facts), first=first, after=after)
