import polars as pl
import pytest

from homeostat.core import InputError, SchemaError
from homeostat.features import Feature, FeatureSet, RecentMean, row_by_row, useless

FRAME = pl.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3, 2, 1]})


def centred(frame):
    return frame["a"] - frame["a"].mean()


def test_features_come_in_order_one_value_a_row():
    features = FeatureSet(
        (
            Feature("sum", pl.col("a") + pl.col("b")),
            Feature("b", lambda frame: frame["b"] * 10),
        )
    )
    assert features.compute(FRAME).to_dict(as_series=False) == {
        "sum": [4.0, 4.0, 5.0],
        "b": [30, 20, 10],
    }
    assert features.select(["b"]).names == ("b",)
    assert len(features) == 2


def test_a_digest_changes_with_what_a_feature_means_and_with_nothing_else():
    one = Feature("x", pl.col("a") * 2, description="old")
    assert one.digest == Feature("x", pl.col("a") * 2, description="new", owner="me").digest
    others = [
        Feature("x", pl.col("a") * 3),
        Feature("x", pl.col("a") * 2, revision=2),
        Feature("x", pl.col("a") * 2, known_at="always"),
        Feature("y", pl.col("a") * 2),
        Feature("x", centred),
        Feature("x", RecentMean(events="e", value="v", known_at="t", at="at", window="1h")),
    ]
    assert len({feature.digest for feature in [one, *others]}) == 7
    two = FeatureSet((one, others[3]))
    assert two.digest != FeatureSet((others[3], one)).digest


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Feature("", pl.col("a")), InputError, "needs a name"),
        (lambda: Feature("x", pl.col("a"), known_at=""), SchemaError, "known-at"),
        (lambda: FeatureSet((Feature("x", pl.col("a")),) * 2), InputError, "twice: x"),
        (lambda: FeatureSet(())["x"], InputError, "no feature"),
        (lambda: compute(Feature("x", pl.col("aa"))), SchemaError, "Did you mean `a`"),
        (lambda: compute(Feature("x", pl.col("a").str.len_bytes())), SchemaError, "computed"),
        (lambda: compute(Feature("x", pl.col("a").mean())), SchemaError, "one value a row"),
        (lambda: compute(Feature("x", lambda f: f["a"].head(1))), SchemaError, "got 1 for 3"),
        (lambda: compute(recent("late")), InputError, "No stream of events `late`"),
    ],
)
def test_bad_features_are_named(make, error, says):
    with pytest.raises(error, match=says):
        make()


def recent(name):
    mean = RecentMean(events=name, value="v", known_at="t", at="at", window="1h")
    return Feature("x", mean)


def compute(feature):
    return FeatureSet((feature,)).compute(FRAME)


def test_a_feature_that_learns_from_other_rows_is_found():
    features = FeatureSet(
        (
            Feature("own", pl.col("a") * 2),
            Feature("centred", centred),
            Feature("rank", pl.col("b").rank()),
            recent("e"),
        )
    )
    verdicts = {found.subject: found.verdict for found in row_by_row(features, FRAME, rng=0)}
    assert verdicts == {"own": "ok", "centred": "fail", "rank": "fail"}


def test_what_can_be_retired_is_found():
    frame = pl.DataFrame(
        {
            "good": range(40),
            "empty": pl.Series([None] * 40, dtype=pl.Int64),
            "constant": [1] * 40,
            "copy": range(40),
            "stopped": [*range(30), *[None] * 10],
            "stuck": [*range(30), *[7] * 10],
            "present": [1, None] * 20,
            "idle": [3, 1, 2, 0] * 10,
        }
    )
    importance = {"good": 5.0, "stopped": 1.0, "stuck": 1.0, "present": 1.0}
    found = {one.subject: one.check for one in useless(frame, importance=importance)}
    assert found == {
        "empty": "features.empty",
        "constant": "features.constant",
        "copy": "features.copy",
        "stopped": "features.stale",
        "stuck": "features.stale",
        "idle": "features.unused",
    }
    assert [one.verdict for one in useless(frame, ["good"])] == ["ok"]
