"""A table of a million predictions: pages of a view of its files, against the peers' ways.

    python benchmarks/tables.py [rows]

Each page is what a person at the table asks for: 50 rows, after a filter, a sort, a group or a
join of two models' predictions. Peers load the whole file for it, as a notebook does with pandas
(from Parquet), and as a W&B table is kept: one JSON of all rows (W&B refuses more than 200,000;
here it may), asked once. The answers must be the same. Then a table that grows: what is written
for 1,000 more rows.
"""

import hashlib
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from homeostat.core import measure
from homeostat.media import Table, open_view

CLASSES = [f"class-{i:02}" for i in range(20)]
REPEATS = 3  # of ours, which take as long as one of the machine's hiccups


class Store:
    """Contents by digest in a folder; counts what is written."""

    def __init__(self, folder):
        self.folder, self.written = Path(folder), 0

    def put(self, content):
        found = hashlib.sha256(content).hexdigest()
        (self.folder / found).write_bytes(content)
        self.written += len(content)
        self.sha256, self.size = found, len(content)
        return type("Blob", (), {"sha256": found, "size": len(content)})

    def path(self, digest):
        return self.folder / digest


def predictions(n, seed):
    """Make rows as a model's predictions are: an id, a picture, classes, scores, a text."""
    rng, ids = np.random.default_rng(0), np.random.default_rng(9).permutation(n)
    truth = rng.integers(0, 20, n)
    own = np.random.default_rng(seed)
    guess = np.where(own.random(n) < 0.8, truth, own.integers(0, 20, n))
    frame = pl.DataFrame(
        {
            "id": ids,
            "truth": np.array(CLASSES)[truth],
            "guess": np.array(CLASSES)[guess],
            "score": own.random(n),
            "weight": rng.exponential(size=n),
        }
    )
    digest = pl.col("id").hash(1).cast(pl.String).str.pad_start(64, "0")
    image = pl.struct(
        pl.lit("image-file").alias("_type"),
        digest.alias("sha256"),
        pl.lit(9_000, pl.Int64).alias("size"),
        pl.lit("png").alias("format"),
        pl.format("picture {}", "id").alias("caption"),
        pl.lit(224, pl.Int64).alias("width"),
        pl.lit(224, pl.Int64).alias("height"),
        pl.lit(None, pl.String).alias("rest"),
    )
    return frame.with_columns(image.alias("image"))


def timed(ask, repeats=1):
    """Return the cost of the quickest of some times, and the answer."""
    best = None
    for _ in range(repeats):
        with measure() as cost:
            answer = ask()
        best = cost if best is None or cost.wall_s < best.wall_s else best
    return best, answer


def page(view, offset=0):
    return view.page(offset, 50)["id"].to_list()


