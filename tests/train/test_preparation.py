import numpy as np
import polars as pl
import pytest

from homeostat.core import FitLedger, InputError, RowSet, SchemaError, TrackedRows
from homeostat.split import by_time, k_fold, random_split
from homeostat.train import (
    Impute,
    OneHot,
    Ordinal,
    Preparation,
    Prepared,
    Scale,
    TargetEncode,
    Vocabulary,
)


def frame(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, rows)
    age[::7] = np.nan
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "age": age,
            "city": rng.choice(["Rome", "Ουλμ", "Oslo"], rows),
            "note": rng.choice(["late again", "on time", "late"], rows),
            "y": rng.integers(0, 2, rows),
        }
    )


STEPS = (
    Impute("age", indicator=True),
    Scale("age"),
    TargetEncode("city", label="y"),
    Vocabulary("note"),
)


def test_only_training_rows_are_looked_at():
    whole = frame()
    splits = random_split(whole, rng=0, key=["id"])
    train = pl.Series(splits.train)
    spoiled = whole.with_columns(
        pl.when(train).then("age").otherwise(1e9).alias("age"),
        pl.when(train).then("y").otherwise(7).alias("y"),
        pl.when(train).then("city").otherwise(pl.lit("Atlantis")).alias("city"),
    )
    one = Preparation(*STEPS).fit(splits, whole)
    two = Preparation(*STEPS).fit(splits, spoiled)
    assert one.save() == two.save()
    assert all(fit.saw == splits.row_sets["train"] for fit in one.fits)


def test_numbers_are_those_of_scikit_learn():
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import RobustScaler, StandardScaler

    whole = frame()
    train, test = whole.head(300), whole.tail(100)
    for by, theirs in (("standard", StandardScaler()), ("robust", RobustScaler())):
        steps = Preparation(Impute("age", by="mean"), Scale("age", by=by))
        prepared = steps.fit_rows(TrackedRows.of(train, part="train"))
        imputer = SimpleImputer().fit(train.select("age").to_numpy())
        theirs.fit(imputer.transform(train.select("age").to_numpy()))
        wanted = theirs.transform(imputer.transform(test.select("age").to_numpy()))
        assert prepared.apply(test)["age"].to_numpy() == pytest.approx(wanted[:, 0], abs=0.05)


