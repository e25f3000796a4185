"""Reading CSV: nothing is lost, each rejected row says why."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError, Verdict
from homeostat.data import read_csv


def rows(data, **how):
    return read_csv(data, **how).collect().rows()


def rejected(data, **how):
    return read_csv(data, **how).rejected.select("line", "reason", "text").rows()


def test_a_row_with_too_few_or_too_many_fields_is_put_aside_with_line_reason_and_text():
    data = b"a,b\n1,2\n3\n4,5,6\n7,8\n"
    assert rows(data) == [(1, 2), (7, 8)]
    assert rejected(data) == [
        (3, "1 field where the header has 2", "3"),
        (4, "3 fields where the header has 2", "4,5,6"),
    ]


def test_too_few_and_too_many_fields_that_cancel_in_the_count_are_both_found():
    assert [line for line, _, _ in rejected(b"a,b,c\n1,2\n1,2,3,4\n5,6,7\n")] == [2, 3]


@pytest.mark.parametrize(
    ("data", "lines", "kept"),
    [
        (b'a,b\n1,2\n"3,4\n5,6\n', [3], [(1, 2), (5, 6)]),
        (b'a,b\n1,x\n2,"y"z\n3,w\n', [3], [(1, "x"), (3, "w")]),
        (b'a,b\n1,5" pipe\n2,w\n', [2], [(2, "w")]),
        (b'a,b\n"1,x\n2,y\n3,"z\n4,w\n', [2, 4], [(2, "y"), (4, "w")]),
        (b'a,b\n1,"x\n2,y\n', [2], [(2, "y")]),
    ],
)
def test_a_broken_quote_loses_only_its_own_line(data, lines, kept):
    assert rows(data) == kept
    assert [line for line, _, _ in rejected(data)] == lines


def test_a_quoted_field_may_hold_newlines_separators_and_doubled_quotes():
    data = b'a,b\r\n1,"x\r\ny, ""z"""\r\n2,\r\n'
    assert rows(data) == [(1, 'x\r\ny, "z"'), (2, None)]


def test_line_numbers_count_lines_within_quoted_fields():
    assert rejected(b'a,b\n1,"x\ny"\n2\n')[0][0] == 4


def test_a_broken_quote_elsewhere_does_not_break_a_field_with_newlines():
    data = b'a,b\n1,"x\ny"\n2,"z\n3,w\n'
    assert rows(data) == [(1, "x\ny"), (3, "w")]


def test_bytes_that_are_not_utf8_are_put_aside_and_shown_escaped():
    data = b"a,b\nx,1\nc\xe9,2\n"
    assert rejected(data, encoding="utf-8") == [(3, "not valid UTF-8", "c\\xe9,2")]
    assert rows(b"a,b\nx,1\nc\xe9,2\n", encoding="latin-1") == [("x", 1), ("cé", 2)]


def test_a_blank_line_is_put_aside_but_at_the_end_it_is_nothing():
    assert rejected(b"a,b\n\n1,2\n\n\n") == [(2, "a blank line", "")]
    assert rows(b"a\n1\n\n2\n") == [(1,), (None,), (2,)]


def test_types_are_those_of_the_whole_file():
    whole = b"n\n" + b"1\n" * 5_000 + b"2.5\n"
    assert read_csv(whole).collect()["n"].dtype == pl.Float64
    late = b"n\n" + b"\n" * 5_000 + b"7\n"
    assert read_csv(late).collect()["n"].sum() == 7


def test_dates_times_truth_values_and_text_are_told_apart():
    data = b"d,t,z,b,s\n2013-01-01,2013-01-01 05:00:00,2013-01-01T05:00:00Z,TRUE,x\n"
    day = date(2013, 1, 1)
    at = datetime(2013, 1, 1, 5, 0, 0)  # noqa: DTZ001 - the file has no zone either
    assert rows(data) == [(day, at, at.replace(tzinfo=UTC), True, "x")]


def test_days_written_in_local_order_stay_text_since_their_order_is_a_guess():
    assert rows(b"d\n01/02/2013\n13/02/2013\n") == [("01/02/2013",), ("13/02/2013",)]


def test_codes_with_leading_zeros_stay_text():
    assert rows(b"zip,n\n01234,0\n98765,10\n") == [("01234", 0), ("98765", 10)]


