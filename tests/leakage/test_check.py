"""The leakage lab: data whose honest AUC is a half, and what a wrong split makes of it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from homeostat.core import Column, Schema
from homeostat.leakage import check_split
from homeostat.split import by_time, random_split
from homeostat.stats import auc

START = datetime(2013, 1, 1, tzinfo=UTC)
SEEDS = range(3)


def schema_of(frame, **roles):
    columns = tuple(
        Column(name, "datetime" if name.endswith("at") else "float") for name in frame.columns
    )
    return Schema(columns).with_roles(label=["y"], **roles)


def neighbour_auc(splits, frame, names):
    """AUC on the test rows of a model that remembers its training rows."""
    train, test = splits.take("train", frame), splits.take("test", frame)
    model = KNeighborsClassifier(5).fit(train.select(names).to_numpy(), train["y"].to_numpy())
    return auc(test["y"].to_numpy(), model.predict_proba(test.select(names).to_numpy())[:, 1])


def findings(splits, frame, schema):
    found = check_split(splits, frame, schema, model=tree)
    return {(one.check, one.subject): one for one in found}


def tree(_seed):
    return DecisionTreeClassifier(random_state=0)


def walk(seed, rows=3_000):
    """A random walk whose sign is the label: the hour before and after tell all."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=rows).cumsum()
    y = (level > np.convolve(level, np.ones(301) / 301, "same")).astype(float)
    at = [START + timedelta(minutes=minute) for minute in range(rows)]
    return pl.DataFrame({"at": at, "x": np.arange(rows) / rows, "y": y})


def test_a_random_split_of_a_walk_flatters_and_fails():
    wrong, right = [], []
    for seed in SEEDS:
        frame = walk(seed)
        schema = schema_of(frame, time=["at"])
        shuffled, forward = (
            random_split(frame, rng=seed),
            by_time(validation="300m", test="600m", gap="50m")(frame, time="at"),
        )
        wrong.append(neighbour_auc(shuffled, frame, ["x"]))
        right.append(neighbour_auc(forward, frame, ["x"]))
        found = findings(shuffled, frame, schema)["leakage.random_time_split", "split"]
        assert found.verdict == "fail"
        assert found.effect > 0.3
        assert found.statistic > 0.9
        assert found.evidence["autocorrelation"] > 0.8
        said = findings(forward, frame, schema)["leakage.random_time_split", "split"]
        assert said.verdict == "ok"
    assert np.mean(wrong) > 0.9
    assert abs(np.mean(right) - 0.5) < 0.07


def test_a_random_split_that_nothing_is_gained_by_is_warned_about():
    """Labels follow each other, and a model that knows the level gains nothing by neighbours."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.normal(size=60), 50)
    y = (rng.random(3_000) < 1 / (1 + np.exp(-2 * level))) * 1.0
    frame = walk(0).with_columns(x=pl.Series(level.round(1)), y=pl.Series(y))
    found = check_split(
        random_split(frame, rng=0),
        frame,
        schema_of(frame, time=["at"]),
        model=lambda _seed: GaussianNB(),
    )
    assert found[0].verdict == "warn"
    assert "split by time" in found[0].summary


@pytest.mark.slow
def test_a_random_split_of_rows_without_memory_is_not_warned_about():
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = walk(seed).with_columns(y=pl.Series((rng.random(3_000) < 0.2).astype(float)))
        splits = random_split(frame, rng=rng)
        found = findings(splits, frame, schema_of(frame, time=["at"]))
        alarms += found["leakage.random_time_split", "split"].verdict != "ok"
    assert alarms <= 2


def test_copies_across_a_split_flatter_and_are_found():
    wrong, right = [], []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        draw = rng.normal(size=(2, 800))
        once = pl.DataFrame({"x": draw[0], "z": draw[1], "y": rng.integers(0, 2, 800) * 1.0})
        frame = pl.concat([once] * 6).with_columns(id=pl.int_range(pl.len()))
        splits, schema = random_split(frame, rng=rng), schema_of(frame, key=["id"])
        wrong.append(neighbour_auc(splits, frame, ["x", "z"]))
        right.append(neighbour_auc(random_split(once, rng=rng), once, ["x", "z"]))
        found = findings(splits, frame, schema)["leakage.duplicates", "split"]
        assert found.verdict == "fail"
        assert found.statistic > 0.95
        clean = findings(random_split(once, rng=rng), once, schema_of(once))
        assert clean["leakage.duplicates", "split"].verdict == "ok"
    assert np.mean(wrong) > 0.9
    assert abs(np.mean(right) - 0.5) < 0.07


def test_rows_that_are_alike_by_chance_are_no_copies():
    rng = np.random.default_rng(0)
    draw = rng.integers(0, 4, (3, 2_000))
    frame = pl.DataFrame({"id": range(2_000), "a": draw[0], "b": draw[1], "y": draw[2] // 2})
    found = findings(random_split(frame, rng=0), frame, schema_of(frame, key=["id"]))
    assert found["leakage.duplicates", "split"].verdict == "ok"


def patients(seed, each=8):
    """Each patient has a label and a look of their own, and the look tells nothing of others."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(400), each)
    look = rng.normal(size=400)[patient] + 1e-4 * rng.normal(size=patient.size)
    y = rng.integers(0, 2, 400)[patient] * 1.0
    number = rng.permutation(10_000)[:400][patient]
    return pl.DataFrame({"patient": number, "x": look, "y": y})


