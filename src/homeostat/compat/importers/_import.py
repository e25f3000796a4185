"""Importing other tools' runs into the record."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from homeostat.compat.importers._foreign import Facts, ForeignRun, Problem, Problems
from homeostat.compat.importers._past import PastClock, moment, nanoseconds_of
from homeostat.compat.importers._seen import Seen
from homeostat.compat.importers._sources import located, read_runs
from homeostat.compat.importers._write import Writer
from homeostat.core import Json
from homeostat.record import Record, Run

__all__ = ["ImportReport", "import_runs"]

_NOT_IN_IDS = re.compile(r"[\x00-\x1f/\\?#%:]")
_IMPORTED = "imported"
_TICK_NS = 1000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Args:
        source: What was read.
        formats: Of which tools its runs are.
        added: Ids of the runs that are new in the record.
        grown: Ids of those that had been imported before and have more now.
        unchanged: Ids of those that had been imported before, as they are.
        points: How many numbers were written.
        rows: How many rows of other values.
        artifacts: How many artifacts were kept.
        problems: What was not taken over, and why.
    """

    source: str
    formats: tuple[str, ...]
    added: tuple[str, ...]
    grown: tuple[str, ...]
    unchanged: tuple[str, ...]
    points: int
    rows: int
    artifacts: int
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        told = (
            f"{self.source}: {len(self.added)} runs added, {len(self.grown)} grown, "
            f"{len(self.unchanged)} as they were; {self.points:,} numbers, {self.rows:,} rows of "
            f"other values, {self.artifacts:,} artifacts"
        )
        return "\n".join([told, *(f"  left out: {problem}" for problem in self.problems)])


def import_runs(source: str | Path, record: Record, *, project: str | None = None) -> ImportReport:
    r"""Take over the runs of another tool, with their own times.

    Read are MLflow's SQLite stores and ``mlruns`` folders, W&B's offline runs and its exports (CSV,
    JSON), TensorBoard's event files, and trackio's stores. None of these tools has to be installed,
    and nothing in the source is changed. A second import adds nothing; one of a source that has
    grown adds what is new. What cannot be taken over is counted in the report; the rest goes on.

    Args:
        source: A file, a folder that holds any of these, or a ``sqlite:///`` or ``file://`` URI.
        record: Where to.
        project: What the runs shall belong to; the tool's own grouping (experiment, project,
            folder) unless told.

    Raises:
        NotFoundError: If there is nothing at ``source``.
        InputError: If it holds nothing that is known here.
        StorageError: If the disk refuses; another import goes on where this one ended.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, Record(Path(folder) / "record") as record:
        ...     history = Path(folder, "history.csv")
        ...     _ = history.write_text("_step,_timestamp,loss\n0,1.7e9,0.7\n1,1.7e9,0.5\n")
        ...     report = import_runs(history, record, project="digits")
        ...     report.points, record.metrics("history")["value"].to_list()
        (2, [0.7, 0.5])
    """
    path, problems = located(source), Problems()
    # The importing process is not what made these runs: its code is not captured.
    clock = PastClock()
    with Record(record.path, capture=False, clock=clock) as quiet:
        importer = _Importer(quiet, clock, project, problems)
        for run in read_runs(path, problems):
            importer.take(run)
    return ImportReport(
        source=str(source),
        formats=tuple(sorted(importer.formats)),
        added=tuple(importer.told["added"]),
        grown=tuple(importer.told["grown"]),
        unchanged=tuple(importer.told["unchanged"]),
        points=importer.points,
        rows=importer.rows,
        artifacts=importer.artifacts,
        problems=problems.told(),
    )


class _Importer:
    """Writes foreign runs into a record, each at most once."""

    def __init__(
        self, record: Record, clock: PastClock, project: str | None, problems: Problems
    ) -> None:
        self.told: dict[str, dict[str, None]] = {"added": {}, "grown": {}, "unchanged": {}}
        self.formats: set[str] = set()
        self.points = self.rows = self.artifacts = 0
        self._record, self._clock = record, clock
        self._project, self._problems = project, problems
        self._known = set(record.runs()["id"].to_list())
        self._ids: dict[str, str] = {}  # by key, of runs that were met

    def take(self, foreign: ForeignRun) -> None:
        """Write a run, or what is new of it."""
        self.formats.add(foreign.format)
        id_, parts = self._find(foreign.key, foreign.id)
        if parts is not None and parts.get(foreign.part) == foreign.digest:
            self.told["unchanged"][id_] = None
            return
        if parts is None:
            run, after_ns, seen = self._start(foreign, id_), foreign.started_ns, Seen()
            self._known.add(id_)
            self.told["added"][id_] = None
        else:
            run, after_ns = self._resume(id_)
            seen = Seen.of(self._record, id_)
            if id_ not in self.told["added"]:
                self.told["grown"][id_] = None
        self._write(foreign, Writer(run, seen, self._problems, after_ns), parts or {})

    def _resume(self, id_: str) -> tuple[Run, int]:
        """Go on with a run right after its end; return also the earliest it may end again."""
        known = self._record.run(id_)
        ended_ns = nanoseconds_of(known.finished or known.started)
        with self._clock.at(ended_ns + _TICK_NS):
            return self._record.resume_run(id_), ended_ns + 2 * _TICK_NS

    def _write(self, foreign: ForeignRun, writer: Writer, parts: Mapping[str, Json]) -> None:
        for item in foreign.items():
            writer.take(item)
        done = {**parts, foreign.part: foreign.digest}
        # Last of all, so that an import that was cut off is known for one.
        writer.take(Facts(about={_IMPORTED: _imported(foreign, done)}))
        writer.close()
        self.points += writer.points
        self.rows += writer.rows
        self.artifacts += writer.artifacts

    def _start(self, foreign: ForeignRun, id_: str) -> Run:
        parent = self._find(foreign.parent, foreign.parent.rpartition("/")[2])
        return self._record.start_run(
            foreign.kind,
            foreign.name,
            system=self._project or foreign.project,
            config=foreign.config,
            parent=parent[0] if foreign.parent and parent[1] is not None else None,
            id=id_,
            about={**foreign.about, _IMPORTED: _imported(foreign, {})},
            at=moment(foreign.started_ns),
        )

    def _find(self, key: str, wanted: str) -> tuple[str, Mapping[str, Json] | None]:
        """Return the record's id for a foreign run, and the parts it has; None if it has none.

        It is the tool's own id if that is free, or else one that tells whose it is.
        """
        clean = _NOT_IN_IDS.sub("-", wanted).strip()[:100]
        marked = f"{clean or 'run'}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"
        for id_ in [clean, marked] if clean else [marked]:
            if id_ not in self._known:
                return id_, None
            imported = self._record.run(id_).about.get(_IMPORTED)
            if isinstance(imported, Mapping) and imported.get("key") == key:
                parts = imported.get("parts")
                return id_, parts if isinstance(parts, Mapping) else {}
        return marked, {}


def _imported(foreign: ForeignRun, parts: Mapping[str, Json]) -> dict[str, Json]:
    return {"format": foreign.format, "key": foreign.key, "parts": dict(parts)}
