"""Writing a foreign run's items into a run of the record."""

from __future__ import annotations

from collections.abc import Mapping

from homeostat.compat.importers._columns import Columns
from homeostat.compat.importers._foreign import (
    Content,
    End,
    Facts,
    Happened,
    Item,
    Line,
    Made,
    Point,
    Problems,
    Rewind,
    Row,
    System,
)
from homeostat.compat.importers._past import moment
from homeostat.compat.importers._seen import Seen
from homeostat.core import HomeostatError, StorageError
from homeostat.record import Run

__all__ = ["Writer"]


class Writer:
    """Writes items; what the record refuses is counted and left out, the rest goes on.

    Args:
        run: Where to write.
        seen: What the run holds already, which is not written again.
        problems: Where to count what is refused.
        after_ns: The run cannot end earlier.
    """

    def __init__(self, run: Run, seen: Seen, problems: Problems, after_ns: int) -> None:
        self.points = self.rows = self.artifacts = 0
        self._run, self._seen, self._problems = run, seen, problems
        self._after_ns = after_ns
        self._columns = Columns(run, self._where(), problems)
        self.end = End(0, "crashed", "The source says of no end.")

    def take(self, item: Item) -> None:
        """Write one item.

        Raises:
            StorageError: If the disk refuses.
        """
        try:
            self._take(item)
        except StorageError:
            raise
        except (HomeostatError, OSError, OverflowError) as error:
            self._problems.add(self._where(), f"{type(item).__name__.lower()} refused: {error}")

    def close(self) -> None:
        """Write what waits, and end the run as its source says."""
        self._columns.flush()
        end = self.end
        at = moment(max(end.time_ns, self._after_ns))
        self._run.finish(end.status, end.error, exit_code=end.exit_code, at=at)

    def _take(self, item: Item) -> None:
        match item:
            case Point():
                self._point(item)
            case Row():
                self._row(item)
            case Facts():
                self._facts(item)
            case Made():
                self._made(item)
            case End():
                self.end = item
            case _:
                self._beside(item)

    def _beside(self, item: System | Line | Happened | Rewind) -> None:
        match item:
            case System():
                if new := self._seen.new_system(item.time_ns, item.metrics):
                    self._run.log_system(new, at=moment(item.time_ns))
            case Line():
                if self._seen.is_new("line", item.time_ns, [item.stream, item.text]):
                    self._run.console(item.text, item.stream, at=moment(item.time_ns))
            case Happened():
                if self._seen.is_new("event", item.time_ns, [item.kind, item.payload]):
                    self._run.event(item.kind, item.payload, moment(item.time_ns))
            case Rewind():
                self._columns.flush()
                self._run.rewind(item.step)
                self._seen.rewind(item.step)

    def _point(self, item: Point) -> None:
        new = self._seen.new_numbers(item.step, item.time_ns, item.metrics)
        if new:
            self._columns.add(item.step, item.time_ns, new)
            self.points += len(new)

    def _row(self, item: Row) -> None:
        values = {name: self._kept(value) for name, value in item.values.items()}
        new = self._seen.new_values(item.step, values)
        if new:
            self._run.log_row(new, item.step, at=moment(item.time_ns))
            self.rows += 1

    def _facts(self, item: Facts) -> None:
        summary = {name: self._kept(value) for name, value in item.summary.items()}
        self._run.update(
            name=item.name or None,
            config=item.config or None,
            summary=summary or None,
            about=item.about or None,
            metrics=item.metrics or None,
        )

    def _made(self, item: Made) -> None:
        name = item.name.replace(":", "-")
        metadata = {name: said for name, said in item.metadata.items() if said}
        aliases = [alias for alias in item.aliases if self._is_alias(alias, name)]
        self._run.make(name, item.type, item.files, metadata, aliases)
        self.artifacts += 1

    def _is_alias(self, alias: str, name: str) -> bool:
        if ":" in alias or not alias or alias == "latest" or alias.removeprefix("v").isdigit():
            self._problems.add(f"artifact {name}", f"alias `{alias}` would read as a version")
            return False
        return True

    def _kept(self, value: object) -> object:
        """Keep the contents that a value refers to; return it with their digests."""
        if isinstance(value, Content):
            blob = self._run.put(value.source)
            facts = {name: self._kept(inner) for name, inner in value.facts.items()}
            return {**facts, "sha256": blob.sha256, "size": blob.size}
        if isinstance(value, Mapping):
            return {str(name): self._kept(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._kept(inner) for inner in value]
        return value

    def _where(self) -> str:
        return f"run {self._run.id}"
