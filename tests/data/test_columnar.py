"""Parquet and Arrow files: read from disk as needed, held to declared types."""

from datetime import date, datetime

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest

from homeostat.core import InputError, Verdict
from homeostat.data import read_arrow, read_parquet

FRAME = pl.DataFrame({"a": [1, 2, None], "s": ["5", None, "z"], "d": [date(1850, 1, 1)] * 3})


def test_arrow_files_streams_and_feather_are_one_reader(tmp_path):
    FRAME.write_ipc(tmp_path / "a.arrow", compression="zstd")
    FRAME.write_ipc_stream(tmp_path / "a.arrows")
    pa.feather.write_feather(FRAME.to_arrow(), tmp_path / "a.feather")
    for name in ("a.arrow", "a.arrows", "a.feather"):
        assert read_arrow(tmp_path / name).collect().equals(FRAME)
        assert read_arrow((tmp_path / name).read_bytes()).collect().equals(FRAME)
    (tmp_path / "b.arrow").write_bytes(b"FEA1 an old one")
    with pytest.raises(InputError, match="version 1 must be written anew"):
        read_arrow(tmp_path / "b.arrow")


def test_a_hive_folder_is_one_source_with_its_keys_as_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for year in (1899, 2013):
        place = tmp_path / "trips" / f"year={year}"
        place.mkdir(parents=True)
        FRAME.write_parquet(place / "part.parquet")
    (tmp_path / "trips" / "_SUCCESS").write_bytes(b"")
    read = read_parquet("trips")
    assert read.collect()["year"].to_list() == [1899] * 3 + [2013] * 3
    assert (read.source.name, read.source.location, len(read.source.files)) == ("trips", "trips", 2)
    assert "(2 files), 6 rows" in read.lineage()
    assert read_parquet("trips", hive=False).collect().width == 3


def test_only_the_columns_that_are_asked_for_are_read(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    plan = read_parquet(tmp_path / "a.parquet").lazy().select("a").explain()
    assert "PROJECT" in plan.upper()
    assert "1/3" in plan


def test_files_that_differ_in_columns_or_types_are_put_together_and_reported(tmp_path):
    FRAME.select("a").write_parquet(tmp_path / "1.parquet")
    FRAME.select("s", a=pl.col("a") + 0.5).write_parquet(tmp_path / "2.parquet")
    read = read_parquet(tmp_path / "*.parquet")
    assert read.collect()["a"].to_list() == [1, 2, None, 1.5, 2.5, None]
    found = {one.subject: one for one in read.findings if one.check == "source.columns"}
    assert found["a"].verdict is Verdict.WARN
    assert "Int64 in 1, Float64 in 1" in found["a"].summary
    assert "1 lack it, such as 1.parquet" in found["s"].summary


def test_a_value_outside_its_declared_type_is_put_aside_with_its_row(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    read = read_parquet(tmp_path / "a.parquet", dtypes={"s": "int"})
    assert read.collect()["s"].to_list() == [5, None]
    assert read.rejected.rows() == [
        ("a.parquet", 3, "s", "column `s`: 'z' is not a whole number",
         '{"a":null,"s":"z","d":"1850-01-01"}'),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"Line 3 of a\.parquet"):
        read_parquet(tmp_path / "a.parquet", dtypes={"s": "int"}, on_bad_rows="refuse")


def test_numbers_fit_a_narrower_type_only_if_nothing_is_lost(tmp_path):
    frame = pl.DataFrame({"x": [1.0, 1.5, float("nan"), 300.0, None], "b": [0, 1, 2, 1, 1]})
    frame.write_parquet(tmp_path / "a.parquet")
    read = read_parquet(tmp_path / "a.parquet", dtypes={"x": pl.UInt8, "b": "bool"})
    assert read.collect().rows() == [(1, False), (None, True)]
    assert read.rejected["line"].to_list() == [2, 3, 4]


def test_times_before_1678_and_columns_of_nothing_come_through(tmp_path):
    at = datetime(1066, 10, 14, 9)  # noqa: DTZ001 - Parquet has times without a zone
    frame = pl.DataFrame({"t": [at], "nothing": pl.Series([None], dtype=pl.Null)})
    frame.write_parquet(tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet").collect().rows() == [(at, None)]


def test_nothing_there_and_torn_files_are_told(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 torn")
    for where, why in (
        (tmp_path / "a.parquet", "cannot be read"),
        (tmp_path / "*.x", "No file is"),
    ):
        with pytest.raises(InputError, match=why):
            read_parquet(where)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="No file is at"):
        read_arrow(tmp_path / "empty")
    FRAME.clear().write_parquet(tmp_path / "none.parquet")
    assert read_parquet(tmp_path / "none.parquet").findings[0].verdict is Verdict.UNKNOWN
