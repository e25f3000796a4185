"""A run that accepts everything and keeps nothing: what stands where its record would be."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["NoRecord", "NoRun", "NoWriter"]


class NoRun:
    """Where a disabled run would be written."""

    step = -1

    def __init__(self, name: str, project: str, id_: str) -> None:
        self.id, self.name, self.system = id_, name, project

    def log(self, *_: object, **__: object) -> None:
        """Keep nothing."""


class NoRecord:
    """Where a disabled run's record would be: a temporary folder, made if somebody asks."""

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(tempfile.gettempdir()) / "homeostat-disabled"


class NoWriter:
    """Writes nothing."""

    failing = False
    on_change: Callable[[], None]

    def __init__(self, run: NoRun) -> None:
        self.run = run

    def write(self, *_: object, **__: object) -> None:
        """Keep nothing."""

    def finish(self, *_: object) -> None:
        """Keep nothing."""
