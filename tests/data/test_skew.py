import math

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, InputError, Schema, Verdict
from homeostat.data import (
    Profile,
    SchemaSkew,
    SkewLimits,
    Threshold,
    compare,
    profile,
    skew,
)
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_distance import distance, novelty, shared_cells
from homeostat.stats import js_divergence

FEW = SkewLimits(least_rows=1)


def texts(**counts):
    return pl.DataFrame({"f": [value for value, n in counts.items() for _ in range(n)]})


def apart(metric, one, other, cells=10):
    a, b = ColumnProfile.of(pl.Series(one)), ColumnProfile.of(pl.Series(other))
    return distance(metric, a, b, shared_cells(a, b, cells))


def told(findings, *verdicts):
    return {(f.check.removeprefix("skew."), f.subject) for f in findings if f.verdict in verdicts}


def test_the_l_infinity_of_tfdvs_skew_test_is_0_2_at_a():
    """TFDV's anomalies tests: 1, 2 and 7 against 3, 1 and 6, threshold 0.1."""
    found = skew(texts(a=1, b=2, c=7), texts(a=3, b=1, c=6), thresholds={"f": 0.1}, limits=FEW)
    assert [(f.verdict, f.check) for f in found] == [(Verdict.FAIL, "skew.distribution")]
    assert found[0].statistic == pytest.approx(0.2)
    assert "`a` is 30.0 % of serving, 10.0 % of training" in found[0].summary
    passed = skew(
        texts(a=1, b=2, c=7), texts(a=3, b=1, c=6), thresholds={"f": 0.2 + 1e-9}, limits=FEW
    )
    assert passed[0].verdict is Verdict.OK


def test_one_far_outlier_hardly_moves_the_jensen_shannon_divergence():
    """TFDV's drift_skew_metrics_test: 10,000 normal values, and the same with 1e8."""
    x = np.random.default_rng(44).standard_normal(10_000)
    far = np.append(x, 1e8)
    assert apart("jensen_shannon", x, far, 10) < 0.15
    assert apart("jensen_shannon", x, far, 100) < 0.02


def test_distances_have_their_textbook_values():
    assert apart("jensen_shannon", [True] * 10, [False] * 10) == pytest.approx(1.0)
    p, q = np.array([0.1, 0.4, 0.5]), np.array([0.8, 0.15, 0.05])
    middle = (p + q) / 2
    bits = (p @ np.log2(p / middle) + q @ np.log2(q / middle)) / 2
    one, other = (np.repeat(["a", "b", "c"], (100 * w).round().astype(int)) for w in (p, q))
    assert apart("jensen_shannon", one.tolist(), other.tolist()) == pytest.approx(bits)
    assert float(js_divergence(p, q, debiased=False, base=2)) == pytest.approx(bits)
    index = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    many = [np.repeat(["a", "b", "c"], (1e5 * w).round().astype(int)).tolist() for w in (p, q)]
    assert apart("psi", *many) == pytest.approx(index, rel=1e-3)


def test_wasserstein_of_a_shift_is_the_shift_in_standard_deviations():
    x = np.random.default_rng(0).normal(size=50_000)
    assert apart("wasserstein", x, x + 0.5) == pytest.approx(0.5 / x.std(), rel=0.01)
    assert apart("wasserstein", x, x) == 0.0
    assert apart("wasserstein", [0, 1, 3], [5, 6, 8]) == pytest.approx(5 / np.std([0, 1, 3]))


def table(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "km": rng.gamma(3, 10, n) + 1,
            "city": rng.choice(["Oslo", "Rome", "Lima"], n, p=[0.5, 0.3, 0.2]),
            "count": rng.poisson(4, n),
            "tags": [["a"] * k for k in rng.integers(1, 4, n)],
            "label": rng.choice(["no", "yes"], n),
        }
    )


SCHEMA = Schema(
    (
        Column("age", "float", {"feature"}),
        Column("km", "float", {"feature"}),
        Column("city", "string", {"feature"}),
        Column("count", "int", {"feature"}),
        Column("label", "string", {"label"}),
    )
)


