"""Every claim about monitoring, one script after the other, and then one table of their figures.

Each script may be run by itself, with settings of its own; they make the peers' environments
under .venv-peers where they are missing, which takes long the first time. `--quick` runs all of
them small and without peers, in a few minutes: its error rates are of few runs. Scripts whose data
are not in the repository (MNIST, electricity) take the folder from HOMEOSTAT_DATA.

Run: python benchmarks/monitor.py [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent / "monitor_peers"
NUMBER = r"(-?[\d.]+ ?%?)"


@dataclass(frozen=True)
class Figure:
    """One line of the table: where a script prints ours, and a peer's, if it does."""

    what: str
    target: str
    ours: str
    peer: str = ""
    named: str = ""


@dataclass(frozen=True)
class Board:
    """A script, its settings for a quick run, and the figures it prints."""

    script: str
    quick: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


def _battery(rows):
    ours = rf"ours, reference of {{}} +n = {rows} .*windows +{NUMBER} of runs"
    peer = rf"evidently +n = {rows} .*windows +{NUMBER} of runs"
    named = "Evidently" if rows <= 1000 else ""
    return tuple(
        Figure(
            f"runs of 60 with an alarm, {rows:,} rows, {name}", "<= 5 %",
            ours.format(of), peer if named else "", named,
        )
        for name, of in (("30 windows", "30 windows"), ("one frame", "one frame"))
    )  # fmt: skip


def _delay(of, by, within):
    return Figure(
        f"windows until {by} sd is found, {of}", f"<= {within}",
        rf"{of}, arl = 1000 +{by} sd: mean +{NUMBER}",
    )  # fmt: skip


BOARDS = {
    "battery": Board(
        "battery.py",
        ("--quick", "--no-peers", "--parts", "false", "delay"),
        (
            *(figure for rows in (100, 1000, 10_000) for figure in _battery(rows)),
            *(_delay(of, *d) for of in ("30 windows", "one frame") for d in ((0.3, 2), (0.15, 8))),
        ),
    ),
    "report": Board(
        "report.py",
        ("--no-peers", "--rows", "1000000"),
        (
            Figure(
                "report of 1,000,000 x 20, CPU-s",
                "< 2",
                rf"1,000,000 x 20[\s\S]*?\n +ours +{NUMBER} CPU-s",
                rf"1,000,000 x 20[\s\S]*?\n +scipy_ks +{NUMBER} CPU-s",
                "SciPy's tests alone",
            ),
            Figure(
                "  above the frames, MB",
                "< 150",
                rf"1,000,000 x 20[\s\S]*?\n +ours .* {NUMBER} MB",
                rf"1,000,000 x 20[\s\S]*?\n +scipy_ks .* {NUMBER} MB",
                "SciPy's tests alone",
            ),
            Figure(
                "report of 100,000 x 20, CPU-s",
                "",
                rf"100,000 x 20[\s\S]*?\n +ours +{NUMBER} CPU-s",
                rf"100,000 x 20[\s\S]*?\n +evidently +{NUMBER} CPU-s",
                "Evidently",
            ),
            Figure(
                "profile of 100,000 x 20, CPU-s",
                "a tenth",
                rf"100,000 x 20[\s\S]*?\n +ours_profile +{NUMBER} CPU-s",
                rf"100,000 x 20[\s\S]*?\n +whylogs +{NUMBER} CPU-s",
                "whylogs",
            ),
        ),
    ),
    "elec2": Board(
        "elec2.py",
        (),
        (
            Figure(
                "electricity, reference weeks told",
                "<= 5 %",
                rf"51 others: {NUMBER} told",
                rf"KS: {NUMBER} of",
                "KS of rows",
            ),
            Figure(
                "electricity, accuracy",
                "",
                rf"LightGBM.*accuracy {NUMBER}",
                rf"persistence.*accuracy {NUMBER}",
                "persistence",
            ),
        ),
    ),
    "causes": Board("causes.py", ("--worlds", "20")),
    "performance": Board("performance.py"),
    "univariate": Board("univariate.py", ("--no-peers",)),
    "model": Board("model.py", ("--quick", "--no-peers")),
    "kernel": Board("kernel.py", ("--rows", "1000", "--own-rows", "10000")),
    "mmdagg": Board("mmdagg.py", ("--repeats", "8")),
    "failing_loudly": Board(
        "failing_loudly.py", ("--sizes", "10", "50", "--seeds", "1", "--null", "10")
    ),
}


def run(board, *, quick):
    """Run a script, show what it prints as it comes, and return that and whether it failed."""
    command = [sys.executable, str(HERE / board.script), *(board.quick if quick else ())]
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
        for line in script.stdout:
            print(line, end="", flush=True)
            said.append(line)
    return "".join(said), script.returncode != 0


def rows_of(board, said):
    """Yield the table's rows for what a script has printed; a figure not printed has no row."""
    for figure in board.figures:
        ours = re.search(figure.ours, said)
        if ours is None:
            continue
        peer = re.search(figure.peer, said) if figure.peer else None
        yield (
            figure.what,
            figure.target,
            ours.group(1).strip(),
            f"{peer.group(1).strip()} {figure.named}" if peer else "",
        )


def main(arguments=None):
    """Run the chosen scripts and print the table; return what failed, in words, or None."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BOARDS)}")
    parser.add_argument("--quick", action="store_true", help="small and without peers")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(BOARDS):
        parser.error(f"no {', '.join(sorted(unknown))}: there are {', '.join(BOARDS)}")
    table, failed = [("figure", "target", "ours", "peer")], []
    for name in chosen.names or BOARDS:
        print(f"\n== {name}", flush=True)
        said, broke = run(BOARDS[name], quick=chosen.quick)
        failed += [name] * broke
        table += rows_of(BOARDS[name], said)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print("\n== all figures that have a target, or a peer's beside them")
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    return f"failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    sys.exit(main())
