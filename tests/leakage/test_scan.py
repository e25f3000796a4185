import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from homeostat.core import InputError, SchemaError, measure
from homeostat.demo.flights import flight_features, flights_dataset
from homeostat.leakage import clean_table, contributions, plant_leak, scan_leaks

LEAKY = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
HONEST = list(flight_features().names)


@pytest.fixture(scope="module")
def flights():
    whole = flights_dataset().collect()
    return whole[np.sort(np.random.default_rng(0).permutation(whole.height)[:60_000])]


def scan(frame, names, **more):
    found = scan_leaks(
        frame,
        features=names,
        label="late",
        time="predicted_at",
        rng=0,
        **{"max_rows": 20_000, **more},
    )
    return {(one.check, one.subject): one for one in found}


def subjects(found):
    return {subject for (_, subject), one in found.items() if one.verdict == "fail"}


@pytest.mark.slow
def test_on_flights_the_five_leaky_columns_are_named_without_rules(flights):
    found = scan(flights, [*HONEST, *LEAKY, "sched_arr_time", "sched_dep_time"])
    assert subjects(found) == set(LEAKY)
    assert ("leakage.association", "arr_delay") in found
    assert ("leakage.association", "dep_delay") in found
    assert ("leakage.missingness", "air_time") in found


@pytest.mark.slow
@pytest.mark.parametrize("name", LEAKY)
def test_each_is_named_when_offered_alone_among_the_honest(flights, name):
    assert subjects(scan(flights, [*HONEST, name])) == {name}


@pytest.mark.slow
def test_the_honest_features_and_the_schedule_are_not_flagged(flights):
    schedule = ["sched_dep_time", "sched_arr_time", "month", "day", "flight", "time_hour"]
    found = scan(flights, [*HONEST, *schedule])
    assert {one.verdict for one in found.values()} == {"ok"}