def test_each_fault_of_serving_has_a_finding_of_its_own():
    new = table(seed=1).with_columns(
        km=pl.col("km") * 1.609,
        count=pl.col("count").cast(pl.String),
        tags=pl.Series([["a"] * 9] * 2000),
        age=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise(pl.col("age")),
        city=pl.col("city").replace("Lima", "Quito"),
        extra=pl.lit(1.0),
    ).drop("label")  # fmt: skip
    found = skew(profile(table()), profile(new))
    failed = told(found, Verdict.FAIL)
    assert {
        ("scale", "km"), ("type", "count"), ("missing", "age"), ("category", "city"),
        ("valency", "tags"), ("feature_removed", "label"), ("distribution", "city"),
    } <= failed  # fmt: skip
    assert told(found, Verdict.WARN) == {("feature_added", "extra"), ("vanished", "city")}
    assert "about 1.5" in next(f.summary for f in found if f.check == "skew.scale")
    assert ("distribution", "count") not in {(f.check, f.subject) for f in found}


def test_a_label_that_serving_lacks_is_well_and_one_that_changed_is_not():
    serving = table(seed=1).drop("label")
    found = skew(table(), serving, schema=SCHEMA)
    assert told(found, Verdict.FAIL, Verdict.WARN) == {("feature_added", "tags")}
    third = table(seed=1).with_columns(
        label=pl.when(pl.int_range(pl.len()) % 10 == 0).then(pl.lit("maybe")).otherwise("label")
    )
    found = skew(table(), third, schema=SCHEMA)
    assert ("label", "label") in told(found, Verdict.FAIL)
    assert any("The label changed" in f.summary and "maybe" in f.summary for f in found)
    retyped = table(seed=1).with_columns(label=pl.lit(1))
    assert ("label", "label") in told(skew(table(), retyped, schema=SCHEMA), Verdict.FAIL)


def test_serving_like_training_is_quiet():
    for seed in range(5):
        found = skew(table(1500, 2 * seed), table(400, 2 * seed + 1))
        assert told(found, Verdict.FAIL) == set()


@pytest.mark.slow
def test_serving_like_training_is_quiet_at_the_stated_rate():
    alarms = 0
    for seed in range(60):
        found = skew(table(1500, 2 * seed).drop("tags"), table(400, 2 * seed + 1).drop("tags"))
        alarms += bool(told(found, Verdict.FAIL))
    assert alarms <= 3  # at a level of 1 %, 4 and more come in 0.3 % of runs


def test_a_moderate_shift_is_found():
    for seed in range(5):
        new = table(2000, 100 + seed).with_columns(age=pl.col("age") + 5)
        assert ("distribution", "age") in told(skew(table(seed=seed), new), Verdict.FAIL)


def test_thresholds_learned_from_parts_allow_what_the_parts_do():
    def week(mean, seed):
        return pl.DataFrame({"x": np.random.default_rng(seed).normal(mean, 1, 1000)})

    means = [0.0, 0.8, -0.8, 0.4, -0.4, 0.7]
    parts = [week(mean, seed) for seed, mean in enumerate(means)]
    check = SchemaSkew.of(parts)
    assert check.judge(week(0.8, 90))[0].verdict is Verdict.OK
    assert check.judge(week(3.0, 91))[0].verdict is Verdict.FAIL
    strict = SchemaSkew.of(pl.concat(parts), windows=1)
    assert strict.judge(week(0.8, 90))[0].verdict is Verdict.FAIL


def test_a_feature_that_differs_wholly_from_part_to_part_is_unknown_not_well():
    frame = pl.DataFrame({"month": np.repeat(np.arange(8), 100)})
    found = skew(frame, pl.DataFrame({"month": [8] * 100}))
    distribution = next(f for f in found if f.check == "skew.distribution")
    assert distribution.verdict is Verdict.UNKNOWN
    assert ("range", "month") in told(found, Verdict.FAIL)


def test_too_few_rows_are_unknown():
    assert [f.verdict for f in skew(table(), table().clear())] == [Verdict.UNKNOWN]
    found = skew(pl.DataFrame({"x": [1.0] * 100}), pl.DataFrame({"x": [1.0] * 5}))
    assert [f.verdict for f in found] == [Verdict.UNKNOWN]
    odd = skew(pl.DataFrame({"x": [{"a": 1}] * 50}), pl.DataFrame({"x": [{"a": 2}] * 50}))
    assert [f.verdict for f in odd] == [Verdict.UNKNOWN]


def test_profiles_reports_and_frames_are_judged_alike():
    old, new = table().drop("tags"), table(seed=3).drop("tags")
    plain = [f.to_json() for f in skew(Profile.of(old), Profile.of(new))]
    kept = Profile.from_bytes(Profile.of(old).to_bytes())
    assert [f.to_json() for f in skew(kept, Profile.of(new))] == plain
    assert [f.to_json() for f in skew(profile(old), profile(new))] == plain


