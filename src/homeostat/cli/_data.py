"""Commands on tables: profiles, expectations, skew, leaks, and the practices a system keeps."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeostat.cli._options import opened, record_option
from homeostat.core import InputError

if TYPE_CHECKING:
    from homeostat.core import Finding
    from homeostat.data import Dataset

__all__ = ["add_to"]

_ORDER = ("fail", "warn", "unknown", "ok")
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "magenta"}
_html_option = click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here as well."
)


def add_to(group: click.Group, system_named: Callable[[str], Any]) -> None:
    """Add the commands of this module.

    Args:
        group: What they are added to.
        system_named: Finds a system by its name.
    """
    group.add_command(data)
    group.add_command(_practices(system_named))


@click.group()
def data() -> None:
    """Profile, compare and check tables in files.

    A FILE is CSV, JSON lines, Parquet or Arrow, compressed or not: a path, a pattern such as
    "in/*.parquet", or an address.
    """


@data.command()
@click.argument("file")
@_html_option
def profile(file: str, html: Path | None) -> None:
    """What is in FILE, column by column, and what is odd about it."""
    _show(import_module("homeostat.data").profile(_read(file), title=file), html)


@data.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--against",
    type=click.Choice(["first", "previous"]),
    default="first",
    show_default=True,
    help="What each file is compared with.",
)
@_html_option
def compare(files: tuple[str, ...], against: str, html: Path | None) -> None:
    """What changed between FILES, the most changed column first."""
    tables = {file: _read(file) for file in files}
    _show(import_module("homeostat.data").compare(tables, against=against), html)


@data.command()
@click.argument("training")
@click.argument("serving")
def skew(training: str, serving: str) -> None:
    """Hold the SERVING file against the TRAINING file; exit code 1 where they are skewed."""
    _judge(import_module("homeostat.data").skew(_read(training), _read(serving)))


@data.command()
@click.argument("file")
@click.option("--python", "as_python", is_flag=True, help="Print Python source, not JSON.")
def draft(file: str, as_python: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Draft a suite of expectations from FILE, for a person to edit."""
    suite = import_module("homeostat.expect").Suite.draft(_read(file), name=Path(file).stem)
    click.echo(suite.to_python() if as_python else json.dumps(suite.to_json(), indent=1))


@data.command()
@click.argument("suite", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("file")
@click.option("--examples", default=3, show_default=True, help="Most rows shown for each.")
def check(suite: Path, file: str, examples: int) -> None:
    """Check FILE by a SUITE, ours or of Great Expectations; exit code 1 where it fails.

    SUITE is JSON as `homeostat data draft` prints it or as Great Expectations keeps it.
    """
    _judge(_suite(suite).check(_read(file), subject=file, examples=examples))


@data.command()
@click.argument("file")
@click.option("--label", required=True, help="The column that is to be predicted.")
@click.option("--time", "times", help="The column that says when a row was predicted.")
@click.option("--group", "groups", multiple=True, help="A column whose rows belong together.")
def leaks(file: str, label: str, times: str | None, groups: tuple[str, ...]) -> None:
    """Look in FILE for features that know the label; exit code 1 where one does."""
    roles = {"label": [label], "time": [times] if times else [], "group": groups}
    room = import_module("homeostat.leakage")
    table = _read(file).collect()
    schema = import_module("homeostat.data").infer(table, roles=roles)
    found = room.audit_leaks(table, schema)
    click.echo(room.describe_leaks(found))
    sys.exit(_failed(found))


@data.command()
@click.argument("file")
def lineage(file: str) -> None:
    """Where the rows of FILE come from, with checksums, and how many were put aside."""
    table = _read(file)
    table.collect()
    click.echo(table.lineage())
    for found in table.findings:
        if found.verdict != "ok":
            click.echo(found.summary)


def _practices(system_named: Callable[[str], Any]) -> click.Command:
    @click.command()
    @click.argument("system")
    @record_option
    @click.option("--run", default="", help="Id of the round that is looked at, not the last.")
    @click.option("--declared", is_flag=True, help="Judge the declaration; ask no record.")
    @click.option("--strict", is_flag=True, help="Exit code 1 for warnings and unknowns as well.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    def practices(
        system: str,
        record: Path,
        run: str,
        declared: bool,  # noqa: FBT001 - click passes flags by name
        strict: bool,  # noqa: FBT001 - as above
        as_json: bool,  # noqa: FBT001 - as above
    ) -> None:
        """Hold SYSTEM against nine best practices for features.

        The exit code is 1 where one of them fails.
        """
        judge = import_module("homeostat.loop").best_practices
        made = system_named(system)
        found = judge(made) if declared else judge(made, opened(record), run=run)
        click.echo(json.dumps(found.to_json()) if as_json else found.describe())
        sys.exit(found.exit_code(strict=strict))

    return practices


def _read(file: str) -> Dataset:
    table: Dataset = import_module("homeostat.data").read(file)
    return table


def _suite(path: Path) -> Any:  # noqa: ANN401 - homeostat.expect's Suite, loaded where needed
    room = import_module("homeostat.expect")
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"A suite is JSON, {path} is not: {error}.") from error
    if isinstance(written, dict) and "format" in written:
        return room.Suite.from_json(written)
    return room.import_gx(written).suite


def _show(report: Any, html: Path | None) -> None:  # noqa: ANN401 - a report of homeostat.data
    console = import_module("rich.console").Console()
    console.print(report)
    if html is not None:
        report.to_html(html)
        click.echo(f"The page is {html}.")


def _judge(findings: Sequence[Finding]) -> None:
    """Print findings, the worst first, and end with exit code 1 where one fails."""
    for found in sorted(findings, key=lambda one: _ORDER.index(one.verdict.value)):
        verdict = found.verdict.value
        click.echo(f"{click.style(f'{verdict:8}', fg=_COLOURS[verdict])}{found.summary}")
    counts = ((sum(one.verdict == verdict for one in findings), verdict) for verdict in _ORDER)
    click.echo(", ".join(f"{count} {verdict}" for count, verdict in counts if count))
    sys.exit(_failed(findings))


def _failed(findings: Iterable[Finding]) -> int:
    return int(any(found.verdict == "fail" for found in findings))