def test_one_odd_value_among_many_is_put_aside_and_many_make_it_text():
    few = b"a,b\n" + b"1,x\n" * 200 + b"oops,y\n"
    assert rejected(few) == [(202, "column `a`: 'oops' is not a whole number", "oops,y")]
    assert read_csv(few).collect().height == 200
    many = b"a,b\n" + b"1,x\n" * 50 + b"oops,y\n"
    assert read_csv(many).collect()["a"].dtype == pl.String
    assert read_csv(few, tolerance=0).collect()["a"].dtype == pl.String


def test_given_types_are_kept_and_what_does_not_fit_is_put_aside():
    data = b"a,b,c\n1,2013-01-01T00:00:00Z,007\nx,2013-01-01T00:00:00Z,8\n3,noon,9\n4,,10\n"
    read = read_csv(data, dtypes={"a": "int", "b": "datetime", "c": pl.String})
    assert read.collect()["c"].to_list() == ["007", "10"]
    assert read.rejected["line"].to_list() == [3, 4]
    assert "'noon' is not a time with its zone" in read.rejected["reason"][1]


def test_given_types_name_existing_columns_and_types():
    with pytest.raises(SchemaError, match="Did you mean `late`"):
        read_csv(b"late\n1\n", dtypes={"lat": "int"})
    with pytest.raises(SchemaError, match="got 'integer'"):
        read_csv(b"late\n1\n", dtypes={"late": "integer"})


def test_null_values_are_null_in_every_column():
    assert rows(b"a,b\nNA,x\n1,NA\n", null_values=["NA"]) == [(None, "x"), (1, None)]


def test_a_word_that_keeps_a_column_from_being_numbers_is_named():
    (_, found) = read_csv(b"a\n" + b"1\n" * 95 + b"NA\n" * 5).findings
    assert (found.check, found.subject) == ("source.null_value", "a")
    assert "but for 'NA', in 5.00% of its values, each is a whole number" in found.summary


def test_offsets_that_differ_become_utc_and_are_reported():
    read = read_csv(b"t\n2013-01-01T00:00:00Z\n2013-01-01T00:00:00+01:00\n")
    assert read.collect()["t"].to_list() == [
        datetime(2013, 1, 1, tzinfo=UTC),
        datetime(2012, 12, 31, 23, tzinfo=UTC),
    ]
    assert [found.check for found in read.findings] == ["source.rows", "source.time_zone"]


def test_given_times_keep_the_unit_and_zone_that_were_given():
    dtype = pl.Datetime("ms", "Europe/Paris")
    (at,) = read_csv(b"t\n2013-01-01T00:00:00Z\n", dtypes={"t": dtype}).collect()["t"]
    assert at == datetime(2013, 1, 1, tzinfo=UTC)
    read = read_csv(b"t\n2013-01-01T00:00:00Z\n", dtypes={"t": dtype}).collect()
    assert read.schema["t"] == dtype


def test_a_header_that_cannot_be_read_is_refused():
    with pytest.raises(InputError, match="is not utf-8"):
        read_csv(b"caf\xe9,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="header cannot be read"):
        read_csv(b'a,"b\n1,2\n')


def test_repeated_column_names_are_refused_by_name():
    with pytest.raises(SchemaError, match=r"more than once: `a`\."):
        read_csv(b"a,b,a\n1,2,3\n")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data):
    with pytest.raises(InputError, match="is empty"):
        read_csv(data)


def test_a_header_alone_is_an_explicit_empty():
    read = read_csv(b"a,b\n", name="nothing")
    assert read.collect().shape == (0, 2)
    assert read.findings[0].verdict is Verdict.UNKNOWN


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="is not utf-16"):
        read_csv(b"a\n1", encoding="utf-16")
    with pytest.raises(InputError, match="one ASCII character"):
        read_csv(b"a\n1", separator="::")


def test_bad_rows_can_be_refused():
    with pytest.raises(InputError, match=r"Line 3 of memory: 1 field .* 1 rows"):
        read_csv(b"a,b\n1,2\n3\n", on_bad_rows="refuse")


