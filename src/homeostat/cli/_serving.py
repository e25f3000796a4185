"""Commands on what is served: rollouts, predictions of whole files, the prediction log."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeostat.cli._options import opened, record_option

if TYPE_CHECKING:
    from homeostat.serve import Decision, Standing

__all__ = ["add_to"]

_WHO = click.option("--who", required=True, help="Who does so; kept with the event.")
_WHY = click.option("--why", required=True, help="And why.")


def add_to(group: click.Group) -> None:
    """Add the commands of this module to a group."""
    for command in (rollout, package, predict, predictions):
        group.add_command(command)
    for act in ("pause", "resume", "promote", "rollback"):
        rollout.add_command(_by_hand(act))


@click.group()
def rollout() -> None:
    """Try a challenger beside what is live: shadow, canary, promotion or rollback by evidence."""


@rollout.command()
@click.argument("name")
@click.argument("challenger")
@_WHO
@click.option("--why", default="", help="And why.")
@record_option
@click.option("--shadow", default="1d", show_default=True, help="How long it answers nobody.")
@click.option(
    "--canary",
    default="0.05,0.25",
    show_default=True,
    help="Shares of traffic that it then answers.",
)
@click.option("--soak", default="1d", show_default=True, help="How long a canary step lasts.")
@click.option("--margin", default=0.01, show_default=True, help="How much worse a loss may be.")
@click.option("--p99", help="Slowest 99 % of answers that is promised, such as 50ms.")
@click.option("--error-rate", type=float, help="Share of failed requests that is promised.")
def start(
    name: str,
    challenger: str,
    who: str,
    why: str,
    record: Path,
    shadow: str,
    canary: str,
    soak: str,
    margin: float,
    p99: str | None,
    error_rate: float | None,
) -> None:
    """Start a rollout of CHALLENGER, such as delay:v4, for the model NAME."""
    room = import_module("homeostat.serve")
    guards = [room.no_worse("logloss")]
    promised = {"p99": p99, "error_rate": error_rate}
    if promised := {key: value for key, value in promised.items() if value is not None}:
        guards.append(room.sla(**promised))
    shares = [float(share) for share in canary.split(",") if share.strip()]
    declared = room.Rollout(shadow=shadow, canary=shares, soak=soak, margin=margin, guard=guards)
    _show(room.rollout_start(opened(record), name, challenger, declared, who=who, why=why))


@rollout.command()
@click.argument("name")
@record_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(name: str, record: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Say where the latest rollout of NAME stands, what was decided, and on what evidence."""
    standing = import_module("homeostat.serve").rollout_status(opened(record), name)
    if as_json:
        click.echo(json.dumps([one.to_json() for one in standing.decisions]))
        return
    _show(standing)
    for decision in standing.decisions[-5:]:
        _tell(decision)


@rollout.command()
@click.argument("name")
@record_option
def decide(name: str, record: Path) -> None:
    """Read the prediction log once, decide, and do it."""
    _tell(import_module("homeostat.serve").decide(opened(record), name))


@rollout.command()
@click.argument("name")
@record_option
@click.option("--every", default="1m", show_default=True, help="How often.")
def watch(name: str, record: Path, every: str) -> None:
    """Decide again and again until the rollout of NAME is over."""
    room = import_module("homeostat.serve")
    _show(room.rollout_watch(opened(record), name, every=every, told=_tell))


def _by_hand(act: str) -> click.Command:
    words = {
        "pause": "Keep the rollout of NAME at its stage.",
        "resume": "Let the rollout of NAME go on.",
        "promote": "Let the challenger take over now, whatever has been shown.",
        "rollback": "Let the champion answer everybody again, now.",
    }

    @click.command(act, help=words[act])
    @click.argument("name")
    @_WHO
    @_WHY
    @record_option
    def command(name: str, who: str, why: str, record: Path) -> None:
        does: Callable[..., Standing] = getattr(import_module("homeostat.serve"), f"rollout_{act}")
        _show(does(opened(record), name, who=who, why=why))

    return command


def _show(standing: Standing) -> None:
    stage = standing.ended or standing.rollout.stages[standing.stage].name
    held = f", held: {standing.held}" if standing.held else ""
    click.echo(
        f"{standing.challenger} against {standing.champion}: {stage}, "
        f"{100 * standing.share:g}% of traffic{held}."
    )


def _tell(decision: Decision) -> None:
    click.echo(f"{decision.at:%Y-%m-%d %H:%M:%S} {decision.summary}")


@click.command()
@click.argument("model")
@click.argument("source", nargs=-1, required=True)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@record_option
@click.option("--keep", multiple=True, help="A column of SOURCE to write too; none names all.")
@click.option("--null", is_flag=True, help="Answer null for rows that break the schema.")
def predict(
    model: str,
    source: tuple[str, ...],
    target: Path,
    record: Path,
    keep: tuple[str, ...],
    null: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Predict the Parquet files SOURCE with MODEL, such as delay:production, into TARGET."""
    told = import_module("homeostat.serve").predict_file(
        opened(record).artifact(model),
        source,
        target,
        keep=keep or None,
        bad_rows="null" if null else "fail",
    )
    refused = f", {told.refused:,} of them refused" if told.refused else ""
    click.echo(f"{told.rows:,} rows{refused} by {told.version} in {told.path}.")


@click.command()
@click.argument("model")
@record_option
def package(model: str, record: Path) -> None:
    """Say what the package of MODEL, such as delay:production, holds and needs; nothing is run."""
    artifact = opened(record).artifact(model)
    files = {name: artifact.read(name) for name in artifact.files}
    click.echo(import_module("homeostat.serve").package_info(files).describe())


@click.group()
def predictions() -> None:
    """The prediction log of a model: its files, and sealing them to Parquet."""


@predictions.command()
@click.argument("name")
@record_option
def files(name: str, record: Path) -> None:
    """List the files of the log of NAME, and how each is kept."""
    import_module("homeostat.cli._show").show(
        import_module("homeostat.serve").log_files(opened(record), name)
    )


@predictions.command()
@click.argument("name")
@record_option
def failures(name: str, record: Path) -> None:
    """List the requests that reached an arm of NAME and failed there, and why."""
    found = import_module("homeostat.serve").read_failures(opened(record), name)
    told = ("at", "version", "arm", "reason", "status", "latency_us", "rows")
    import_module("homeostat.cli._show").show(found.select(told))


@predictions.command()
@click.argument("name")
@record_option
def seal(name: str, record: Path) -> None:
    """Turn the closed files of the log of NAME into Parquet by day and hour, exactly once."""
    click.echo(str(import_module("homeostat.serve").seal_predictions(opened(record), name)))
