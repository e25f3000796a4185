import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import Column, KnownAt, Schema, SchemaError, VersionError, duration

SCHEMA = Schema(
    (
        Column("late", "bool", {"label"}, nullable=True, known_at="landed"),
        Column("departs", "datetime", {"time"}),
        Column("landed", "datetime", nullable=True),
        Column("carrier", "category", {"feature", "slice"}, categories=("UA", "AA")),
    ),
    predicted_at="departs - 1h",
)


def test_a_schema_survives_json():
    schema = SCHEMA.expect("expect_column_values_to_be_in_set", "carrier", value_set=["AA"])
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert schema.digest != SCHEMA.digest


def test_a_schema_written_by_a_newer_version_is_refused():
    with pytest.raises(VersionError, match="format 99"):
        Schema.from_json(SCHEMA.to_json() | {"format": 99})


def test_roles_name_columns():
    assert (SCHEMA.label, SCHEMA.time, SCHEMA.features) == ("late", "departs", ("carrier",))
    assert SCHEMA.with_roles(key=["departs", "carrier"]).key == ("departs", "carrier")


def test_selecting_columns_drops_rules_that_stand_on_others():
    chosen = SCHEMA.select(["late", "carrier"])
    assert chosen.names == ("late", "carrier")
    assert chosen.column("late").known_at is None
    assert chosen.predicted_at is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Schema((Column("a", "int"), Column("a", "int"))), "got twice: a"),
        (lambda: SCHEMA.column("cariers"), "Did you mean `carrier`"),
        (lambda: SCHEMA.expect("expect_column_to_exist", "nope"), "no column `nope`"),
        (lambda: Column("a", "integer"), "integer"),
        (lambda: Column("a", "int", known_at="later +"), "no column|known-at"),
        (lambda: Schema((Column("a", "int", known_at="b + 1h"),)), "no column `b`"),
        (lambda: Schema(()).label, "must have one label column"),
        (lambda: SCHEMA.expect("x", mostly=0.0), "mostly"),
        (lambda: SCHEMA.expect("x", severity="meh"), "Severity"),
        (lambda: Schema.from_json({"columns": [{"nom": "a"}]}), "no schema's JSON"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, message):
    with pytest.raises(SchemaError, match=message):
        Schema((make(),))  # a column's rule is resolved by the schema it stands in


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_durations_add_up(days, hours, minutes):
    read = duration(f"{days}d {hours}h {minutes}m")
    assert read == timedelta(days=days, hours=hours, minutes=minutes)


@pytest.mark.parametrize("text", ["", " ", "3", "h", "3 parsecs", "1d x", "-1d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(SchemaError, match="duration"):
        duration(text)


def test_a_known_at_rule_is_a_column_with_an_offset():
    assert KnownAt.parse("landed + 1d 2h") == KnownAt("landed", timedelta(days=1, hours=2))
    assert KnownAt.parse("arr-time") == KnownAt("arr-time")