def ours(one, two, read):
    a, b = open_view(one, read), open_view(two, read)
    far = int(a.count() * 0.9)
    wrong = a.filter("score > 0.5 and guess != truth")

    def grouped():
        return list(a.group("truth", n="count()", right="mean(guess == truth)").page()["n"])

    def joined():
        return page(a.join(b, "id").filter("guess_left != guess_right").sort("-score_left"))

    return {
        "page far down": lambda: page(a, far),
        "filter": lambda: page(wrong),
        "filter, count": wrong.count,
        "sort": lambda: page(a.sort("-score")),
        "sort, page in the middle": lambda: page(a.sort("score"), far // 2),
        "filter and sort": lambda: page(wrong.sort("-weight")),
        "group": grouped,
        "confusions": lambda: list(a.confusions("truth", "guess", show=["image"])["count"]),
        "join on id, where they differ": joined,
    }


def with_pandas(one, two, far):
    """Answer the same from whole frames; ``one`` and ``two`` load them, each time."""

    def wrong():
        frame = one()
        return frame[(frame.score > 0.5) & (frame.guess != frame.truth)]

    def first(frame, offset=0):
        return frame["id"][offset : offset + 50].tolist()

    def ordered(frame, by, *, up=True):
        return frame.sort_values(by, ascending=up, kind="stable")

    def grouped():
        frame = one()
        frame["right"] = frame.guess == frame.truth
        return frame.groupby("truth").agg(n=("id", "size"), right=("right", "mean"))["n"].tolist()

    def confused():
        frame = one()
        pairs = frame[frame.guess != frame.truth].groupby(["truth", "guess"])
        counts = pairs.size().reset_index(name="n")
        order = {"by": ["n", "truth", "guess"], "ascending": [False, True, True]}
        return counts.sort_values(**order)["n"].tolist()

    def joined():
        both = one().merge(two(), on="id", suffixes=("_left", "_right"))
        return first(ordered(both[both.guess_left != both.guess_right], "score_left", up=False))

    return {
        "page far down": lambda: first(one(), far),
        "filter": lambda: first(wrong()),
        "filter, count": lambda: len(wrong()),
        "sort": lambda: first(ordered(one(), "score", up=False)),
        "sort, page in the middle": lambda: first(ordered(one(), "score"), far // 2),
        "filter and sort": lambda: first(ordered(wrong(), "weight", up=False)),
        "group": grouped,
        "confusions": confused,
        "join on id, where they differ": joined,
    }


def growing(folder, rows):
    """Log a table ten times, with 1,000 more rows each time, after so many."""
    store, rng = Store(folder), np.random.default_rng(3)
    table = Table(dataframe=predictions(rows, 1).drop("image"))
    table.to_row(store.put)
    first, store.written = store.written, 0
    for i in range(10):
        for j in range(1_000):
            truth, guess = rng.choice(CLASSES, 2).tolist()
            table.add_data(rows + i * 1_000 + j, truth, guess, *rng.random(2).tolist())
        table.to_row(store.put)
    print(
        f"grow by 10 x 1,000 rows after {rows:,} ({first / 1e6:.1f} MB): "
        f"{store.written / 1e6:.2f} MB written, by rewriting it would be {10 * first / 1e6:.0f}"
    )


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory() as folder:
        store = Store(folder)
        frames = [predictions(rows, seed) for seed in (1, 2)]
        tables = [Table(dataframe=frame).to_row(store.put) for frame in frames]
        files = [Path(folder) / f"{i}.parquet" for i in range(2)]
        jsons = [Path(folder) / f"{i}.table.json" for i in range(2)]
        for frame, file, text in zip(frames, files, jsons, strict=True):
            flat = frame.with_columns(pl.col("image").struct.field("sha256"))
            flat.write_parquet(file)
            content = {"columns": flat.columns, "data": flat.rows()}
            text.write_text(json.dumps(content))
        print(
            f"{rows:,} rows x 6 columns; ours {store.written / 2e6:.0f} MB a table, "
            f"JSON {jsons[0].stat().st_size / 1e6:.0f} MB. Wall s (CPU s)."
        )
        del frames
        compare(tables, store, files, jsons)
        growing(folder, rows)


def compare(tables, store, files, jsons):
    import pandas as pd

    def from_json(file):
        found = json.loads(file.read_text())
        return pd.DataFrame(found["data"], columns=found["columns"])

    mine = ours(*tables, store.path)
    far = int(tables[0]["nrows"] * 0.9)
    peer = with_pandas(lambda: pd.read_parquet(files[0]), lambda: pd.read_parquet(files[1]), far)
    for name in mine:
        a, mine_says = timed(mine[name], REPEATS)
        b, peer_says = timed(peer[name])
        assert mine_says == peer_says, name
        print(
            f"  {name:31} ours {a.wall_s:6.3f} ({a.cpu_s:.2f})"
            f"   pandas {b.wall_s:6.2f} ({b.cpu_s:.1f})  {b.cpu_s / a.cpu_s:5.1f}x CPU",
            flush=True,
        )
    web = with_pandas(lambda: from_json(jsons[0]), lambda: from_json(jsons[1]), far)
    name = "filter and sort"  # nearly all of the time is the loading, whatever is asked
    with measure() as c:
        assert web[name]() == mine[name]()
    a, _ = timed(mine[name], REPEATS)
    print(f"  {name:31} JSON {c.wall_s:.1f} ({c.cpu_s:.1f})  {c.cpu_s / a.cpu_s:.0f}x CPU")


if __name__ == "__main__":
    main()
