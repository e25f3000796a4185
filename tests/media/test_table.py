import json
import re
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from homeostat.core import CorruptionError, InputError, VersionError
from homeostat.media import Audio, Boxes, Histogram, Image, Table, from_row, open_view

NOON = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - a time without a zone is kept as one


def image(value, **settings):
    return Image(np.full((2, 3), value, np.uint8), **settings)


def again(table, store):
    return from_row(table.to_row(store.put), store.path)


def test_rows_come_back_as_they_were(store):
    columns = [
        "number",
        "text",
        "flag",
        "list",
        "words",
        "any",
        "day",
        "at",
        "zoned",
        "clock",
        "long",
    ]
    row = [
        *(1.5, "a", True, [1, 2], ["x"], {"a": [1, {"b": None}]}),
        *(date(2026, 1, 1), NOON, datetime(2026, 1, 1, tzinfo=UTC)),
        *(time(9, 30), timedelta(seconds=90)),
    ]
    table = Table(columns=columns, data=[row, [None] * len(row)])
    back = again(table, store)
    assert back.columns == columns
    assert back.data == [row, [None] * len(row)]
    kinds = "number text bool numbers texts json date datetime instant time duration"
    assert [one.kind for one in back.facts] == kinds.split()


def test_media_cells_come_back_as_media(store):
    over = {
        "boxes": {"b": {"box_data": [{"position": {"middle": [1, 2], "width": 3, "height": 4}}]}}
    }
    table = Table(columns=["image", "sound", "bins"])
    table.add_data(
        image(1, caption="one", **over), Audio(np.zeros(9), 9), Histogram([1, 2], num_bins=2)
    )
    table.add_data(None, None, None)
    [(picture, sound, bins), empty] = again(table, store).data
    assert picture.caption == "one"
    assert picture.content() == table.data[0][0].content()
    assert isinstance(picture.boxes["b"], Boxes)
    assert (sound.duration_s, bins.histogram, empty) == (1.0, [1, 1], [None] * 3)


def test_the_row_names_every_content_in_plain_json(store):
    masks = {"m": {"mask_data": [[1]]}}
    table = Table(columns=["id", "image"], data=[[i, image(i, masks=masks)] for i in range(3)])
    table.add_column("mixed", [{"image": image(9)}, {}, {}])
    row = table.to_row(store.put)
    named, waiting = set(), [json.dumps(row)]
    while waiting:  # as a collection of garbage follows digests
        found = set(re.findall(r"[0-9a-f]{64}", waiting.pop())) - named
        named |= found
        waiting += [t.decode() for t in map(store.read, found) if t[:1] in b"[{"]
    assert named == {blob.sha256 for blob in store.puts}


def test_what_python_libraries_hold_becomes_plain_values():
    class Side(Enum):
        LEFT = "left"

    row = [
        np.float32(0.5),
        np.int64(3),
        np.array([1, 2]),
        np.eye(2),
        (1, "a"),
        {2},
        Side.LEFT,
        pd.NaT,
    ]
    row.append(pd.Timestamp("2026-01-01T12:00"))
    table = Table(columns=list("abcdefghi"), data=[row])
    assert table.data == [
        [
            0.5,
            3,
            [1, 2],
            [[1.0, 0.0], [0.0, 1.0]],
            [1, "a"],
            [2],
            "left",
            None,
            NOON,
        ]
    ]


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "pyarrow"])
def test_any_frame_is_a_table(kind, store):
    frame = pl.DataFrame({"id": [1, 2], "name": ["a", None], "score": [0.5, 1.0]})
    makes = {"polars": frame, "lazy": frame.lazy(), "pandas": frame.to_pandas()}
    table = Table(dataframe=makes.get(kind, frame.to_arrow()))
    assert again(table, store).frame().equals(frame)
    assert isinstance(frame.to_arrow(), pa.Table)


def test_a_pandas_frame_with_python_objects_is_a_table(store):
    frame = pd.DataFrame({"image": [image(1), image(2)], 3: [[1], None]}, index=["x", "y"])
    table = Table(data=frame)
    assert table.columns == ["image", "3"]
    assert [row[0].width for row in again(table, store)] == [3, 3]
    assert table.get_dataframe().shape == (2, 2)


def test_rows_may_be_dicts_arrays_or_none_yet():
    assert Table(data=[{"a": 1, "b": "x"}, {"a": 2}]).data == [[1, "x"], [2, None]]
    assert Table(columns=["a", "b"], data=np.eye(2)).data == [[1.0, 0.0], [0.0, 1.0]]
    assert Table(columns=["a"], rows=[[1]]).data == [[1]]
    assert len(Table(columns=["a"])) == 0
    assert Table(columns=["b"], dataframe=pl.DataFrame({"a": [1], "b": [2]})).data == [[2]]