def test_groups_across_a_split_flatter_and_the_group_column_is_discovered():
    wrong, right = [], []
    for seed in SEEDS:
        frame = patients(seed)
        shuffled = random_split(frame, rng=seed)
        kept = random_split(frame, rng=seed, groups=["patient"])
        wrong.append(neighbour_auc(shuffled, frame, ["x"]))
        right.append(neighbour_auc(kept, frame, ["x"]))
        schemas = schema_of(frame), schema_of(frame, group=["patient"])
        for schema in schemas[seed % 2 :][:1]:
            found = findings(shuffled, frame, schema)["leakage.groups", "patient"]
            assert found.verdict == "fail"
            assert found.statistic > 0.95
            said = findings(kept, frame, schema).get(("leakage.groups", "patient"))
            assert said is None or said.verdict == "ok"
    assert np.mean(wrong) > 0.9
    assert abs(np.mean(right) - 0.5) < 0.07


def test_a_number_that_tells_smoothly_is_no_group():
    rng = np.random.default_rng(0)
    dose = rng.integers(0, 100, 3_000)
    frame = pl.DataFrame({"dose": dose, "y": (rng.random(3_000) * 100 < dose) * 1.0})
    found = findings(random_split(frame, rng=0), frame, schema_of(frame))
    assert ("leakage.groups", "dose") not in found


@pytest.mark.parametrize(("gap", "verdict"), [("0h", "fail"), ("5h", "fail"), ("12h", "ok")])
def test_a_gap_shorter_than_the_labels_delay_is_found(gap, verdict):
    at = [START + timedelta(hours=hour) for hour in range(1_000)]
    frame = pl.DataFrame(
        {
            "at": at,
            "known_at": [one + timedelta(hours=12) for one in at],
            "y": [0.0, 1.0] * 500,
        }
    )
    schema = schema_of(frame, time=["at"]).with_known_at({"y": "known_at"})
    splits = by_time(validation="100h", test="100h", gap=gap)(frame, time="at")
    found = findings(splits, frame, schema)["leakage.label_delay", "split"]
    assert found.verdict == verdict
    if verdict == "fail":
        assert found.evidence["needed_gap_s"] == 12 * 3600
        assert "make it 12 hours" in found.summary


def test_what_is_not_said_is_unknown():
    frame = walk(0, rows=600)
    forward = by_time(validation="50m", test="50m", gap="5m")(frame, time="at")
    found = findings(forward, frame, schema_of(frame, time=["at"]))
    assert found["leakage.label_delay", "split"].verdict == "unknown"
    found = findings(random_split(frame, rng=0), frame, schema_of(frame))
    assert found["leakage.random_time_split", "split"].verdict == "unknown"


def test_any_label_is_asked_as_a_question_with_two_answers():
    frame = walk(0).with_columns(views=pl.col("y") * 100 + pl.int_range(pl.len()) % 7)
    schema = Schema(
        (
            Column("at", "datetime", {"time"}),
            Column("x", "float"),
            Column("views", "float", {"label"}),
        )
    )
    found = check_split(random_split(frame, rng=0), frame.drop("y"), schema, model=tree)
    assert found[0].verdict == "fail"


@pytest.mark.parametrize("value", [1.0, None])
def test_a_constant_or_empty_label_is_no_error(value):
    frame = walk(0).with_columns(y=pl.lit(value, pl.Float64))
    for found in check_split(random_split(frame, rng=0), frame, schema_of(frame, time=["at"])):
        assert found.verdict in {"ok", "unknown"}


def test_a_row_that_comes_again_with_one_value_changed_is_a_near_copy():
    rng = np.random.default_rng(0)
    draw = rng.normal(size=(4, 1_000))
    once = pl.DataFrame({f"x{i}": draw[i] for i in range(4)} | {"y": rng.integers(0, 2, 1_000)})
    again = once.with_columns(x0=pl.col("x0") + 0.01)
    frame = pl.concat([once, again, again.with_columns(x0=pl.col("x0") + 0.01)])
    found = findings(random_split(frame, rng=0), frame, schema_of(frame))[
        "leakage.duplicates", "split"
    ]
    assert (found.verdict, found.evidence["kind"]) == ("fail", "near")
    assert found.effect > 0.3


def test_the_finding_states_what_is_claimed_and_what_is_honest_with_intervals():
    frame = patients(0)
    found = findings(random_split(frame, rng=0), frame, schema_of(frame))
    told = found["leakage.groups", "patient"].evidence
    assert told["metric"] == "auc"
    assert told["claimed"] > 0.9
    assert told["honest_interval"][0] < 0.5 < told["honest_interval"][1]
    assert told["inflation"] == pytest.approx(told["claimed"] - told["honest"])
    assert told["inflation_interval"][0] > 0.25
