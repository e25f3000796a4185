"""Reading JSON lines: keys and types are those of the whole file, odd lines are put aside."""

import json
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError, SchemaError, Verdict, measure
from homeostat.data import read_json_lines


def lines(*rows):
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def test_a_line_that_does_not_parse_is_put_aside_with_its_number_and_text():
    read = read_json_lines(lines({"a": 1}, '{"a": ', "", "[1]", '{"a": 2} {"a": 3}', {"a": 4}))
    assert read.collect()["a"].to_list() == [1, 4]
    assert read.rejected.select("line", "column", "reason", "text").rows() == [
        (2, None, "not a JSON object", '{"a": '),
        (4, None, "not a JSON object", "[1]"),
        (5, None, "not a JSON object", '{"a": 2} {"a": 3}'),
    ]


def test_a_line_with_a_key_twice_is_put_aside_with_the_key():
    read = read_json_lines(b'{"a": 1, "b": 2}\n{"a": 1, "b": 2, "a": 3}\n{"a": 1, "b": 4}\n')
    assert read.collect()["b"].to_list() == [2, 4]
    assert read.rejected.row(0)[1:4] == (2, None, "the key `a` is there twice")


@pytest.mark.parametrize("odd", ["x", True, [1], {"b": 1}])
def test_a_value_of_another_type_than_the_rest_is_put_aside(odd):
    read = read_json_lines(lines(*[{"a": 1.5, "s": "x"}] * 200, {"a": odd, "s": "y"}))
    assert read.collect().schema == {"a": pl.Float64, "s": pl.String}
    (aside,) = read.rejected.rows(named=True)
    assert (aside["line"], aside["column"]) == (201, "a")
    assert aside["reason"] == f"column `a`: {odd!r} is not a number"


def test_a_number_among_texts_does_not_turn_into_text_in_silence():
    read = read_json_lines(lines(*[{"s": "x"}] * 200, {"s": 5}))
    assert read.rejected["reason"].to_list() == ["column `s`: 5 is not text"]


def test_the_odd_type_may_come_first_and_in_bulk():
    read = read_json_lines(lines(*[{"a": "x"}] * 150, *[{"a": 1}] * 20_000))
    assert read.rejected["line"].to_list() == list(range(1, 151))
    assert read.collect()["a"].to_list() == [1] * 20_000


def test_a_column_that_mixes_types_is_text_and_a_finding_says_so():
    read = read_json_lines(lines({"a": 1}, {"a": "x"}, {"a": 2}))
    assert read.collect()["a"].to_list() == ["1", "x", "2"]
    found = read.findings[-1]
    assert (found.check, found.verdict) == ("source.mixed_types", Verdict.WARN)
    assert "a whole number in 2, text in 1" in found.summary


def test_a_key_that_comes_late_is_a_column_and_one_of_only_bad_lines_is_none():
    late = lines(*[{"a": 1}] * 3_000, {"a": 1, "b": 2})
    assert read_json_lines(late).collect()["b"].sum() == 2
    bad = lines(*[{"a": 1}] * 300, {"a": "x", "zz": 1})
    read = read_json_lines(bad)
    assert read.collect().columns == ["a"] or read.collect()["zz"].null_count() == 300


def test_whole_numbers_and_numbers_are_numbers_and_nested_values_stay():
    read = read_json_lines(lines({"a": 1, "n": {"x": [1]}}, {"a": 2.5}, {"n": None}))
    assert read.collect().rows() == [(1.0, {"x": [1]}), (2.5, None), (None, None)]


def test_declared_types_hold():
    data = lines(
        {"d": "1850-01-01", "n": 1}, {"d": "noon", "n": 1}, {"d": None, "n": 1.5}, {"d": 5}
    )
    read = read_json_lines(data, dtypes={"d": "date", "n": "int"})
    assert read.collect().rows() == [(date(1850, 1, 1), 1)]
    assert read.rejected["line"].to_list() == [2, 3, 4]
    assert read.rejected["column"].to_list() == ["d", "n", "d"]
    with pytest.raises(SchemaError, match="Did you mean `late`"):
        read_json_lines(lines({"late": 1}), dtypes={"lat": "int"})


