import json
from dataclasses import replace
from functools import partial

import polars as pl
import pytest
from shop import FEATURES, MOVES, SCHEMA, day, orders, shop, source

from homeostat.core import Column, Finding, GateError, InputError, SchemaError, Verdict
from homeostat.evaluate import beats, slices_at_least
from homeostat.expect import Suite
from homeostat.leakage import check_split
from homeostat.loop import Outcome, live, replay, run
from homeostat.split import by_time, random_split


def refused(record, system, now):
    """Go round, be refused; return the error, and the stage that refused."""
    with pytest.raises(GateError) as told:
        run(system, record, clock=now)
    assert record.artifacts(type="model").is_empty(), "nothing was released"
    assert record.runs(kind="run")["status"].to_list() == ["failed"]
    events = [json.loads(one) for one in record.events("stage")["payload"]]
    return told.value, events[-1]


@pytest.mark.parametrize("leaky", ["hours", "late"])
def test_a_column_that_is_known_too_late_is_refused_by_name(record, now, leaky):
    error, stage = refused(record, shop(features=(*FEATURES, leaky)), now)
    assert (stage["stage"], stage["status"], stage["verdict"]) == ("leaks", "refused", "fail")
    assert stage["summary"] == f"refused: {leaky}"
    assert [found.subject for found in error.findings] == [leaky]
    assert f"{leaky} is" in str(error)
    [kept] = record.found(check="leakage.known_at", verdict="fail")
    assert kept == error.findings[0]


def test_without_its_rule_the_scan_finds_the_leak(record, now):
    blind = SCHEMA.with_column("hours", known_at=None)
    error, _ = refused(record, shop(schema=blind, features=(*FEATURES, "hours")), now)
    assert {found.subject for found in error.findings} == {"hours"}
    [kept] = record.found(check="leakage.association", verdict="fail")
    assert kept.subject == "hours"
    assert [one.subject for one in record.found(check="leakage.known_at", verdict="unknown")] == [
        "hours"
    ]


def test_a_refused_round_is_refused_again_from_the_record(record, now):
    offered = shop(features=(*FEATURES, "hours"))
    first, _ = refused(record, offered, now)
    seen = []
    with pytest.raises(GateError) as again:
        run(offered, record, clock=now, on_stage=lambda *told: seen.append(told[:2]))
    assert str(again.value) == str(first)
    assert seen[-1] == ("leaks", "refused")
    assert record.runs(kind="leaks").height == 1, "it was not searched for again"


def test_a_random_split_of_these_orders_is_warned_about():
    whole = orders().filter(pl.col("at") < day(MOVES), pl.col("late").is_not_null())
    found = {one.check: one for one in check_split(random_split(whole, rng=0), whole, SCHEMA)}
    random = found["leakage.random_time_split"]
    assert random.verdict is Verdict.WARN
    assert "split by time" in random.summary
    in_order = check_split(shop().split(whole, time="at"), whole, SCHEMA)
    assert {one.verdict for one in in_order} == {Verdict.OK}


def test_a_round_with_a_random_split_keeps_the_warning(record, now):
    def at_random(frame, *, time):
        return random_split(frame, rng=0)

    release = run(shop(split=at_random), record, clock=now)
    [warned] = record.found(check="leakage.random_time_split", verdict="warn")
    assert warned in release.findings
    assert day(44) < release.trained_until < day(45)


def test_data_that_break_an_expectation_stop_the_round(record, now):
    wrong = orders().with_columns(
        distance=pl.when(pl.int_range(pl.len()) == 7).then(-1.0).otherwise("distance")
    )
    error, stage = refused(record, shop(wrong), now)
    assert stage["stage"] == "expect"
    [found] = error.findings
    assert found.check == "expectation.expect_column_values_to_be_between"
    assert "distance" in found.subject
    assert record.runs(kind="train").is_empty()


def test_a_suite_of_ones_own_stops_the_round_too(record, now):
    suite = Suite("orders").expect_column_mean_to_be_between("distance", max_value=1)
    error, stage = refused(record, shop(suite=suite), now)
    assert stage["stage"] == "expect"
    [found] = error.findings
    assert found.check == "expectation.expect_column_mean_to_be_between"


def test_a_feature_that_was_encoded_over_all_rows_is_refused_by_name(record, now):
    known = orders().filter(pl.col("arrived_at") < day(45), pl.col("late").is_not_null())
    rate = pl.col("late").cast(pl.Float64).mean().over("town")
    encoded = known.with_columns(town=pl.col("queue").cast(pl.Int64)).with_columns(rate=rate)
    columns = [Column("town", "int", known_at="always"), Column("rate", "float", known_at="always")]
    schema = replace(SCHEMA, columns=(*SCHEMA.columns, *columns))
    error, stage = refused(record, shop(encoded, schema=schema, features=(*FEATURES, "rate")), now)
    assert stage["stage"] == "split"
    [found] = error.findings
    assert (found.check, found.subject) == ("leakage.target_encoding", "rate")


