"""Commands that do a run again, compare two, and report on runs and models."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

from homeostat.cli._options import opened, record_option

__all__ = ["add_to"]


def add_to(group: click.Group) -> None:
    """Add the commands of this module."""
    for command in (reproduce, report, compare, card):
        group.add_command(command)


@click.command()
@click.argument("run")
@record_option
@click.option(
    "--environment",
    type=click.Choice(["recorded", "current"]),
    default="recorded",
    show_default=True,
    help="Install the recorded versions, or take what is here.",
)
@click.option("--tolerance", default=1e-6, show_default=True, help="Relative; counts as rounding.")
@click.option("--ignore", multiple=True, help="A pattern of what is not compared: 'time/*'.")
@click.option("--timeout", "timeout_s", default=3600.0, show_default=True, help="Seconds.")
@click.option("--folder", type=click.Path(path_type=Path), help="Lay the files out here, to stay.")
@click.option("--dry", is_flag=True, help="Only say what stands in the way.")
def reproduce(
    run: str,
    record: Path,
    environment: str,
    tolerance: float,
    ignore: tuple[str, ...],
    timeout_s: float,
    folder: Path | None,
    dry: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Do RUN again from the record, and say whether the numbers came out the same."""
    room = import_module("homeostat.reproduce")
    source = opened(record)
    if dry:
        for found in room.reproducibility(source, run):
            click.echo(f"{found.verdict:7} {found.subject}: {found.summary}")
        return
    done = room.reproduce(
        source,
        run,
        folder=folder,
        environment=environment,
        tolerance=tolerance,
        ignore=ignore,
        timeout_s=timeout_s,
    )
    click.echo(done.report(), nl=False)
    sys.exit(0 if done.ok else 1)


@click.group()
def report() -> None:
    """Write reports from the record."""


@report.command()
@click.argument("runs", nargs=-1, required=True)
@record_option
@click.option("--answer", multiple=True, metavar="ITEM=TEXT", help="What only a person knows.")
def checklist(runs: tuple[str, ...], record: Path, answer: tuple[str, ...]) -> None:
    """Fill the reproducibility checklist for RUNS; exit code 1 while something is missing."""
    answers = dict(one.split("=", 1) for one in answer if "=" in one)
    filled = import_module("homeostat.reproduce").checklist(opened(record), runs, answers=answers)
    click.echo(filled.markdown(), nl=False)
    sys.exit(0 if filled.ok else 1)


@click.command()
@click.argument("left")
@click.argument("right")
@record_option
@click.option("--code", is_flag=True, help="Print the patch between the two trees of code as well.")
def compare(left: str, right: str, record: Path, code: bool) -> None:  # noqa: FBT001 - as above
    """What differs between two runs: config, results, packages, environment, code."""
    source = opened(record)
    click.echo(str(source.compare(left, right)))
    if code:
        click.echo(import_module("homeostat.reproduce").compare_code(source, left, right).patch)


@click.command()
@click.argument("model")
@record_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "html", "json"]),
    default="md",
    show_default=True,
    help="What to print.",
)
def card(model: str, record: Path, form: str) -> None:
    """Print the card of MODEL: what it is for, how good, for whom, and how it has lived.

    MODEL is a system, a version such as `late-orders:v3`, or the id of a run.
    """
    made = import_module("homeostat.loop").card(opened(record), model)
    if form == "json":
        click.echo(made.to_bytes().decode())
    else:
        click.echo(made.to_html() if form == "html" else made.to_markdown())
