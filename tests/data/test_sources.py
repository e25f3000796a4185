"""Sources other than CSV, and what every source carries."""

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pyarrow as pa
import pytest

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.data import from_frame, read_csv, read_json_lines, read_parquet

FRAME = pl.DataFrame({"a": [1, 2, None], "s": ["x", None, "z"]})


def test_a_source_carries_name_relative_location_checksum_and_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rides.csv").write_bytes(b"a,b\n1,2\n3\n")
    source = read_csv(tmp_path / "in" / "rides.csv").source
    assert source.to_json() == {
        "name": "rides",
        "location": "in/rides.csv",
        "sha256": hashlib.sha256(b"a,b\n1,2\n3\n").hexdigest(),
        "rows": 1,
        "rejected": 1,
    }


def test_a_file_outside_the_working_folder_shows_only_its_name(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    assert read_csv(tmp_path / "a.csv").source.location == "a.csv"


def test_parquet_is_read_with_its_files_checksum(tmp_path):
    path = tmp_path / "a.parquet"
    FRAME.write_parquet(path)
    read = read_parquet(path)
    assert read.collect().equals(FRAME)
    assert read.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.source.rows == 3


def test_what_is_no_parquet_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(InputError, match="cannot be read"):
        read_parquet(tmp_path / "a.parquet")


def test_json_lines_that_are_no_objects_are_put_aside():
    data = b'{"a": 1}\nnope\n\n[1]\n{"a": 2.5, "b": "x"}\n'
    read = read_json_lines(data, name="events")
    assert read.collect().rows() == [(1.0, None), (2.5, "x")]
    assert read.rejected["line"].to_list() == [2, 4]
    assert read.findings[0].verdict is Verdict.WARN


def test_json_lines_without_an_object_or_a_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="memory holds no JSON object"):
        read_json_lines(b"")
    with pytest.raises(InputError, match="cannot be read"):
        read_json_lines(tmp_path / "absent.jsonl")
    with pytest.raises(InputError, match="Line 1 of memory"):
        read_json_lines(b"nope", on_bad_rows="refuse")


def test_frames_of_any_kind_come_in_equal():
    table = FRAME.to_arrow()
    assert from_frame(table, name="x").collect().equals(FRAME)
    assert from_frame(FRAME.lazy(), name="x").digest == from_frame(FRAME, name="x").digest
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.5, 2.5], "s": ["x", "y"]})
    assert from_frame(frame, name="x").collect().rows() == [(1.5, "x"), (2.5, "y")]


class OnlyCapsule:
    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_the_arrow_capsule_alone_is_enough():
    assert from_frame(OnlyCapsule(FRAME.to_arrow()), name="x").collect().equals(FRAME)


def test_a_relation_of_duckdb_comes_in():
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql("SELECT 1 AS a, date '1850-01-01' AS d")
    assert from_frame(rows, name="x").collect().rows() == [(1, date(1850, 1, 1))]


def test_repeated_column_names_are_refused_by_name():
    with pytest.raises(SchemaError, match="more than once: a"):
        from_frame(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), name="x")
    pandas = pytest.importorskip("pandas")
    with pytest.raises(SchemaError, match="more than once: a"):
        from_frame(pandas.DataFrame([[1, 2]], columns=["a", "a"]), name="x")
    with pytest.raises(SchemaError, match="cannot be read as columns"):
        from_frame(
            OnlyCapsule(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])), name="x"
        )


def test_a_pandas_column_may_be_called_lazy():
    pandas = pytest.importorskip("pandas")
    assert from_frame(pandas.DataFrame({"lazy": [1]}), name="x").collect().item() == 1


def test_what_is_no_frame_is_refused():
    with pytest.raises(InputError, match="got list"):
        from_frame([1, 2], name="x")


def test_a_pandas_column_of_mixed_types_is_refused_and_of_mixed_zones_reported():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(SchemaError, match="cannot be read as columns"):
        from_frame(pandas.DataFrame({"a": ["x", 1]}), name="x")
    plus_one = timezone(timedelta(hours=1))
    times = [datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=plus_one)]
    frame = pandas.DataFrame({"t": pandas.Series(times, dtype=object)})
    found = from_frame(frame, name="x").findings[-1]
    assert (found.check, found.subject, found.verdict) == ("source.time_zone", "t", Verdict.WARN)


def test_an_empty_frame_is_an_explicit_empty():
    read = from_frame(FRAME.clear(), name="x")
    assert read.findings[0].verdict is Verdict.UNKNOWN
    assert read.findings[0].summary == "`x` has no rows."
