"""Commands that track: run a script, import runs, send a record, serve one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from homeostat.cli._options import opened, record_option
from homeostat.core import ServerError

__all__ = ["add_to"]


def add_to(group: click.Group) -> None:
    """Add the commands of this module."""
    for command in (execute, import_, sync, server):
        group.add_command(command)


@click.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option("--as-wandb", is_flag=True, help="Give `import wandb` in it our own face.")
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def execute(as_wandb: bool, script: Path, arguments: tuple[str, ...]) -> None:  # noqa: FBT001 - click passes flags by name
    """Run a Python SCRIPT with its ARGUMENTS, unmodified."""
    import_module("homeostat.compat.wandb").execute(script, arguments, as_wandb=as_wandb)


@click.command("import")
@click.argument("source")
@record_option
@click.option(
    "--project", help="What the runs shall belong to; the tool's own grouping unless told."
)
def import_(source: str, record: Path, project: str | None) -> None:
    """Take over runs of MLflow, W&B, TensorBoard or trackio from their files in SOURCE."""
    keep = import_module("homeostat.record").Record(record)
    report = import_module("homeostat.compat.importers").import_runs(source, keep, project=project)
    click.echo(str(report))


@click.command()
@record_option
@click.option("--to", "url", required=True, envvar="HOMEOSTAT_URL", help="Address of the server.")
@click.option("--token", envvar="HOMEOSTAT_TOKEN", help="Of a user who may write.")
@click.option("--pull", "runs", multiple=True, metavar="RUN", help="Fetch runs from there instead.")
def sync(record: Path, url: str, token: str | None, runs: tuple[str, ...]) -> None:
    """Send to a server what it lacks of a record; sending twice changes nothing."""
    room = import_module("homeostat.sync")
    if runs:
        keep = import_module("homeostat.record").Record(record)
        done = room.pull(keep, url, runs=runs, token=token)
    else:
        done = room.push(opened(record), url, token=token)
    click.echo(str(done))
    for refused in done.refused:
        click.secho(refused, fg="red", err=True)
    if done.refused:
        raise ServerError("Not everything was taken.")


@click.group(invoke_without_command=True)
@click.pass_context
@record_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8322, show_default=True)
def server(context: click.Context, record: Path, host: str, port: int) -> None:
    """Serve a record to a team: its page, `homeostat sync`, and W&B's own client."""
    context.obj = record
    if context.invoked_subcommand is not None:
        return

    def announce(address: str) -> None:
        click.echo(f"The record {record} is served at {address}  (Ctrl-C stops it)")
        click.echo(f"  page         {address}")
        click.echo(f"  sync         homeostat sync --to {address}")
        click.echo(f"  wandb        WANDB_BASE_URL={address} WANDB_API_KEY=... python train.py")

    import_module("homeostat.compat.server").serve_record(
        record, host=host, port=port, announce=announce
    )


@server.group()
def user() -> None:
    """Who may use the server; without any user only this machine may."""


def _role(function: Any) -> Any:  # noqa: ANN401 - a decorator of click's
    roles = click.Choice(["viewer", "writer", "admin"])
    return click.option("--role", type=roles, required=True, help="What they may do.")(function)


@user.command()
@click.argument("name")
@_role
@click.pass_obj
def add(record: Path, name: str, role: str) -> None:
    """Make an account for NAME and print its token, this once only."""
    import_module("homeostat.record").Record(record).close()
    click.echo(_accounts(record).add(name, role=role))


@user.command()
@click.argument("name")
@click.pass_obj
def rotate(record: Path, name: str) -> None:
    """Give NAME a new token; the old one is worth nothing any more."""
    click.echo(_accounts(record).rotate(name))


@user.command()
@click.argument("name")
@click.pass_obj
def revoke(record: Path, name: str) -> None:
    """Take the token of NAME away."""
    _accounts(record).revoke(name)


@user.command()
@click.argument("name")
@_role
@click.pass_obj
def change(record: Path, name: str, role: str) -> None:
    """Give NAME another role."""
    _accounts(record).change(name, role=role)


@user.command()
@click.argument("name")
@click.pass_obj
def remove(record: Path, name: str) -> None:
    """Remove the account of NAME."""
    _accounts(record).remove(name)


@user.command("list")
@click.pass_obj
def list_(record: Path) -> None:
    """List who there is."""
    for one in _accounts(record).users():
        click.echo(f"{one.role:7} {one.name}")


def _accounts(record: Path) -> Any:  # noqa: ANN401 - of a room that loads when it is used
    return import_module("homeostat.sync").Accounts(record)
