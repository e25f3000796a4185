"""Run: the face of one training run, with the verbs that W&B's users know."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from homeostat.core import Clock, Finding, HomeostatError, InputError, Json, RecordError
from homeostat.track import _artifact_verbs, _exit, _verbs
from homeostat.track._aboard import Aboard
from homeostat.track._config import Config
from homeostat.track._console import Console
from homeostat.track._described import Described
from homeostat.track._machine import Watcher
from homeostat.track._metric import Metrics
from homeostat.track._notice import Notices
from homeostat.track._row import LATE, add_axes, wanted_step
from homeostat.track._settings import Settings
from homeostat.track._steps import Steps
from homeostat.track._summary import Summary
from homeostat.track._values import Sorted, as_numbers, sort
from homeostat.track._writer import Writer

if TYPE_CHECKING:
    from homeostat.record import Artifact as Made
    from homeostat.record import Reads, Record
    from homeostat.track._artifact import Artifact

__all__ = ["Run"]


class Run(Described):
    """A run that is being logged; made by :func:`init` and :func:`attach`.

    Every call has written what it was told before it returns. Used as a context manager, the run
    finishes with the block; an error that leaves it makes the run fail.

    Attributes:
        id: What it is known by.
        project: What it belongs to.
        mode: ``"online"``, ``"offline"`` or ``"disabled"``.
        resumed: Whether it goes on with what was logged before.
        config: What it was told.
        summary: What came out.
        url: Its page on the server that it is sent to; None if it is sent to none.
        aboard: Values that the next row takes along.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        steps: Steps,
        clock: Clock,
        notices: Notices,
        settings: Settings,
        record: Record,
        about: Mapping[str, Json],
        mode: str = "online",
        resumed: bool = False,
        owner: bool = True,
    ) -> None:
        self.id: str = writer.run.id
        super().__init__(writer.run.name, writer.run.system, about)
        self.mode, self.resumed, self.settings = mode, resumed, settings
        self.clock, self.notices = clock, notices
        self.start_time: datetime = clock.now()
        self.record = record
        self.metrics = Metrics()
        self.latest: dict[str, Json] = {}
        self.config, self.summary = Config(), self.new_summary()
        self.at_end: list[Callable[[bool], None]] = []
        self.after_end: list[Callable[[], None]] = []
        self.url: str | None = None
        self.aboard = Aboard()
        self.alerts: dict[str, datetime] = {}
        self.files: dict[str, str] = {}
        self.keeps_folder = False
        self.watching: list[_verbs.Watching] = []
        self._writer, self._steps, self._view = writer, steps, steps.view
        self._write_point = writer.run.log
        self._process, self._owner, self._ended = os.getpid(), owner, False
        self._next, self._begun, self._late = steps.next, False, 0
        self._quick = True
        self._lock = threading.RLock()
        self._parts: list[Console | Watcher] = []
        writer.on_change = self.choose_way
        self.choose_way()

    # -- logging ----------------------------------------------------------------------------

    def log(
        self,
        data: Mapping[str, Any],
        step: int | None = None,
        commit: bool | None = None,  # noqa: FBT001 - as W&B has it
        sync: bool | None = None,  # noqa: ARG002, FBT001 - as W&B has it
    ) -> None:
        """Write one row, or a part of one; it is in the record when the call returns.

        Calls that name the same step, or that follow ``commit=False``, make up one row. Nested
        dicts become names with dots. NumPy and torch scalars are numbers; media are kept as
        files; what cannot be kept as it is, is kept as near as can be, with one warning.

        Args:
            data: Values by name.
            step: The row; None is the one that is open. A step before that is dropped, with a
                warning.
            commit: Whether the row is complete; None is yes, or no where a step is named.
            sync: Nothing: kept for those who pass it.

        Raises:
            InputError: If the data are no mapping.
            RecordError: If the run is finished.
        """
        with self._lock:
            if self.aboard.waiting and isinstance(data, Mapping):
                data = self.aboard.take() | dict(data)
            # Plain numbers go straight to the record; all else takes the long way below.
            if (
                self._quick
                and type(data) is dict
                and not self._view[0]
                and (step is None or (type(step) is int and step >= self._next))
            ):
                numbers = as_numbers(data)
                at = self._next if step is None else step
                if numbers and self._wrote(numbers, at):
                    self.latest.update(numbers)
                    self._begun = not ((step is None) if commit is None else commit)
                    self._next = self._view[1] = at if self._begun else at + 1
                    return
            self._log(data, step, commit=commit)

    def log_watched(self, row: Mapping[str, Json]) -> None:
        """Write a part of the open row that is plain already: numbers, and JSON of media."""
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        others = {name: value for name, value in row.items() if name not in numbers}
        with self._lock:
            at = None if self._ended else self._open_row(None)
            if at is not None:
                self._write_row(Sorted(numbers, others, {}), at)

    def _wrote(self, data: Mapping[str, float], step: int) -> bool:
        try:
            self._write_point(data, step)
        except (HomeostatError, OSError):  # the long way says what is wrong, or goes around it
            return False
        return True

    def _log(self, data: object, step: object, *, commit: bool | None) -> None:
        if self._ended:
            raise RecordError(
                f"Run {self.name} ({self.id}) is finished, so nothing can be logged to it: log "
                "before finish(), or go on with it by init(id=..., resume='must')."
            )
        if self.mode == "disabled":
            return
        if not isinstance(data, Mapping):
            raise InputError(f"`log` takes a dict of values by name, got {type(data).__name__}.")
        row = sort(data, self.put)
        for name, note in row.notes.items():
            self.warn(f"`{name}`: {note}.", about=f"{name} {note[:24]}")
        at = self._open_row(wanted_step(step, lambda text: self.warn(text, about="step")))
        if at is not None:
            self._write_row(row, at)
            if (step is None) if commit is None else commit:
                self._close_row()

    def _write_row(self, row: Sorted, at: int) -> None:
        add_axes(row, self.metrics, self.latest)
        if row.numbers:
            self.write("log", row.numbers, at)
        if row.others:
            self.write("log_row", row.others, at)
        self.metrics.take(row.numbers)
        self.latest.update(row.numbers)
        self.latest.update(row.others)

    def _open_row(self, wanted: int | None) -> int | None:
        if wanted is not None and wanted < self._next and self._owner:
            self._late += 1
            self.warn(LATE.format(wanted=wanted, open=self._next), about="late")
            return None
        if wanted is not None:
            self._next = wanted
        elif not self._begun and self._steps.shared:
            self._next = self._steps.take(self._next if self._owner else 0)
        self._begun = True
        if self._owner:
            self._steps.reach(self._next)
        return self._next

    def _close_row(self) -> None:
        self._begun = False
        self._next += 1
        if self._owner:
            self._steps.reach(self._next)

    # -- what the run is ---------------------------------------------------------------------

    @property
    def step(self) -> int:
        """The step that the next row gets."""
        return self._next

    @property
    def dir(self) -> str:
        """A folder of the run's own; what is in it at the end is kept with the run."""
        return str(_verbs.folder_of(self))

    @property
    def offline(self) -> bool:
        """Whether it was asked not to be sent anywhere."""
        return self.mode == "offline"

    @property
    def disabled(self) -> bool:
        """Whether it accepts everything and keeps nothing."""
        return self.mode == "disabled"

    @property
    def ended(self) -> bool:
        """Whether it is finished."""
        return self._ended

    # -- other verbs -------------------------------------------------------------------------

    define_metric = _verbs.define_metric
    alert = _verbs.alert
    save = _verbs.save
    watch = _verbs.watch
    unwatch = _verbs.unwatch
    log_code = _artifact_verbs.log_code
    log_artifact = _artifact_verbs.log_artifact
    use_artifact = _artifact_verbs.use_artifact

    def find(self, finding: Finding) -> None:
        """Keep a judgement."""
        self.write("find", finding)

    def event(self, kind: str, **facts: Json) -> None:
        """Keep that something happened."""
        self.write("event", kind, facts)

    def observed(self, reads: Reads) -> None:
        """Keep what the process read, as far as it is neither an input nor code."""
        reads.finish(self._writer.run)

    def put(self, content: bytes | Path) -> Any:  # noqa: ANN401 - the record's Blob
        """Keep a content, and return its ``sha256`` and ``size``."""
        return self.write("put", content)

    def make(self, artifact: Artifact, aliases: Iterable[str]) -> None:
        """Keep an artifact in the record."""
        artifact.make_in(self._writer.run, aliases, self.record)

    def use(self, artifact: Made | str) -> Made:
        """Note that this run reads an artifact, and return it."""
        return self._writer.run.use(artifact)

    def is_mine(self) -> bool:
        """Say whether this very process started the run."""
        return self._process == os.getpid()

    def warn(self, text: str, *, about: str) -> None:
        """Print a warning, and keep it with the run; of one matter only once."""
        if self.notices.warn(f"run {self.name or self.id}: {text}", about=f"{self.id} {about}"):
            self.event("warning", text=text)

    def write(self, method: str, *values: object, **named: object) -> Any:  # noqa: ANN401 - the record's methods
        """Call a method of the run in its record, by way of whatever ails the disk."""
        if self.mode == "disabled":
            return None
        return self._writer.write(method, *values, **named)

    def look_after(self) -> None:
        """Notice a record that was removed while the run writes it."""
        self._writer.look_after()

    # -- what the start of a run sets ----------------------------------------------------------

    def new_summary(self, said: Mapping[str, Json] | None = None) -> Summary:
        """Return a summary of this run."""
        return Summary(
            self.latest,
            self.metrics,
            said=said,
            write=lambda new, gone: self.write(
                "update", summary=new or None, removed={"summary": gone} if gone else None
            ),
        )

    def new_config(self, values: Mapping[str, Json], *, changeable: bool) -> Config:
        """Return a config of this run."""
        return Config(
            values,
            changeable=changeable,
            write=lambda new, gone: self.write(
                "update", config=new or None, removed={"config": gone} if gone else None
            ),
        )

    def learn(self, about: Mapping[str, Json]) -> None:
        """Take in what was said about the run before."""
        self._about = {**about, **self._about}
        self.choose_way()

    def choose_way(self) -> None:
        """Send plain numbers straight to the record, unless something must look at them first."""
        self._quick = not (self.disabled or self._ended or self.metrics or self._writer.failing)

    def keep(self, part: Console | Watcher) -> None:
        """Stop a part, such as the console, when the run ends."""
        self._parts.append(part)

    # -- the end -----------------------------------------------------------------------------

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:  # noqa: ARG002, FBT001 - as W&B has it
        """End the run; in a worker, only its part in it.

        Args:
            exit_code: 0 or None is a success, anything else a failure.
            quiet: Nothing: kept for those who pass it.
        """
        self.end(exit_code or 0, f"exit code {exit_code}" if exit_code else "")

    def end(self, exit_code: int, error: str) -> None:
        """End the run with an exit code and the reason of a failure."""
        with self._lock:
            if self._ended:
                return
            if self.aboard.waiting:
                self.log({}, commit=False)
            mine = self._process == os.getpid() and self._owner
            for part in self._parts:
                part.stop()
            for task in self.at_end if mine else ():
                task(exit_code == 0)
            if self._late > 1:
                self.notices.say(f"{self._late} rows of {self.name} came too late for their step.")
            self._ended = True
            self.choose_way()
        if mine or self._process == os.getpid():  # an attached run's end is its record's affair
            self._writer.finish("failed" if exit_code else "finished", error, exit_code)
        for done in self.after_end if mine else ():
            done()
        self._steps.close()
        _exit.forget(self)
        if mine and not self.disabled:
            self.notices.say(f"run {self.name} {'failed' if exit_code else 'finished'}.")

    def renew(self) -> None:
        """Be a worker of the run in a forked child."""
        self._lock, self.aboard = threading.RLock(), Aboard()  # what waits is the parent's to say
        self._owner, self._begun = False, False
        for part in self._parts:
            part.renew()
        if not self._ended:
            self._steps.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or (isinstance(error, SystemExit) and error.code in {None, 0}):
            self.end(0, "")
        else:
            self.end(1, f"{kind.__name__}: {error}".rstrip(": "))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        from homeostat.track._session import attach  # noqa: PLC0415 - which knows runs

        return attach, (self.id, str(self.record.path.absolute()))

    def __repr__(self) -> str:
        return f"Run({self.name or self.id} of {self.project})"

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - for notebooks only

        return f"<b>{escape(self.name)}</b> of {escape(self.project)} (<code>{self.id}</code>)"
