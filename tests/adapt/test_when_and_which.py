"""Triggers and data windows: when to learn, and from which rows."""

import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from homeostat.adapt import (
    DataWindow,
    Trigger,
    TriggerState,
    accuracy,
    all_of,
    any_of,
    every,
    everything,
    last,
    shifted,
    since_last_update,
    since_shift,
    volume,
    worse,
)
from homeostat.core import Finding, InputError, SchemaError, Verdict

NOW = datetime(2013, 6, 1, tzinfo=UTC)


def state(days=0.0, rows=0, *findings):
    return TriggerState(NOW, NOW - timedelta(days=days), rows, findings)


def found(check, verdict="fail", effect=None, subject="wind"):
    return Finding(
        check=check, subject=subject, verdict=Verdict(verdict), summary="It moved.", effect=effect
    )


def test_a_schedule_is_due_once_the_interval_has_passed():
    assert every("7d").due(state(6.99)) is None
    assert every("7d").due(state(7)) == "7 days since the last update, due every 7 days"
    assert every("6h").due(state(0.25)) == "6 hours since the last update, due every 6 hours"


def test_a_shift_is_due_on_failed_findings_of_shift_alone():
    others = (found("shift.feature", "warn"), found("shift.label", "unknown"), found("schema.type"))
    assert shifted().due(state(1, 0, *others)) is None
    reason = shifted().due(state(1, 0, *others, found("shift.concept"), found("shift.label")))
    assert reason == "shift.concept on wind: It moved. (and 1 more)"
    assert shifted(at_least=2).due(state(1, 0, found("shift.feature"))) is None
    assert shifted("shift.concept").due(state(1, 0, found("shift.feature"))) is None


def test_lost_accuracy_is_due_by_verdict_or_by_effect():
    small = found("accuracy.window", "ok", 0.01, "log_loss")
    large = found("accuracy.window", "warn", 0.03, "log_loss")
    better = found("accuracy.window", "ok", 0.03, "auc")
    assert accuracy().due(state(1, 0, small, large)) is None
    assert accuracy().due(state(1, 0, found("accuracy.window"))) is not None
    assert worse(by=0.02).due(state(1, 0, small, better, found("accuracy.window"))) is None
    assert worse(by=0.02).due(state(1, 0, small, large)) is not None


def test_volume_is_due_once_the_rows_are_there():
    assert volume(1000).due(state(1, 999)) is None
    assert volume(1000).due(state(1, 1000)) == "1,000 rows since the last update, due every 1,000"


def test_triggers_compose():
    either, both = any_of(every("7d"), volume(10)), all_of(every("3d"), shifted())
    assert either.due(state(1, 5)) is None
    assert either.due(state(8, 20)).count(";") == 1
    assert both.due(state(1, 0, found("shift.label"))) is None
    assert both.due(state(3)) is None
    assert both.due(state(3, 0, found("shift.label"))) is not None
    assert any_of().due(state(9)) is None
    assert all_of().due(state(9)) is None


def test_triggers_are_values_that_can_be_shipped():
    for trigger in (every("7d"), shifted(), worse(by=0.1), volume(3), any_of(every("1d"))):
        assert isinstance(trigger, Trigger)
        assert pickle.loads(pickle.dumps(trigger)) == trigger


@pytest.mark.parametrize(
    "make", [lambda: every("0d"), lambda: volume(0), lambda: shifted(at_least=0)]
)
def test_a_trigger_that_is_always_due_is_refused(make):
    with pytest.raises(InputError):
        make()


TIMES = np.array(
    ["2013-01-01", "2013-05-01", "2013-05-20", "2013-05-31", "2013-06-01"], "datetime64[us]"
)


@pytest.mark.parametrize("times", [TIMES, TIMES.astype("datetime64[s]"), TIMES.astype(np.int64)])
@pytest.mark.parametrize(
    ("window", "rows"),
    [
        (everything(), [1, 1, 1, 1, 0]),
        (last("31d"), [0, 1, 1, 1, 0]),
        (last("1d", at_least=3), [0, 1, 1, 1, 0]),
        (last("1d", at_least=99), [1, 1, 1, 1, 0]),
        (since_shift(), [0, 0, 1, 1, 0]),
        (since_last_update(), [0, 0, 0, 1, 0]),
    ],
)
def test_a_window_takes_its_rows_and_none_of_the_future(times, window, rows):
    chosen = window.rows(
        times,
        NOW,
        last_update=datetime(2013, 5, 25, tzinfo=UTC),
        shifted_at=datetime(2013, 5, 20, tzinfo=UTC),
    )
    assert chosen.astype(int).tolist() == rows


def test_without_a_shift_or_an_update_a_window_takes_all():
    assert since_shift().rows(TIMES, NOW).sum() == 4
    assert since_last_update().start(NOW) is None
    assert last("2d").start(NOW) == NOW - timedelta(days=2)
    assert last("2d", at_least=2).rows(TIMES[:0], NOW).shape == (0,)


def test_a_window_reads_as_words():
    windows = (everything(), last("84d"), since_shift(), since_last_update())
    assert [str(window) for window in windows] == [
        "all rows",
        "the last 84 days",
        "rows since the last shift",
        "rows since the last update",
    ]
    assert last("7d") == DataWindow("length", timedelta(days=7))


def test_a_window_needs_a_length_and_a_time_zone():
    with pytest.raises(InputError, match="longer than nothing"):
        last("0d")
    with pytest.raises(SchemaError, match="A duration is"):
        last("soon")
    with pytest.raises(InputError, match="needs a time zone"):
        last("7d").rows(TIMES, datetime(2013, 6, 1))  # noqa: DTZ001 - the fault under test
