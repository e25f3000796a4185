"""Commands for what runs: monitoring of rows, and the alerts that came of it."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeostat.cli._options import opened, record_option
from homeostat.core import InputError

if TYPE_CHECKING:
    import polars as pl

    from homeostat.alerts import Alert, Alerts

__all__ = ["add_to"]

_COLOURS = {"pending": "yellow", "firing": "red", "resolved": "green"}


def add_to(group: click.Group) -> None:
    """Add the commands of this module to a group."""
    group.add_command(monitor)
    group.add_command(alerts)


@click.group()
def monitor() -> None:
    """Hold what runs against what was normal; say what shifted, and why."""


_columns = [
    click.option("--at", help="The column of when each prediction was made."),
    click.option("--prediction", help="The column of what the model answered."),
    click.option("--outcome", help="The column of what came of it; null where it has not come."),
    click.option("--feature", "features", multiple=True, help="A feature; none names all others."),
]
_judging = [
    click.option("--every", default="1d", show_default=True, help="Length of a window."),
    click.option("--scale", "scales", multiple=True, help="A longer window as well, such as 7d."),
    click.option("--json", "as_json", is_flag=True, help="Print findings as JSON."),
]


def _options(function: Any) -> Any:  # noqa: ANN401 - a command in the making
    for option in reversed([*_columns, *_judging]):
        function = option(function)
    return function


@monitor.command()
@click.argument("reference")
@click.argument("rows")
@_options
def files(reference: str, rows: str, features: tuple[str, ...], **settings: Any) -> None:  # noqa: ANN401
    """Hold the file ROWS against the file REFERENCE; exit code 1 where something is to be done.

    Files are what `homeostat data profile` reads.
    """
    read = import_module("homeostat.data").read
    _report(read(reference).collect(), read(rows).collect(), features, settings)


@monitor.command()
@click.argument("name")
@record_option
@click.option(
    "--reference", default="14d", show_default=True, help="How much of the log was normal."
)
@click.option("--every", default="1d", show_default=True, help="Length of a window.")
@click.option("--scale", "scales", multiple=True, help="A longer window as well, such as 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print findings as JSON.")
def log(name: str, record: Path, reference: str, **settings: Any) -> None:  # noqa: ANN401
    """Hold the prediction log of the model NAME against its own first days.

    Exit code 1 where something is to be done.
    """
    rows = import_module("homeostat.serve").joined(opened(record), name).frame
    if rows.is_empty():
        raise InputError(f"No prediction of `{name}` is on the log yet: serve it first.")
    end = rows["at"].min() + import_module("homeostat.core").duration(reference)
    polars = import_module("polars")
    flat = rows.select("at", "probability", "outcome", "features").unnest("features")
    before, after = flat.filter(polars.col("at") < end), flat.filter(polars.col("at") >= end)
    roles = {"at": "at", "prediction": "probability", "outcome": "outcome"}
    _report(before, after, (), {**settings, **roles})


def _report(
    before: pl.DataFrame, after: pl.DataFrame, features: tuple[str, ...], settings: dict[str, Any]
) -> None:
    room = import_module("homeostat.monitor")
    normal = room.Monitor.of(
        before,
        features=features or None,
        at=settings["at"],
        prediction=settings["prediction"],
        outcome=settings["outcome"],
        every=settings["every"],
    )
    report = normal.report(after, scales=settings["scales"])
    click.echo(report.findings().write_json() if settings["as_json"] else str(report))
    if not settings["as_json"] and normal.roles.at is None:
        for found in report.findings().iter_rows(named=True):
            click.echo(f"- {found['verdict']} {found['check']}: {found['summary']}")
    fails = "fail" in report.findings()["verdict"].to_list() and normal.roles.at is None
    sys.exit(int(bool(report.pages) or fails))


@click.group()
def alerts() -> None:
    """What is wrong now, who has it, and whether people were told."""


_system_option = click.option("--system", default="", help="The system that alerts are about.")
_by_option = click.option("--by", required=True, help="Who does so.")


@alerts.command("list")
@record_option
@_system_option
@click.option("--all", "everything", is_flag=True, help="List what is over as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(record: Path, system: str, everything: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the alerts, what is open first."""
    engine = _engine(record, system)
    shown = engine.all if everything else engine.open
    if as_json:
        click.echo(json.dumps([one.to_json() for one in shown]))
        return
    for one in shown:
        click.echo(_line(one))
    if not shown:
        click.echo("No alert is open." if not everything else "There has been no alert.")
    for found in engine.health():
        if found.verdict != "ok":
            click.secho(found.summary, fg="yellow")


