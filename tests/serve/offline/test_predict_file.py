import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, InputError, Schema, StorageError
from homeostat.serve import pack, predict_file, unpack
from homeostat.train import Logistic

SCHEMA = Schema(
    (
        Column("hour", "int", {"feature"}),
        Column("carrier", "category", {"feature"}, categories=("AA", "UA")),
    )
).expect("expect_column_values_to_be_between", "hour", min_value=0, max_value=23)


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "hour": rng.integers(0, 24, n),
            "carrier": rng.choice(["AA", "UA"], n),
        }
    )


@pytest.fixture(scope="module")
def files():
    train, model = rows(200).drop("id"), Logistic()
    model.fit(train, (train["hour"].to_numpy() > 12).astype(float))
    return pack(model, SCHEMA, sample=train.head(3))


@pytest.fixture
def source(tmp_path):
    rows(5000).write_parquet(tmp_path / "in.parquet", row_group_size=700)
    return tmp_path / "in.parquet"


def test_a_file_is_answered_in_its_order_as_the_package_answers(files, source, tmp_path):
    done = predict_file(files, source, tmp_path / "new" / "out.parquet", batch_rows=1000)
    assert (done.rows, done.refused) == (5000, 0)
    out, given = pl.read_parquet(done.path), rows(5000)
    assert out.drop("probability").equals(given)
    want = unpack(files).predict(given)
    np.testing.assert_array_equal(out["probability"].to_numpy(), want)
    assert list((tmp_path / "new").iterdir()) == [done.path]


def test_several_files_a_folder_and_a_pattern_are_sources(files, tmp_path):
    for number in range(3):
        rows(10, number).write_parquet(tmp_path / f"part{number}.parquet")
    want = [*rows(10, 0)["hour"], *rows(10, 1)["hour"], *rows(10, 2)["hour"]]
    paths = sorted(tmp_path.glob("part*.parquet"))
    for source in (paths, tmp_path, str(tmp_path / "part*.parquet"), pl.scan_parquet(paths)):
        target = tmp_path.parent / f"{tmp_path.name}.parquet"
        assert predict_file(files, source, target, keep=["hour"]).rows == 30
        assert pl.read_parquet(target)["hour"].to_list() == want


def test_a_row_that_breaks_the_schema_is_named_and_nothing_is_written(files, tmp_path):
    bad = rows(3000).with_columns(hour=pl.when(pl.col("id") == "r2500").then(24).otherwise("hour"))
    bad.write_parquet(tmp_path / "in.parquet")
    with pytest.raises(InputError, match=r"Row 2,500 breaks the schema: field `hour`.*got 24"):
        predict_file(files, tmp_path / "in.parquet", tmp_path / "out.parquet", batch_rows=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_rows_that_break_the_schema_may_be_left_without_an_answer(files, tmp_path):
    given = rows(3000).with_columns(
        hour=pl.when(pl.col("id").is_in(["r7", "r2500"])).then(-1).otherwise("hour"),
        carrier=pl.when(pl.col("id") == "r7").then(pl.lit("XX")).otherwise("carrier"),
    )
    given.write_parquet(tmp_path / "in.parquet")
    done = predict_file(
        files, tmp_path / "in.parquet", tmp_path / "o.parquet", bad_rows="null", batch_rows=1000
    )
    out = pl.read_parquet(done.path)
    assert (done.rows, done.refused, out["refused"].null_count()) == (3000, 2, 2998)
    refused = out.filter(pl.col("refused").is_not_null())
    assert refused["id"].to_list() == ["r7", "r2500"]
    assert refused["probability"].null_count() == 2
    assert "hour: It must hold" in refused["refused"][0]
    assert "carrier: " in refused["refused"][0]
    kept = out.filter(pl.col("refused").is_null())
    np.testing.assert_array_equal(kept["probability"].to_numpy(), unpack(files).predict(kept))


def test_a_batch_without_a_right_row_is_all_null(files, tmp_path):
    rows(10).with_columns(hour=pl.lit(99)).write_parquet(tmp_path / "in.parquet")
    done = predict_file(files, tmp_path / "in.parquet", tmp_path / "o.parquet", bad_rows="null")
    assert (done.refused, pl.read_parquet(done.path)["probability"].dtype) == (10, pl.Float64)


def test_an_empty_file_gives_an_empty_file_with_its_columns(files, tmp_path):
    rows(0).write_parquet(tmp_path / "in.parquet")
    done = predict_file(files, tmp_path / "in.parquet", tmp_path / "o.parquet")
    assert done.rows == 0
    assert pl.read_parquet(done.path).columns == ["id", "hour", "carrier", "probability"]


def test_what_cannot_be_done_is_said_in_words(files, source, tmp_path):
    target = tmp_path / "out.parquet"
    with pytest.raises(InputError, match="no column `carrier`"):
        predict_file(files, pl.LazyFrame({"hour": [1]}), target)
    with pytest.raises(InputError, match=r"no column `idd`\. Did you mean `id`"):
        predict_file(files, source, target, keep=["idd"])
    with pytest.raises(InputError, match="has a column `probability`"):
        predict_file(files, pl.scan_parquet(source).with_columns(probability=1.0), target)
    with pytest.raises(InputError, match="The target is the source"):
        predict_file(files, source, source)
    with pytest.raises(InputError, match="cannot be read"):
        predict_file(files, tmp_path / "none.parquet", target)
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        predict_file(files, tmp_path / "text.parquet", target)
    with pytest.raises(InputError, match="at least one file"):
        predict_file(files, [], target)
    with pytest.raises(InputError, match="'fail' or 'null'"):
        predict_file(files, source, target, bad_rows="drop")
    with pytest.raises(StorageError, match="cannot be written"):
        predict_file(files, source, source / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "text.parquet"]