def test_a_training_rows_own_label_is_not_in_its_target_encoding():
    rows = 2_000
    rng = np.random.default_rng(0)
    data = pl.DataFrame({"who": np.arange(rows) // 2, "y": rng.integers(0, 2, rows).astype(float)})
    data = data.with_row_index("id")
    step = TargetEncode("who", label="y", smoothing=1.0)
    prepared = Preparation(step).fit_rows(TrackedRows.of(data, key=["id"], part="train"))
    assert prepared.rows is not None
    in_sample = np.corrcoef(prepared.apply(data)["who"], data["y"])[0, 1]
    assert in_sample > 0.6
    assert abs(np.corrcoef(prepared.rows.frame["who"], data["y"])[0, 1]) < 0.1


def test_the_means_of_a_target_encoding_are_the_m_estimate():
    data = pl.DataFrame({"c": ["a", "a", "a", "b", None], "y": [1.0, 1.0, 0.0, 0.0, None]})
    prepared = Preparation(TargetEncode("c", label="y", smoothing=2.0)).fit_rows(
        TrackedRows.of(data, part="train")
    )
    coded = prepared.apply(pl.DataFrame({"c": ["a", "b", "new", None]}))["c"]
    assert coded.to_list() == pytest.approx([3 / 5, 1 / 3, 0.5, 0.5])


def test_copies_of_a_row_are_in_its_own_fold():
    data = frame(60)
    train = TrackedRows.of(data, key=["id"], part="train")
    twice = train + train.made_from(data, np.arange(60))
    prepared = Preparation(TargetEncode("city", label="y")).fit_rows(twice)
    coded = prepared.rows.frame["city"].to_numpy()
    np.testing.assert_array_equal(coded[:60], coded[60:])


def test_what_is_unseen_has_a_place_of_its_own_and_is_counted():
    rows = TrackedRows.of(pl.DataFrame({"a": ["x", "y", None], "b": ["p", "p", "q"]}), part="train")
    prepared = Preparation(OneHot("a"), Ordinal("b", max_levels=1)).fit_rows(rows)
    new = pl.DataFrame({"a": ["x", "z", None], "b": ["p", "q", None]})
    out = prepared.apply(new)
    assert out.columns == ["b", "a=x", "a=y", "a=(unseen)", "a=(missing)"]
    assert out.drop("b").rows() == [(1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert out["b"].to_list() == [0, 1, 2]
    [a, b] = prepared.findings(new)
    assert (a.verdict, a.statistic, a.evidence["examples"]) == ("warn", pytest.approx(1 / 3), ["z"])
    assert b.evidence["examples"] == ["q"]
    assert [one.verdict for one in prepared.findings(rows.frame.head(1))] == ["ok", "ok"]


def test_words_are_numbered_by_how_many_rows_have_them():
    rows = TrackedRows.of(pl.DataFrame({"t": ["to be or to be", "to go", None]}), part="train")
    prepared = Preparation(Vocabulary("t", fewest=1)).fit_rows(rows)
    coded = prepared.apply(pl.DataFrame({"t": ["To fly, to BE", "", None]}))["t"]
    assert coded.to_list() == [[1, 0, 1, 2], [], None]


def test_what_was_learned_is_read_back_to_the_last_bit():
    whole = frame()
    steps = (*STEPS[:2], OneHot("city"), Ordinal("note"))
    for chosen in (STEPS, steps):
        prepared = Preparation(*chosen).fit_rows(TrackedRows.of(whole, part="train"))
        back = Prepared.load(prepared.save())
        assert back.apply(whole).equals(prepared.apply(whole))
        assert back.save() == prepared.save()
    with pytest.raises(InputError, match="no files of a preparation"):
        Prepared.load({"preparation.json": b"{}"})


def test_every_step_is_in_the_ledger_and_the_model_sees_what_they_saw():
    whole = frame()
    fold = k_fold(whole, folds=4, rng=0, key=["id"])[0]
    ledger = fold.ledger()
    prepared = Preparation(*STEPS).fit(fold, whole, ledger=ledger)
    ledger.record("model", prepared.rows)
    test = prepared.apply(fold.tracked("test", whole))
    ledger.judge_on("model", test)
    assert [fit.name for fit in ledger.fits] == [
        "impute(age)",
        "scale(age)",
        "target_encode(city)",
        "vocabulary(note)",
        "model",
    ]
    assert {one.verdict for one in ledger.findings()} == {"ok"}


def test_by_time_prepares_likewise():
    days = pl.DataFrame(
        {
            "at": pl.datetime_range(
                pl.datetime(2020, 1, 1), pl.datetime(2020, 3, 1), "6h", eager=True
            ).alias("at")
        }
    ).with_columns(x=pl.int_range(pl.len()).cast(pl.Float64))
    splits = by_time(validation="7d", test="7d")(days)
    prepared = Preparation(Scale("x", by="range")).fit(splits, days)
    assert prepared.apply(splits.take("train", days))["x"].max() == 1.0
    assert prepared.apply(splits.take("test", days))["x"].min() > 1.0


TRACKED = TrackedRows.of(frame(20), part="train")


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (Preparation, InputError, "at least one step"),
        (lambda: Preparation(Scale("age")).fit_rows(TrackedRows.of(frame(9))), InputError, "of no"),
        (
            lambda: Preparation(Scale("age")).fit_rows(TrackedRows.of(frame(9), part="test")),
            InputError,
            "these are test: split first",
        ),
        (
            lambda: Preparation(Scale("age")).fit_rows(
                TrackedRows.of(frame(9).clear(), part="train")
            ),
            InputError,
            "at least one row",
        ),
        (lambda: Preparation(Scale("agge")).fit_rows(TRACKED), SchemaError, "Did you mean `age`"),
        (lambda: Preparation(Scale("city")).fit_rows(TRACKED), SchemaError, "must hold numbers"),
        (lambda: Preparation(Ordinal("age")).fit_rows(TRACKED), SchemaError, "text or whole"),
        (lambda: Scale("age", by="best"), InputError, "not 'best'"),
        (lambda: Impute(()), InputError, "Name the columns"),
        (
            lambda: Preparation(Impute("age")).fit_rows(
                TrackedRows.of(pl.DataFrame({"age": [None, float("nan")]}), part="train")
            ),
            InputError,
            "nothing to fill `age` with",
        ),
        (
            lambda: Preparation(TargetEncode("city", label="y")).fit_rows(TRACKED).apply(TRACKED),
            InputError,
            "take `prepared.rows`",
        ),
        (
            lambda: Preparation(Scale("age")).fit_rows(TRACKED).apply(frame(3).drop("age")),
            SchemaError,
            "no column `age`",
        ),
        (
            lambda: (
                Preparation(Scale("age")).fit_rows(TRACKED).apply(pl.DataFrame({"age": ["old"]}))
            ),
            SchemaError,
            "held numbers in training, it now holds String",
        ),
    ],
)
def test_what_cannot_be_prepared_is_named(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_a_constant_and_infinite_values_do_no_harm():
    data = pl.DataFrame({"c": [3.0, 3.0, 3.0], "w": [1.0, float("inf"), 3.0]})
    prepared = Preparation(Scale(("c", "w"))).fit_rows(TrackedRows.of(data, part="train"))
    assert prepared.apply(data)["c"].to_list() == [0, 0, 0]
    assert prepared.apply(data)["w"].to_list() == [-1.0, float("inf"), 1.0]
    assert FitLedger({"train": RowSet.of([1])}).findings() == []
