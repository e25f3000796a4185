"""Planted leaks are found, clean tables are left alone, and each leak has its price."""

import numpy as np
import polars as pl
import pytest

from homeostat.core import Column, InputError, Schema, Verdict
from homeostat.leakage import (
    KINDS,
    LEAKS,
    Inflation,
    audit_leaks,
    check_fitted,
    check_preparation,
    check_sites,
    clean_table,
    contributions,
    describe_leaks,
    find_groups,
    plant_leak,
    scan_leaks,
    sudden_gains,
)
from homeostat.split import by_time, random_split
from homeostat.stats import Interval


def small_model(_seed):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=0)


def linear(_seed):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=300)


def failed(found):
    return {one.subject for one in found if one.verdict is Verdict.FAIL}


def hit(found, subject):
    return any(
        subject in one.subject or subject in one.evidence.get("pair", ())
        for one in found
        if one.verdict is Verdict.FAIL
    )


def planted(leak, seed):
    frame, schema, subject = plant_leak(*clean_table(seed, rows=2_000), leak, rng=seed)
    if leak == "order of rows":
        frame, schema = frame.drop("at"), schema.select(n for n in schema.names if n != "at")
    divided = leak in {"target encoding before the split", "duplicates across the split"}
    splits = random_split(frame, rng=seed) if divided else None
    return audit_leaks(frame, schema, splits, model=small_model, rng=seed), subject


@pytest.mark.parametrize("leak", LEAKS)
def test_each_planted_leak_is_found_and_named(leak):
    found, subject = planted(leak, 0)
    assert hit(found, subject)


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("seed", range(1, 8))
def test_each_planted_leak_is_found_in_each_kind_of_table(leak, seed):
    found, subject = planted(leak, seed)
    assert hit(found, subject), KINDS[seed]


def failing(seeds, rows):
    """Seeds of clean tables that the whole audit calls leaky, and of those it asks about."""
    found = {seed: audit_leaks(*clean_table(seed, rows=rows), rng=seed) for seed in seeds}
    asked = [s for s, told in found.items() if any(one.verdict is Verdict.WARN for one in told)]
    return [s for s, told in found.items() if failed(told)], asked


def test_a_clean_table_of_each_kind_is_not_called_leaky():
    leaky, asked = failing(range(8), rows=1_000)
    assert not leaky
    assert len(asked) <= 1


@pytest.mark.slow
def test_of_eighty_clean_tables_at_most_four_are_called_leaky_by_the_whole_audit():
    leaky, asked = failing(range(1_000, 1_080), rows=1_500)
    assert len(leaky) <= 4
    assert len(asked) <= 16  # a feature that stands alone is asked about, not refused


@pytest.mark.slow
def test_of_twenty_four_clean_tables_that_are_split_well_at_most_one_is_called_leaky():
    leaky = 0
    for seed in range(2_000, 2_024):
        frame, schema = clean_table(seed, rows=2_000)
        splits = by_time(validation="300h", test="300h", gap="24h")(frame, time="at")
        leaky += bool(failed(audit_leaks(frame, schema, splits, rng=seed)))
    assert leaky <= 1


def test_a_feature_that_follows_a_slow_series_is_no_leak_and_the_outcome_itself_is():
    for seed in (3, 11):
        frame, schema = clean_table(seed, rows=2_500)
        found = scan_leaks(frame, schema, rng=0)
        assert max(float(one.statistic or 0) for one in found) > 0.9
        assert not failed(found)
        leaky, wider, subject = plant_leak(frame, schema, "copy of the label", rng=0)
        assert subject in failed(scan_leaks(leaky, wider, rng=0))


def test_selecting_features_before_the_split_claims_what_is_not_there():
    from sklearn.feature_selection import SelectKBest

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2_000)), rng.integers(0, 2, 200)
    found = check_preparation(lambda: SelectKBest(k=60), x, y, model=linear)
    assert found.verdict == "fail"
    assert found.evidence["claimed"] > 0.9
    assert abs(found.evidence["honest"] - 0.5) < 0.12
    assert found.subject == "SelectKBest"


class Oversample:
    def fit_resample(self, x, y):
        rows = np.concatenate([np.arange(len(y)), np.repeat(np.flatnonzero(y == 1), 8)])
        return x[rows], y[rows]


def test_oversampling_before_the_split_is_priced_and_scaling_is_nearly_free():
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(800, 4)), (rng.random(800) < 0.1) * 1.0
    found = check_preparation(Oversample, x, y, model=small_model)
    assert found.verdict == "fail"
    assert found.evidence["claimed"] > 0.9
    found = check_preparation([StandardScaler], x, y, model=linear)
    assert found.verdict == "ok"
    assert abs(found.effect) < 0.01


@pytest.mark.parametrize(
    ("steps", "x", "y", "says"),
    [
        (Oversample, np.ones(3), np.ones(3), "is \\(n, d\\)"),
        (Oversample, np.ones((3, 1)), [0, 1, 2], "0 or 1"),
        (object, np.ones((40, 1)), [0, 1] * 20, "fit_resample"),
    ],
)
def test_steps_that_cannot_be_run_are_named(steps, x, y, says):
    with pytest.raises(InputError, match=says):
        check_preparation(steps, x, y)


