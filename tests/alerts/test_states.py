"""Pending, firing, resolved."""

from datetime import timedelta

import pytest
from alerting import START, after, found

from homeostat.alerts import Alerts, Band, Rule
from homeostat.core import InputError, NotFoundError, finding
from homeostat.monitor import Alarm

FAILS = finding(verdict="fail")


def states(alerts):
    return [alert.state for alert in alerts.all]


def test_one_thing_that_is_found_again_and_again_is_one_alert():
    alerts = Alerts()
    for hour in range(48):
        alerts.update(after(hours=hour), [found()])
    assert len(alerts.all) == 1
    assert alerts.alert(1).fired == START
    assert len(alerts.alert(1).history) == 2


def test_it_fires_only_once_it_was_bad_for_as_long_as_the_rule_holds_it():
    alerts = Alerts([Rule("slow", FAILS, hold_for="2h")])
    for hour, state in enumerate(["pending", "pending", "firing"]):
        alerts.update(after(hours=hour), [found()])
        assert states(alerts) == [state]
    assert alerts.alert(1).opened == START
    assert alerts.alert(1).fired == after(hours=2)


def test_what_goes_before_it_was_held_long_enough_never_fires():
    alerts = Alerts([Rule("slow", FAILS, hold_for="2h")])
    alerts.update(START, [found()])
    alerts.update(after(hours=1), [found(verdict="ok")])
    alerts.update(after(hours=2), [found()])
    alerts.update(after(hours=3), [found()])
    assert states(alerts) == ["resolved", "pending"]
    assert [alert.fired for alert in alerts.all] == [None, None]


def test_silence_of_a_check_neither_fires_nor_resolves():
    alerts = Alerts([Rule("slow", FAILS, hold_for="1h")])
    alerts.update(START, [found()])
    alerts.update(after(hours=5), [])
    assert states(alerts) == ["pending"]
    alerts.update(after(hours=6), [found()])
    alerts.update(after(hours=7), [found(verdict="unknown")])
    assert states(alerts) == ["firing"]


def test_it_keeps_firing_until_it_was_well_for_long_enough_and_a_relapse_starts_that_anew():
    alerts = Alerts([Rule("kept", FAILS, keep_firing_for="3h")])
    alerts.update(START, [found()])
    alerts.update(after(hours=1), [found(verdict="ok")])
    alerts.update(after(hours=2), [found()])
    alerts.update(after(hours=3), [found(verdict="ok")])
    alerts.update(after(hours=5), [found(verdict="ok")])
    assert states(alerts) == ["firing"]
    alerts.tick(after(hours=6))
    assert states(alerts) == ["resolved"]
    assert alerts.alert(1).resolved == after(hours=6)


def test_a_band_raises_at_one_threshold_and_clears_at_the_other():
    rule = Rule("accuracy", finding(check="accuracy.*"), band=Band("statistic", 0.90, 0.92))
    alerts = Alerts([rule])
    seen = []
    for hour, accuracy in enumerate([0.93, 0.91, 0.89, 0.91, 0.90, 0.915, 0.93, 0.91]):
        verdict = "ok" if accuracy > 0.9 else "fail"
        one = found("accuracy.day", "v3", verdict, statistic=accuracy)
        alerts.update(after(hours=hour), [one])
        seen.append([alert.state for alert in alerts.open])
    assert seen == [[], [], ["firing"], ["firing"], ["firing"], ["firing"], [], []]
    assert len(alerts.all) == 1


def test_a_value_that_lingers_at_a_threshold_flaps_without_a_band_and_not_with_one():
    values = [0.051, 0.049] * 20
    counts = []
    for band in (None, Band("effect", 0.05, 0.04)):
        alerts = Alerts([Rule("drift", FAILS, band=band)])
        for hour, value in enumerate(values):
            verdict = "fail" if value > 0.05 else "ok"
            alerts.update(after(minutes=hour), [found(verdict=verdict, effect=value)])
        counts.append(len(alerts.all))
    assert counts == [20, 1]
    alerts = Alerts()
    for minute in range(6):
        alerts.update(after(minutes=minute), [found(verdict="ok" if minute % 2 else "fail")])
    assert [alert.flaps for alert in alerts.all] == [0, 1, 2]


def test_a_check_that_stops_talking_ends_as_stale_and_says_that_it_may_not_be_well():
    alerts = Alerts([Rule("daily", FAILS, stale_after="3d")])
    alerts.update(START, [found()])
    alerts.tick(after(days=2, hours=23))
    assert states(alerts) == ["firing"]
    alerts.tick(after(days=3))
    assert states(alerts) == ["resolved"]
    assert "that it is well is not known" in alerts.alert(1).ending


def test_a_note_that_gets_worse_becomes_a_page():
    alerts = Alerts()
    alerts.update(START, [found(verdict="warn")])
    assert alerts.alert(1).severity == "note"
    changed = alerts.update(after(hours=1), [found(verdict="fail")])
    assert [alert.severity for alert in changed] == ["page"]
    assert len(alerts.all) == 1


