"""Twenty expectations on a million rows: one query of ours beside twenty of Polars, in CPU seconds.

Run it with `python benchmarks/expectations.py [rows]`. Both sides check the same rules on the
same frame, in one process, in turn; the least of five rounds counts.
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl

from homeostat.core import Column, Schema, Verdict, measure
from homeostat.data import check

ROUNDS = 5
BETWEEN = "expect_column_values_to_be_between"


def make(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    numbers = {f"n{i}": rng.normal(size=rows) for i in range(6)}
    counts = {f"k{i}": rng.integers(0, 500, rows) for i in range(4)}
    words = {f"s{i}": rng.choice(["UA", "AA", "DL", "B6"], rows) for i in range(2)}
    return pl.DataFrame({"id": np.arange(rows), **numbers, **counts, **words})


def declare(frame: pl.DataFrame) -> Schema:
    """Twenty rules, implied ones counted: none is null, none is NaN, and those named here."""
    kinds = {"n": "float", "k": "int", "s": "string", "i": "int"}
    schema = Schema(tuple(Column(n, kinds[n[0]], nullable=True) for n in frame.columns))
    for i in range(6):
        schema = schema.expect(BETWEEN, f"n{i}", min_value=-10, max_value=10)
    for i in range(4):
        schema = schema.expect(BETWEEN, f"k{i}", min_value=0, max_value=499)
    schema = schema.expect("expect_column_mean_to_be_between", "n0", min_value=-1, max_value=1)
    schema = schema.expect("expect_column_stdev_to_be_between", "n1", max_value=2)
    schema = schema.expect("expect_column_median_to_be_between", "n2", min_value=-1, max_value=1)
    for name in ("s0", "s1"):
        schema = schema.expect("expect_column_values_to_be_in_set", name, value_set=CARRIERS)
        schema = schema.expect("expect_column_values_to_match_regex", name, regex="^[A-Z]")
    schema = schema.expect("expect_column_values_to_be_unique", "id")
    schema = schema.expect("expect_column_values_to_be_increasing", "id")
    return schema.expect("expect_column_max_to_be_between", "k0", max_value=499)


CARRIERS = ["UA", "AA", "DL", "B6"]


def separately(frame: pl.DataFrame) -> list[bool]:
    """The same rules as a person writes them: one query each."""
    col = pl.col
    rules = [
        *((col(f"n{i}").is_between(-10, 10)).all() for i in range(6)),
        *((col(f"k{i}").is_between(0, 499)).all() for i in range(4)),
        col("n0").mean().is_between(-1, 1),
        col("n1").std() <= 2,
        col("n2").median().is_between(-1, 1),
        *(col(name).is_in(CARRIERS).all() for name in ("s0", "s1")),
        *(col(name).str.contains("^[A-Z]").all() for name in ("s0", "s1")),
        col("id").is_unique().all(),
        (col("id").diff().drop_nulls() >= 0).all(),
        col("k0").max() <= 499,
    ]
    return [bool(frame.select(rule).item()) for rule in rules]


def main(rows: int) -> None:
    frame = make(rows)
    schema = declare(frame)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with measure() as cost:
            found = check(frame, schema)
        assert all(one.verdict is Verdict.OK for one in found)
        ours.append(cost.cpu_s)
        with measure() as cost:
            assert all(separately(frame))
        theirs.append(cost.cpu_s)
    rules = len(schema.expectations)
    print(f"{rules} expectations on {rows:,} rows, least of {ROUNDS} rounds, CPU seconds")
    print(f"one query, with counts, finiteness and findings  {min(ours):.3f}")
    print(f"{rules} queries of Polars that say yes or no          {min(theirs):.3f}")
    print(f"ratio                                            {min(ours) / min(theirs):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