def test_one_class_cannot_be_prepared_for():
    assert check_preparation(Oversample, np.ones((40, 1)), np.zeros(40)).verdict == "unknown"


def test_traces_of_statistics_over_all_rows_are_found_and_those_of_training_rows_are_not():
    rng = np.random.default_rng(0)
    raw = rng.normal(3, 2, 1_000)
    frame = pl.DataFrame({"raw": raw, "y": rng.integers(0, 2, 1_000)})
    splits = random_split(frame, rng=0)
    train = splits.masks["train"]
    holes = rng.random(1_000) < 0.1

    def filled(value):
        return np.where(holes, value, raw)

    frame = frame.with_columns(
        scaled=pl.Series((raw - raw.mean()) / raw.std()),
        ranged=pl.Series((raw - raw.min()) / (raw.max() - raw.min())),
        honest=pl.Series((raw - raw[train].mean()) / raw[train].std()),
        filled=pl.Series(filled(raw[~holes].mean())),
        filled_well=pl.Series(filled(raw[train & ~holes].mean())),
    )
    schema = Schema(tuple(Column(n, "float") for n in frame.columns)).with_roles(label=["y"])
    found = {(one.check, one.subject) for one in check_fitted(splits, frame, schema)}
    assert found >= {
        ("leakage.scaled", "scaled"),
        ("leakage.imputed", "filled"),
    }
    assert {subject for _, subject in found} <= {"scaled", "ranged", "filled"}


@pytest.mark.parametrize("how", ["plain", "without the row", "smoothed"])
def test_a_rate_over_all_rows_is_a_leak_and_one_over_training_rows_is_not(how):
    rng = np.random.default_rng(0)
    shop, y = rng.integers(0, 300, 3_000), rng.integers(0, 2, 3_000)
    frame = pl.DataFrame({"shop": shop, "y": y})
    total, rows = pl.col("y").sum().over("shop"), pl.len().over("shop")
    rate = {
        "plain": total / rows,
        "without the row": (total - pl.col("y")) / (rows - 1),
        "smoothed": (total + 10 * pl.col("y").mean()) / (rows + 10),
    }[how]
    splits = random_split(frame, rng=0)
    inside = pl.when(pl.col("train")).then("y").mean().over("shop")
    frame = (
        frame.with_columns(train=pl.Series(splits.masks["train"]))
        .with_columns(rate=rate.fill_nan(0.5), fine=inside.fill_null(0.5))
        .drop("train")
    )
    schema = Schema(tuple(Column(n, "float") for n in frame.columns)).with_roles(label=["y"])
    found = check_fitted(splits, frame, schema)
    assert [(one.check, one.subject) for one in found] == [("leakage.target_encoding", "rate")]
    if how == "plain":
        assert found[0].effect > 0.1


def test_the_scanner_of_one_hospital_breaks_at_the_other():
    rng = np.random.default_rng(0)
    ill, hospital = rng.integers(0, 2, 3_000), np.repeat(["A", "B"], 1_500)
    sent = np.where(rng.random(3_000) < 0.91, ill, 1 - ill)
    scanner = np.where(hospital == "A", sent, rng.integers(0, 2, 3_000))
    age = ill + rng.normal(size=3_000)
    frame = pl.DataFrame({"hospital": hospital, "scanner": scanner, "age": age, "ill": ill})
    schema = Schema(
        (
            Column("hospital", "string", {"group"}),
            Column("scanner", "int"),
            Column("age", "float"),
            Column("ill", "int", {"label"}),
        )
    )
    [found] = check_sites(frame, schema, model=linear)
    assert (found.verdict, found.evidence["site"]) == ("fail", "B")
    assert found.evidence["broken"] == ["scanner"]
    honest = schema.select(["hospital", "age", "ill"])
    [found] = check_sites(frame.drop("scanner"), honest, model=linear)
    assert found.verdict == "ok"
    [found] = check_sites(frame.head(1_500), schema, ["hospital"])
    assert found.verdict == "unknown"


def test_the_translations_that_only_articles_with_readers_get_are_found_by_their_absence():
    rng = np.random.default_rng(0)
    views = rng.lognormal(5, 1, 3_000)
    there = rng.random(3_000) < np.where(views > np.quantile(views, 0.7), 0.9, 0.002)
    frame = pl.DataFrame(
        {
            "author": rng.normal(size=3_000) + np.log(views),
            "translations": pl.Series(np.where(there, 2.0, np.nan), nan_to_null=True),
            "views": views,
        }
    )
    found = scan_leaks(frame, features=["author", "translations"], label="views", rng=0)
    assert ("leakage.missingness", "translations") in {(o.check, o.subject) for o in found}
    assert "author" not in failed(found)