@alerts.command()
@click.argument("number", type=int)
@_by_option
@click.option("--note", default="", help="What you have found.")
@record_option
@_system_option
def ack(number: int, by: str, note: str, record: Path, system: str) -> None:
    """Take alert NUMBER on: it is neither repeated nor escalated any more."""
    click.echo(_line(_engine(record, system).acknowledge(number, by=by, note=note)))


@alerts.command()
@_by_option
@click.option("--for", "length", required=True, help="How long, such as 2h.")
@click.option("--check", default="*", show_default=True, help="Pattern of the check.")
@click.option("--subject", default="*", show_default=True, help="Pattern of the subject.")
@click.option("--comment", default="", help="Why.")
@record_option
@_system_option
def silence(
    record: Path, system: str, by: str, length: str, check: str, subject: str, comment: str
) -> None:
    """Keep matching alerts from being told for a time; they go on being kept."""
    made = _engine(record, system).silence(
        by=by, length=length, check=check, subject=subject, comment=comment
    )
    click.echo(f"Silence {made.id} of {made.check} on {made.subject} ends {made.ends:%F %H:%M %Z}.")


@alerts.command()
@click.argument("number", type=int)
@click.option("--useful/--not-useful", required=True, help="Whether it was worth it.")
@_by_option
@record_option
@_system_option
def judge(number: int, useful: bool, by: str, record: Path, system: str) -> None:  # noqa: FBT001 - click passes flags by name
    """Say whether alert NUMBER was worth it; rules are held to what people say."""
    engine = _engine(record, system)
    engine.feedback(number, useful=useful, by=by)
    for found in engine.precision():
        click.echo(found.summary)


@alerts.command()
@click.argument("channel")
@record_option
@_system_option
def test(channel: str, record: Path, system: str) -> None:
    """Send a test message through CHANNEL, as HOMEOSTAT_ALERTS names it."""
    _engine(record, system, telling=True).test(channel)
    click.echo(f"{channel} took a test message.")


@alerts.command()
@record_option
@_system_option
def send(record: Path, system: str) -> None:
    """Try the messages that are due, through the channels that HOMEOSTAT_ALERTS names."""
    told = _engine(record, system, telling=True).deliver()
    click.echo(f"{told.sent} sent, {told.failed} not taken and kept.")


@alerts.command()
@record_option
@_system_option
@click.option("--days", default=1.0, show_default=True, help="How far to look back.")
def digest(record: Path, system: str, days: float) -> None:
    """Say what happened of late."""
    engine = _engine(record, system)
    click.echo(engine.digest(engine.now - timedelta(days=days)))


def _engine(record: Path, system: str, *, telling: bool = False) -> Alerts:
    room = import_module("homeostat.alerts")
    channels = room.channels_of_environment() if telling else {}
    engine: Alerts = room.Alerts(record=opened(record), system=system, channels=channels)
    return engine


def _line(alert: Alert) -> str:
    state = click.style(f"{alert.state:9}", fg=_COLOURS[alert.state])
    by = f" ({alert.acknowledged_by} has it)" if alert.acknowledged_by else ""
    return f"{alert.number:4} {state}{alert.severity:5} {alert.finding.summary}{by}"
