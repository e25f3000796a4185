"""Rows put aside: from every kind of source, by steps too, kept with the results in the cache."""

import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.data import from_frame, quarantine, read_csv, read_json_lines, read_parquet, read_sql

FRAME = pl.DataFrame({"id": [1, 2, 3], "age": ["34", "old", None]})
COLUMNS = ["file", "line", "column", "reason", "text"]


def sources(folder):
    """The same three rows from every kind of source, `age` declared a whole number."""
    import sqlite3

    FRAME.write_csv(folder / "a.csv")
    FRAME.write_ndjson(folder / "a.jsonl")
    FRAME.write_parquet(folder / "a.parquet")
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE t (id, age)")
    base.executemany("INSERT INTO t VALUES (?, ?)", FRAME.rows())
    how = {"dtypes": {"age": "int"}}
    yield read_csv(folder / "a.csv", **how)
    yield read_parquet(folder / "a.parquet", **how)
    yield read_sql("SELECT * FROM t", base, **how)
    yield from_frame(FRAME, name="a", **how)
    yield from_frame(FRAME.to_arrow(), name="a", **how)
    base.close()


def test_every_kind_of_source_puts_the_same_row_aside_with_where_and_why(tmp_path):
    for read in sources(tmp_path):
        assert read.collect()["age"].to_list() == [34, None]
        assert read.rejected.columns == COLUMNS
        (aside,) = read.rejected.rows(named=True)
        assert aside["line"] == (3 if aside["file"] == "a.csv" else 2)
        assert aside["column"] == "age"
        assert aside["reason"] == "column `age`: 'old' is not a whole number"
        assert "old" in aside["text"]
        found = read.findings[0]
        assert (found.verdict, found.statistic) == (Verdict.WARN, pytest.approx(1 / 3))
        assert found.evidence["rejected_by_column"] == {"age": 1}


def test_a_step_may_put_rows_aside_and_all_are_seen_at_the_end(tmp_path):
    data = b"km\n1\n-2\nx,y\n3\n"
    made = (
        read_csv(data, name="rides")
        .step("positive", quarantine, keep=pl.col("km") > 0, reason="no length")
        .step("doubled", lambda frame: frame.with_columns(pl.col("km") * 2))
    )
    assert made.collect()["km"].to_list() == [2, 6]
    assert made.rejected.is_empty()
    assert made.quarantine.select("by", "line", "reason").rows() == [
        ("rides", 4, "2 fields where the header has 1"),
        ("positive", 2, "no length"),
    ]
    assert [found.check for found in made.findings] == ["source.rows", "step.quarantine"]


def test_rows_put_aside_are_kept_with_the_result_and_come_again_without_a_run(tmp_path):
    def plan():
        rides = from_frame(pl.DataFrame({"km": [1, -2]}), name="rides")
        return rides.step("x", quarantine, cache=tmp_path, keep=pl.col("km") > 0, reason="none")

    first = plan().rejected
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert plan().rejected.equals(first)
    assert first.height == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    aside = next(path for path in before if path.name.endswith(".rejected.parquet"))
    aside.unlink()
    with pytest.raises(Exception, match="delete it"):
        plan().collect()


READ = """
import sys
from pathlib import Path
import homeostat.data._csv as reader
from homeostat.data import read_csv
parse, parses = reader.parse, []
reader.parse = lambda *given: parses.append(1) or parse(*given)
read = read_csv(Path(sys.argv[1]) / "a.csv", cache=sys.argv[2])
print(len(parses), read.collect().height, read.rejected.height, len(read.findings), read.digest)
"""


def test_a_source_that_was_read_is_not_parsed_again_in_another_process(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n3\nJ\xf6rg,4\n")
    told = [
        subprocess.run(
            [sys.executable, "-c", READ, tmp_path, tmp_path / "kept"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert [one[0] for one in told] == ["1", "0"]
    assert told[0][1:] == told[1][1:]
    assert told[0][1:4] == ["2", "1", "2"]


def test_a_condition_is_one_truth_value_a_row_and_null_does_not_hold():
    rides = pl.LazyFrame({"km": [1, None]})
    _, (found,), aside = quarantine(rides, keep=pl.col("km") > 0, reason="no length")
    assert aside["line"].to_list() == [2]
    assert found.statistic == 0.5
    with pytest.raises(InputError, match="one truth value a row"):
        quarantine(rides, keep=pl.col("km"), reason="x")
    _, (found,), aside = quarantine(rides.clear(), keep=pl.col("km") > 0, reason="x")
    assert (found.verdict, aside.height) == (Verdict.UNKNOWN, 0)


def test_declared_types_name_existing_columns(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match="Did you mean `age`"):
        read_parquet(tmp_path / "a.parquet", dtypes={"ago": "int"})
    with pytest.raises(SchemaError, match="Did you mean `age`"):
        read_json_lines(b'{"age": 1}', dtypes={"ago": "int"})


def test_text_is_read_as_the_declared_date_before_1900(tmp_path):
    frame = pl.DataFrame({"born": ["1815-12-10", "unknown"]})
    read = from_frame(frame, name="x", dtypes={"born": "date"})
    assert read.collect()["born"].to_list() == [date(1815, 12, 10)]
    assert read.rejected["reason"].to_list() == ["column `born`: 'unknown' is not a date"]


@pytest.mark.slow
def test_a_million_rows_of_which_one_in_a_hundred_is_bad_are_read_within_seconds():
    import time

    good, bad = b"1,2.5,abc\n" * 99, b"oops,1,2,3\n"
    started = time.process_time()
    read = read_csv(b"a,b,c\n" + (good + bad) * 10_000)
    assert (read.source.rows, read.source.rejected) == (990_000, 10_000)
    assert time.process_time() - started < 10
