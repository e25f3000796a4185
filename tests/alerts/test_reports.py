"""What the alerts say of themselves."""

import pytest
from alerting import START, after, found

from homeostat.alerts import Alerts, Rule
from homeostat.core import finding

RULES = [
    Rule("drift", finding(check="shift.*", verdict="fail")),
    Rule("schema", finding(check="schema.*", verdict="fail")),
]


def judged(useful):
    alerts = Alerts(RULES, cap=None)
    for number, said in enumerate(useful):
        alerts.update(after(hours=number), [found(subject=str(number))])
        if said is not None:
            alerts.feedback(number + 1, useful=said, by="ann")
    return alerts


def test_a_rule_that_is_surely_seldom_useful_warns_with_its_interval():
    alerts = judged([False] * 12 + [True, None])
    (report,) = alerts.precision()
    assert (report.subject, report.verdict.value) == ("drift", "warn")
    assert report.statistic == pytest.approx(1 / 13)
    assert (report.evidence["n"], report.evidence["fired"]) == (13, 14)
    assert report.evidence["low"] < 1 / 13 < report.evidence["high"] < 0.5
    assert "Raise its threshold" in report.summary


def test_few_judgements_are_unknown_and_good_ones_ok():
    assert judged([True, False]).precision()[0].verdict.value == "unknown"
    assert judged([True] * 6).precision()[0].verdict.value == "ok"


def test_the_last_word_on_an_alert_counts():
    alerts = judged([True] * 5)
    alerts.feedback(1, useful=False, by="bob", note="it was the season", at=after(days=1))
    assert alerts.precision()[0].evidence["useful"] == 4
    assert alerts.alert(1).useful is False


def test_prometheus_text_has_one_line_an_open_alert_whatever_its_name():
    alerts = Alerts(RULES, system='a"b')
    alerts.update(START, [found(subject='x\n"\\'), found("schema.type")])
    lines = [line for line in alerts.metrics().splitlines() if not line.startswith("#")]
    head = 'homeostat_alerts{{alertname="{}",alertstate="firing",check="{}",'
    tail = 'subject="{}",severity="page",system="a\\"b"}} 1'
    assert lines == [
        head.format("drift", "shift.feature") + tail.format('x\\n\\"\\\\'),
        head.format("schema", "schema.type") + tail.format("temp"),
        'homeostat_alert_messages_waiting{system="a\\"b"} 0',
    ]


def test_a_channel_that_was_never_used_is_unknown(channel):
    (report,) = Alerts(channels={"hook": channel}).health()
    assert report.verdict.value == "unknown"


def test_messages_for_a_channel_that_is_gone_are_told(record, channel, clock):
    Alerts(channels={"old": channel}, record=record, clock=clock).update(START, [found()])
    alerts = Alerts(channels={"new": channel}, record=record, clock=clock)
    assert alerts.deliver().waiting == 1
    old = next(one for one in alerts.health() if one.subject == "old")
    assert "No channel of that name is configured here." in old.summary