def test_an_expectation_of_lesser_severity_warns_and_lets_pass(record, now):
    lenient = SCHEMA.expect(
        "expect_column_values_to_be_between", "weight", min_value=1, severity="warn"
    )
    release = run(shop(schema=lenient), record, clock=now)
    [warned] = [one for one in release.findings if one.check.startswith("expectation")
                and one.verdict is Verdict.WARN]  # fmt: skip
    assert "weight" in warned.subject


def test_a_gate_that_fails_refuses_the_release(record, now):
    error, stage = refused(record, shop(gates=[slices_at_least(min_auc=0.95)]), now)
    assert (stage["stage"], stage["status"], stage["verdict"]) == ("gates", "refused", "fail")
    assert {one.subject for one in error.findings} == {"depot = east", "depot = west"}
    [gates] = record.runs(kind="gates")["id"]
    assert record.found(gates, verdict="fail") == list(error.findings)


def test_a_gate_may_compare_with_any_phase_and_no_other(record, now):
    release = run(shop(gates=[beats("by depot")]), record, clock=now)
    [gates] = record.runs(kind="gates", parent=release.run_id)["id"]
    [found] = record.found(gates)
    assert found.verdict is Verdict.OK
    assert "by depot" in found.summary
    with pytest.raises(InputError, match="Did you mean `by depot`"):
        run(shop(gates=[beats("by depo")]), record, clock=now)


def test_a_gate_of_ones_own_is_a_function_that_returns_findings(record, now):
    def sober(context):
        words = f"{context.model.family} was seen on {len(context.label)} rows."
        return [Finding(check="gate.sober", subject="model", verdict="fail", summary=words)]

    error, _ = refused(record, shop(gates=[sober]), now)
    assert error.findings[0].summary.startswith("logistic was seen on ")


def test_a_gate_that_cannot_tell_refuses_the_release(record, now):
    def clueless(_context):
        return [Finding(check="gate.own", subject="model", verdict="unknown", summary="No idea.")]

    error, stage = refused(record, shop(gates=[clueless]), now)
    assert (stage["status"], stage["verdict"]) == ("refused", "unknown")
    assert error.findings[0].summary == "No idea."


def test_rare_slices_are_unknown_and_not_ok_but_do_not_block(record, now):
    release = run(shop(gates=[slices_at_least(min_auc=0.6, minimum=10_000)]), record, clock=now)
    [gates] = record.runs(kind="gates", parent=release.run_id)["id"]
    found = record.found(gates)
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    told = [json.loads(one) for one in record.events("stage", release.run_id)["payload"]]
    verdicts = {one["stage"]: one["verdict"] for one in told if one["status"] == "done"}
    assert verdicts["gates"] == "unknown"


def declared(**changes):
    return partial(shop, **changes)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (declared(features=("distanse",)), SchemaError, "Did you mean `distance`"),
        (declared(models={}), SchemaError, "at least one model"),
    ],
    ids=["unknown feature", "no model"],
)
def test_a_declaration_that_cannot_be_is_refused_at_once(make, error, words):
    with pytest.raises(error, match=words):
        make()


def without_zone(clock):
    times = pl.col("at").dt.replace_time_zone(None)
    return source(clock).step("no zone", pl.LazyFrame.with_columns, at=times)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (declared(outcome=Outcome("late", "landed_at")), "landed_at"),
        (declared(outcome=Outcome("lat", "arrived_at")), "Did you mean `late`"),
        (declared(outcome=Outcome("late >", "arrived_at")), "no SQL expression"),
        (declared(outcome=Outcome("late", "always")), "stands on a column"),
        (declared(frame=orders().head(300)), "needs rows"),
        (declared(split=by_time(validation="40d", test="20d")), "needs rows"),
        (declared(frame=orders().head(0)), "no rows"),
        (declared(frame=orders().filter(pl.col("at") > day(50))), "no rows"),
        (declared(frame=orders().drop("queue")), "queue"),
        (declared(source=without_zone), "time zone"),
    ],
    ids=["no time", "no column", "no SQL", "no rule", "few rows", "no room", "empty", "too early",
         "no feature",
         "no zone"],
)  # fmt: skip
def test_what_cannot_be_run_is_told_in_a_sentence(record, now, make, words):
    with pytest.raises(InputError, match=words):
        run(make(), record, clock=now)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2024-02-30", "2024-03-10", "such as '2013-03-01'"),
        ("2024-03-10", "2024-03-10", "ends after it starts"),
    ],
)
def test_days_that_are_none_are_refused_before_anything_runs(record, start, end, words):
    with pytest.raises(InputError, match=words):
        replay(shop(), record, start, end)
    assert record.runs().is_empty()


def test_a_live_system_without_a_key_is_refused_before_anything_runs(record, now):
    without = SCHEMA.with_column("order", roles=frozenset())
    with pytest.raises(SchemaError, match="need a key"):
        live(shop(schema=without), record, clock=now, until=day(46))
    assert record.runs().is_empty()


def test_two_policies_of_one_name_are_refused(record):
    with pytest.raises(InputError, match="a name of its own"):
        replay(shop(), record, "2024-02-15", "2024-02-20", policies=[shop().policy] * 2)
