"""Who is told what, in which group, when, and what is not told."""

from datetime import timedelta

import pytest
from alerting import START, after, found

from homeostat.alerts import Alerts, Escalation, Inhibition, Route, Rule
from homeostat.core import InputError, finding

FAILS = finding(verdict="fail")


def telling(channel, clock, **settings):
    route = settings.pop("route", {})
    names = {"hook": channel, "lead": settings.pop("lead", channel)}
    page = Route("pages", ["hook"], severity="page", **route)
    routes = [page, Route("notes", ["hook"], severity="note", digest="1d")]
    return Alerts(channels=names, routes=routes, system="delay", clock=clock, **settings)


def at(alerts, clock, moment, *what):
    clock.sleep_until(moment)
    alerts.update(moment, what)
    alerts.deliver()


def test_an_alert_is_told_once_and_so_is_its_recovery(channel, clock):
    alerts = telling(channel, clock)
    for hour in range(5):
        at(alerts, clock, after(hours=hour), found())
    at(alerts, clock, after(hours=6), found(verdict="ok"))
    at(alerts, clock, after(hours=7), found(verdict="ok"))
    assert channel.kinds == ["firing", "resolved"]
    assert channel.titles[1] == "[RESOLVED] delay: shift.feature on temp"
    assert "temp is ok by shift.feature." in channel.messages[1].text


def test_twenty_columns_of_one_check_are_one_message(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, START, *(found(subject=f"c{i}") for i in range(25)))
    assert channel.titles == ["[PAGE] delay: shift.feature on c0 and 24 more"]
    assert len(channel.messages[0].alerts) == 25
    assert "and 5 more" in channel.messages[0].text


def test_a_group_waits_for_the_others_and_then_comes_no_more_often_than_its_interval(
    channel, clock
):
    alerts = telling(channel, clock, route={"wait": "30s", "interval": "5m"})
    at(alerts, clock, START, found(subject="a"))
    at(alerts, clock, after(seconds=20), found(subject="b"))
    assert channel.titles == []
    at(alerts, clock, after(seconds=30))
    at(alerts, clock, after(minutes=2), found(subject="c"))
    assert channel.titles == ["[PAGE] delay: shift.feature on a and 1 more"]
    at(alerts, clock, after(minutes=6))
    assert channel.titles[1:] == ["[PAGE] delay: shift.feature on c"]


def test_a_page_is_repeated_until_somebody_acknowledges_it(channel, clock):
    alerts = telling(channel, clock, route={"repeat": "6h"})
    for hour in range(13):
        at(alerts, clock, after(hours=hour), found())
    assert channel.kinds == ["firing", "repeated", "repeated"]
    alerts.acknowledge(1, by="ann")
    for hour in range(13, 40):
        at(alerts, clock, after(hours=hour), found())
    assert len(channel.messages) == 3


def test_nobody_answers_so_the_next_ones_are_told_and_all_of_them_of_the_recovery(clock):
    from alerting import Collected

    hook, lead = Collected(), Collected()
    steps = [Escalation("30m", ["lead"])]
    alerts = telling(hook, clock, lead=lead, route={"escalate": steps})
    at(alerts, clock, START, found())
    at(alerts, clock, after(minutes=29))
    assert lead.kinds == []
    at(alerts, clock, after(minutes=30))
    at(alerts, clock, after(minutes=90), found(verdict="ok"))
    assert hook.kinds == ["firing", "resolved"]
    assert lead.kinds == ["escalated", "resolved"]
    assert lead.titles[0].startswith("[NOBODY ANSWERED]")


def test_an_acknowledged_alert_is_not_escalated(channel, clock):
    alerts = telling(channel, clock, route={"escalate": [Escalation("30m", ["lead"])]})
    at(alerts, clock, START, found())
    alerts.acknowledge(1, by="ann", at=after(minutes=5))
    at(alerts, clock, after(hours=2))
    assert channel.kinds == ["firing"]


def test_a_broken_schema_mutes_the_drift_that_it_causes_and_the_message_says_so(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, START, found("shift.feature"), found("schema.missing_column"))
    assert channel.titles == ["[PAGE] delay: schema.missing_column on temp"]
    assert "It explains: shift.feature on temp." in channel.messages[0].text
    assert alerts.alert(1).muted == "alert 2 (schema.missing_column on temp)"


def test_drift_of_another_column_is_not_muted(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, START, found("shift.feature", "wind"), found("schema.missing_column"))
    assert len(channel.messages) == 2


def test_what_still_drifts_once_the_schema_is_mended_is_told(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, START, found("schema.missing_column"), found())
    at(alerts, clock, after(hours=1), found("schema.missing_column", verdict="ok"), found())
    assert sorted(channel.titles) == [
        "[PAGE] delay: schema.missing_column on temp",
        "[PAGE] delay: shift.feature on temp",
        "[RESOLVED] delay: schema.missing_column on temp",
    ]


