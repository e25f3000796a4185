"""Whatever is logged has a defined fate: nothing is lost without a word."""

import decimal
import enum
import json
import math

import numpy as np
import pytest

import homeostat.track as hs
from homeostat.track._values import sort


class Colour(enum.Enum):
    RED = "red"


def test_nan_and_infinities_are_kept(start, read):
    run = start()
    for value in (math.nan, math.inf, -math.inf):
        hs.log({"loss": value})
    rows = read().points(run)
    assert math.isnan(rows[0]["loss"])
    assert (rows[1]["loss"], rows[2]["loss"]) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.bool_(1), 1.0),
        (np.float16(0.5), 0.5),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[7]]), 7.0),
        (decimal.Decimal("0.5"), 0.5),
        (2**53, 2.0**53),
    ],
)
def test_scalars_of_any_library_are_numbers(start, read, capsys, value, number):
    run = start()
    hs.log({"x": value})
    assert read().points(run) == {0: {"x": number}}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a text", "a text"),
        (None, None),
        ([1, 2.5, "x"], [1, 2.5, "x"]),
        ((), []),
        ({}, {}),
        (np.arange(3), [0, 1, 2]),
        (Colour.RED, "red"),
        (np.array(["a", "b"]), ["a", "b"]),
        ("half a pair \ud800", "half a pair \\ud800"),
    ],
)
def test_what_is_no_number_is_kept_as_json(start, read, value, kept):
    run = start()
    hs.log({"x": value, "loss": 0.5})
    assert read().others(run) == {0: {"x": kept}}
    assert read().points(run) == {0: {"loss": 0.5}}
    assert hs.summary["loss"] == 0.5


def test_nested_dicts_become_names_with_dots(start, read):
    run = start()
    hs.log({"train": {"loss": 1, "deep": {"er": 2.0}}, "text": {"is": "here"}})
    assert read().points(run) == {0: {"train.loss": 1.0, "train.deep.er": 2.0}}
    assert read().others(run) == {0: {"text.is": "here"}}


def test_keys_may_hold_dots_slashes_spaces_and_emoji(start, read):
    run = start()
    row = {"a.b": 1.0, "a/b": 2.0, "a b": 3.0, "🚀": 4.0, "ключ": 5.0, "a\n": 6.0}
    hs.log(row)
    assert read().points(run) == {0: row}


def test_keys_that_are_no_text_are_written_as_text_with_one_warning(start, read, capsys):
    run = start()
    for _ in range(3):
        hs.log({1: 0.5, (2, 3): 0.25, None: 1.0, "": 2.0})
    assert read().points(run)[2] == {"1": 0.5, "(2, 3)": 0.25, "None": 1.0, "(empty)": 2.0}
    assert capsys.readouterr().err.count("the key 1 ") == 1


def test_two_values_of_one_name_keep_the_later_and_say_so(start, read, capsys):
    run = start()
    hs.log({"a.b": 1.0, "a": {"b": 2.0}})
    assert read().points(run) == {0: {"a.b": 2.0}}
    assert "two values" in capsys.readouterr().err


def test_huge_whole_numbers_are_kept_as_near_as_can_be_and_it_is_said(start, read, capsys):
    run = start()
    hs.log({"big": 2**60, "beyond": 10**400, "endless": 1 << 100_000})
    assert read().points(run) == {0: {"big": 2.0**60}}
    others = read().others(run)[0]
    assert others["beyond"] == str(10**400)
    assert int(others["endless"], 16) == 1 << 100_000
    said = capsys.readouterr().err
    assert "`big`: a whole number beyond 2**53" in said
    assert "`beyond`: a whole number beyond 1.8e308" in said
    assert len(read().events(run, "warning")) == 3


def test_a_hundred_thousand_keys_are_kept(start, read):
    run = start()
    row = {f"k{i}": float(i) for i in range(100_000)}
    hs.log(row)
    [(names,)] = read().record._ledger.index.query("SELECT names FROM layouts")
    [(point,)] = read().record._ledger.index.query("SELECT points FROM points")
    assert json.loads(names) == list(row)
    assert np.frombuffer(point[-800_000:]).tolist() == list(row.values())
    assert run.summary["k99999"] == 99_999.0


def test_a_large_array_is_kept_as_a_histogram_with_one_warning(start, read, capsys):
    run = start()
    values = np.random.default_rng(0).normal(size=100_000)
    values[:3] = math.nan
    for _ in range(2):
        hs.log({"weights": values})
    kept = read().others(run)[1]["weights"]
    assert kept["_type"] == "histogram"
    assert sum(kept["values"]) == 99_997
    assert capsys.readouterr().err.count("kept as a histogram") == 1


def test_a_large_list_is_kept_as_a_file_beside_the_row(start, read, capsys):
    run = start()
    values = list(range(400_000))
    hs.log({"all": values})
    kept = read().others(run)[0]["all"]
    assert kept["_type"] == "json-file"
    assert b"399999" in read().record._ledger.blobs.get(kept["sha256"])
    assert "as a file" in capsys.readouterr().err


def test_bytes_are_kept_as_a_content(start, read):
    run = start()
    hs.log({"raw": b"\x00\x01"})
    kept = read().others(run)[0]["raw"]
    assert read().record._ledger.blobs.get(kept["sha256"]) == b"\x00\x01"


def test_an_object_of_any_kind_is_kept_as_its_text_with_a_warning(start, read, capsys):
    class Odd:
        def __repr__(self):
            return "an odd thing"

    class Worse:
        def __repr__(self):
            raise RuntimeError

    run = start()
    hs.log({"odd": Odd(), "worse": Worse()})
    assert read().others(run) == {0: {"odd": "an odd thing", "worse": "<Worse>"}}
    assert "`odd`: a Odd is kept as its text" in capsys.readouterr().err


def test_a_dict_or_list_that_contains_itself_ends(start, read):
    run = start()
    ring = {"loss": 0.5}
    ring["ring"] = ring
    chain = [1]
    chain.append(chain)
    hs.log({"x": ring, "y": chain})
    assert read().points(run)[0]["x.loss"] == 0.5


def test_media_put_their_contents_and_leave_a_reference(start, read):
    class Picture:
        def to_row(self, put):
            blob = put(b"pixels")
            return {"_type": "image-file", "sha256": blob.sha256, "size": blob.size}

    run = start()
    hs.log({"one": Picture(), "many": [Picture(), Picture()]})
    row = read().others(run)[0]
    assert read().record._ledger.blobs.get(row["one"]["sha256"]) == b"pixels"
    assert [item["_type"] for item in row["many"]] == ["image-file"] * 2


def test_a_mapping_that_is_no_dict_is_logged(start, read):
    import types

    run = start()
    hs.log(types.MappingProxyType({"loss": 0.5}))
    assert read().points(run) == {0: {"loss": 0.5}}


def test_sorting_keeps_the_order_of_names():
    numbers, others, _ = sort({"b": 1, "a": "x", "c": 2.0}, print)
    assert (list(numbers), list(others)) == (["b", "c"], ["a"])
