"""Twenty expectations on a million rows: ours beside Great Expectations and pandera.

Each tool runs in an environment of its own (made under .venv-peers when missing) on the same
Parquet file, which is read before the clock starts: ours and pandera from Polars, Great
Expectations and pandera from pandas, and ours also straight from the file, as a lazy scan. Two of
the twenty are broken, by one row each, so that every tool has to find and show a row. CPU seconds
of the whole process, least of the rounds; beside it the memory a check needs on top of what the
loaded table does. "queries" is what a person would write by hand: one query of Polars for each.

Run: python benchmarks/data_peers/expectations.py [--rows 1000000] [--rounds 3] [--tools ours,gx]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
PEERS = {
    "gx": ("great_expectations==1.24.1", "pyarrow"),
    "pandera": ("pandera[pandas]==0.35.0", "pyarrow"),
    "pandera-polars": ("pandera[polars]==0.35.0",),
}
OURS = ("ours", "ours, scan", "queries")
WANTED = {"gx": 10, "pandera": 2, "pandera-polars": 2}
"""How many times the CPU of ours each of them is wanted to use at least."""
CARRIERS = ["UA", "AA", "DL", "B6"]
VALUES = "expect_column_values_to_"
BETWEEN = f"{VALUES}be_between"
LENGTH = "expect_column_value_lengths_to_equal"
EXPECTATIONS = [
    *((BETWEEN, {"column": f"n{i}", "min_value": -9, "max_value": 9}) for i in range(6)),
    *((BETWEEN, {"column": f"k{i}", "min_value": 0, "max_value": 499}) for i in range(4)),
    *((f"{VALUES}not_be_null", {"column": f"n{i}"}) for i in range(4)),
    *((f"{VALUES}be_in_set", {"column": f"s{i}", "value_set": CARRIERS}) for i in range(2)),
    *((f"{VALUES}match_regex", {"column": f"s{i}", "regex": "^[A-Z]"}) for i in range(2)),
    (f"{VALUES}be_unique", {"column": "id"}),
    (LENGTH, {"column": "s0", "value": 2}),
]
BROKEN = {0, 14}  # n0 has a 10 in it, and s0 an "XX"


def make(path: Path, rows: int) -> None:
    """Write the table."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    numbers = {f"n{i}": rng.normal(size=rows) for i in range(6)}
    counts = {f"k{i}": rng.integers(0, 500, rows) for i in range(4)}
    words = {f"s{i}": rng.choice(CARRIERS, rows) for i in range(2)}
    numbers["n0"][rows // 2] = 10.0
    words["s0"][rows // 3] = "XX"
    pl.DataFrame({"id": np.arange(rows), **numbers, **counts, **words}).write_parquet(path)


def ours(path: str, *, lazy: bool):
    """Read or scan the table and return the check; it answers which expectations fail."""
    import polars as pl

    from homeostat.expect import import_gx

    listed = [{"type": name, "kwargs": dict(arguments)} for name, arguments in EXPECTATIONS]
    suite = import_gx({"name": "flights", "expectations": listed}).suite
    frame = pl.scan_parquet(path) if lazy else pl.read_parquet(path, memory_map=False)

    def check():
        _, *found = suite.check(frame)
        return {at for at, one in enumerate(found) if one.verdict == "fail"}

    return check


def queries(path: str):
    """Return the twenty as a person writes them, without counts or rows."""
    import polars as pl

    frame = pl.read_parquet(path, memory_map=False)
    made = {
        "be_between": lambda v, g: v.is_between(g["min_value"], g["max_value"]),
        "not_be_null": lambda v, _: v.is_not_null(),
        "be_in_set": lambda v, g: v.is_in(g["value_set"]),
        "match_regex": lambda v, g: v.str.contains(g["regex"]),
        "be_unique": lambda v, _: v.is_unique(),
        LENGTH: lambda v, g: v.str.len_chars() == g["value"],
    }
    rules = [
        made[name.removeprefix(VALUES)](pl.col(given["column"]), given).all()
        for name, given in EXPECTATIONS
    ]
    return lambda: {at for at, rule in enumerate(rules) if not frame.select(rule).item()}


def gx(path: str):
    """Return the check of Great Expectations."""
    import great_expectations as tool
    import pandas as pd

    frame = pd.read_parquet(path)
    context = tool.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("source").add_dataframe_asset("asset")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    classes = [
        getattr(tool.expectations, "".join(part.capitalize() for part in name.split("_")))
        for name, _ in EXPECTATIONS
    ]
    made = [kind(**given) for kind, (_, given) in zip(classes, EXPECTATIONS, strict=True)]
    suite = tool.ExpectationSuite(name="flights", expectations=made)
    order = [(name, given["column"]) for name, given in EXPECTATIONS]

    def check():
        found = batch.validate(suite, result_format="SUMMARY").results
        return {
            order.index((one.expectation_config.type, one.expectation_config.kwargs["column"]))
            for one in found
            if not one.success
        }

    return check


def pandera(path: str, *, polars: bool):
    """Return the check of pandera, in its lazy mode: all failures are told."""
    if polars:
        import pandera.polars as tool
        import polars as pl

        frame = pl.read_parquet(path, memory_map=False)
    else:
        import pandas as pd
        import pandera.pandas as tool

        frame = pd.read_parquet(path)
    checks, settings, order = {}, {}, {}
    for at, (name, given) in enumerate(EXPECTATIONS):
        column, kind = given["column"], name.removeprefix(VALUES)
        settings.setdefault(column, {"nullable": True})
        if kind == "be_unique":
            settings[column]["unique"] = True
        elif kind == "not_be_null":
            settings[column]["nullable"] = False
        else:
            made = {
                "be_between": lambda g: tool.Check.in_range(g["min_value"], g["max_value"]),
                "be_in_set": lambda g: tool.Check.isin(g["value_set"]),
                "match_regex": lambda g: tool.Check.str_contains(g["regex"]),
            }.get(kind, lambda g: tool.Check.str_length(g["value"], g["value"]))(given)
            checks.setdefault(column, []).append(made)
            order[column, made.name] = at
    columns = {
        name: tool.Column(checks=checks.get(name), **kept) for name, kept in settings.items()
    }
    schema = tool.DataFrameSchema(columns)

    def check():
        try:
            schema.validate(frame, lazy=True)
        except tool.errors.SchemaErrors as error:
            cases = error.failure_cases
            pairs = zip(cases["column"], cases["check"], strict=True)
            return {order[column, check.partition("(")[0]] for column, check in pairs}
        return set()

    return check


CHECKS = {
    "ours": lambda path: ours(path, lazy=False),
    "ours, scan": lambda path: ours(path, lazy=True),
    "queries": queries,
    "gx": gx,
    "pandera": lambda path: pandera(path, polars=False),
    "pandera-polars": lambda path: pandera(path, polars=True),
}


def resident() -> int:
    """Return the bytes of memory the process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watched(check) -> tuple[object, int]:
    """Run a check and return what it says, with the most memory it had on top."""
    before, most, done = resident(), [0], threading.Event()

    def look():
        while not done.wait(0.002):
            most[0] = max(most[0], resident())

    watcher = threading.Thread(target=look)
    watcher.start()
    said = check()
    done.set()
    watcher.join()
    return said, max(0, most[0] - before)


def work(tool: str, path: str, rounds: int) -> None:
    """Time one tool, in its own process; prints JSON."""
    check = CHECKS[tool](path)
    said, memory = watched(check)
    assert said == BROKEN, (tool, said)
    cpu, wall = [], []
    for _ in range(rounds):
        start, clock = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        check()
        end = resource.getrusage(resource.RUSAGE_SELF)
        cpu.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
        wall.append(time.perf_counter() - clock)
    print(json.dumps({"cpu_s": min(cpu), "wall_s": min(wall), "memory_mb": memory / 2**20}))


def python_of(tool: str) -> str | None:
    """Return the interpreter that has a tool, making its environment where there is none."""
    if tool in OURS:
        return sys.executable
    sys.path.insert(0, str(HERE.parents[1]))
    from tracking_peers import environments

    environments.PEERS.update(PEERS)
    return environments.python_of(tool)


def main() -> None:
    """Time all tools and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tools", default=",".join(t for t in CHECKS if t != "ours, scan"))
    options.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        work(*asked.worker, asked.rounds)
        return
    tools = asked.tools.split(",")
    tools += ["ours, scan"] if "ours" in tools else []
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        make(path, asked.rows)
        for tool in tools:
            if (python := python_of(tool)) is None:
                continue
            rounds = ["--rounds", str(asked.rounds)]
            command = [python, str(HERE), *rounds, "--worker", tool, str(path)]
            quiet = os.environ | {"GX_ANALYTICS_ENABLED": "false", "TQDM_DISABLE": "1"}
            ran = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet)
            if ran.returncode:
                print(f"{tool} failed: {ran.stderr.strip().splitlines()[-1]}")
                continue
            found[tool] = json.loads(ran.stdout.splitlines()[-1])
    count = len(EXPECTATIONS)
    print(f"{count} expectations on {asked.rows:,} rows, least of {asked.rounds} rounds")
    print(f"{'':16}{'CPU s':>8}{'wall s':>8}{'MiB more':>10}{'x ours':>8}{'wanted':>8}")
    for tool, one in found.items():
        ratio = one["cpu_s"] / found["ours"]["cpu_s"] if "ours" in found else float("nan")
        wanted = f">= {WANTED[tool]}" if tool in WANTED else ""
        cells = f"{one['cpu_s']:8.3f}{one['wall_s']:8.3f}{one['memory_mb']:10.0f}{ratio:8.1f}"
        print(f"{tool:16}{cells}{wanted:>8}")


if __name__ == "__main__":
    main()
