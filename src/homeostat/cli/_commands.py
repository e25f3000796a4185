"""The commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import click

from homeostat.cli._options import opened, record_option
from homeostat.core import HomeostatError, InputError

if TYPE_CHECKING:
    import polars as pl

    from homeostat.loop import System

__all__ = ["cli", "main", "system_named"]

P = ParamSpec("P")
R = TypeVar("R")

_SECTIONS = {
    "Start here": ("demo", "ui"),
    "The loop": ("run", "replay"),
    "In production": (
        "serve",
        "rollout",
        "package",
        "predict",
        "predictions",
        "monitor",
        "alerts",
    ),
    "Data": ("data", "practices"),
    "Track": ("exec", "import", "sync", "server"),
    "Ask the record": (
        "runs",
        "compare",
        "findings",
        "events",
        "artifacts",
        "lineage",
        "labels",
        "card",
    ),
    "Do it again": ("reproduce", "report"),
    "Look after the record": ("record",),
}
_BUILT_IN = {"flight-delay": "homeostat.demo:flight_delay"}


class _Contents(click.Group):
    """Help that reads like a table of contents."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                rows = []
                for name in names:
                    command = self.get_command(ctx, name)
                    if command is not None:
                        rows.append((name, command.get_short_help_str(limit=70)))
                formatter.write_dl(rows)


@click.group(cls=_Contents, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="homeostat")
def cli() -> None:
    """Homeostat runs the whole life of a model in production as one loop over one record."""