def test_a_number_that_is_a_sum_or_the_remainder_of_one_is_named():
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 900, (3, 1_000))
    frame = pl.DataFrame({"a": a, "b": b, "c": c, "noise": rng.normal(size=1_000)})
    for label in (a + 2 * b - c, (a - b) % 1440):
        found = scan_leaks(
            frame.with_columns(y=pl.Series(label)), None, frame.columns, label="y", rng=0
        )
        named = next(one for one in found if one.check == "leakage.identity")
        assert "noise" not in named.subject
        assert named.verdict == "fail"


def test_patients_are_discovered_and_devices_whose_effect_is_in_a_feature_are_not():
    frame, schema, subject = plant_leak(*clean_table(0, rows=2_000), "groups across the split")
    assert subject in failed(find_groups(frame, schema, model=small_model))
    assert not find_groups(*clean_table(4, rows=2_000), model=small_model)


def test_features_named_in_order_are_added_one_by_one_in_the_audit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 3))
    y = (x[:, 0] * 2 + rng.logistic(size=2_000) * 0.4 > 0).astype(np.int64)
    frame = pl.DataFrame(x, schema=["x0", "x1", "x2"]).with_columns(y=pl.Series(y))
    schema = Schema(tuple(Column(n, "float") for n in frame.columns)).with_roles(label=["y"])
    ruled = schema.with_column("x0", known_at="always")
    for model in (None, linear):
        found = audit_leaks(frame, ruled, features=["x1", "x0", "x2"], model=model)
        sudden = next(one for one in found if one.check == "leakage.sudden_gain")
        assert (sudden.subject, sudden.verdict) == ("x0", "warn")
        assert sudden.effect > 0.3
    checks = {one.check for one in audit_leaks(frame, schema)}
    assert "leakage.sudden_gain" not in checks


def test_a_jump_beyond_the_noise_is_asked_about_and_a_steady_climb_is_not():
    frame, schema, subject = plant_leak(*clean_table(0, rows=2_000), "copy of the label")
    table = contributions(frame, schema, rng=0)
    assert {"gain_noise", "loss_noise"} <= set(table.columns)
    assert {one.subject for one in sudden_gains(table)} == {subject}
    steady = sudden_gains(contributions(*clean_table(2, rows=2_000), rng=0))
    assert [one.verdict.value for one in steady] == ["ok"]


@pytest.mark.parametrize("columns", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_very_many_columns_are_looked_at_within_bounds_and_what_was_not_is_said(columns):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, columns)).astype(np.float32), np.arange(400) % 2
    frame = pl.DataFrame(x, schema=[f"x{i}" for i in range(columns)]).with_columns(
        leak=pl.Series(y * 2.0), y=pl.Series(y)
    )
    found = scan_leaks(frame, None, frame.columns, label="y", rng=0)
    assert "leak" in failed(found)
    assert "pairs were not looked at" in found[-1].summary
    assert found[-1].verdict == "unknown"


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.with_columns(y=pl.lit(1)),
        lambda frame: frame.with_columns(y=pl.lit(None, pl.Int64)),
        lambda frame: frame.head(1),
        lambda frame: frame.clear(),
        lambda frame: frame.with_columns(age=pl.lit(None, pl.Float64), code=pl.lit("x")),
        lambda frame: frame.with_columns(age=pl.lit(float("inf")), income=float("nan")),
        lambda frame: frame.with_columns(y=pl.Series(np.where(frame["y"], "yes", "no"))),
        lambda frame: frame.with_columns(y=pl.Series(np.resize(["a", "b", "c"], frame.height))),
        lambda frame: frame.with_columns(code=pl.int_range(pl.len()).cast(pl.String)),
        lambda frame: frame.rename({"age": "возраст"}),
    ],
)
def test_odd_tables_are_judged_or_said_to_be_unknown(change):
    frame, schema = clean_table(0, rows=600)
    odd = change(frame)
    if "возраст" in odd.columns:
        schema = Schema(
            (
                *(c for c in schema.columns if c.name != "age"),
                Column("возраст", "float", {"feature"}),
            )
        )
    found = audit_leaks(odd, schema, rng=0)
    assert found
    assert not failed(found)


def test_the_report_begins_with_the_worst_and_counts_the_rest():
    found, subject = planted("copy of the label", 0)
    lines = describe_leaks(found).splitlines()
    assert lines[0].startswith("1 leak, 0 to ask about")
    assert lines[1].startswith("FAIL +0.")
    assert subject in lines[1]
    assert "is claimed" in lines[1]
    assert "is honest" in lines[1]


def test_an_inflation_reads_as_a_sentence():
    made = Inflation(
        0.9, 0.6, Interval(0.8, 1, 0.95), Interval(0.5, 0.7, 0.95), Interval(0.2, 0.4, 0.95)
    )
    assert str(made).endswith("is honest: +0.300 [0.200, 0.400]")


def test_a_leak_that_is_not_known_is_named():
    with pytest.raises(InputError, match="Did you mean `sum of three`"):
        plant_leak(*clean_table(0, rows=100), "sum of thre")
