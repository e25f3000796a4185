from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from homeostat.core import Column, Schema, SchemaError
from homeostat.leakage import check_known_at

START = datetime(2013, 1, 1, tzinfo=UTC)


def hours(*numbers):
    return [None if n is None else START + timedelta(hours=n) for n in numbers]


FRAME = pl.DataFrame(
    {
        "due_at": hours(5, 5, 5, 5),
        "came_at": hours(3, 4, 7, None),
        "plan": [1, 2, 3, 4],
        "early": [1, None, 3, None],
        "late": [1.0, 2.0, 3.0, None],
        "ghost": [1.0, 2.0, None, 4.0],
        "y": [0, 1, 0, 1],
    }
)
SCHEMA = Schema(
    (
        Column("due_at", "datetime"),
        Column("came_at", "datetime"),
        Column("plan", "int", {"feature"}, known_at="always"),
        Column("early", "int", {"feature"}, known_at="due_at - 1h"),
        Column("late", "float", {"feature"}, known_at="came_at"),
        Column("ghost", "float", {"feature"}, known_at="came_at - 3h"),
        Column("y", "int", {"label"}, known_at="came_at + 1d"),
    ),
    predicted_at="due_at - 1h",
)


def judged(*names):
    return {found.subject: found for found in check_known_at(FRAME, SCHEMA, names or None)}


def test_each_feature_is_judged_by_its_rule():
    verdicts = {name: found.verdict.value for name, found in judged().items()}
    assert verdicts == {"plan": "ok", "early": "ok", "late": "fail", "ghost": "fail"}


def test_the_finding_says_how_many_and_how_late():
    found = judged("late")["late"]
    assert found.statistic == pytest.approx(1 / 3)
    assert found.evidence["median_lateness_s"] == 3 * 3600
    assert "33.3% of 3 rows, typically 3 hours after" in found.summary


def test_a_value_without_a_time_is_never_known():
    found = judged("ghost")["ghost"]
    assert (found.evidence["late"], found.evidence["rows"]) == (1, 3)
    assert found.evidence["median_lateness_s"] is None


def test_the_label_is_refused_and_no_rule_or_no_value_is_unknown():
    assert judged("y")["y"].verdict == "fail"
    found = check_known_at(FRAME, SCHEMA.with_column("plan", known_at=None), ["plan"])
    assert found[0].verdict == "unknown"
    found = check_known_at(FRAME.clear(), SCHEMA, ["late"])
    assert found[0].verdict == "unknown"


def test_known_at_the_very_instant_of_the_prediction_is_in_time():
    assert judged("early")["early"].verdict == "ok"


@pytest.mark.parametrize(
    ("frame", "schema", "names", "says"),
    [
        (FRAME, Schema(SCHEMA.columns), None, "when a prediction is made"),
        (FRAME.drop("came_at"), SCHEMA, ["late"], "no column `came_at`"),
        (FRAME.drop("late"), SCHEMA, ["late"], "Did you mean `plan`|no column `late`"),
        (FRAME, SCHEMA, ["lat"], "Did you mean `late`"),
        (
            FRAME.with_columns(pl.col("came_at").dt.replace_time_zone(None)),
            SCHEMA,
            ["late"],
            "zone",
        ),
    ],
)
def test_what_cannot_be_judged_is_named(frame, schema, names, says):
    with pytest.raises(SchemaError, match=says):
        check_known_at(frame, schema, names)


def test_a_phase_of_the_schema_dates_what_is_known_at_it():
    schema = Schema(
        (
            *(column for column in SCHEMA.columns if column.name.endswith("_at")),
            Column("plan", "int", {"feature"}, known_at="at booking"),
            Column("late", "float", {"feature"}, known_at="at arrival + 10m"),
        ),
        predicted_at="due_at - 1h",
        phases={"booking": "due_at - 1d", "arrival": "came_at"},
    )
    found = {one.subject: one.verdict.value for one in check_known_at(FRAME, schema)}
    assert found == {"plan": "ok", "late": "fail"}
    with pytest.raises(SchemaError, match=r"no phase `arival`.*arrival"):
        schema.with_column("late", known_at="at arival")


@pytest.mark.parametrize(("rule", "verdict"), [("- 2h", "ok"), ("+ 2h", "fail")])
def test_an_offset_alone_counts_from_the_rows_time(rule, verdict):
    schema = Schema(
        (
            Column("due_at", "datetime", {"time"}),
            Column("plan", "int", {"feature"}, known_at=rule),
        ),
        predicted_at="due_at - 1h",
    )
    assert check_known_at(FRAME, schema)[0].verdict == verdict


def test_without_a_rule_what_was_written_after_the_prediction_was_not_there():
    frame = FRAME.with_columns(created_at=pl.Series(hours(3, 4, 5, 5)))
    schema = SCHEMA.with_column("created_at", type="datetime").with_column("plan", known_at=None)
    [found] = check_known_at(frame, schema, ["plan"])
    assert (found.verdict, found.statistic) == ("fail", 0.5)
    [found] = check_known_at(frame, schema, ["plan"], created_at=None)
    assert found.verdict == "unknown"


def test_rows_written_after_the_instant_of_the_data_are_refused():
    frame = FRAME.with_columns(created_at=pl.Series(hours(3, 4, 5, 9)))
    schema = SCHEMA.with_column("created_at", type="datetime")
    asked = START + timedelta(hours=5)
    found = check_known_at(frame, schema, ["plan"], as_of=asked)[0]
    assert (found.check, found.verdict, found.evidence["late"]) == ("leakage.as_of", "fail", 1)
    assert check_known_at(FRAME, SCHEMA, ["plan"], as_of=asked)[0].verdict == "unknown"
    with pytest.raises(SchemaError, match="time zone"):
        check_known_at(frame, schema, ["plan"], as_of=asked.replace(tzinfo=None))
