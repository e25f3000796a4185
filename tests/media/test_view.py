import io
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import CorruptionError, InputError, NotFoundError
from homeostat.media import Image, Table, TableView, open_view, scan

FRAME = pl.DataFrame(
    {
        "id": range(8),
        "truth": ["cat", "cat", "cat", "dog", "dog", "fox", "fox", None],
        "guess": ["cat", "dog", "dog", "dog", "cat", "dog", None, "cat"],
        "score": [0.9, 0.8, 0.7, 0.6, 0.5, None, float("nan"), 0.2],
    }
)
VIEW = TableView.of(FRAME)


def ids(view):
    return view.frame()["id"].to_list()


@pytest.fixture
def parts(tmp_path):
    """The same rows in three files."""
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    for i, path in enumerate(paths):
        FRAME[i * 3 : i * 3 + 3].write_parquet(path)
    return paths


def test_a_view_of_files_gives_pages(parts):
    view = scan(parts)
    assert view.count() == 8
    assert view.page(2, 3).equals(FRAME[2:5])
    assert view.filter("truth == 'fox'").page(1, 5)["id"].to_list() == [6]
    assert view.sort("-id").page(2, 3)["id"].to_list() == [5, 4, 3]
    assert view.page(99, 3).columns == FRAME.columns
    assert view.page(0, 0).schema == FRAME.schema
    assert view.columns == {"id": "number", "truth": "text", "guess": "text", "score": "number"}


def test_files_of_one_table_may_have_whole_numbers_and_broken_ones(tmp_path):
    pl.DataFrame({"a": [1], "b": [None]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"a": [0.5], "b": ["x"]}).write_parquet(tmp_path / "2.parquet")
    view = scan([tmp_path / "1.parquet", tmp_path / "2.parquet"])
    assert view.sort("a").page().rows() == [(0.5, "x"), (1.0, None)]
    pl.DataFrame({"c": [1]}).write_parquet(tmp_path / "3.parquet")
    with pytest.raises(InputError, match="one set of columns"):
        scan([tmp_path / "1.parquet", tmp_path / "3.parquet"])


def test_steps_follow_each_other_and_leave_the_view_before_as_it_was():
    wrong = VIEW.filter("guess != truth").derive(pair="if(score > 0.6, 'sure', 'unsure')")
    found = wrong.sort("pair", "-id").select("id", "pair")
    assert found.frame().rows() == [(2, "sure"), (1, "sure"), (5, "unsure"), (4, "unsure")]
    assert found.filter("pair == 'sure'").page(1, 1).rows() == [(1, "sure")]
    assert VIEW.count() == 8
    assert VIEW.derive(score="score * 2").filter("score > 1.7").count() == 1


def test_sorting_keeps_equal_rows_in_order_and_nulls_last():
    assert ids(VIEW.sort("truth")) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert ids(VIEW.sort("-truth")) == [5, 6, 3, 4, 0, 1, 2, 7]
    assert ids(VIEW.sort("score"))[-2:] == [5, 6]  # null and NaN
    assert ids(VIEW.sort("-score"))[-2:] == [5, 6]
    assert ids(VIEW.sort("-(id % 3)", "id")) == [2, 5, 1, 4, 7, 0, 3, 6]


def test_groups_say_what_is_asked_of_their_rows():
    found = VIEW.group(
        "truth", n="count()", right="mean(guess == truth)", best="max(score)", one="first(id)"
    )
    assert found.frame().rows() == [
        ("cat", 3, pytest.approx(1 / 3), 0.9, 0),
        ("dog", 2, 0.5, 0.6, 3),
        ("fox", 2, 0.0, None, 5),
        (None, 1, None, 0.2, 7),
    ]
    assert VIEW.group("id > 3").sort("-n").page().rows() == [(False, 4), (True, 4)]
    assert VIEW.group(["truth", "guess"]).filter("n > 1").frame().rows() == [("cat", "dog", 2)]


