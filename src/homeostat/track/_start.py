"""Starting a run, going on with one, forking one, and joining one from a worker."""

from __future__ import annotations

import os
import random
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from homeostat.core import Clock, NotFoundError, RealClock, RecordError
from homeostat.track import _auto, _exit, _history
from homeostat.track._config import Config
from homeostat.track._console import Console
from homeostat.track._disabled import NoRecord, NoRun, NoWriter
from homeostat.track._machine import Machine, Watcher
from homeostat.track._metric import Metric
from homeostat.track._names import new_name
from homeostat.track._notice import Notices
from homeostat.track._online import LEASE_S, server_of, ship
from homeostat.track._options import Options
from homeostat.track._refuge import REFUSED, bring_home, open_refuge, refuge_of
from homeostat.track._run import Run
from homeostat.track._settings import Settings
from homeostat.track._steps import Steps
from homeostat.track._writer import Writer

if TYPE_CHECKING:
    from homeostat.record import Record
    from homeostat.record import Run as RecordRun

__all__ = ["join", "start"]

_KIND = "train"
_runs: weakref.WeakSet[Run] = weakref.WeakSet()


@dataclass(slots=True)
class _Begun:
    """A run in its record, and what is to be known of it."""

    run: RecordRun
    record: Record
    resumed: bool = False
    refuge: bool = False


def start(options: Options) -> Run:
    """Start the run that was asked for, or go on with it."""
    notices = Notices(silent=options.settings.silent)
    if options.mode == "disabled":
        return _start_disabled(options, notices)
    begun = _begin(options, notices)
    record, clock = begun.record, RealClock()
    writer = Writer(
        begun.run,
        options.folder if begun.refuge else record.path,
        start=_again(options, begun.run),
        clock=clock,
        notices=notices,
        strict=options.settings.strict,
    )
    run = Run(
        writer,
        steps=Steps(record.path, begun.run.id, begun.run.step + 1, owner=True),
        clock=clock,
        notices=notices,
        settings=options.settings,
        record=record,
        about=options.about,
        mode=options.mode,
        resumed=begun.resumed,
    )
    _fill(run, options, begun)
    _watch_over(run, options, clock, begun)
    return run


def _start_disabled(options: Options, notices: Notices) -> Run:
    rng = random.Random()  # noqa: S311 - a name
    id_ = options.id or f"{rng.getrandbits(40):08x}"
    nowhere = NoRun(options.name or f"disabled-{id_}", options.project, id_)
    run = Run(
        cast("Writer", NoWriter(nowhere)),
        steps=Steps(None, id_, 0, owner=True),
        clock=RealClock(),
        notices=notices,
        settings=options.settings,
        record=cast("Record", NoRecord()),
        about=options.about,
        mode="disabled",
    )
    run.config = Config(options.config, changeable=options.changeable)
    return run


def join(id: str, record: str | os.PathLike[str] | None = None) -> Run:  # noqa: A002 - W&B's word
    """Join a run that another process holds; see :func:`attach`."""
    from homeostat.record import Record  # noqa: PLC0415 - loaded with the first run

    folder = Path(record or os.environ.get("HOMEOSTAT_RECORD") or ".homeostat")
    home = Record.open(folder)
    joined, info = home.attach_run(id), home.run(id)
    notices, clock = Notices(), RealClock()
    writer = Writer(
        joined,
        folder,
        start=lambda other: other.start_run(_KIND, joined.name, system=joined.system, id=joined.id),
        clock=clock,
        notices=notices,
        strict=False,
    )
    run = Run(
        writer,
        steps=Steps(folder, joined.id, joined.step + 1, owner=False),
        clock=clock,
        notices=notices,
        settings=Settings(),
        record=home,
        about=info.about,
        owner=False,
    )
    _fill_from(run, home, joined.id, changeable=False)
    _runs.add(run)
    _exit.end_with_process(run)
    return run


def _begin(options: Options, notices: Notices) -> _Begun:
    from homeostat.record import Record  # noqa: PLC0415 - loaded with the first run

    try:
        record = (
            Record(options.record, durability=options.settings.durability, capture=options.captures)
            if isinstance(options.record, Path)
            else options.record
        )
        with suppress(OSError):
            if refuge_of(record.path).is_dir() and bring_home(record.path):
                notices.say("what was kept in the temporary folder is in the record now.")
        return _begin_in(record, options, notices)
    except REFUSED as error:
        if options.settings.strict:
            raise
        return _begin_elsewhere(options, notices, error)


def _begin_elsewhere(options: Options, notices: Notices, error: BaseException) -> _Begun:
    refuge = open_refuge(options.folder)
    if refuge is None:
        raise error
    notices.warn(
        f"the record in {options.folder} cannot be written ({error}). Training goes on; what is "
        f"logged is kept in {refuge.path} and comes to the record when the next run starts there.",
    )
    run = _new(refuge, options, options.id)
    return _Begun(run, refuge, refuge=True)


