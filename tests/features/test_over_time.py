from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from homeostat.core import InputError, SchemaError
from homeostat.features import generalization, generalization_by, importance_stability, new_values

START = datetime(2024, 1, 1, tzinfo=UTC)


def test_a_feature_that_one_site_lacks_is_found_there():
    train = pl.DataFrame({"x": [1.0, 2.0] * 200, "y": [1, 2] * 200})
    other = pl.DataFrame({"site": ["A", "B", "C", "few"] * 120, "y": [1, 2] * 240}).with_columns(
        x=pl.when(pl.col("site") != "B").then(1.0)
    )
    x, y = generalization_by(train, other, ["x", "y"], by="site")
    assert (x.verdict, y.verdict) == ("warn", "ok")
    assert (x.evidence["worst"], x.evidence["not_ok"], x.effect) == ("B", ["B"], -1.0)
    assert generalization(train, other, ["x"])[0].verdict == "warn"


def test_a_week_in_which_values_are_new_is_found():
    days = [START + timedelta(hours=n) for n in range(24 * 28)]
    other = pl.DataFrame({"at": days}).with_columns(
        code=pl.when(pl.col("at").dt.day().is_between(8, 14)).then(9).otherwise(1)
    )
    train = pl.DataFrame({"code": [1, 2] * 100})
    [found] = generalization_by(train, other, ["code"], by="at", every="1w")
    assert found.verdict == "fail"
    assert found.evidence["worst"].startswith("2024-01-08")
    assert (found.evidence["judged"], len(found.evidence["not_ok"])) == (4, 1)


def test_groups_too_small_to_judge_are_unknown():
    train = pl.DataFrame({"x": [1] * 200})
    [found] = generalization_by(train, pl.DataFrame({"x": [1] * 9, "s": ["a"] * 9}), ["x"], by="s")
    assert found.verdict == "unknown"


def test_values_that_training_never_saw_are_counted():
    train = pl.DataFrame({"c": ["a", "b"] * 100, "n": np.arange(200) / 7, "kind": ["p", "q"] * 100})
    later = pl.DataFrame(
        {
            "c": ["a", "z", "z", "y"] * 25,
            "n": [-1.0, 40.0, 5.0, float("nan")] * 25,
            "kind": pl.Series(["q", "p", "p", "q"] * 25, dtype=pl.Categorical),
        }
    )
    c, n, kind = new_values(train, later, ["c", "n", "kind"])
    assert (c.verdict, c.statistic, c.evidence["values"]) == ("warn", 0.75, {"z": 50, "y": 25})
    assert (n.evidence["below"], n.evidence["above"]) == (25, 25)
    assert kind.verdict == "ok"


@pytest.mark.parametrize(
    "column", [pl.Series([None] * 5, dtype=pl.Int64), pl.Series([], dtype=pl.Int64)]
)
def test_without_values_nothing_is_known_of_new_ones(column):
    frame = pl.DataFrame({"x": column})
    assert new_values(frame, frame, ["x"])[0].verdict == "unknown"
    with pytest.raises(SchemaError, match="no column `z`"):
        new_values(frame, frame, ["z"])


def test_a_hundred_thousand_categories_are_counted():
    train = pl.DataFrame({"id": [f"u{n}" for n in range(100_000)]})
    later = pl.DataFrame({"id": [f"u{n}" for n in range(50_000, 150_000)]})
    [found] = new_values(train, later, ["id"])
    assert (found.statistic, found.evidence["distinct"]) == (0.5, 50_000)


def test_importance_that_stays_is_stable_and_that_which_wanders_is_not():
    rng = np.random.default_rng(0)
    base = {f"f{n}": 2.0**-n for n in range(12)}
    still = {str(m): {k: v * rng.uniform(0.9, 1.1) for k, v in base.items()} for m in range(6)}
    assert {one.verdict.value for one in importance_stability(still)} == {"ok"}
    wander = dict(still) | {"6": {f"f{n}": 2.0 ** -(11 - n) for n in range(12)}}
    found = {one.subject: one for one in importance_stability(wander, top=3)}
    assert found["ranking"].verdict == "warn"
    assert found["ranking"].evidence["pairs"][-1]["top_kept"] == 0.0
    assert found["f0"].verdict == found["f11"].verdict == "warn"
    assert found["f5"].verdict == "ok"


def test_too_little_to_compare_is_unknown_and_nonsense_is_refused():
    assert importance_stability({"a": {"x": 1.0}})[0].verdict == "unknown"
    for wrong in ({"x": -1.0}, {"x": float("nan")}, {"x": 0.0}):
        with pytest.raises(InputError, match="finite, not negative"):
            importance_stability({"a": wrong, "b": wrong})
