"""The root of every request: queries are views, mutations are functions by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from homeostat.compat.wire import (
    _artifact_changes,
    _collection_changes,
    _run_changes,
    _sweep_changes,
)
from homeostat.compat.wire._artifact_views import ArtifactView, of_run
from homeostat.compat.wire._door import Ask
from homeostat.compat.wire._run_view import RunView
from homeostat.compat.wire._users import UserView
from homeostat.compat.wire._views import ProjectView, QueryView
from homeostat.core import InputError

__all__ = ["SHOWN", "Root"]

SHOWN: Mapping[str, Callable[..., Any]] = {
    "artifact": ArtifactView,
    "artifacts": of_run,
    "project": ProjectView.of,
    "run": RunView,
    "user": lambda _, name: UserView(name),
}
"""The views that refer to each other."""

_MUTATIONS: Mapping[str, Callable[[Ask, Mapping[str, Any]], dict[str, Any]]] = {
    **_run_changes.MUTATIONS,
    **_artifact_changes.MUTATIONS,
    **_collection_changes.MUTATIONS,
    **_sweep_changes.MUTATIONS,
}


class Root(QueryView):
    """What the fields of ``Query`` and ``Mutation`` are resolved by."""

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        """Return a mutation by its name in Python's writing."""
        if name not in _MUTATIONS:
            raise AttributeError(name)
        change, ask = _MUTATIONS[name], self._ask

        def changed(input: object) -> dict[str, Any]:  # noqa: A002 - GraphQL's word
            if not isinstance(input, dict):
                raise InputError(f"The input of `{name}` is an object.")
            try:
                return change(ask, input)
            except KeyError as error:
                raise InputError(f"The input of `{name}` lacks {error}.") from error

        return changed