@pytest.mark.slow
def test_the_pair_of_arrival_times_is_found_among_91_pairs_in_time(flights):
    names = [
        *("dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "carrier"),
        *("flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute"),
    ]
    with measure() as cost:
        found = scan(flights, names)
    pair = found["leakage.pair", "arr_time"]
    assert set(pair.evidence["pair"]) == {"arr_time", "sched_arr_time"}
    assert pair.evidence["auc"] > 0.99
    assert pair.evidence["auc_additive"] < 0.75
    assert pair.effect > 0.3
    assert cost.cpu_s < 10


def test_a_rule_settles_the_question():
    frame, schema, subject = plant_leak(*clean_table(0, rows=2_000), "written after the outcome")
    found = scan_leaks(frame, schema.with_column(subject, known_at="at"), rng=0)
    assert [one.verdict for one in found] == ["ok"]
    found = scan_leaks(frame, schema, rng=0)
    assert {one.subject for one in found} == {subject}


def clean(seed):
    """Rows of an honest problem of some size, strength and interaction."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.choice([500, 2_000, 8_000])), int(rng.integers(3, 12))
    x = rng.normal(size=(rows, columns))
    drive = x @ rng.normal(size=columns) * rng.choice([0.3, 1.0]) + x[:, 0] * x[:, 1]
    y = rng.random(rows) < 1 / (1 + np.exp(rng.choice([0.0, 1.0, 2.0]) - drive))
    x[rng.random(x.shape) < 0.1] = np.nan
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(columns)}, nan_to_null=True)
    return frame.with_columns(pl.Series("late", y))


@pytest.mark.slow
def test_on_clean_data_at_most_one_scan_in_twenty_flags_anything():
    flagged = 0
    for seed in range(40):
        frame = clean(seed)
        found = scan_leaks(frame, features=frame.columns, label="late", rng=seed)
        flagged += any(one.verdict == "fail" for one in found)
    assert flagged <= 2


@pytest.mark.slow
@pytest.mark.parametrize("digit", [0, 2, 6])
def test_strong_honest_pixels_are_not_flagged(digit):
    x, y = load_digits(return_X_y=True)
    frame = pl.DataFrame({f"p{i}": x[:, i] for i in range(64)}).with_columns(
        late=pl.Series(y == digit)
    )
    found = scan_leaks(frame, features=frame.columns, label="late", rng=0)
    assert not [one for one in found if one.verdict == "fail"]


def test_strong_honest_measurements_are_not_flagged():
    x, y = load_breast_cancer(return_X_y=True)
    frame = pl.DataFrame({f"m{i}": x[:, i] for i in range(30)}).with_columns(late=pl.Series(y))
    found = scan_leaks(frame, features=frame.columns, label="late", rng=0)
    assert [one.verdict for one in found] == ["ok"]
    assert found[0].statistic > 0.9


def test_a_copy_of_a_leak_does_not_hide_it():
    frame = clean(0).with_columns(one=pl.col("late") * 3 + 0.0, two=pl.col("late") * -5.0 + 1.0)
    found = scan_leaks(
        frame, features=[n for n in frame.columns if n != "late"], label="late", rng=0
    )
    assert {one.subject for one in found} == {"one", "two"}


def test_the_scanner_that_one_hospital_used_for_the_sick_is_found():
    rng = np.random.default_rng(0)
    y = rng.random(4_000) < 0.5
    scanner = np.where(rng.random(4_000) < 0.92, y, ~y)
    frame = pl.DataFrame(
        {"late": y, "age": rng.normal(size=4_000), "scanner": scanner}
    ).with_columns(pl.col("scanner").replace_strict({True: "portable", False: "fixed"}))
    found = scan_leaks(frame, features=["age", "scanner"], label="late", rng=0)
    assert [one.subject for one in found] == ["scanner"]
    assert found[0].effect > 0.3


def test_presence_alone_is_found_where_the_values_say_nothing():
    rng = np.random.default_rng(0)
    there = rng.random(4_000) < 0.4
    y = there & (rng.random(4_000) < 0.85)
    value = np.where(there, rng.normal(size=4_000), np.nan)
    frame = pl.DataFrame({"late": y, "translations": value}, nan_to_null=True)
    found = scan_leaks(frame, features=["translations"], label="late", rng=0)
    assert "leakage.missingness" in {one.check for one in found}


def test_the_scan_is_the_same_for_the_same_seed_and_bounded_in_rows():
    frame = clean(2)
    runs = [
        scan_leaks(frame, features=frame.columns, label="late", rng=s, max_rows=400)
        for s in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_odd_columns_are_no_trouble():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "late": rng.random(900) < 0.5,
            "null": [None] * 900,
            "same": [1] * 900,
            "endless": np.where(rng.random(900) < 0.5, np.inf, -np.inf),
            "endless too": np.where(rng.random(900) < 0.5, np.inf, 1.0),
            "value": pl.Series(rng.integers(0, 400, 900)).cast(pl.String),
            "count": pl.Series(["a", None, "b"] * 300, dtype=pl.Categorical),
            "day": pl.Series(rng.integers(0, 99, 900)).cast(pl.Date),
        }
    )
    found = scan_leaks(frame, features=frame.columns, label="late", rng=0)
    assert [one.verdict for one in found] == ["ok"]
    with pytest.raises(SchemaError, match="one value a row"):
        scan_leaks(frame.with_columns(x=pl.concat_list("same")), None, ["x"], label="late", rng=0)


def test_too_few_rows_are_unknown_and_bad_input_is_named():
    frame = clean(0)
    found = scan_leaks(frame.head(60), features=["x0"], label="late", rng=0)
    assert [one.verdict for one in found] == ["unknown"]
    with pytest.raises(SchemaError, match="Did you mean `x1`"):
        scan_leaks(frame, features=["x11x"], label="late", rng=0)
    with pytest.raises(InputError, match="what is predicted from what"):
        scan_leaks(frame, rng=0)
    with pytest.raises(InputError, match="50 rows"):
        contributions(frame.head(60), features=["x0"], label="late", rng=0)


@pytest.mark.slow
def test_performance_jumps_where_a_leak_is_added_and_falls_where_it_is_taken_away(flights):
    names = [*HONEST[:8], "arr_delay", *HONEST[8:]]
    table = contributions(flights, features=names, label="late", time="predicted_at", rng=0)
    assert table["feature"].to_list() == names
    worst = table.sort("gain", descending=True).row(0, named=True)
    assert worst["feature"] == "arr_delay"
    assert worst["gain"] > 0.3
    assert table.sort("loss", descending=True)["feature"][0] == "arr_delay"
    assert table["added"][-1] == pytest.approx(table["without"][0] + table["loss"][0])
