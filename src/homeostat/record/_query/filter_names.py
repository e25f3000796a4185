"""What the names in a filter of runs stand for."""

from __future__ import annotations

from dataclasses import dataclass

from homeostat.core import InputError, suggest

__all__ = ["Column", "column_of"]

_OWN = {
    "id": ("run", "text"),
    "kind": ("kind", "text"),
    "name": ("name", "text"),
    "system": ("system", "text"),
    "project": ("system", "text"),
    "status": ("status", "text"),
    "state": ("status", "text"),
    "parent": ("parent", "text"),
    "error": ("error", "text"),
    "exit_code": ("exit_code", "number"),
    "step": ("step", "number"),
    "started": ("time", "time"),
    "finished": ("finished", "time"),
    "duration_s": ("duration_s", "number"),
}
_ABOUT = ("group", "job_type", "tags", "notes", "entity", "user", "mode", "program")
_DOCUMENTS = ("config", "summary", "about")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of runs, or a place in one of its JSON documents.

    Args:
        column: Its name in SQL.
        kind: ``"text"``, ``"number"``, ``"time"`` (nanoseconds), or ``"json"``.
        path: The keys that lead to the value; several spellings, the first that is there counts.
    """

    column: str
    kind: str
    paths: tuple[tuple[str, ...], ...] = ()


def column_of(name: str) -> Column:
    """Return what a name such as ``config.model.depth`` stands for.

    Raises:
        InputError: If runs have nothing of that name.
    """
    if name in _OWN:
        return Column(*_OWN[name])
    first, _, rest = name.partition(".")
    if first in _DOCUMENTS and rest:
        keys = tuple(rest.split("."))
        return Column(first, "json", tuple(dict.fromkeys([(rest,), keys])))
    if first in _ABOUT:
        return Column("about", "json", ((name,),))
    known = [*_OWN, *_ABOUT, *(f"{document}.{rest or name}" for document in _DOCUMENTS)]
    raise InputError(
        f"Runs have no `{name}`: ask for {', '.join(_OWN)}, {', '.join(_ABOUT)}, or "
        f"config.KEY, summary.KEY, about.KEY.{suggest(name, known)}"
    )