def test_utf16_and_crlf_are_read_and_zero_bytes_put_aside():
    assert read_json_lines('{"a": "ü"}\r\n'.encode("utf-16")).collect().item() == "ü"
    assert read_json_lines(b'{"a": 1}\r\n{"a": 2}\r\n').collect()["a"].to_list() == [1, 2]
    assert read_json_lines(b'{"a": 1}\n\0\0\0\n').rejected["line"].to_list() == [2]


def test_a_file_of_no_object_is_refused():
    with pytest.raises(InputError, match="each line must"):
        read_json_lines(b"\n\n")


VALUES = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text('a":{', max_size=3)
)


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), min_size=1, max_size=8)
)
def test_every_object_is_kept_or_put_aside_and_values_are_what_they_were(rows):
    if not any(rows):
        return
    read = read_json_lines(lines(*rows), tolerance=0)
    frame = read.collect()
    assert frame.height + read.rejected.height == len(rows)
    for row, kept in zip(rows, frame.rows(named=True), strict=True):
        for name, value in row.items():
            if isinstance(value, str) or value is None or frame.schema[name] != pl.String:
                assert kept[name] == value


def test_objects_without_keys_are_an_error_not_an_empty_frame():
    for data in (b"{}\n{}\n", b'{}\n{"a"\n{}\n'):
        with pytest.raises(InputError, match="no keys"):
            read_json_lines(data)


ODD_LINES = st.sampled_from(
    r"""
{"i": 01}|{"i": +1}|{"f": 1.}|{"f": NaN}|{"s": "a	b"}|{"s": "\q"}|[1]||{"i": 1, }
{"i": 1} {"i": 2}|{"i": 5, "i": 6}|{"i": -0}| {"i": 3}|{ "i" : 4 }|{}|{"i": null}
{"s": "\u00e9\/\ud83d\ude00"}|{"f": 1E+2, "i": 12345678901234}
{"new": "x"}|{"f": "odd"}|{"i": "odd"}|{"s": 5}|{"b": [1]}
""".strip("\n")
    .replace("\n", "|")
    .split("|")
)
ROW = {"i": 7, "f": 2.5, "s": 'é"\\\n', "b": True, "ü k": None}


def once(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


@given(
    odd=st.lists(st.tuples(st.integers(0, 300), ODD_LINES), max_size=6),
    ascii_only=st.booleans(),
    declared=st.sampled_from([None, {"i": "float"}, {"f": "float", "s": "string"}]),
)
@settings(max_examples=60, deadline=None)
def test_lines_among_many_alike_are_kept_as_python_reads_them_or_put_aside(
    odd, ascii_only, declared
):
    rows = [json.dumps({**ROW, "i": n}, ensure_ascii=ascii_only) for n in range(300)]
    for at, line in odd:
        rows.insert(at, line)
    read = read_json_lines("\n".join(rows).encode(), dtypes=declared, tolerance=0.05)
    frame, aside = read.collect(), set(read.rejected["line"])
    kept = []
    for number, line in enumerate(rows, 1):
        try:
            value = json.loads(line, parse_constant=int, object_pairs_hook=once)
        except ValueError:
            value = None
        kinds = {"i": int, "f": (int, float), "s": str, "b": bool}
        fits = isinstance(value, dict) and all(
            value[name] is None or isinstance(value[name], kind)
            for name, kind in kinds.items()
            if name in value
        )
        assert (number in aside) == (bool(line) and not fits), line
        kept += [value] if fits else []
    assert frame.height == len(kept)
    for name in frame.columns:
        assert frame[name].to_list() == [row.get(name) for row in kept]


def test_many_lines_with_some_bad_ones_are_not_looked_at_one_by_one():
    rows = [b'{"a": 1, "s": "x"}'] * 20_000 + [b'{"a": 1, "s"', b'{"a": "odd", "s": "x"}'] * 100
    with measure() as cost:
        read = read_json_lines(b"\n".join(rows))
    assert (read.collect().height, read.rejected.height) == (20_000, 200)
    assert cost.cpu_s < 1
