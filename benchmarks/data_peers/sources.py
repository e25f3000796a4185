"""Reading 1e6 rows of 20 columns: ours beside Polars, pandas and DuckDB, one line a claim.

Readers take turns in rounds, each in a process of its own, so that a busy machine is busy for all;
the least CPU of the rounds counts, and the peak memory beside it. Ours takes the file's checksum,
proves that nothing was lost, and keeps bad rows with their line, column, reason and text; a peer
skips them or refuses the file, which is said. DuckDB and pandas are used if they are installed.

Run: python benchmarks/data_peers/sources.py [--rows 1000000] [--rounds 3]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

READERS = {
    ("csv", "ours"): "from homeostat.data import read_csv as r; f = lambda: r(p).source.rows",
    ("csv", "polars"): "import polars as m; f = lambda: m.read_csv(p, try_parse_dates=True).height",
    ("csv", "pandas"): "import pandas as m; f = lambda: len(m.read_csv(p, parse_dates=['d', 't']))",
    ("csv", "duckdb"): "import duckdb as m; f = lambda: m.read_csv(p).to_arrow_table().num_rows",
    ("bad csv", "ours"): "from homeostat.data import read_csv as r; f = lambda: r(p).source.rows",
    ("bad csv", "polars"): "import polars as m; f = lambda: m.read_csv(p).height",
    ("bad csv", "pandas"): "import pandas as m; f = lambda: len(m.read_csv(p, "
    "on_bad_lines='skip', low_memory=False))",
    ("bad csv", "duckdb"): "import duckdb as m; f = lambda: m.sql(f\"SELECT * FROM read_csv('{p}', "
    'store_rejects=true)").to_arrow_table().num_rows',
    (
        "json",
        "ours",
    ): "from homeostat.data import read_json_lines as r; f = lambda: r(p).source.rows",
    ("json", "polars"): "import polars as m; f = lambda: m.read_ndjson(p).height",
    ("json", "pandas"): "import pandas as m; f = lambda: len(m.read_json(p, lines=True))",
    ("json", "duckdb"): "import duckdb as m; f = lambda: m.read_json(p).to_arrow_table().num_rows",
    ("bad json", "ours"): "from homeostat.data import read_json_lines as r; f = lambda: "
    "r(p).source.rows",
    ("bad json", "polars"): "import polars as m; f = lambda: m.read_ndjson(p, "
    "ignore_errors=True).height",
    ("bad json", "duckdb"): 'import duckdb as m; f = lambda: m.sql(f"SELECT * FROM '
    "read_json('{p}', ignore_errors=true, format='newline_delimited')\").to_arrow_table().num_rows",
    ("parquet", "ours"): "from homeostat.data import read_parquet as r; f = lambda: "
    "r(p).collect().height",
    ("parquet", "polars"): "import polars as m; f = lambda: m.read_parquet(p).height",
    ("parquet", "pandas"): "import pandas as m; f = lambda: len(m.read_parquet(p))",
    ("parquet", "duckdb"): "import duckdb as m; f = lambda: m.read_parquet(p).to_arrow_table()"
    ".num_rows",
    ("sqlite", "ours"): "from homeostat.data import read_sql as r; f = lambda: "
    "r('SELECT * FROM t', p).source.rows",
    ("sqlite", "polars"): "import polars as m, sqlite3; f = lambda: m.read_database("
    "'SELECT * FROM t', sqlite3.connect(p)).height",
    ("sqlite", "pandas"): "import pandas as m, sqlite3; f = lambda: len(m.read_sql_query("
    "'SELECT * FROM t', sqlite3.connect(p)))",
}
"""What each reader does: `f` reads the file at `p` and returns how many rows came."""
MEASURE = """
import json, sys, time
p = sys.argv[1]
{setup}
started = time.process_time(), time.perf_counter()
try:
    rows, said = f(), ""
except Exception as error:
    rows, said = None, (str(error).strip() or type(error).__name__).splitlines()[0][:60]
cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
peak = next(int(one.split()[1]) for one in open("/proc/self/status") if "VmHWM" in one) / 1e6
print(json.dumps(dict(cpu=cpu, wall=wall, peak=peak, rows=rows, said=said)))
"""


def make(folder, rows):
    """Write the same table as each kind of file, and two with 1 % bad rows."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    columns = {f"i{n}": rng.integers(0, 10 ** (n + 1), rows) for n in range(8)}
    columns |= {f"f{n}": rng.normal(size=rows).round(4) for n in range(6)}
    words = np.array(["alpha", "beta", "gamma", "delta", "epsilon"])
    columns |= {f"s{n}": words[rng.integers(0, 5, rows)] for n in range(3)}
    days = rng.integers(0, 60_000, rows)
    columns["d"] = (np.datetime64("1850-01-01") + days).astype("datetime64[D]")
    columns["b"] = rng.random(rows) > 0.5
    columns["t"] = np.datetime64("2013-01-01T00:00:00", "us") + rng.integers(0, 10**13, rows)
    frame = pl.DataFrame(columns)
    frame.write_csv(folder / "csv", datetime_format="%Y-%m-%dT%H:%M:%S%.f")
    frame.write_ndjson(folder / "json")
    frame.write_parquet(folder / "parquet")
    write_sqlite(frame, folder / "sqlite")
    spoil(folder / "csv", folder / "bad csv", rng, csv_line, first=1)
    spoil(folder / "json", folder / "bad json", rng, json_line, first=0)


def write_sqlite(frame, path):
    import sqlite3

    import polars as pl

    plain = frame.with_columns(pl.col("d", "t").cast(pl.String))
    with sqlite3.connect(path) as base:
        base.execute(f"CREATE TABLE t ({', '.join(plain.columns)})")
        base.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 20)})", plain.iter_rows())
    base.close()


def csv_line(line, kind):
    if kind == 0:
        return line.rsplit(b",", 2)[0]
    if kind == 1:
        return line + b",1"
    return b"oops," + line.split(b",", 1)[1]


def json_line(line, kind):
    return line[:-20] if kind < 2 else line.replace(b'"f0":', b'"f0":"oops","f00":', 1)


def spoil(good, bad, rng, change, *, first):
    lines = good.read_bytes().rstrip(b"\n").split(b"\n")
    chosen = rng.choice(len(lines) - first, (len(lines) - first) // 100, replace=False) + first
    for at, kind in zip(chosen, rng.integers(0, 3, chosen.size), strict=True):
        lines[at] = change(lines[at], kind)
    bad.write_bytes(b"\n".join(lines) + b"\n")


def measure(setup, path):
    command = [sys.executable, "-W", "ignore", "-c", MEASURE.format(setup=setup), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def compare(folder, rounds):
    """Return, by file and reader, the round with the least CPU."""
    found = {}
    for _ in range(rounds):
        for (kind, reader), setup in READERS.items():
            told = measure(setup, folder / kind)
            best = found.get((kind, reader))
            if told and (best is None or told["cpu"] < best["cpu"]):
                found[kind, reader] = told
    return found


def lines(found):
    """Return one line a claim."""
    for kind in dict.fromkeys(kind for kind, _ in found):
        ours = found.get((kind, "ours"))
        if ours is None:
            continue
        about = f"peak {ours['peak']:.2f} GB, {ours['rows']} rows"
        yield f"{kind}: ours {ours['cpu']:.2f} CPU-s, {about}"
        for (_, reader), told in [one for one in found.items() if one[0][0] == kind]:
            if reader == "ours":
                continue
            if told["rows"] is None:
                yield f"{kind}: {reader} refuses the file ({told['said']})"
                continue
            lost = "" if told["rows"] == ours["rows"] else f", {told['rows']} rows"
            yield (
                f"{kind}: {reader} / ours {told['cpu'] / ours['cpu']:.2f}x CPU "
                f"({told['cpu']:.2f} s), peak {told['peak']:.2f} GB{lost}"
            )


def main(rows=1_000_000, rounds=3):
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    with tempfile.TemporaryDirectory() as place:
        make(Path(place), rows)
        found = compare(Path(place), rounds)
    print("\n".join(lines(found)))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.rows, options.rounds)