def test_confusions_are_counted_with_examples():
    found = VIEW.confusions("truth", "guess", examples=1, show=["id", "score"])
    assert found.drop("examples").rows() == [
        ("cat", "dog", 2, pytest.approx(2 / 3)),
        ("dog", "cat", 1, 0.5),
        ("fox", None, 1, 0.5),
        ("fox", "dog", 1, 0.5),
    ]
    assert found["examples"][0].to_list() == [{"row": 1, "id": 1, "score": 0.8}]
    places = VIEW.sort("-id").confusions("truth", "guess")["examples"].to_list()
    assert [one["row"] for one in places[0]] == [5, 6]  # of this view: sorted
    assert VIEW.filter("guess == truth").confusions("truth", "guess").is_empty()
    assert VIEW.confusions("truth", "guess", examples=0)["examples"].null_count() == 4


def test_two_models_predictions_are_joined_by_their_key():
    other = TableView.of(pl.DataFrame({"id": [3, 1, 1, 9], "guess": ["x", "y", "z", "w"]}))
    inner = VIEW.join(other, "id", suffixes=("_old", "_new"))
    assert inner.select("id", "guess_old", "guess_new").frame().rows() == [
        (1, "dog", "y"),
        (1, "dog", "z"),
        (3, "dog", "x"),
    ]
    assert inner.filter("guess_new > 'x'").sort("-guess_new").page(0, 1)["guess_new"].item() == "z"
    full = VIEW.join(other, "id", how="full")
    assert full.count() == 10
    assert full.filter("truth is null").sort("id").page()["guess_right"].to_list() == [None, "w"]
    left = VIEW.join(other, "id", how="left")
    assert left.filter("guess_right is null").page()["id"].to_list() == [0, 2, 4, 5, 6, 7]
    assert list(left.columns) == ["id", "truth", "guess_left", "score", "guess_right"]
    twice = inner.join(other, "id")
    assert twice.sort("id").page().height == 5
    assert VIEW.group("truth").join(VIEW, "truth").sort("id").page(0, 1)["n"].item() == 3


def test_null_and_nan_join_nothing():
    keys = TableView.of(pl.DataFrame({"k": [None, float("nan"), 1.0], "a": [1, 2, 3]}))
    whole = TableView.of(pl.DataFrame({"k": [1, None], "b": [4, 5]}))
    assert keys.join(keys, "k").frame().rows() == [(1.0, 3, 3)]
    assert keys.join(whole, "k").frame().rows() == [(1.0, 3, 4)]


def test_tables_are_joined_by_their_pictures(store):
    pictures = [Image(np.full((2, 2), i, np.uint8)) for i in range(4)]
    one = Table(columns=["image", "guess"], data=[[pictures[i], f"a{i}"] for i in (0, 1, 2)])
    two = Table(columns=["image", "guess"], data=[[pictures[i], f"b{i}"] for i in (2, 3, 1)])
    views = [open_view(table.to_row(store.put), store.path) for table in (one, two)]
    joined = views[0].join(views[1], "image", how="full")
    found = joined.sort("guess_left", "guess_right").page()
    assert found.select("guess_left", "guess_right").rows() == [
        ("a0", None),
        ("a1", "b1"),
        ("a2", "b2"),
        (None, "b3"),
    ]
    digests = found["image"].struct.field("sha256").to_list()
    assert all(store.path(digest).exists() for digest in digests)
    assert joined.columns["image"] == "media"
    assert one.view().filter("image.width == 2").count() == 3


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=12),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=12),
    st.sampled_from(["inner", "left", "full"]),
    st.integers(0, 20),
    st.booleans(),
)
def test_a_page_is_a_slice_of_all_rows(left, right, how, offset, sort):
    one, two = (
        TableView.of(pl.DataFrame(rows, {"k": pl.Int64, "v": pl.Int64}, orient="row"))
        for rows in (left, right)
    )
    view = one.join(two, "k", how=how).filter("v_left != 3 or v_left is null")
    view = view.sort("-v_right", "k").derive(sum="v_left + v_right") if sort else view
    assert view.page(offset, 5).equals(view.frame()[offset : offset + 5])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 10))
