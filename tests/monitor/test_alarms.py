"""Alarms: one for each thing, seldom false, grouped, muted, budgeted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from homeostat.core import Finding, InputError, Verdict
from homeostat.monitor import Alarms

START = datetime(2026, 1, 1, tzinfo=UTC)


def shifted(subject, p_value, *, verdict="ok", check="shift.feature", low=0.0, **evidence):
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict(verdict),
        summary=f"{subject} at {p_value:g}.",
        statistic=0.5,
        p_value=p_value,
        effect=low,
        evidence={"effect_low": low, "margin": 0.02, **evidence},
    )


def broken(subject, check="schema.missing_column", verdict="fail"):
    return Finding(check=check, subject=subject, verdict=Verdict(verdict), summary=f"{subject}!")


def run(alarms, windows):
    return [
        (day, alarm)
        for day, findings in enumerate(windows)
        for alarm in alarms.update(START + timedelta(days=day), findings)
    ]


def test_a_lasting_shift_is_one_alarm_with_a_beginning_and_an_end():
    quiet, loud = [shifted("x", 0.5)], [shifted("x", 1e-4, verdict="fail", low=0.1)]
    told = run(Alarms(), [quiet] * 20 + [loud] * 30 + [quiet] * 10)
    assert [alarm.change for _, alarm in told] == ["opened", "closed"]
    (opened_on, opened), (closed_on, closed) = told
    assert 20 <= opened_on <= 24
    assert opened.since == START + timedelta(days=20)
    assert (opened.severity, opened.number, closed.number) == ("page", 1, 1)
    assert closed_on == 52
    assert closed.last == START + timedelta(days=49)


def test_a_shift_that_costs_nothing_is_a_note_however_long_it_lasts():
    told = run(Alarms(), [[shifted("temp", 1e-5, verdict="warn", low=-0.01)]] * 100)
    assert [(alarm.severity, alarm.change) for _, alarm in told] == [("note", "opened")]


def test_a_small_shift_that_lasts_and_costs_is_a_page_though_no_window_fails():
    told = run(Alarms(), [[shifted("x", 0.01, low=0.05)]] * 60)
    assert [(a.severity, a.change) for _, a in told] == [("page", "opened")]
    assert "small in each window but lasting" in told[0][1].summary


def test_a_note_becomes_a_page_when_it_begins_to_fail():
    harmless = [shifted("x", 1e-6, verdict="warn", low=-0.1)]
    harmful = [shifted("x", 1e-6, verdict="fail", low=0.1)]
    told = run(Alarms(), [harmless] * 5 + [harmful] * 2)
    assert [(a.severity, a.change) for _, a in told] == [("note", "opened"), ("page", "grew")]


def test_one_window_is_enough_where_the_evidence_is():
    told = run(Alarms(), [[shifted("x", 0.5)]] * 5 + [[shifted("x", 1e-12, verdict="fail")]])
    assert [day for day, _ in told] == [5]


def test_neighbours_that_say_the_same_count_once():
    windows = [[shifted("x", 0.01, dependence=6.0)]] * 10
    apart = [[shifted("x", 0.01)]] * 10
    assert run(Alarms(), windows) == []
    assert len(run(Alarms(), apart)) == 1


def test_what_fails_together_is_one_alarm():
    names = ["temp", "dewp", "humid"]
    told = run(Alarms(), [[broken(name) for name in names]] * 3)
    assert len(told) == 1
    assert set(told[0][1].subjects) == set(names)
    assert "Likewise" in told[0][1].summary


def test_a_missing_column_mutes_its_drift_and_a_worse_loss_is_its_symptom():
    findings = [
        shifted("temp", 1e-12, verdict="fail"),
        broken("temp"),
        shifted("log_loss", 1e-12, verdict="fail", check="accuracy.window"),
    ]
    (told,) = run(Alarms(), [findings])
    assert told[1].check == "schema.missing_column"
    assert told[1].symptoms == ("accuracy.window on log_loss",)
    assert "With it: accuracy.window on log_loss" in told[1].summary


def test_a_symptom_that_comes_later_joins_its_cause():
    cause = [shifted("outcome", 1e-12, verdict="fail", check="shift.concept")]
    symptom = shifted("log_loss", 1e-12, verdict="fail", check="accuracy.window")
    told = run(Alarms(), [cause, cause, [*cause, symptom]])
    assert [a.change for _, a in told] == ["opened", "grew"]
    assert told[1][1].number == 1


def test_a_note_is_no_cause_of_a_page():
    note = [shifted("temp", 1e-12, verdict="warn", low=-0.1)]
    page = shifted("log_loss", 1e-12, verdict="fail", check="accuracy.window")
    told = run(Alarms(), [note, [*note, page]])
    assert [(a.check, a.severity) for _, a in told] == [
        ("shift.feature", "note"),
        ("accuracy.window", "page"),
    ]


def test_of_two_findings_on_one_thing_the_failure_counts():
    failed, warned = (broken("carrier", "shift.category", verdict) for verdict in ("fail", "warn"))
    ((_, alarm),) = run(Alarms(), [[failed, warned]])
    assert alarm.severity == "page"


def test_pages_are_budgeted_and_what_is_held_back_says_so():
    windows = [[broken(f"column {day}", check=f"schema.c{day}")] for day in range(8)]
    told = [a for _, a in run(Alarms(most_pages=2, within="30d"), windows) if a.change == "opened"]
    assert [a.severity for a in told] == ["page"] * 2 + ["note"] * 6
    assert [a.held_back for a in told] == [False] * 2 + [True] * 6


def test_unknown_is_no_evidence_and_says_nothing():
    unknown = Finding(
        check="shift.concept", subject="outcome", verdict=Verdict.UNKNOWN, summary="Too few."
    )
    loud = shifted("outcome", 1e-3, verdict="fail", check="shift.concept", low=0.1)
    told = run(Alarms(), [[loud], [unknown], [unknown], [loud], [unknown], [loud]])
    assert [day for day, _ in told] == [5]


def test_after_it_closed_it_takes_new_evidence_to_open_again():
    loud, quiet = [broken("x")], [shifted("y", 0.5)]
    told = run(Alarms(quiet=1), [loud, quiet, loud])
    assert [(a.number, a.change) for _, a in told] == [(1, "opened"), (1, "closed"), (2, "opened")]


def test_an_alarm_is_plain_json():
    ((_, alarm),) = run(Alarms(), [[broken("x")]])
    data = json.loads(json.dumps(alarm.to_json()))
    assert (data["check"], data["subject"], data["verdict"]) == (
        "schema.missing_column",
        "x",
        "fail",
    )
    assert repr(alarm).startswith("Alarm(1 opened page:")


def test_bad_input_is_refused_in_words():
    with pytest.raises(InputError, match="zone"):
        Alarms().update(datetime(2026, 1, 1), [])  # noqa: DTZ001 - the fault
    with pytest.raises(InputError, match="arl > 1"):
        Alarms(arl=1)


@pytest.mark.parametrize("features", [1, 20])
def test_false_alarms_come_no_oftener_than_stated(features):
    """At most T/arl of runs of T windows; p-values of one window may depend on each other."""
    rng = np.random.default_rng(features)
    false = 0
    for _ in range(80):
        alarms = Alarms(arl=100)
        common = rng.random((40, 1))
        p = np.where(rng.random((40, features)) < 0.5, common, rng.random((40, features)))
        windows = [[shifted(f"x{i}", value) for i, value in enumerate(row)] for row in p]
        false += bool(run(alarms, windows))
    assert false / 80 <= 0.4
