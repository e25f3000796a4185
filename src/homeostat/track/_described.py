"""What a run is called and what is said about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from homeostat.core import Json
from homeostat.track._options import tags_of

__all__ = ["Described"]


class Described(ABC):
    """The facts about a run that may be read and set at any time.

    Args:
        name: What people call it.
        project: What it belongs to.
        about: Entity, group, job type, tags, notes.
    """

    id: str

    def __init__(self, name: str, project: str, about: Mapping[str, Json]) -> None:
        self.project = project
        self._name, self._about = name, dict(about)

    @abstractmethod
    def write(self, method: str, *values: object, **named: object) -> object:
        """Write to the record."""

    @property
    def name(self) -> str:
        """What people call it; may be set."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = str(name)
        self.write("update", name=self._name)

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags; may be set, or added to with ``+=``."""
        tags = self._about.get("tags")
        return tuple(str(tag) for tag in tags) if isinstance(tags, list) else ()

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self.say_about(tags=tags_of(tags))

    @property
    def notes(self) -> str | None:
        """A longer description; may be set."""
        return self._fact("notes")

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self.say_about(notes=notes)

    @property
    def group(self) -> str | None:
        """The group of runs it belongs to."""
        return self._fact("group")

    @property
    def job_type(self) -> str | None:
        """What kind of work it does in its group."""
        return self._fact("job_type")

    @property
    def entity(self) -> str | None:
        """Who it belongs to."""
        return self._fact("entity")

    @property
    def sweep_id(self) -> str | None:
        """The sweep it belongs to."""
        return self._fact("sweep")

    @property
    def path(self) -> str:
        """Entity, project and id, with slashes."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    def say_about(self, **facts: Json) -> None:
        """Set facts about the run, such as ``notes``."""
        self._about |= facts
        self.write("update", about=facts)

    def _fact(self, key: str) -> str | None:
        fact = self._about.get(key)
        return None if fact is None else str(fact)