def test_a_member_of_a_zip_is_read_by_name_or_alone(tmp_path):
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", "a\n1\n")
    assert read_csv(path).source.name == "one"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("two.csv", "a\n2\n")
    assert read_csv(path, member="two.csv").collect().item() == 2
    with pytest.raises(InputError, match=r"Did you mean `two\.csv`"):
        read_csv(path, member="tow.csv")
    with pytest.raises(InputError, match="must be named"):
        read_csv(path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(path)


FIELDS = st.text(st.sampled_from(list('ab01.,"\n\r-é ')), max_size=6)


@settings(deadline=None)
@given(table=st.lists(st.lists(FIELDS, min_size=2, max_size=4), min_size=1, max_size=8))
def test_every_row_is_either_kept_or_put_aside(table):
    """Rows as the csv module writes them, of any width: those of two fields are kept, in order."""
    text = io.StringIO()
    csv.writer(text).writerow(["a", "b"])
    csv.writer(text).writerows(table)
    read = read_csv(
        text.getvalue().encode(), null_values=["no such"], dtypes={"a": "string", "b": "string"}
    )
    fitting = [tuple(row) for row in table if len(row) == 2]
    assert read.collect().height + read.rejected.height == len(table)
    assert [tuple(v or "" for v in row) for row in read.collect().rows()] == fitting


@settings(deadline=None)
@given(lines=st.lists(st.text(st.sampled_from(list('a1,"')), max_size=6), min_size=1, max_size=8))
def test_whatever_the_text_no_line_disappears(lines):
    data = "\n".join(["a,b", *lines, "1,1"]).encode()
    read = read_csv(data, dtypes={"a": "string", "b": "string"})
    kept = sum(1 + "".join(v or "" for v in row).count("\n") for row in read.collect().rows())
    aside = sum(1 + text.count("\n") for text in read.rejected["text"])
    assert kept + aside == len(lines) + 1


def test_a_zero_byte_loses_only_its_line():
    assert rejected(b"a,b\n1,2\n3,\x004\n5,6\n") == [(3, "a NUL byte", "3,\x004")]
    with pytest.raises(InputError, match="holds NUL bytes"):
        read_csv(b"a\x00,b\n1,2\n", encoding="utf-8")


def test_days_before_1900_are_days():
    assert rows(b"d\n1066-10-14\n0001-01-01\n") == [(date(1066, 10, 14),), (date(1, 1, 1),)]


def test_a_column_of_nothing_is_there():
    assert rows(b"a,b\n1,\n2,\n") == [(1, None), (2, None)]


def test_ten_thousand_columns_are_read():
    names = ",".join(f"c{n}" for n in range(10_000))
    line = ",".join("1" for _ in range(10_000))
    read = read_csv(f"{names}\n{line}\n{line},1\n".encode())
    assert read.collect().shape == (1, 10_000)
    assert read.rejected["line"].to_list() == [3]


def test_repeated_names_can_be_numbered_and_a_finding_says_so():
    read = read_csv(b"a,b,a,a_2,a\n1,2,3,4,5\n6\n", on_repeated_names="number")
    assert read.collect().row(0, named=True) == {"a": 1, "b": 2, "a_3": 3, "a_2": 4, "a_4": 5}
    assert read.rejected["line"].to_list() == [3]
    found = read.findings[-1]
    assert (found.check, found.verdict) == ("source.repeated_names", Verdict.WARN)


def test_lines_that_end_in_a_return_alone_are_lines():
    assert rows(b"a,b\r1,2\r3,4\r") == [(1, 2), (3, 4)]


def test_many_files_are_one_source_and_an_empty_one_is_a_finding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name, data in (("1", b"a,b\n1,x\n"), ("2", b""), ("3", b"b,a\ny,2.5\nz\n")):
        (tmp_path / "in" / f"{name}.csv").write_bytes(data)
    (tmp_path / "in" / ".hidden").write_bytes(b"no")
    for source in ("in", "in/*.csv", sorted(tmp_path.glob("in/*.csv"))):
        read = read_csv(source)
        assert read.collect().rows() == [(1.0, "x"), (2.5, "y")]
        assert read.rejected.select("file", "line").rows() == [("in/3.csv", 3)]
        assert {one.check for one in read.findings} >= {"source.empty_file", "source.columns"}
        assert len(read.source.files) == 3
    assert read_csv("in/*.csv").source.location == "in/*.csv"
    with pytest.raises(InputError, match="No file is at"):
        read_csv("in/*.txt")