def main() -> None:
    """Run the command line; an error of ours is one sentence and exit code 1."""
    try:
        sys.exit(cli(standalone_mode=False))
    except HomeostatError as error:
        click.secho(f"{error}", fg="red", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Stopped. What was finished is kept; run again to go on from there.", err=True)
        sys.exit(130)


def _output_option(function: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--output",
        type=click.Choice(["table", "json", "csv"]),
        default="table",
        show_default=True,
        help="How to print.",
    )(function)


def _prints_frame(
    *shown: str,
) -> Callable[[Callable[P, pl.DataFrame]], Callable[P, None]]:
    """Print the frame a command returns; a table for people has only some of its columns."""

    def decorate(function: Callable[P, pl.DataFrame]) -> Callable[P, None]:
        @_output_option
        @wraps(function)
        def command(*args: P.args, **kwargs: P.kwargs) -> None:
            output = cast("str", kwargs.pop("output", "table"))
            _print_frame(function(*args, **kwargs), output, shown)

        return command

    return decorate


def _print_frame(frame: pl.DataFrame, output: str, shown: tuple[str, ...] = ()) -> None:
    if output == "json":
        click.echo(frame.write_json())
    elif output == "csv":
        click.echo(_flat(frame).write_csv(), nl=False)
    elif frame.is_empty():
        click.echo("Nothing yet. `homeostat demo` fills a record to look at.")
    else:
        import_module("homeostat.cli._show").show(frame.select(shown) if shown else frame)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Join lists, which CSV has no place for."""
    polars = import_module("polars")
    lists = polars.selectors.by_dtype(polars.List(polars.String))
    return frame.with_columns(lists.list.join(" "))


def system_named(name: str) -> System:
    """Find a system by ``module:attribute`` or by the name of a built-in one.

    Raises:
        InputError: If there is no such module, attribute or system.
    """
    home = _BUILT_IN.get(name, name)
    module_name, colon, attribute = home.partition(":")
    if not colon or not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError(
            f"A system is 'module:attribute' or one of {', '.join(_BUILT_IN)}, got {name!r}."
        )
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"There is no system {name!r}: {error}.") from error
    loop = import_module("homeostat.loop")
    system = found() if callable(found) and not isinstance(found, loop.System) else found
    if not isinstance(system, loop.System):
        raise InputError(f"{name!r} is a {type(system).__name__}, not a homeostat System.")
    return cast("System", system)


@cli.command()
@record_option
@click.option("--no-ui", is_flag=True, help="Do not serve the page at the end.")
@click.option("--port", default=8321, show_default=True, help="Port of the page.")
@click.option("--workers", default=None, type=int, help="Policies replayed at a time.")
def demo(record: Path, no_ui: bool, port: int, workers: int | None) -> None:  # noqa: FBT001 - click passes flags by name
    """Watch a model live through a year of real flights, then open the page."""
    run_demo = import_module("homeostat.demo").run_demo
    run_demo(record, workers=workers)
    if no_ui or not sys.stdout.isatty():
        click.echo(f"To look at it: homeostat ui --record {record}")
    else:
        _serve_ui(record, host="127.0.0.1", port=port)


@cli.command()
@record_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8321, show_default=True)
@click.option("--token", envvar="HOMEOSTAT_TOKEN", help="Required past loopback.")
@click.option("--read-only", is_flag=True, help="Show no buttons and take no forms.")
def ui(record: Path, **settings: Any) -> None:  # noqa: ANN401
    """Open the page: the loop, the timeline, shift, slices, runs, lineage."""
    _serve_ui(record, **settings)


def _serve_ui(record: Path, **settings: Any) -> None:  # noqa: ANN401
    web = import_module("homeostat.web")
    opened = import_module("homeostat.record").Record(record)

    def announce(address: str) -> None:
        click.echo(f"Homeostat is at {address}  (Ctrl-C stops it)")

    web.serve_ui(opened, announce=announce, **settings)


@cli.command()
@click.argument("system")
@record_option
def run(system: str, record: Path) -> None:
    """Go once round: data, checks, training, gates, a packaged release."""
    release = system_named(system).run(record)
    click.echo(release.describe())


@cli.command()
@click.argument("system")
@click.argument("start")
@click.argument("end")
@record_option
@click.option("--workers", default=None, type=int, help="Policies replayed at a time.")
def replay(system: str, start: str, end: str, record: Path, workers: int | None) -> None:
    """Backtest a system's policies over history, from START to END."""
    core = import_module("homeostat.core")
    found = system_named(system)
    policies = import_module("homeostat.demo").policies() if system in _BUILT_IN else ()
    engine = core.LocalEngine(workers, kind="processes")
    result = found.replay(record, start, end, policies=policies, engine=engine)
    columns = ["policy", "normalized_entropy", "low", "high", "retrains", "alarms", "cpu_s"]
    _print_frame(result.table.select(columns).rename({"normalized_entropy": "entropy"}), "table")
    click.echo(result.conclusion)


@cli.command()
@click.argument("systems", nargs=-1)
@record_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes; one a core is most.")
@click.option("--token", envvar="HOMEOSTAT_TOKEN", help="Required past loopback.")
def serve(
    systems: tuple[str, ...], record: Path, host: str, port: int, workers: int, token: str | None
) -> None:
    """Answer predictions over HTTP with the production model of each of SYSTEMS; none is all."""
    names = systems[0] if len(systems) == 1 else systems or None
    import_module("homeostat.serve").serve(
        record, names, host=host, port=port, workers=workers, token=token
    )


@cli.command()
@record_option
@click.argument("filter_", metavar="[FILTER]", required=False)
@click.option("--kind", help="Such as train, replay, release.")
@click.option("--system", help="Of one system or project only.")
@click.option("--order", default="-started", show_default=True, help="Such as -summary.auc.")
@click.option("--columns", help="More columns, such as config.lr,summary.auc.")
@click.option("--limit", type=int, help="So many at most.")
@_output_option
def runs(
    record: Path,
    filter_: str | None,
    kind: str | None,
    system: str | None,
    order: str,
    columns: str | None,
    limit: int | None,
    output: str,
) -> None:
    """What happened; FILTER is such as "config.lr < 0.01 and summary.auc > 0.8"."""
    asked = columns.split(",") if columns else []
    frame = opened(record).runs(
        filter_, order=order, kind=kind, system=system, columns=asked, limit=limit
    )
    _print_frame(frame, output, ("id", "kind", "name", "status", "started", *asked))


@cli.command()
@record_option
@click.option("--check", help="Name of a check, such as shift.concept.")
@click.option("--verdict", type=click.Choice(["ok", "warn", "fail", "unknown"]))
@click.option("--run", "run_id", help="Of one run only.")
@_prints_frame("at", "verdict", "check", "subject", "summary")
def findings(
    record: Path, check: str | None, verdict: str | None, run_id: str | None
) -> pl.DataFrame:
    """What was judged."""
    return opened(record).findings(run=run_id, check=check, verdict=verdict)


@cli.command()
@record_option
@click.option("--type", "type_", help="Such as model, dataset, profile.")
@click.option("--name")
@_prints_frame("name", "type", "version", "aliases", "size_bytes", "made")
def artifacts(record: Path, type_: str | None, name: str | None) -> pl.DataFrame:
    """What was made."""
    return opened(record).artifacts(type=type_, name=name)


@cli.command()
@record_option
@click.option("--kind", help="Such as alarm, retrain, promote, reject, rollback.")
@click.option("--run", "run_id", help="Of one run only.")
@_prints_frame("at", "kind", "summary", "run")
def events(record: Path, kind: str | None, run_id: str | None) -> pl.DataFrame:
    """What happened in the world of the runs: alarms, retrains, releases."""
    polars = import_module("polars")
    frame = opened(record).events(kind=kind, run=run_id)
    told = polars.coalesce(
        polars.col("payload").str.json_path_match(path) for path in ("$.summary", "$.reason")
    )
    return frame.with_columns(summary=told.fill_null(""))


@cli.command()
@click.argument("system")
@record_option
@_prints_frame("key", "priority", "reason", "source", "asked_at")
def labels(system: str, record: Path) -> pl.DataFrame:
    """Which rows of SYSTEM wait for a person's label, the most wanted first."""
    opened(record)
    return cast("pl.DataFrame", import_module("homeostat.loop").wanted_labels(record, system))


@cli.command()
@click.argument("reference")
@record_option
def lineage(reference: str, record: Path) -> None:
    """Where a run or an artifact (REFERENCE, such as name:v3) came from."""
    source = opened(record)
    traced = source.lineage(reference)
    click.echo(str(traced))
    for node in traced.nodes:
        if node.kind == "artifact" and node.type == "dataset":
            steps = source.artifact(node.id).read("lineage.txt").decode()
            click.echo(f"\n{node.label} was made so:\n{steps}")


@cli.group()
def record() -> None:
    """Verify the record, rebuild its index, compact its logs, collect its garbage."""


@record.command()
@record_option
def rebuild(record: Path) -> None:
    """Rebuild the index from the event logs, which are the truth."""
    click.echo(str(opened(record).rebuild()))


@record.command()
@record_option
@click.option("--idle", default="1h", show_default=True, help="Leave alone what is younger.")
def compact(record: Path, idle: str) -> None:
    """Pack logs that nobody writes any more: the same bytes in a fifth of the space."""
    click.echo(str(opened(record).compact(idle=idle)))


@record.command()
@record_option
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--grace", default="1h", show_default=True, help="Leave alone what is younger.")
def collect(record: Path, dry_run: bool, grace: str) -> None:  # noqa: FBT001 - click passes flags by name
    """Remove contents that nothing refers to."""
    click.echo(str(opened(record).collect(dry_run=dry_run, grace=grace)))


@record.command()
@record_option
def verify(record: Path) -> None:
    """Read every log and blob, and say what does not match its checksum."""
    findings = opened(record).verify()
    for found in findings:
        click.echo(f"{found.verdict:7} {found.subject}: {found.summary}")
    worst = import_module("homeostat.core").worst(findings)
    sys.exit(1 if worst == "fail" else 0)
