"""Resampling: of training rows only, with parents, and sound or said not to be."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import FitLedger, GateError, InputError, SchemaError, TrackedRows, Verdict
from homeostat.sample import (
    Imblearn,
    RandomOver,
    RandomUnder,
    Smote,
    Tomek,
    resample,
)
from homeostat.split import random_split


def table(n=400, seed=0, share=0.1):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return pl.DataFrame(
        {
            "x": rng.normal(size=n) + y,
            "f": rng.normal(size=n).astype(np.float32),
            "n": rng.integers(0, 50, n),
            "kind": rng.choice(["red", "green", "blue"], n),
            "flag": rng.random(n) < 0.5,
            "y": y,
        }
    )


ROWS = table()


def all_of(frame, steps, **rest):
    return resample(frame, steps, label="y", train="all", seed=1, **rest)


STEPS = {
    "over": RandomOver(),
    "under": RandomUnder(),
    "smote": Smote(),
    "border": Smote(border=True),
    "tomek": Tomek(),
    "smote, tomek": [Smote(), Tomek()],
    "under, smote": [RandomUnder(ratio=0.5), Smote(ratio=0.8)],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_columns_types_and_real_rows_are_kept(steps):
    done = all_of(ROWS, steps)
    assert done.frame.schema == ROWS.schema
    real = ~done.lineage["made"].to_numpy()
    parent = done.lineage["parent"].to_numpy()
    assert done.frame.filter(pl.Series(real)).equals(ROWS[parent[real]])
    assert done.lineage.height == done.frame.height
    assert all_of(ROWS, steps).frame.equals(done.frame)
    json.dumps([found.to_json() for found in done.findings])


def test_random_steps_balance_the_classes():
    n_ones = ROWS["y"].sum()
    over, under = all_of(ROWS, RandomOver()), all_of(ROWS, RandomUnder())
    assert over.frame["y"].mean() == under.frame["y"].mean() == 0.5
    assert under.frame.height == 2 * n_ones
    copies = over.lineage.filter(pl.col("parent").is_in(np.flatnonzero(ROWS["y"]).tolist()))
    times = copies["parent"].value_counts()["count"]
    assert times.max() - times.min() <= 1
    half = all_of(ROWS, RandomUnder(ratio=0.5)).frame
    assert half.height == 3 * n_ones


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4))
def test_a_synthetic_row_lies_between_its_parent_and_one_of_its_neighbours(seed, k, d):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, d))
    y = np.r_[np.ones(12, int), np.zeros(48, int)]
    frame = pl.DataFrame(x, schema=[f"c{i}" for i in range(d)]).with_columns(y=pl.Series(y))
    done = resample(frame, Smote(k=k, scale=False), label="y", train="all", seed=seed)
    assert done.frame["y"].value_counts()["count"].to_list() == [48, 48]
    new = done.lineage.filter("made")
    a, b, share = (new[name].to_numpy() for name in ("parent", "parent_2", "lambda"))
    assert ((share >= 0) & (share <= 1)).all()
    assert np.allclose(done.frame[60:, :d].to_numpy(), x[a] + share[:, None] * (x[b] - x[a]))
    apart = ((x[:12, None] - x[None, :12]) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    rank = apart.argsort(axis=1).argsort(axis=1)
    assert (rank[a, b] < k).all()
    assert done.frame[:60].equals(frame)


def test_scaled_or_not_decides_who_is_a_neighbour():
    frame = pl.DataFrame(
        {
            "km": [0.0, 0.1, 30.0, *range(9)],
            "g": [0.0, 4e3, 10.0, *(i * 1e6 for i in range(9))],
            "y": [1] * 3 + [0] * 9,
        }
    )

    def towards(step):
        made = all_of(frame, step).lineage.filter(pl.col("made") & (pl.col("parent") == 0))
        return set(made["parent_2"])

    assert towards(Smote(k=1, scale=False)) == {2}
    assert towards(Smote(k=1)) == {1}


def test_whole_numbers_stay_whole_and_categories_stay_known():
    done = all_of(ROWS, Smote())
    new = done.frame[ROWS.height :]
    assert new["n"].dtype == ROWS["n"].dtype
    a, b = (done.lineage[name][ROWS.height :] for name in ("parent", "parent_2"))
    low = np.minimum(ROWS["n"][a.to_list()], ROWS["n"][b.to_list()])
    high = np.maximum(ROWS["n"][a.to_list()], ROWS["n"][b.to_list()])
    assert ((new["n"] >= low) & (new["n"] <= high)).all()
    assert set(new["kind"]) <= {"red", "green", "blue"}
    coded = ROWS.with_columns(pl.col("n") % 3)
    codes = all_of(coded, Smote(categorical=("n",))).frame["n"]
    assert set(codes) == {0, 1, 2}


def test_smote_nc_takes_the_commonest_category_of_the_neighbours():
    frame = pl.DataFrame(
        {
            "x": [0.0, 0.1, 0.2, 0.3, 9.0, 9.1, 9.2, 9.3, 9.4, 9.5],
            "c": ["odd", "b", "b", "b", "z", "z", "z", "z", "z", "z"],
            "y": [1, 1, 1, 1, 0, 0, 0, 0, 0, 0],
        }
    )
    new = all_of(frame, Smote(k=3)).frame[10:]
    assert new["c"].to_list() == ["b", "b"]


def test_smote_nc_adds_the_squared_median_spread_per_differing_category():
    from homeostat.sample._columns import measured
    from homeostat.sample._neighbours import category_difference, neighbours

    look = measured(ROWS, label="y", categorical=(), carried=(), scale=False, missing="refuse")
    rows = np.flatnonzero(ROWS["y"])
    spread = np.median(ROWS.filter(y=1).select("x", "f", "n").to_numpy().std(axis=0))
    differ = category_difference(look, rows)
    assert differ == pytest.approx(spread**2)
    x, codes = look.scaled(rows), look.codes[rows]
    apart = ((x[:, None] - x[None]) ** 2).sum(-1)
    apart += differ * (codes[:, None] != codes[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    wanted = np.sort(apart, axis=1)[:, :5]
    near = neighbours(x, codes, differ, 5)
    assert np.allclose(np.take_along_axis(apart, near, axis=1), wanted)


def test_categories_alone_are_smote_n():
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(20, int), np.zeros(180, int)]
    frame = pl.DataFrame(
        {
            "a": np.where(y, "p", rng.choice(["p", "q"], 200)),
            "b": rng.choice(list("uvw"), 200),
            "y": y,
        }
    )
    done = all_of(frame, Smote())
    assert set(done.frame[200:]["a"]) == {"p"}
    assert done.lineage["lambda"][200:].unique().to_list() == [0.0]
    assert [f.verdict for f in done.findings if f.check == "sample.categories"] == [Verdict.WARN]


def test_borderline_smote_starts_only_from_rows_in_danger():
    frame = table(600, 3)
    done = resample(
        frame,
        Smote(border=True, scale=False, carried=("kind", "flag")),
        label="y",
        train="all",
        seed=0,
    )
    x = frame.select("x", "f", "n").to_numpy().astype(float)
    apart = ((x[:, None] - x[None]) ** 2).sum(-1)
    np.fill_diagonal(apart, np.inf)
    others = (frame["y"].to_numpy()[apart.argsort(axis=1)[:, :10]] == 0).sum(axis=1)
    started = done.lineage.filter("made")["parent"].unique().to_numpy()
    assert ((others[started] >= 5) & (others[started] < 10)).all()
    lone = pl.DataFrame(
        {"x": [*np.arange(30.0), *np.arange(1e3, 1e3 + 12)], "y": [0] * 30 + [1] * 12}
    )
    with pytest.raises(InputError, match="at the border"):
        all_of(lone, Smote(border=True))


def test_copies_of_a_row_do_not_make_it_its_own_neighbour():
    frame = pl.DataFrame({"x": [1.0] * 8 + [5.0, 6.0] * 10, "y": [1] * 8 + [0] * 20})
    lineage = all_of(frame, Smote(k=3)).lineage.filter("made")
    assert (lineage["parent"] != lineage["parent_2"]).all()


def test_missing_numbers_are_refused_or_kept_as_gaps():
    gaps = ROWS.with_columns(
        x=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise("x"),
        f=pl.when(pl.int_range(pl.len()) % 7 == 0)
        .then(float("nan"))
        .otherwise("f")
        .cast(pl.Float32),
        n=pl.when(pl.int_range(pl.len()) % 11 == 0).then(None).otherwise("n"),
    )
    for step in (Smote(), Tomek()):
        with pytest.raises(InputError, match="`x` is missing in 80 of 400 training rows"):
            all_of(gaps, step)
    done = all_of(gaps, Smote(missing="keep"))
    assert done.frame.schema == gaps.schema
    new, lineage = done.frame[400:], done.lineage[400:]
    parent, second = gaps[lineage["parent"].to_list()], gaps[lineage["parent_2"].to_list()]
    assert (new["x"].is_null() == parent["x"].is_null()).all()
    assert (new["n"].is_null() == parent["n"].is_null()).all()
    assert (new["f"].is_nan() == parent["f"].is_nan()).all()
    only = second["x"].is_null() & parent["x"].is_not_null()
    assert (new["x"].filter(only) == parent["x"].filter(only)).all()
    assert all_of(gaps, Tomek(missing="keep")).frame.height <= 400
    with pytest.raises(InputError, match="infinite"):
        all_of(ROWS.with_columns(x=pl.lit(float("inf"))), Smote())


def test_a_column_without_distance_is_refused_unless_carried():
    dated = ROWS.with_columns(day=pl.lit(date(1850, 1, 1)))
    with pytest.raises(InputError, match="name it in `carried`"):
        all_of(dated, Smote())
    done = all_of(dated, Smote(carried=("day",)))
    assert done.frame["day"].unique().to_list() == [date(1850, 1, 1)]


def test_every_class_grows_to_the_largest():
    frame = pl.DataFrame({"x": np.arange(60.0), "y": ["a"] * 40 + ["b"] * 15 + ["c"] * 5})
    done = all_of(frame, Smote())
    assert sorted(done.frame["y"].value_counts()["count"]) == [40, 40, 40]
    assert done.correction.classes == ("a", "b", "c")
    assert done.correction.true == pytest.approx((40 / 60, 15 / 60, 5 / 60))
    new = done.lineage.filter("made")
    labels = frame["y"]
    assert (labels[new["parent"].to_list()] == labels[new["parent_2"].to_list()]).all()


def test_few_rows_of_a_class_are_said_and_one_is_refused():
    few = pl.DataFrame({"x": np.arange(30.0), "y": [1] * 3 + [0] * 27})
    found = {one.check: one for one in all_of(few, Smote()).findings}
    assert found["sample.neighbours"].verdict == Verdict.WARN
    assert found["sample.distance"].verdict == Verdict.UNKNOWN
    with pytest.raises(InputError, match="class 1 has one row"):
        all_of(pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 0, 0]}), Smote())


@pytest.mark.parametrize(("d", "verdict"), [(2, Verdict.OK), (200, Verdict.WARN)])
def test_it_is_said_where_distances_have_concentrated(d, verdict):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(rng.normal(size=(400, d)), schema=[f"c{i}" for i in range(d)])
    frame = frame.with_columns(y=pl.Series(rng.random(400) < 0.3))
    for step in (Smote(), Tomek()):
        found = [one for one in all_of(frame, step).findings if one.check == "sample.distance"]
        assert [one.verdict for one in found] == [verdict]


def test_only_training_rows_are_touched():
    splits = random_split(ROWS.with_row_index("id"), rng=0)
    frame = ROWS.with_row_index("id")
    done = resample(
        frame, [Smote(carried=("id",)), Tomek(carried=("id",))], label="y", train=splits, seed=0
    )
    parents = set(done.lineage["parent"]) | set(done.lineage["parent_2"].drop_nulls())
    assert parents <= set(np.flatnonzero(splits.train).tolist())
    assert set(done.frame["id"]) <= set(frame["id"].filter(pl.Series(splits.train)))
    assert done.check(splits).verdict == Verdict.OK
    assert done.check(random_split(frame, rng=1)).verdict == Verdict.FAIL


def test_rows_that_are_not_for_training_are_refused():
    frame = ROWS.with_row_index("id")
    splits = random_split(frame, rng=0)
    with pytest.raises(InputError, match="nothing says which"):
        resample(frame, RandomOver(), label="y", seed=0)
    with pytest.raises(InputError, match="pass the frame that was split"):
        resample(splits.take("test", frame), RandomOver(), label="y", train=splits, seed=0)
    with pytest.raises(InputError, match="held out as well"):
        resample(frame, RandomOver(), label="y", train=([0, 1, 2], [2, 3]), seed=0)
    with pytest.raises(InputError, match="from 0 to 399"):
        resample(frame, RandomOver(), label="y", train=([0, 1, 400], [2, 3]), seed=0)
    for part in ("validation", "test", ""):
        rows = TrackedRows.of(frame, key=["id"], part=part)
        with pytest.raises(InputError, match="Only training rows may be resampled"):
            resample(rows, RandomOver(), label="y", seed=0)


def test_a_fold_of_scikit_learn_will_do():
    from sklearn.model_selection import StratifiedKFold

    for fold in StratifiedKFold(3).split(ROWS["x"], ROWS["y"]):
        done = resample(ROWS, RandomOver(), label="y", train=fold, seed=0)
        assert set(done.lineage["parent"]) <= set(fold[0].tolist())


def test_tracked_rows_keep_their_origins_and_the_ledger_refuses_to_judge_on_them():
    frame = ROWS.with_row_index("id")
    train = TrackedRows.of(frame[:300], key=["id"], part="train")
    test = TrackedRows.of(frame[300:], key=["id"], part="test")
    done = resample(train, [Smote(carried=("id",))], label="y", seed=0).tracked
    assert done.frame.height == len(done) > 300
    assert done.made.sum() == len(done) - 300
    assert done.own == train.own
    assert done.through[-1].name == "sample.Smote"
    ledger = FitLedger({"train": train.own, "test": test.own})
    ledger.record("model", done)
    with pytest.raises(GateError, match="copies or synthetic"):
        ledger.judge_on("model", done)
    assert ledger.judge_on("model", test).verdict == Verdict.OK


def test_imbalanced_learn_serves_where_it_tells_the_rows():
    under = pytest.importorskip("imblearn.under_sampling")
    from imblearn.over_sampling import ADASYN

    numbers = ROWS.select("x", "f", "n", "y")
    done = all_of(numbers, Imblearn(sampler=under.NearMiss()))
    assert done.frame["y"].mean() == 0.5
    assert done.frame.equals(numbers[done.lineage["parent"].to_list()])
    with pytest.raises(InputError, match="ADASYN makes rows up"):
        all_of(numbers, Imblearn(sampler=ADASYN()))
    with pytest.raises(InputError, match="name the `columns`"):
        all_of(ROWS, Imblearn(sampler=under.NearMiss()))
    assert all_of(ROWS, Imblearn(sampler=under.NearMiss(), columns=("x", "n"))).frame.height


def test_smote_is_as_that_of_imbalanced_learn_in_its_moments():
    over = pytest.importorskip("imblearn.over_sampling")
    numbers = table(3000, 5).select("x", "f", "y").with_columns(pl.col("f").cast(pl.Float64))
    ours = all_of(numbers, Smote(scale=False)).frame[3000:].select("x", "f").to_numpy()
    x = numbers.select("x", "f").to_numpy()
    theirs = over.SMOTE(random_state=0).fit_resample(x, numbers["y"].to_numpy())[0][3000:]
    assert np.allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.1)
    assert np.allclose(ours.std(axis=0), theirs.std(axis=0), atol=0.1)


def test_a_correction_is_exact_for_numbers_of_rows_and_approximate_for_made_up_ones():
    over, smote = all_of(ROWS, RandomOver()).correction, all_of(ROWS, Smote()).correction
    assert over.trained == smote.trained == (0.5, 0.5)
    assert over.true[1] == pytest.approx(ROWS["y"].mean())
    assert not over.approximate
    assert smote.approximate
    assert all_of(ROWS, Tomek()).correction.approximate
    assert "approximately" in smote.finding().summary


def test_what_cannot_be_resampled_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="nothing to balance"):
        all_of(ROWS.with_columns(y=1), RandomOver())
    with pytest.raises(InputError, match="at least one training row"):
        all_of(ROWS.clear(), RandomOver())
    with pytest.raises(InputError, match="needs a value"):
        all_of(ROWS.with_columns(y=pl.when(pl.col("x") > 1).then("y")), RandomOver())
    with pytest.raises(InputError, match="not whole"):
        all_of(ROWS.with_columns(y=pl.col("x")), RandomOver())
    with pytest.raises(SchemaError, match="no column `z`"):
        resample(ROWS, RandomOver(), label="z", train="all", seed=0)
    with pytest.raises(SchemaError, match="no column `kin`"):
        all_of(ROWS, Smote(categorical=("kin",)))
    with pytest.raises(InputError, match="ratio"):
        all_of(ROWS, RandomOver(ratio=0.0))
    with pytest.raises(InputError, match="at least one step"):
        all_of(ROWS, [])
    with pytest.raises(InputError, match="in one step"):
        all_of(ROWS, [Smote(ratio=0.5), Smote()])
    with pytest.raises(InputError, match="beside the label"):
        all_of(ROWS.select("y"), Smote())


def test_odd_names_and_constant_or_empty_columns_do_no_harm():
    odd = ROWS.select("y", pl.col("x").alias("größe, m²")).with_columns(
        constant=pl.lit(3.0), text=pl.lit(None, pl.String)
    )
    done = all_of(odd, [Smote(), Tomek()])
    assert done.frame["constant"].unique().to_list() == [3.0]
    assert done.frame["text"].null_count() == done.frame.height


def test_a_hundred_thousand_categories_are_no_hundred_thousand_columns():
    n = 100_000
    frame = pl.DataFrame(
        {"id": [f"u{i}" for i in range(n)], "x": np.arange(n) % 97.0, "y": np.arange(n) % 1000 == 0}
    )
    assert all_of(frame, Smote(ratio=0.01)).frame.height > n
