from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from homeostat.core import SchemaError
from homeostat.loop import History, Outcome

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = st.integers(0, 100)
ROWS = st.lists(st.tuples(HOURS, st.none() | HOURS, st.booleans()), min_size=1, max_size=40)


def at(hours):
    return START + timedelta(hours=hours)


def history(rows):
    """Rows of (predicted, known after, outcome), in hours."""
    frame = pl.DataFrame(
        {
            "name": [str(number) for number in range(len(rows))],
            "asked": [at(asked) for asked, _, _ in rows],
            "told": [None if after is None else at(asked + after) for asked, after, _ in rows],
            "yes": [None if after is None else yes for _, after, yes in rows],
        },
        schema_overrides={"told": pl.Datetime("us", "UTC"), "yes": pl.Boolean},
    )
    return arranged(frame)


def arranged(frame):
    outcome = Outcome("yes", "told")
    return History.of(frame, features=["name"], outcome=outcome, predicted_at="asked", key=["name"])


@given(rows=ROWS, start=HOURS, now=HOURS)
def test_what_may_be_trained_on_was_predicted_since_and_is_known_before(rows, start, now):
    made = history(rows)
    chosen = {made.keys[int(row)] for row in made.trainable(at(start), at(now))}
    assert chosen == {
        str(number)
        for number, (asked, after, _) in enumerate(rows)
        if after is not None and start <= asked < now and asked + after < now
    }


@given(rows=ROWS, cuts=st.lists(st.integers(0, 250), min_size=2, max_size=6, unique=True))
def test_each_outcome_is_learned_once_however_time_is_cut(rows, cuts):
    made = history(rows)
    ends = [at(cut) for cut in sorted(cuts)]
    parts = [made.learned(low, high) for low, high in pairwise(ends)]
    assert np.array_equal(np.sort(np.concatenate(parts)), made.learned(ends[0], ends[-1]))
    for part in parts:
        assert (np.diff(part) > 0).all()
        assert not np.isnan(made.label[part]).any()


@given(rows=ROWS)
def test_rows_stand_in_the_order_of_their_predictions_and_keep_what_is_theirs(rows):
    made = history(rows)
    assert (np.diff(made.predicted_at) >= 0).all()
    for place, key in enumerate(made.keys):
        asked, after, yes = rows[int(key)]
        assert made.at(place) == at(asked)
        assert made.features["name"][place] == key
        assert (made.label[place] == yes) if after is not None else np.isnan(made.label[place])


@given(rows=ROWS, gone=st.sets(st.integers(0, 39)))
def test_rows_read_anew_are_found_where_they_stand_now(rows, gone):
    earlier = history(rows)
    left = [str(number) for number in range(len(rows)) if number not in gone]
    assume(left)
    later = arranged(earlier.frame.filter(pl.col("name").is_in(left)))
    for key, place in zip(earlier.keys, later.places_of(earlier), strict=True):
        assert (place == -1) if int(key) in gone else later.keys[int(place)] == key


def test_rows_without_a_key_cannot_be_read_anew():
    frame = history([(1, 2, True), (3, 4, False)]).frame.with_columns(name=pl.lit("same"))
    twice = arranged(frame)
    with pytest.raises(SchemaError, match="need a key"):
        twice.places_of(twice)


def test_a_row_without_a_time_of_prediction_is_refused():
    frame = history([(1, 2, True), (3, 4, False)]).frame
    late = frame.with_columns(asked=pl.when(pl.col("name") == "0").then("asked"))
    with pytest.raises(SchemaError, match="1 rows have none"):
        History.of(late, features=[], outcome=Outcome("yes", "told"), predicted_at="asked")


def test_an_offset_moves_the_time_and_days_are_those_of_utc():
    frame = history([(1, 2, True)]).frame.with_columns(
        pl.col("asked").dt.convert_time_zone("America/New_York")
    )
    outcome = Outcome("yes", "told + 1d")
    made = History.of(frame, features=[], outcome=outcome, predicted_at="asked - 2h")
    assert made.at(0) == at(-1)
    assert made.days.tolist() == [(START - datetime(1970, 1, 1, tzinfo=UTC)).days - 1]
    assert not made.trainable(at(-2), at(27)).size
    assert made.trainable(at(-2), at(28)).size