def _begin_in(record: Record, options: Options, notices: Notices) -> _Begun:
    if options.fork_from is not None:
        run = _new(record, options, options.id)
        _history.copy(record, options.fork_from, run)
        return _Begun(run, record)
    if options.resume_from is not None:
        run = record.resume_run(options.resume_from.run)
        run.rewind(options.resume_from.step)
        return _Begun(run, record, resumed=True)
    id_ = options.id or (_auto.last(record, options.project) if options.resume == "auto" else None)
    if id_ is None:
        return _Begun(_new(record, options, None), record)
    return _begin_named(record, id_, options, notices)


def _begin_named(record: Record, id_: str, options: Options, notices: Notices) -> _Begun:
    if options.resume in {"allow", "must", "auto"}:
        try:
            return _Begun(record.resume_run(id_), record, resumed=True)
        except NotFoundError as error:
            if options.resume == "must":
                raise RecordError(
                    f"resume='must' needs a run `{id_}` in {record.path}, and there is none: "
                    "pass resume='allow' to start it."
                ) from error
    try:
        return _Begun(_new(record, options, id_), record)
    except RecordError as error:
        if isinstance(error, REFUSED) or options.resume in {"allow", "auto"}:
            raise
        if options.resume == "never":
            raise RecordError(
                f"resume='never' needs a new id, and the record has a run `{id_}`: pass another "
                "id, or resume='allow' to go on with it."
            ) from error
    run = record.resume_run(id_)
    run.rewind(-1)
    notices.warn(
        f"run {id_} existed and starts anew: what it logged before counts no more, though the log "
        "keeps it. Pass resume='allow' to go on with it, or 'never' to refuse."
    )
    return _Begun(run, record)


def _new(record: Record, options: Options, id_: str | None) -> RecordRun:
    name = options.name or new_name(record.path, options.project, random.Random())  # noqa: S311 - a name
    about = options.about | {"mode": options.mode}
    lease_s = None if server_of(options.mode) is None else LEASE_S
    return record.start_run(
        _KIND,
        name,
        system=options.project,
        config=options.config,
        id=id_,
        about=about,
        lease_s=lease_s,
        capture=options.captures,
    )


def _again(options: Options, run: RecordRun) -> Callable[[Record], RecordRun]:
    """Return a way to start the same run in another record."""

    def begin(record: Record) -> RecordRun:
        return record.start_run(
            _KIND,
            run.name,
            system=run.system,
            config=options.config,
            about=options.about,
            id=run.id,
        )

    return begin


def _fill(run: Run, options: Options, begun: _Begun) -> None:
    """Set config and summary; what a resumed or forked run had comes first."""
    run.config = run.new_config(options.config, changeable=options.changeable)
    if begun.resumed:
        _fill_from(run, begun.record, run.id, changeable=options.changeable)
        run.config.update(options.config, allow_val_change=True)
        if options.name:
            run.name = options.name
        if options.about:
            run.say_about(**options.about)
    elif options.fork_from is not None:
        _fill_from(run, begun.record, options.fork_from.run, changeable=options.changeable)
        run.write("update", config=run.config.as_dict())
        run.config.update(options.config, allow_val_change=True)
        run.say_about(forked_from={"run": options.fork_from.run, "step": options.fork_from.step})


def _fill_from(run: Run, record: Record, source: str, *, changeable: bool) -> None:
    info = record.run(source)
    run.config = run.new_config(info.config, changeable=changeable)
    for name, said in info.metrics.items():
        if isinstance(said, dict):
            run.metrics.define(Metric.from_json(name, said))
    run.latest.update(info.summary)
    if run.id == source:
        run.learn(info.about)


def _watch_over(run: Run, options: Options, clock: Clock, begun: _Begun) -> None:
    """See to what is kept beside the rows, and to the run's end."""
    settings = options.settings
    if settings.console == "wrap":
        console = Console(
            lambda text, stream: run.write("console", text, stream), max_line=settings.max_line
        )
        console.start()
        run.keep(console)
    if settings.system_s > 0:
        watcher = Watcher(_looker(run, clock), settings.system_s)
        watcher.start()
        run.keep(watcher)
    if settings.observe and options.captures and not begun.refuge:
        from homeostat.record import observe_reads  # noqa: PLC0415 - for runs that can be redone

        reads = observe_reads()
        run.at_end.append(lambda _: run.observed(reads))
    server = server_of(options.mode)
    if server is not None and not begun.refuge:
        ship(run, server, resumed=begun.resumed)
    _runs.add(run)
    _exit.end_with_process(run)
    if options.resume == "auto":
        _auto.remember(run)


def _looker(run: Run, clock: Clock) -> Callable[[], None]:
    machine: list[Machine] = []  # made by the first look, on the watcher's thread

    def look() -> None:
        if not machine:
            machine.append(Machine(run.record.path.parent, seconds=lambda: clock.time_ns() / 1e9))
        else:
            run.look_after()
            run.write("log_system", machine[0].look())

    return look


def _renew_all() -> None:
    for run in list(_runs):
        run.renew()


os.register_at_fork(after_in_child=_renew_all)
