import json

import numpy as np
import polars as pl
import pytest

from homeostat.core import CorruptionError, InputError
from homeostat.split import Folds, Splits, k_fold, random_split


def frame(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {"id": np.arange(rows), "x": rng.normal(size=rows), "y": rng.integers(0, 2, rows)}
    )


def test_every_row_is_judged_once_a_repeat():
    folds = k_fold(frame(), folds=5, repeats=3, rng=0, key=["id"])
    judged = folds.codes == 3
    assert len(folds) == 15 == folds.get_n_splits()
    for repeat in range(3):
        np.testing.assert_array_equal(judged[repeat * 5 : repeat * 5 + 5].sum(axis=0), 1)
    assert (judged[:5] != judged[5:10]).any()


def test_rare_classes_are_in_folds_to_within_one_row():
    y = np.array([0] * 97 + [1] * 7)
    folds = k_fold(pl.DataFrame({"y": y}), folds=5, rng=0, stratify="y")
    for k in (0, 1):
        counts = np.array([y[test].tolist().count(k) for _, test in folds.split()])
        assert np.ptp(counts) <= 1


def test_inner_folds_are_of_the_outer_training_rows_alone():
    whole = frame()
    outer = k_fold(whole, folds=3, rng=0, key=["id"])
    for fold, inner in outer.nested(lambda rows: k_fold(rows, folds=4, rng=1, key=["id"])):
        learned = fold.take("train", whole)
        seen = set()
        for one in inner:
            seen |= set(one.take("test", learned)["id"])
        assert seen == set(learned["id"])
        assert not seen & set(fold.take("test", whole)["id"])


def test_folds_and_splits_are_a_cv_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    whole = frame()
    x, y = whole.select("x").to_numpy(), whole["y"].to_numpy()
    folds, splits = k_fold(whole, folds=4, rng=0), random_split(whole, rng=0)
    assert cross_val_score(LogisticRegression(), x, y, cv=folds).shape == (4,)
    assert cross_val_score(LogisticRegression(), x, y, cv=splits).shape == (1,)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=folds).fit(x, y)
    assert len(search.cv_results_["split3_test_score"]) == 2
    with pytest.raises(InputError, match="of 120 rows, what is to be split has 7"):
        cross_val_score(LogisticRegression(), x[:7], y[:7], cv=folds)


@pytest.mark.parametrize("make", [random_split, k_fold])
def test_a_split_is_read_back_as_it_was_written(make):
    split = make(frame(), rng=0, stratify="y", key=["id"])
    files = split.save()
    back = type(split).load(files)
    np.testing.assert_array_equal(back.codes, split.codes)
    assert back.digest == split.digest
    assert back.findings == split.findings
    assert back.save() == files
    assert json.loads(files["split.json"])["key"] == ["id"]
    assert pl.read_ipc(files["rows.arrow"])["row"].dtype == pl.UInt64


def test_a_split_in_time_keeps_its_boundaries():
    from datetime import date

    from homeostat.split import by_time

    days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 3, 1), eager=True)})
    splits = by_time(validation="9d", test="9d")(days)
    back = Splits.load(splits.save())
    assert (back.boundaries, back.gap, back.time) == (splits.boundaries, splits.gap, "day")


@pytest.mark.parametrize("change", ["part", "told", "gone", "torn", "kind"])
def test_a_split_that_was_tampered_with_is_refused(change):
    files = random_split(frame(), rng=0).save()
    if change == "part":
        rows = pl.read_ipc(files["rows.arrow"]).with_columns(part_0=pl.lit(1, pl.UInt8))
        files["rows.arrow"] = rows.write_ipc(None).getvalue()
    elif change == "told":
        files["split.json"] = files["split.json"].replace(b'"random"', b'"time"')
    elif change == "torn":
        files["rows.arrow"] = files["rows.arrow"][:50]
    elif change == "gone":
        del files["rows.arrow"]
    reader = Folds if change == "kind" else Splits
    error = InputError if change in {"gone", "kind"} else CorruptionError
    with pytest.raises(error):
        reader.load(files)


def test_a_loaded_split_is_held_against_the_rows_it_is_used_on():
    whole = frame()
    splits = Splits.load(random_split(whole, rng=0, key=["id"]).save())
    shuffled = whole.sample(fraction=1.0, shuffle=True, seed=3)
    assert splits.take("test", whole).height == 24
    with pytest.raises(InputError, match=r"use `splits.onto\(frame\)`"):
        splits.take("test", shuffled)
    moved = splits.onto(shuffled)
    assert set(moved.take("test", shuffled)["id"]) == set(splits.take("test", whole)["id"])
    with pytest.raises(InputError, match="made of other rows"):
        splits.onto(whole.with_columns(pl.col("id") + 1))
    with pytest.raises(InputError, match="of 120 rows, the frame has 119"):
        splits.onto(whole.head(119))


def test_without_a_key_any_changed_value_is_another_row():
    whole = frame()
    folds = Folds.load(k_fold(whole, folds=3, rng=0).save())
    assert folds.onto(whole.reverse()).codes.shape == (3, 120)
    with pytest.raises(InputError, match="1 of 120 differ"):
        folds.onto(whole.with_columns(x=pl.when(pl.col("id") == 5).then(0.0).otherwise("x")))


def test_masks_made_by_hand_are_known_once_they_are_told_of():
    masks = {p: np.arange(9) // 3 == n for n, p in enumerate(("train", "validation", "test"))}
    splits = Splits(masks, "by hand")
    with pytest.raises(InputError, match="made by hand"):
        splits.save()
    known = splits.known_by(pl.DataFrame({"id": range(9)}), ["id"])
    assert len(known.row_sets["test"]) == 3