def test_a_join_has_the_pairs_that_python_finds(keys, cut):
    left, right = list(enumerate(keys[:cut])), list(enumerate(keys[cut:]))
    views = [
        TableView.of(pl.DataFrame(rows, {"v": pl.Int64, "k": pl.Int64}, orient="row"))
        for rows in (left, right)
    ]
    found = views[0].join(views[1], "k").select("k", "v_left", "v_right").frame().rows()
    assert found == [(k, a, b) for a, k in left for b, other in right if k == other]


@pytest.mark.parametrize("name", ["t.csv", "t.json", "t.jsonl", "t.ndjson", "t.parquet"])
def test_a_view_is_exported(name, tmp_path, store):
    picture = Image(np.zeros((2, 2), np.uint8))
    rows = [[1, "a,b", [1, 2], picture], [2, None, None, None]]
    view = Table(columns=["id", "name", "list", "image"], data=rows).view()
    view.export(tmp_path / name)
    reads = {"csv": pl.read_csv, "json": pl.read_json, "parquet": pl.read_parquet}
    found = reads.get(name[2:], pl.read_ndjson)(tmp_path / name)
    assert found.select("id", "name").rows() == [(1, "a,b"), (2, None)]
    digest = store.put(picture.content()).sha256
    image = found["image"][0]
    assert image == digest or image["sha256"] == digest
    assert found["list"].to_list() in ([[1, 2], None], ["[1,2]", None])


def test_a_view_is_exported_to_an_open_file():
    out = io.BytesIO()
    VIEW.filter("id < 2").select("id", "score").export(out, format="json")
    assert json.loads(out.getvalue()) == [{"id": 0, "score": 0.9}, {"id": 1, "score": 0.8}]


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: VIEW.filter("scor > 1"), "no column `scor`. Did you mean `score`"),
        (VIEW.sort, "by at least one column"),
        (lambda: VIEW.sort("-"), "such as 'score > 0.5', got ''"),
        (lambda: VIEW.select("nope"), "no column `nope`"),
        (lambda: VIEW.group("truth", x="score"), "a group has many rows"),
        (lambda: VIEW.page(-1), "offset from 0"),
        (lambda: VIEW.page(0, 10**9), "up to 100000 rows"),
        (lambda: VIEW.confusions("truth", "score"), "`truth` is text and `score` is a number"),
        (lambda: VIEW.confusions("truth", "guess", show=["x"]), "no column `x` to show"),
        (lambda: VIEW.join(VIEW, "x"), "left table has no column `x`"),
        (lambda: VIEW.join(VIEW, "id", how="outer"), "'inner', 'left' or 'full', got 'outer'"),
        (lambda: VIEW.join(VIEW, "id", suffixes=("", "")), "two suffixes that differ"),
        (lambda: VIEW.join(VIEW.derive(id="text(id)"), "id"), "derive.* a column of one kind"),
        (
            lambda: VIEW.derive(guess_left="1").join(VIEW, "id"),
            "would have guess_left twice: pass other",
        ),
        (lambda: VIEW.export("t.xlsx"), "csv, json, jsonl or parquet, got 't.xlsx'"),
        (lambda: scan([]), "at least one Parquet file"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(use, message):
    with pytest.raises(InputError, match=message):
        use()


def test_a_join_that_would_fill_the_memory_is_refused():
    many = TableView.of(pl.LazyFrame({"k": pl.repeat(1, 20_000, eager=True)}))
    with pytest.raises(InputError, match="at most 50,000,000 rows, this one gives 400,000,000"):
        many.join(many, "k")
    unique = TableView.of(pl.LazyFrame({"k": pl.int_range(20_000, eager=True)}))
    assert unique.join(many, "k").count() == 20_000


def test_a_file_that_goes_or_breaks_is_said(parts):
    view = scan(parts)
    parts[1].unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        view.frame()
    parts[1].write_bytes(b"PAR1 no parquet PAR1")
    with pytest.raises(CorruptionError, match=r"no Parquet file|cannot be computed"):
        scan(parts)