@given(
    dataframes(
        min_size=0,
        max_size=12,
        excluded_dtypes=[
            pl.Int128,
            pl.UInt128,
            pl.Float16,
            pl.Object,
            pl.Unknown,
            pl.Struct,
            pl.Array,
        ],
    )
)
def test_any_frame_survives_being_stored(memory, frame):
    back = again(Table(dataframe=frame), memory()).frame()
    polars.testing.assert_frame_equal(back, frame, categorical_as_str=True)


cells = st.one_of(st.none(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False))


@given(
    st.lists(st.tuples(cells, st.text(), st.lists(st.integers(0, 9))), max_size=20),
    st.integers(0, 20),
)
def test_any_rows_logged_twice_survive(memory, rows, first):
    store = memory()
    table = Table(columns=["a", "b", "c"], data=rows[:first])
    table.to_row(store.put)
    for row in rows[first:]:
        table.add_data(*row)
    assert again(table, store).data == [list(row) for row in rows]


def test_a_table_that_grows_writes_its_new_rows_only(store):
    rows = np.random.default_rng(0).random((30_000, 2))
    table = Table(columns=["a", "b"], data=rows)
    before = table.to_row(store.put)
    first = sum(blob.size for blob in store.puts)
    store.puts.clear()
    for _ in range(20):
        for _ in range(50):
            table.add_data(1.0, 2.0)
        row = table.to_row(store.put)
    assert sum(blob.size for blob in store.puts) < first / 4
    assert len(json.loads(store.read(row["sha256"]))["parts"]) < 8
    assert len(from_row(row, store.path)) == 31_000
    assert len(from_row(before, store.path)) == 30_000  # what was logged stays


def test_a_table_that_was_read_back_grows_too(store):
    back = again(Table(columns=["a"], data=[[i] for i in range(100)]), store)
    store.puts.clear()
    back.add_data(100)
    assert again(back, store).get_column("a") == list(range(101))


def test_a_second_store_gets_all_of_it(store, tmp_path):
    (tmp_path / "other").mkdir()
    other = type(store)(tmp_path / "other")
    table = Table(columns=["image"], data=[[image(1)]])
    table.to_row(store.put)
    row = table.to_row(other.put)
    assert from_row(row, other.path).data[0][0].content() == image(1).content()


def test_numbers_may_be_whole_first_and_broken_later(store):
    table = Table(columns=["a", "b"], data=[[1, None]])
    table.to_row(store.put)
    table.add_data(0.5, "x")
    table.add_data(2, None)
    back = again(table, store)
    assert back.get_column("a", convert_to="numpy").tolist() == [1.0, 0.5, 2.0]
    assert open_view(back.to_row(store.put), store.path).filter("b == 'x'").count() == 1


def test_mixed_columns_are_kept_if_asked(store):
    table = Table(columns=["a"], data=[[1], [2.5]], allow_mixed_types=True)
    table.to_row(store.put)
    for value in ("x", True, [1, "y"], image(3), None):
        table.add_data(value)
    back = again(table, store)
    values = back.get_column("a")
    assert values[:5] == [1, 2.5, "x", True, [1, "y"]]
    assert (values[5].content(), values[6]) == (image(3).content(), None)
    back.add_data(date(2026, 1, 1))
    assert back.frame()["a"][-1] == '"2026-01-01"'
    assert Table(columns=["a"], data=[[1], ["x"]], dtype=Any).data == [[1], ["x"]]


def test_columns_are_added_and_computed(store):
    table = Table(dataframe=pl.DataFrame({"id": [1, 2], "deep": [{"a": 1}, {"a": 2}]}))
    table.to_row(store.put)
    table.add_column("image", [image(1), image(2)])
    table.add_computed_columns(lambda index, row: {"twice": 2 * row["id"], "index": index})
    back = again(table, store)
    assert back.columns == ["id", "deep", "image", "twice", "index"]
    assert back.get_column("twice") == [2, 4]
    assert [row for _, row in back.iterrows()][1][1] == {"a": 2}
    assert back.get_index() == [0, 1]


def test_roles_and_kinds_are_in_the_files(store):
    table = Table(columns=["id", "guess"], data=[[1, "cat"]], roles={"guess": "prediction"})
    row = table.to_row(store.put)
    assert row | {"_type": "table-file", "nrows": 1, "ncols": 2} == row
    metadata = pl.read_parquet_metadata(store.path(store.puts[0].sha256))
    assert json.loads(metadata["homeostat.table"])[1] == {
        "name": "guess", "kind": "text", "role": "prediction"
    }  # fmt: skip
    assert from_row(row, store.path).facts[1].role == "prediction"


