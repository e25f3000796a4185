"""At most so many pages a week."""

from datetime import timedelta

import numpy as np
import pytest
from alerting import START, after, found
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.alerts import Alerts, Band, Cap, Route, Rule
from homeostat.core import InputError, finding


def paging(channel, clock, cap, rules=None):
    route = Route("pages", ["hook"], severity="page", group_by=["check", "subject"], repeat=None)
    rule = Rule("drift", finding(verdict="fail"), band=Band("effect", 0.1, 0.05))
    return Alerts(
        rules or [rule, Rule("broken", finding(check="schema.*", verdict="fail"))],
        channels={"hook": channel}, routes=[route], cap=cap, clock=clock,
    )  # fmt: skip


def pages_at(channel):
    return [message.at for message in channel.messages if message.kind != "resolved"]


@settings(max_examples=25)
@given(
    sizes=st.lists(st.floats(0.1, 10), min_size=1, max_size=40),
    gap=st.integers(1, 40),
    pages=st.integers(1, 6),
)
def test_no_stretch_of_a_week_has_more_pages_than_the_cap(sizes, gap, pages):
    from alerting import Collected

    from homeostat.core import SimulatedClock

    channel, clock = Collected(), SimulatedClock(START)
    alerts = paging(channel, clock, Cap(pages, reserve=0))
    for number, size in enumerate(sizes):
        clock.advance(timedelta(hours=gap))
        alerts.update(clock.now(), [found(subject=str(number), effect=size)])
        alerts.deliver()
    times = pages_at(channel)
    week = timedelta(days=7)
    assert all(sum(t <= u < t + week for u in times) <= pages for t in times)
    assert len(alerts.all) == len(sizes)
    assert times


def test_in_a_noisy_month_the_bar_rises_and_what_pages_is_what_stands_out(channel, clock):
    rng = np.random.default_rng(0)
    alerts = paging(channel, clock, Cap(5, reserve=1))
    real = {120, 300}
    for number in range(350):
        clock.advance(timedelta(hours=1))
        size = 5.0 if number in real else 0.1 * (1 + 0.3 * rng.exponential())
        alerts.update(clock.now(), [found(subject=str(number), effect=size)])
        alerts.update(clock.now(), [found(subject=str(number), verdict="ok", effect=0.0)])
        alerts.deliver()
    told = {m.alerts[0]["subject"] for m in channel.messages if m.kind == "firing"}
    assert len(told) <= 5 * (350 / 24 / 7 + 1)
    assert {str(number) for number in real} <= told
    assert sum(alert.held_back for alert in alerts.all) == 350 - len(told)


def test_a_plain_failure_still_pages_from_the_reserve(channel, clock):
    alerts = paging(channel, clock, Cap(3, reserve=1))
    for number in range(6):
        clock.advance(timedelta(hours=1))
        alerts.update(clock.now(), [found(subject=str(number), effect=1.0 + number)])
    alerts.update(clock.now(), [found("schema.missing_column")])
    alerts.deliver()
    assert len(channel.messages) == 3
    assert channel.titles[-1] == "[PAGE] schema.missing_column on temp"


def test_an_alert_that_is_held_back_says_why_and_is_told_once_there_is_room(channel, clock):
    alerts = paging(channel, clock, Cap(1, reserve=0))
    alerts.update(START, [found(subject="a", effect=1.0)])
    alerts.update(after(hours=1), [found(subject="b", effect=2.0)])
    alerts.deliver()
    held = alerts.alert(2)
    assert (held.held_back, held.rank, held.severity) == (True, "note", "page")
    assert held.history[-1].words == "Held back as a note: there have been 1 pages in 7 d."
    clock.sleep_until(after(days=8))
    alerts.update(after(days=8), [])
    alerts.deliver()
    assert channel.titles == ["[PAGE] shift.feature on a", "[PAGE] shift.feature on b"]
    assert not alerts.alert(2).held_back


def test_a_message_on_many_alerts_is_one_page(channel, clock):
    rule = Rule("drift", finding(verdict="fail"))
    alerts = Alerts([rule], channels={"hook": channel}, cap=Cap(1, reserve=0), clock=clock)
    alerts.update(START, [found(subject=f"c{i}") for i in range(20)])
    assert not any(alert.held_back for alert in alerts.all)


def test_a_cap_without_a_page_is_refused():
    with pytest.raises(InputError, match="at least one page"):
        Cap(0)
    with pytest.raises(InputError, match="fewer in reserve"):
        Cap(2, reserve=2)