def test_the_first_rule_that_matches_counts():
    mine = Rule("mine", finding(check="shift.*"), severity="note", owner="ann", runbook="https://r")
    alerts = Alerts([mine, Rule("rest", FAILS)])
    alerts.update(START, [found(), found("schema.type")])
    assert [(a.rule, a.owner, a.severity) for a in alerts.all] == [
        ("mine", "ann", "note"),
        ("rest", "", "page"),
    ]


def test_time_does_not_run_backwards_and_a_late_update_is_taken_now():
    alerts = Alerts([Rule("slow", FAILS, hold_for="1h")])
    alerts.update(after(hours=5), [found()])
    alerts.update(after(hours=1), [found()])
    assert alerts.alert(1).state == "pending"
    assert alerts.now >= after(hours=5)


def an_alarm(change="opened", severity="page", subjects=("temp", "wind")):
    return Alarm(
        number=4, check="shift.feature", subjects=subjects, severity=severity, change=change,
        opened=START, since=START - timedelta(days=2), last=START, effect=0.2,
        summary="temp and wind moved.", finding=found(verdict="ok", effect=0.2),
    )  # fmt: skip


def test_an_alarm_of_the_monitor_is_an_alert_with_its_own_since_and_all_its_subjects():
    alerts = Alerts()
    alerts.update(START, [an_alarm(subjects=("temp",))])
    alerts.update(after(hours=1), [an_alarm("grew")])
    (alert,) = alerts.all
    assert (alert.state, alert.severity, alert.subjects) == ("firing", "page", ("temp", "wind"))
    assert alert.since == START - timedelta(days=2)
    alerts.update(after(hours=2), [an_alarm("closed")])
    assert states(alerts) == ["resolved"]


def test_an_acknowledged_alert_says_who_has_it():
    alerts = Alerts()
    alerts.update(START, [found()])
    alert = alerts.acknowledge(1, by="ann", note="looking", at=after(minutes=3))
    assert (alert.acknowledged_by, alert.acknowledged) == ("ann", after(minutes=3))
    assert alert.history[-1].words == "Acknowledged by ann: looking"


@pytest.mark.parametrize(
    ("act", "kind", "says"),
    [
        (lambda a: a.update(START, ["drift"]), InputError, "findings and alarms"),
        (lambda a: a.update(START.replace(tzinfo=None), []), InputError, "needs a zone"),
        (lambda a: a.alert(7), NotFoundError, "no alert 7"),
        (lambda a: a.acknowledge(1, by=" "), InputError, "who does this"),
        (lambda a: a.silence(by="ann"), InputError, "needs an end"),
        (lambda a: a.silence(by="ann", length="0s"), InputError, "end after it starts"),
        (lambda a: a.silence(by="", length="1h"), InputError, "who does this"),
        (lambda a: a.end_silence("s9", by="ann"), NotFoundError, "no silence 's9'"),
        (lambda a: a.discard("m", by="ann"), NotFoundError, "No message"),
        (lambda a: a.test("mail"), NotFoundError, "no channel 'mail'"),
        (lambda _: Rule("x", FAILS, hold_for="soon"), InputError, "duration"),
        (lambda _: Rule("x", FAILS, hold_for=timedelta(-1)), InputError, "must not be negative"),
        (lambda _: Rule("", FAILS), InputError, "needs a name"),
        (lambda _: Rule("x", FAILS, severity="loud"), InputError, "'page' or 'note'"),
        (lambda _: Rule("x", FAILS, title="${sumary}"), InputError, "Did you mean `summary`"),
        (lambda _: Band("size", 1, 2), InputError, "effect, statistic or p_value"),
        (lambda _: Band("effect", float("nan"), 2), InputError, "finite"),
        (lambda _: Alerts([Rule("a", FAILS), Rule("a", FAILS)]), InputError, "there twice"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(act, kind, says):
    with pytest.raises(kind, match=says):
        act(Alerts())


def test_a_rule_that_fails_in_the_middle_of_an_update_leaves_nothing_behind():
    def picky(one):
        if one.subject == "z":
            raise RuntimeError("a fault of the user's")
        return True

    from homeostat.core import Condition

    alerts = Alerts([Rule("picky", Condition(picky, "picky"))])
    alerts.update(START, [found(subject="a")])
    with pytest.raises(RuntimeError):
        alerts.update(after(hours=1), [found(subject="b"), found(subject="z")])
    assert [alert.subject for alert in alerts.all] == ["a"]


def test_columns_with_odd_names_and_ten_thousand_findings_are_taken():
    alerts = Alerts(cap=None)
    odd = ["", "naïve ☃", "a|b", "${owner}", "x" * 5000]
    alerts.update(START, [found(subject=name) for name in odd])
    assert [alert.subject for alert in alerts.all] == odd
    many = [found(subject=f"c{i}", verdict="ok", summary="Well.") for i in range(10_000)]
    assert alerts.update(after(hours=1), many) == []
