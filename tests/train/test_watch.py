"""Leaks of known size: the true AUC is one half in each."""

import numpy as np
import polars as pl
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from homeostat.core import FitLedger, GateError, RowSet, TrackedRows
from homeostat.split import Splits, exact_copies, k_fold, random_split
from homeostat.stats import auc
from homeostat.train import ids_of, watch


def noise(rows=200, columns=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    frame = pl.DataFrame({"id": np.arange(rows), "y": rng.integers(0, 2, rows)})
    return frame.hstack(pl.DataFrame(x, [f"x{k}" for k in range(columns)]))


def model():
    return LogisticRegression(max_iter=500)


def test_features_selected_before_the_split_are_caught():
    frame = noise(columns=1_500)
    x, y = frame.drop("y"), frame["y"].to_numpy()
    ledger = FitLedger()
    chosen = watch(SelectKBest(k=40), ledger, key=["id"]).fit_transform(x, y)
    p = cross_val_predict(model(), chosen, y, cv=5, method="predict_proba")[:, 1]
    assert auc(y, p) > 0.8, "the wrong protocol flatters"
    splits = random_split(frame, rng=0, key=["id"])
    with pytest.raises(GateError, match="SelectKBest was fitted on 40 of 40 validation and 40 of"):
        ledger.hold_out(splits.row_sets)

    honest = splits.ledger()
    steps = Pipeline([("select", SelectKBest(k=40)), ("model", model())])
    fitted = watch(steps, honest, key=["id"]).fit(splits.take("train", x), y[splits.train])
    p = fitted.predict_proba(splits.take("test", x))[:, 1]
    assert 0.2 < auc(y[splits.test], p) < 0.8
    assert [one.verdict for one in honest.findings()] == ["ok"] * 3
    assert honest.fits[0].name == "Pipeline(select, model)"


@pytest.mark.parametrize("synthetic", [False, True])
def test_resampling_before_the_split_is_caught(synthetic):
    frame = noise(300, 5).with_columns(y=pl.Series(np.arange(300) < 30).cast(pl.Int64))
    rows = TrackedRows.of(frame, key=["id"])
    rng = np.random.default_rng(0)
    parents = rng.integers(0, 30, (240, 2 if synthetic else 1))
    drawn = frame[parents[:, 0]].with_columns(id=pl.int_range(1_000, 1_240))
    more = rows + rows.made_from(drawn, parents)
    x, y = more.frame.drop("id", "y").to_numpy(), more.frame["y"].to_numpy()
    part = np.random.default_rng(1).permutation(len(more)) % 3
    masks = {name: part == k for k, name in enumerate(("train", "validation", "test"))}
    near = KNeighborsClassifier(1).fit(x[masks["train"]], y[masks["train"]])
    if not synthetic:
        assert auc(y[masks["test"]], near.predict_proba(x[masks["test"]])[:, 1]) > 0.8
    parts = {name: more.take(mask) for name, mask in masks.items()}
    ledger = FitLedger({name: one.own for name, one in parts.items()})
    with pytest.raises(GateError, match="are in training too"):
        ledger.record("model", parts["train"])
    with pytest.raises(GateError, match="are copies or synthetic"):
        FitLedger().judge_on("model", parts["test"])

    kept = random_split(more, rng=0)  # what was made comes into training or nowhere
    honest = kept.ledger()
    honest.record("model", kept.tracked("train", more.frame))
    honest.judge_on("model", kept.tracked("test", more.frame))
    assert {one.verdict for one in honest.findings()} == {"ok"}


def test_duplicates_on_both_sides_are_caught():
    frame = noise(400, 3).drop("id")
    frame = pl.concat([frame, frame.sample(fraction=1.0, shuffle=True, seed=1)])
    part = np.random.default_rng(0).permutation(800) % 3
    masks = {name: part == k for k, name in enumerate(("train", "validation", "test"))}
    copies = exact_copies(frame)
    loose = Splits(masks, "by hand").known_by(frame)
    with pytest.raises(GateError, match=r"`copies` of test .* are in training too"):
        loose.ledger(apart={"copies": copies.groups})
    by_content = {name: RowSet.of(ids_of(frame.filter(mask))) for name, mask in masks.items()}
    with pytest.raises(GateError, match="in training too"):
        FitLedger(by_content).record("model", by_content["train"])
    kept = random_split(frame, rng=0, copies=copies)
    ledger = kept.ledger(apart={"copies": copies.groups})
    ledger.record("model", kept.tracked("train", frame))
    assert {one.verdict for one in ledger.findings()} == {"ok"}


def test_groups_on_both_sides_are_caught():
    rng = np.random.default_rng(0)
    who = np.arange(600) % 60
    frame = pl.DataFrame(rng.normal(size=(60, 4))[who], ["a", "b", "c", "d"]).with_columns(
        who=pl.Series(who), y=pl.Series(rng.integers(0, 2, 60)[who])
    )
    x, y = frame.select("a", "b", "c", "d").to_numpy(), frame["y"].to_numpy()
    loose = random_split(frame.with_row_index("id"), rng=0, key=["id"])
    near = KNeighborsClassifier(1).fit(x[loose.train], y[loose.train])
    assert auc(y[loose.test], near.predict_proba(x[loose.test])[:, 1]) > 0.95
    with pytest.raises(GateError, match=r"`who` of test .* are in training too"):
        loose.ledger(apart={"who": frame["who"]})
    kept = random_split(frame.with_row_index("id"), rng=0, groups=["who"], key=["id"])
    assert {one.verdict for one in kept.ledger(apart={"who": frame["who"]}).findings()} == {"ok"}


def test_clones_write_into_the_same_ledger_and_clean_folds_are_not_accused():
    frame = noise(120, 4)
    splits = random_split(frame, rng=0, key=["id"])
    ledger = splits.ledger()
    train = splits.take("train", frame)
    x, y = train.drop("y"), train["y"].to_numpy()
    steps = Pipeline([("scale", StandardScaler()), ("model", model())])
    scored = cross_validate(
        watch(steps, ledger, key=["id"]), x, y, cv=k_fold(train, folds=3, rng=0)
    )
    assert len(scored["test_score"]) == 3
    assert len(ledger.fits) == 3
    assert {one.verdict for one in ledger.findings()} == {"ok"}
    with pytest.raises(GateError, match="Pipeline"):
        watch(steps, ledger, key=["id"]).fit(frame.drop("y"), frame["y"].to_numpy())


def test_arrays_are_known_by_what_is_in_them():
    x = np.random.default_rng(0).normal(size=(50, 3))
    ledger = FitLedger({"train": RowSet.of(ids_of(x[:40])), "test": RowSet.of(ids_of(x[40:]))})
    watch(StandardScaler(), ledger).fit(x[:40])
    with pytest.raises(GateError, match="1 of 10 test rows"):
        watch(StandardScaler(), ledger).fit(x[5:41])


def test_tracked_rows_stay_tracked_through_a_watched_transformer():
    frame = noise(60, 3)
    splits = random_split(frame, rng=0, key=["id"])
    ledger = splits.ledger()
    scaler = watch(StandardScaler(), ledger, key=["id"])
    train = scaler.fit_transform(splits.tracked("train", frame.drop("y")))
    assert train.own == splits.row_sets["train"]
    assert train.frame.columns == ["id", "column_0", "column_1", "column_2"]
    assert [fit.name for fit in train.through] == ["StandardScaler"]
    test = scaler.transform(splits.tracked("test", frame.drop("y")))
    assert ledger.judge_on("model", test).verdict == "ok"


def test_a_watched_resampler_tells_which_rows_it_saw():
    class Twice:
        def fit_resample(self, x, y):
            return np.concatenate([x, x]), np.concatenate([y, y])

    x, y = np.arange(20.0)[:, None], np.arange(20) % 2
    ledger = FitLedger({"train": RowSet.of(ids_of(x[:15])), "test": RowSet.of(ids_of(x[15:]))})
    assert len(watch(Twice(), ledger).fit_resample(x[:15], y[:15])[0]) == 30
    with pytest.raises(GateError, match="Twice was fitted on 5 of 5 test rows"):
        watch(Twice(), ledger).fit_resample(x, y)