def test_a_table_of_wandbs_client_is_read(store):
    png = store.put(image(7).content())
    cell = {"_type": "image-file", "path": "media/images/a.png", "format": "png", "width": 3}
    cell |= {"height": 2, "sha256": png.sha256, "size": png.size}
    content = {"columns": ["id", "image", "x"], "data": [[1, cell, {"a": 1}], [2, None, "text"]]}
    row = {"_type": "table-file", "ncols": 3} | store.put(json.dumps(content).encode())._asdict()
    table = from_row(row, store.path)
    assert table.data[0][1].content() == image(7).content()
    assert table.get_column("x") == [{"a": 1}, "text"]
    assert open_view(row, store.path).filter("image.width == 3").count() == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: t.add_data(1), "has 2 values \\(id, name\\), got 1"),
        (lambda t: t.add_data(1, 2, 3), "got 3"),
        (lambda t: t.add_data("x", "y"), "column `id` holds number, got text: 'x'. Convert it"),
        (lambda t: t.add_data(True, "y"), "column `id` holds number, got bool"),
        (lambda t: t.add_data(1, image(1)), "column `name` holds text, got media: Image"),
        (lambda t: t.add_data(1, object()), "Column `name`: A cell is a number.*got object"),
        (lambda t: t.add_data(1, b"x"), "got bytes: pass its text, or wrap it"),
        (lambda t: t.add_data(1, [image(1)]), "a list in a cell holds no media|A list in a cell"),
        (lambda t: t.add_column("id", [1]), "has a column `id` already"),
        (lambda t: t.add_column("x", [1, 2]), "has 1 rows, got 2 of `x`"),
        (lambda t: t.get_column("nmae"), "no column `nmae`. Did you mean `name`"),
        (lambda t: t.get_column("id", "list"), "'numpy' or not at all"),
        (lambda _: Table(columns=["a", "a"]), "more than once: a"),
        (lambda _: Table(columns=[1, "1"]), "more than once: 1"),
        (lambda _: Table(columns="ab"), "a list of names, got 'ab'"),
        (lambda _: Table(data=[[1]]), r"pass Table\(columns=\[...\]\)"),
        (lambda _: Table(columns=["a"], data=[[1, 2]]), "has 1 values \\(a\\), got 2"),
        (lambda _: Table(columns=["a"], data=["x"]), "A row is a list of values, got 'x'"),
        (lambda _: Table(columns=["a"], data=[{"b": 1}]), "no column `b`"),
        (lambda _: Table(columns=["a"], data=3), "a list of rows, got int"),
        (lambda _: Table(dataframe=[[1]]), "A frame is a Polars frame.*got list"),
        (lambda _: Table(columns=["a"], data=[], dataframe=pl.DataFrame()), "got several"),
        (lambda _: Table(columns=["x"], dataframe=pl.DataFrame({"a": [1]})), "no column `x`"),
        (
            lambda _: Table(dataframe=pd.DataFrame([[1, 2]], columns=["a", "a"])),
            "more than once: a",
        ),
        (lambda _: Table(columns=["a"], data=[[None]], optional=False), "`a` is not optional"),
        (lambda _: Table(columns=["a"], data=[["x"]], dtype=int), "holds number, got text"),
        (lambda _: Table(columns=["a"], dtype=[int, str]), "one entry a column \\(1\\), got 2"),
        (lambda _: Table(columns=["a"], dtype="int"), "got 'int'"),
        (lambda _: Table(columns=["a"], log_mode="ONCE"), "got 'ONCE'"),
        (lambda _: Table(columns=["a"], roles={"b": "key"}), "no column `b`"),
        (lambda _: Table(columns=["a"], data=[[2**70]]).frame(), "`a` fit in 64 bits"),
    ],
)
def test_bad_tables_are_refused_in_a_sentence(make, message):
    with pytest.raises(InputError, match=message):
        make(Table(columns=["id", "name"], data=[[1, "a"]]))


def test_a_refused_row_leaves_the_table_as_it_was():
    table = Table(columns=["a", "b"], data=[[1, None]])
    with pytest.raises(InputError):
        table.add_data(2, object())
    with pytest.raises(InputError):
        table.add_column("c", [object()])
    assert (table.data, table.columns) == ([[1, None]], ["a", "b"])


def test_damage_is_said(store):
    row = Table(columns=["a"], data=[[1]]).to_row(store.put)
    part = store.path(store.puts[0].sha256)
    part.write_bytes(b"no parquet")
    for use in (lambda: from_row(row, store.path).data, lambda: open_view(row, store.path)):
        with pytest.raises(CorruptionError, match="no Parquet file"):
            use()
    for content, message in (
        (b"\x80", "is no JSON"),
        (b"[]", "neither parts nor data"),
        (b'{"parts": [], "columns": [{}]}', "lists columns and parts"),
    ):
        with pytest.raises(CorruptionError, match=message):
            from_row({"_type": "table-file"} | store.put(content)._asdict(), store.path)
    newer = store.put(b'{"homeostat.table": 99, "parts": []}')._asdict()
    with pytest.raises(VersionError, match="a newer Homeostat"):
        from_row({"_type": "table-file"} | newer, store.path)