def test_what_drifted_only_because_of_the_schema_is_never_told(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, START, found("schema.missing_column"), found())
    at(alerts, clock, after(hours=1), found("schema.missing_column", verdict="ok"),
       found(verdict="ok"))  # fmt: skip
    assert channel.kinds == ["firing", "resolved"]


def test_like_alerts_cannot_mute_each_other_away(channel, clock):
    both = Inhibition(finding(check="shift.*"), finding(check="shift.*"), equal=())
    alerts = telling(channel, clock, inhibitions=[both])
    at(alerts, clock, START, found(subject="a"), found(subject="b"))
    assert len(channel.messages[0].alerts) == 2


def test_a_silence_mutes_until_its_end_and_then_what_still_fires_is_told(channel, clock):
    alerts = telling(channel, clock)
    silence = alerts.silence(by="ann", length="2h", check="shift.*", comment="known", at=START)
    at(alerts, clock, START, found(), found("accuracy.window", "auc"))
    assert channel.titles == ["[PAGE] delay: accuracy.window on auc"]
    assert alerts.alert(1).muted == f"silence {silence.id} by ann until 2026-01-01 02:00"
    at(alerts, clock, after(hours=2))
    assert channel.titles[1:] == ["[PAGE] delay: shift.feature on temp"]


def test_a_silence_that_is_ended_early_tells_at_once(channel, clock):
    alerts = telling(channel, clock)
    silence = alerts.silence(by="ann", length="2d", at=START)
    at(alerts, clock, START, found())
    alerts.end_silence(silence.id, by="bob", at=after(hours=1))
    alerts.deliver()
    assert channel.kinds == ["firing"]


def test_notes_come_once_a_day_in_a_digest(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, after(hours=3), found(subject="a", verdict="warn"))
    at(alerts, clock, after(hours=9), found(subject="b", verdict="warn"))
    at(alerts, clock, after(hours=11), found(subject="a", verdict="ok"))
    assert channel.messages == []
    at(alerts, clock, after(days=1))
    at(alerts, clock, after(days=1, hours=5))
    (message,) = channel.messages
    assert message.title == "[DIGEST] delay: 1 new, 0 going on, 1 over"
    assert "- 2: b is warn by shift.feature." in message.text
    at(alerts, clock, after(days=2))
    assert channel.titles[1] == "[DIGEST] delay: 0 new, 1 going on, 0 over"
    assert "b is warn" in alerts.digest(START)


def test_a_message_holds_the_facts_the_owner_the_runbook_and_links(channel, clock):
    rule = Rule(
        "accuracy", finding(check="accuracy.*", verdict="fail"), owner="ranking team",
        runbook="https://wiki/accuracy", labels={"tier": "1"},
        title="Recommender model accuracy below ${threshold}",
        text="${timestamp}: This alert originated from the service ${service-name}, tier "
        "${labels.tier}: ${statistic} of ${evidence.n} rows, p = ${p-value}, $$ ${evidence.cost}",
    )  # fmt: skip
    alerts = telling(channel, clock, rules=[rule], base_url="https://hs.example")
    low = found("accuracy.window", "v3", statistic=0.871, threshold=0.9, evidence={"n": 1200})
    clock.sleep_until(START)
    alerts.update(START, [low], run="r1")
    alerts.deliver()
    (message,) = channel.messages
    assert message.title == "[PAGE] delay: Recommender model accuracy below 0.9"
    assert message.text.splitlines()[0] == (
        "2026-01-01 00:00 UTC: This alert originated from the service delay, tier 1: 0.871 of "
        "1200 rows, p = (no p-value), $ (no evidence.cost)"
    )
    for line in (
        "Owner: ranking team", "Runbook: https://wiki/accuracy",
        "Findings: https://hs.example/findings?run=r1&check=accuracy.window&subject=v3",
        "Alert 1: https://hs.example/alerts/1?system=delay",
    ):  # fmt: skip
        assert line in message.text.splitlines()


def test_a_fact_that_looks_like_a_template_or_a_header_stays_a_text(channel, clock):
    alerts = telling(channel, clock)
    at(alerts, clock, START, found(subject="x\r\nBcc: all", summary="${owner} ${nonsense} $$."))
    assert channel.titles == ["[PAGE] delay: shift.feature on x Bcc: all"]
    assert channel.messages[0].text.startswith("${owner} ${nonsense} $$.")


def test_a_route_must_name_channels_that_there_are(channel):
    with pytest.raises(InputError, match="Did you mean `hook`"):
        Alerts(channels={"hook": channel}, routes=[Route("r", ["hok"])])
    for name, channels in (("r", "hook"), ("r", []), ("a|b", ["hook"])):
        with pytest.raises(InputError, match="list of channels"):
            Route(name, channels)


def test_a_long_outage_does_not_pile_up_repeats(channel, clock):
    from alerting import down

    alerts = telling(channel, clock, route={"repeat": "1h"})
    channel.error = down()
    for hour in range(48):
        at(alerts, clock, after(hours=hour), found())
    channel.error = None
    clock.advance(timedelta(hours=2))
    alerts.deliver()
    assert channel.kinds == ["firing"]
