"""What every importer's reader answers with: another tool's runs, as plain values.

A reader turns files into :class:`ForeignRun`; it writes nothing and knows nothing of the record.
A run's history is a stream, so that a log of any length passes through in little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Content",
    "End",
    "Facts",
    "ForeignRun",
    "Happened",
    "Item",
    "Line",
    "Made",
    "Point",
    "Problem",
    "Problems",
    "Rewind",
    "Row",
    "System",
]


@dataclass(frozen=True, slots=True)
class Point:
    """Numbers of one step."""

    step: int
    time_ns: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Content:
    """A file that a row refers to; kept as one, and ``facts`` told with its digest and size."""

    source: bytes | Path
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """Facts of one step that are no numbers: JSON, with :class:`Content` anywhere in it."""

    step: int
    time_ns: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class System:
    """Numbers about the machine."""

    time_ns: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Text that a run printed."""

    time_ns: int
    text: str
    stream: str


@dataclass(frozen=True, slots=True)
class Rewind:
    """What was written of later steps before this does not count."""

    step: int


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, such as an alert."""

    time_ns: int
    kind: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is merged into the run: settings, results, descriptions, definitions of metrics."""

    config: Mapping[str, object] = field(default_factory=dict)
    summary: Mapping[str, object] = field(default_factory=dict)
    about: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """Files that a run made."""

    name: str
    type: str
    files: Mapping[str, bytes | Path]
    metadata: Mapping[str, object] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """How and when a run ended; a run that has none was cut off."""

    time_ns: int
    status: str = "finished"
    error: str = ""
    exit_code: int | None = None


Item = Point | Row | System | Line | Rewind | Happened | Facts | Made | End


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run of another tool.

    Args:
        format: Which tool: ``"mlflow"``, ``"wandb"``, ``"tensorboard"``, ``"trackio"``.
        key: What makes the run unique among all of that tool's, wherever its files lie.
        id: The tool's own short name of it.
        name: What people call it.
        project: The tool's grouping of runs.
        started_ns: When it started.
        digest: Of what the source says now; another digest means that the source has grown.
        items: Reads the run from its start; may be called more than once.
        kind: What happened, in the record's words.
        config: Settings that are known at the start.
        about: Group, tags, notes and the like that are known at the start.
        parent: The key of the run it is part of; empty if it stands alone.
        part: Which of several sources of the run this is, such as the logs of one that was resumed.
    """

    format: str
    key: str
    id: str
    name: str
    project: str
    started_ns: int
    digest: str
    items: Callable[[], Iterator[Item]]
    kind: str = "train"
    config: Mapping[str, object] = field(default_factory=dict)
    about: Mapping[str, object] = field(default_factory=dict)
    parent: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of the source that was not taken over, and how often.

    Args:
        where: The file, run or table.
        what: What is wrong with it.
        count: How many rows, records or files.
    """

    where: str
    what: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.count} times)" if self.count > 1 else "")


class Problems:
    """Counts what was not taken over."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, where: object, what: str, count: int = 1) -> None:
        """Count one kind of problem of one place."""
        key = str(where), what
        self._counts[key] = self._counts.get(key, 0) + count

    def told(self) -> tuple[Problem, ...]:
        """Return what was counted, in the order it was first met."""
        return tuple(Problem(*key, count) for key, count in self._counts.items())
