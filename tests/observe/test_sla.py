"""SLAs: declared as the lecture does, judged by findings, with budgets and burn rates."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from homeostat import observe, track
from homeostat.core import InputError, SchemaError, SimulatedClock
from homeostat.observe import BURN_RULES, Distribution, ErrorBudget, SlaWatch, sla
from homeostat.record import Record

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def verdicts(findings, check):
    return [finding.verdict.value for finding in findings if finding.check == check]


def test_the_lectures_sla_is_kept_and_broken_as_it_says():
    promised = sla(median="200ms", p99="2s", up=0.9999)
    good = Distribution.of(np.repeat([0.1, 3.0], [9950, 50]))
    assert verdicts(promised.judge(good, "predict"), "sla.latency") == ["ok", "ok"]
    slow = Distribution.of(np.repeat([0.1, 0.3, 3.0], [4000, 5800, 200]))
    median, p99 = promised.judge(slow, "predict")
    assert (median.verdict.value, p99.verdict.value) == ("fail", "fail")
    assert median.summary == (
        "median < 200 ms is broken for predict: 6,000 of 10,000 calls took over 200 ms, 50% may."
    )
    assert (p99.statistic, p99.threshold) == (0.02, 0.01)
    assert p99.evidence["low"] > 0.01
    assert promised.is_up(good)
    assert not promised.is_up(slow)


def test_too_few_calls_are_unknown_and_never_ok():
    promised = sla(p99="2s", error_rate=0.001)
    few = Distribution.of([0.1] * 50)
    assert verdicts(promised.judge(few, "x"), "sla.latency") == ["unknown"]
    assert verdicts(promised.judge(Distribution.of([]), "x"), "sla.errors") == ["unknown"]
    assert "about 1,000 calls can tell" in promised.judge(few, "x")[0].summary


def test_calls_that_all_fail_are_down_and_none_at_all_are_as_was_declared():
    promised = sla(p99="2s", up=0.99)
    assert promised.is_up(Distribution(Distribution.of([]).counts, failed=3)) is False
    assert promised.is_up(Distribution.of([])) is None
    assert sla(p99="2s", quiet="down").is_up(Distribution.of([])) is False


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "at least one of median"),
        ({"up": 0.99}, "at least one of median"),
        ({"p99": "2 weeks"}, "a positive number with us, ms or s, got '2 weeks'"),
        ({"p99": "0s"}, "a positive number"),
        ({"median": "1s", "up": 99.99}, r"minutes up lies in \(0, 1\), got 99.99"),
        ({"error_rate": 1.0}, "error rate lies in"),
        ({"quantiles": {99: "2s"}}, "quantile lies in"),
        ({"p99": "2s", "period": "1m"}, "at least an hour"),
        ({"p99": "2s", "quiet": "up"}, '"unknown" or "down"'),
    ],
)
def test_a_promise_of_no_use_is_refused_in_words(settings, message):
    with pytest.raises(InputError, match=message):
        sla(**settings)


def test_a_period_is_a_duration():
    with pytest.raises(SchemaError, match="duration"):
        sla(p99="1s", period="a month")


def test_the_rules_spend_what_the_workbook_says_before_they_fire():
    spent = [round(rule.spent(timedelta(days=30)), 4) for rule in BURN_RULES]
    assert spent == [0.02, 0.05, 0.10]


def outage(share, bad_share, *, per_minute=1000, before=timedelta(days=3)):
    """Return how many minutes after an outage began a rule first fires, and its finding."""
    budget = ErrorBudget(share, subject="x", objective="errors")
    at = START
    for _ in range(int(before / (60 * MINUTE)) - 6):  # an hour's worth each: quicker
        budget.add(at, bad=0, total=60 * per_minute)
        at += 60 * MINUTE
    for _ in range(6 * 60):
        budget.add(at, bad=0, total=per_minute)
        at += MINUTE
    begun = at
    while at - begun < timedelta(days=3):
        budget.add(at, bad=round(per_minute * bad_share), total=per_minute)
        at += MINUTE
        finding = budget.findings(at - MINUTE)[0]
        if finding.verdict.value != "ok":
            return (at - begun) / MINUTE, finding
    return None, finding


def test_outages_are_told_as_soon_as_the_workbook_says():
    # Detection time = long window x factor x (1 - SLO) / error rate: 0.86 minutes, then 8.64.
    delay, finding = outage(0.001, 1.0)
    assert (delay, finding.verdict.value, finding.threshold) == (1, "fail", 14.4)
    assert "1h" in finding.summary
    delay, finding = outage(0.001, 0.1)
    assert (delay, finding.verdict.value) == (9, "fail")
    delay, finding = outage(0.001, 0.01)  # burns 10 times too fast: 6x over 6 h
    assert (delay, finding.threshold) == (216, 6.0)
    assert "At this rate nothing is left in" in finding.summary


def test_an_alarm_ends_soon_after_its_cause():
    budget = ErrorBudget(0.001, subject="x", objective="errors")
    at = START
    for minute in range(20 + 20):
        budget.add(at, bad=500 if minute < 20 else 0, total=1000)
        at += MINUTE
    page = BURN_RULES[0]
    assert budget.burn(at - MINUTE, "1h") > page.factor  # the long window still says so
    assert not budget.fires(page, at - MINUTE)


def test_one_failure_in_a_quiet_night_wakes_nobody_and_the_plain_ratio_would():
    budget = ErrorBudget(0.0001, subject="x", objective="errors")
    budget.add(START, bad=0, total=9)
    budget.add(START + MINUTE, bad=1, total=1)
    now = START + MINUTE
    assert budget.burn(now, "1h") > 900
    assert not any(budget.fires(rule, now) for rule in BURN_RULES)
    budget.add(now, bad=2, total=2)
    assert budget.fires(BURN_RULES[0], now)


@pytest.mark.slow
def test_a_service_within_half_its_budget_never_pages_in_a_month():
    rng, pages, tickets = np.random.default_rng(3), 0, 0
    for per_minute in (2, 500):
        budget = ErrorBudget(0.001, subject="x", objective="errors")
        bad = rng.binomial(per_minute, 0.0005, 30 * 24 * 60)
        at = START
        for minute, n in enumerate(bad.tolist()):
            budget.add(at, bad=n, total=per_minute)
            if n or minute % 60 == 0:  # a rule begins to fire only where something was bad
                pages += any(budget.fires(rule, at) for rule in BURN_RULES[:2])
                tickets += budget.fires(BURN_RULES[2], at)
            at += MINUTE
    assert (pages, tickets) == (0, 0)


def test_a_rate_that_no_share_of_calls_can_reach_is_no_rule():
    budget = ErrorBudget(0.5, subject="x", objective="median < 200 ms")
    for minute in range(60):
        budget.add(START + minute * MINUTE, bad=1000, total=1000)
    now = START + 59 * MINUTE
    assert [budget.fires(rule, now) for rule in BURN_RULES] == [False, False, True]


def test_the_budget_says_what_is_left_and_is_unknown_of_nothing():
    budget = ErrorBudget(0.01, subject="x", objective="errors < 1%")
    assert verdicts(budget.findings(START), "sla.budget") == ["unknown"]
    assert verdicts(budget.findings(START), "sla.burn") == ["unknown"]
    budget.add(START, bad=50, total=10_000)
    left = budget.findings(START)[1]
    assert (left.verdict.value, left.effect) == ("ok", 0.5)
    budget.add(START, bad=40, total=0 + 40)
    assert budget.findings(START)[1].verdict.value == "warn"
    budget.add(START, bad=300, total=300)
    over = budget.findings(START)[1]
    assert over.verdict.value == "fail"
    assert "overspent" in over.summary
    month_later = START + timedelta(days=31)
    assert verdicts(budget.findings(month_later), "sla.budget") == ["unknown"]


def test_late_counts_are_in_their_minute_and_a_clock_set_back_loses_nothing():
    budget = ErrorBudget(0.01, subject="x", objective="errors")
    budget.add(START + timedelta(hours=5), bad=0, total=100)
    budget.add(START + timedelta(hours=1), bad=7, total=100)  # late, or the clock went back
    now = START + timedelta(hours=5)
    assert budget.window(now, "1h") == (0, 100)
    assert budget.window(now, "6h") == (7, 200)
    budget.add(START - timedelta(days=60), bad=9, total=9)  # older than the period
    assert budget.window(now, "3d") == (7, 200)
    with pytest.raises(InputError, match="lie in"):
        budget.add(now, bad=3, total=2)
    with pytest.raises(InputError, match="share in"):
        ErrorBudget(0.0, subject="x", objective="none")


def test_a_budget_outlives_a_restart():
    budget = ErrorBudget(0.01, subject="x", objective="errors")
    for hour in range(100):
        budget.add(START + timedelta(hours=hour), bad=hour % 3, total=100)
    again = ErrorBudget(0.01, subject="x", objective="errors")
    again.restore(budget.to_json())
    now = START + timedelta(hours=99)
    assert again.findings(now) == budget.findings(now)


def watched(promised, **settings):
    clock = SimulatedClock(START)
    return SlaWatch("predict", promised, clock=clock, **settings), clock


def serve(version, n, seconds, *, failures=0):
    timed = observe.timer("predict", version=version)
    for _ in range(n):
        timed.add(seconds)
    for _ in range(failures):
        timed.fail()


def test_each_version_has_budgets_of_its_own():
    watch, clock = watched(sla(p99="2s", error_rate=0.01), by=["version"])
    for _ in range(30):
        serve("v1", 60, 0.1)
        serve("v2", 40, 0.1, failures=20)
        findings = watch.look()
        clock.advance(MINUTE)
    by = {(f.subject, f.check): f.verdict.value for f in findings if "errors" in f.summary}
    by |= {(f.subject, f.check): f.verdict.value for f in findings if f.check == "sla.errors"}
    assert by["predict, version v1", "sla.burn"] == "ok"
    assert by["predict, version v2", "sla.burn"] == "fail"
    assert by["predict, version v2", "sla.errors"] == "fail"


def test_a_verdict_is_told_when_it_changes_and_not_at_each_look():
    told = []
    watch, clock = watched(sla(error_rate=0.01), tell=told.append)
    for minute in range(100):
        serve("v1", 90, 0.1, failures=60 if 20 <= minute < 25 else 0)
        watch.look()
        clock.advance(MINUTE)
    burns = [(f.check, f.verdict.value) for f in told if f.check == "sla.burn"]
    assert [verdict for _, verdict in burns] == ["warn", "fail", "warn"]  # slow, quick, slow rule
    errors = [f.verdict.value for f in told if f.check == "sla.errors"]
    assert (errors[0], errors[-1]) == ("fail", "ok")
    assert len(told) < 12  # of 300 findings


def test_what_changes_goes_to_the_run(tmp_path):
    record = Record(tmp_path / "record", capture=False)
    run = track.init(
        "p", record=record.path, settings={"capture": False, "silent": True, "system_s": 0}
    )
    serve("v1", 10, 0.1, failures=500)
    watched(sla(error_rate=0.01))[0].look()
    assert record.findings(run=run.id)["check"].to_list() == [
        "sla.errors",
        "sla.burn",
        "sla.budget",
    ]


def test_minutes_that_break_a_promise_are_down_and_spend_the_budget_of_being_up():
    watch, clock = watched(sla(median="200ms", p99="2s", up=0.9999))
    for minute in range(120):
        serve("v1", 20, 0.5 if 100 <= minute < 105 else 0.1)
        findings = watch.look()
        clock.advance(MINUTE)
    up = [f for f in findings if "minutes up" in f.summary]
    assert [f.check for f in up] == ["sla.burn", "sla.budget"]
    assert up[1].evidence["bad"] == 5
    assert up[1].evidence["n"] == 119  # the last minute is not over
    assert up[1].verdict.value == "fail"


@pytest.mark.parametrize(("quiet", "down", "n"), [("unknown", 0, 5), ("down", 10, 15)])
def test_minutes_of_silence_are_unknown_or_an_outage(quiet, down, n):
    watch, clock = watched(sla(median="200ms", up=0.99, quiet=quiet))
    for minute in range(16):
        if minute < 5:
            serve("v1", 10, 0.1)
        if minute < 6 or minute == 15:  # nobody looked in between either
            findings = watch.look()
        clock.advance(MINUTE)
    budget = findings[-1]
    assert (budget.evidence["bad"], budget.evidence["n"]) == (down, n)


def test_a_timer_that_was_never_seen_is_unknown_and_the_nearest_is_named():
    observe.timer("predict").add(0.1)
    finding = SlaWatch("predikt", sla(p99="2s"), by=["version"]).look()[0]
    assert finding.verdict.value == "unknown"
    assert "Did you mean `predict`?" in finding.summary
    with pytest.raises(InputError, match=r"pass \['version'\]"):
        SlaWatch("predict", sla(p99="2s"), by="version")


def test_a_watch_goes_on_after_a_restart_without_counting_twice():
    watch, clock = watched(sla(error_rate=0.01), by=["version"])
    serve("v1", 90, 0.1, failures=10)
    watch.look()
    again = SlaWatch("predict", sla(error_rate=0.01), by=["version"], clock=clock)
    again.restore(watch.to_json())
    serve("v1", 10, 0.1)
    assert again.look()[-1].evidence["n"] == 110
    with pytest.raises(InputError, match="of the timer 'predict'"):
        SlaWatch("other", sla(error_rate=0.01)).restore(watch.to_json())