def test_new_values_among_a_million_are_estimated_in_bounded_memory():
    def users(start, rows):
        texts = pl.select(pl.format("user-{}", pl.int_range(start, start + rows)).alias("u"))["u"]
        return ColumnProfile.of(texts)

    old, new = users(0, 100_000), users(80_000, 40_000)
    rate, count, names = novelty(old, new)
    assert rate == pytest.approx(0.5, abs=0.06)
    assert count == pytest.approx(2e4, rel=0.2)
    assert all(int(name.split("-")[1]) >= 100_000 for name in names)
    assert novelty(old, old)[0] == 0.0


def test_thresholds_are_checked():
    with pytest.raises(InputError, match=r"no `citi`.*city"):
        SchemaSkew.of(table(), thresholds={"citi": 0.1})
    with pytest.raises(InputError, match="l_infinity"):
        Threshold("l_infinit", 0.1)
    with pytest.raises(InputError, match="at least 0"):
        Threshold("psi", -1)
    with pytest.raises(InputError, match="at least 2 cells"):
        SkewLimits(cells=1)
    with pytest.raises(InputError, match="got none"):
        SchemaSkew.of([])


def test_every_metric_can_be_declared_for_a_feature():
    for metric in ("psi", "wasserstein", "jensen_shannon", "l_infinity"):
        found = skew(table(), table(seed=1), thresholds={"age": Threshold(metric, 0.0)})
        age = next(f for f in found if f.subject == "age" and f.check == "skew.distribution")
        assert age.evidence["metric"] == metric
        assert age.verdict is Verdict.FAIL


def test_a_comparison_puts_what_changed_most_first():
    new = table(seed=1).with_columns(
        age=pl.col("age") + 3, city=pl.lit("Rome"), extra=pl.lit(1)
    ).drop("count")  # fmt: skip
    found = compare({"train": table(), "serve": new})
    assert [column.name for column in found.columns][:2] == ["count", "extra"]
    order = [column.name for column in found.columns]
    assert order.index("city") < order.index("age") < order.index("km")
    sizes = [f.statistic for f in found.findings]
    assert sizes == sorted(sizes, reverse=True)
    assert "`count` is in train, but not in serve." in found.to_text()


def test_equal_tables_differ_in_nothing():
    found = compare([table(), table()])
    assert found.findings == ()
    assert "Nothing changed" in found.to_text()
    assert "Nothing changed by much." in found.to_html()


def test_weeks_are_compared_with_the_first_or_with_the_one_before():
    weeks = {
        f"week {i}": pl.DataFrame({"x": np.random.default_rng(i).normal(i, 1, 500)})
        for i in range(6)
    }
    first = compare(weeks).columns[0]
    assert list(first.sizes) == sorted(first.sizes)
    previous = compare(weeks, against="previous").columns[0]
    assert max(previous.sizes) < 0.6 < max(first.sizes)
    page = compare(weeks).to_html()
    assert 'class="drift"' in page
    assert page.count('class="cell') >= 6


def test_a_comparison_needs_two_and_says_so():
    with pytest.raises(InputError, match="at least two"):
        compare([table()])
    with pytest.raises(InputError, match="first"):
        compare([table(), table()], against="last")


def test_names_cannot_break_out_of_a_comparison():
    evil = "<script>alert(1)</script>"
    a = pl.DataFrame({evil: ["x", evil] * 20})
    b = pl.DataFrame({evil: ["y", evil] * 20})
    page = compare({evil: a, "b": b}, title=evil).to_html()
    assert "<script>alert" not in page


def test_a_shift_of_place_is_not_called_a_change_of_units():
    rng = np.random.default_rng(8)
    for old, new in (
        (rng.normal(-5, 40, 3000), rng.normal(7, 60, 3000)),
        (rng.gamma(2, 5, 3000), rng.gamma(8, 5, 3000)),
        (rng.gamma(2, 5, 3000), rng.gamma(2, 5, 3000) + 20),
    ):
        found = skew(pl.DataFrame({"x": old}), pl.DataFrame({"x": new}))
        assert ("scale", "x") not in told(found, Verdict.FAIL)
        assert ("distribution", "x") in told(found, Verdict.FAIL)
