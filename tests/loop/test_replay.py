import json
from collections import Counter
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shop import MOVES, day, happened, iso, never, often, orders, rollout, shop, shown

from homeostat.adapt import every
from homeostat.core import LocalEngine, SimulatedClock
from homeostat.loop import Retrain, freshness, replay, run
from homeostat.record import Record
from homeostat.stats import log_losses
from homeostat.train import Logistic, RuleOfThumb

QUICK = (52, 61)  # days around the change


def rows_between(start, end):
    return orders().with_row_index().filter(pl.col("at").is_between(start, end, closed="left"))


def other_future(cut, seed):
    """The same orders, but all that became known after an instant came out otherwise."""
    rng = np.random.default_rng(seed)
    n = orders().height
    later = pl.col("arrived_at").is_null() | (pl.col("arrived_at") > cut)
    moved = pl.max_horizontal(pl.col("arrived_at").fill_null(cut), pl.lit(cut)) + pl.duration(
        minutes=pl.Series(rng.integers(1, 3000, n))
    )
    lost = pl.Series(rng.random(n) < 0.3)
    late = pl.Series(rng.random(n) < 0.5)
    return orders().with_columns(
        arrived_at=pl.when(~later).then("arrived_at").when(~lost).then(moved),
        hours=pl.when(~later).then("hours").when(~lost).then(99.0),
        late=pl.when(~later).then("late").when(~lost).then(late),
    )


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A record in which short replays are kept; may be written to."""
    with Record(tmp_path_factory.mktemp("quick"), capture=False) as record:
        yield record


def replay_quickly(record, system, policy, days=QUICK):
    result = replay(system, record, iso(days[0]), iso(days[1]), policies=[policy])
    return result.runs[policy.name]


def decided(record, run_id, by):
    """What happened by an instant; an alarm stands at the start of the day that raised it."""
    return [
        event
        for event in happened(record, run_id)
        if event[1] + timedelta(days=event[0] in {"alarm", "note"}) <= by
    ]


@pytest.mark.slow
@settings(max_examples=5, phases=[Phase.generate])
@given(
    number=st.integers(QUICK[0] + 1, QUICK[1] - 1),
    minutes=st.integers(1, 600),
    seed=st.integers(0, 2**32 - 1),
)
def test_nothing_is_used_before_it_is_known(quick, number, minutes, seed):
    """The cut comes soon after a day's end, when outcomes of its orders are still to come."""
    cut = day(number) + timedelta(minutes=minutes)
    policy = often("daily", when=[every("1d")], release=rollout(canary=()))
    told = replay_quickly(quick, shop(), policy)
    otherwise = replay_quickly(quick, shop(other_future(cut, seed)), policy)
    before = rows_between(day(0), cut)["index"].to_numpy()
    one, other = shown(quick, told), shown(quick, otherwise)
    assert np.array_equal(one[before], other[before], equal_nan=True)
    assert decided(quick, told, cut) == decided(quick, otherwise, cut)


def test_what_becomes_known_is_used(quick):
    cut = day(QUICK[0])
    one = shown(quick, replay_quickly(quick, shop(), often()))
    other = shown(quick, replay_quickly(quick, shop(other_future(cut, 0)), often()))
    later = rows_between(cut + timedelta(days=6), day(QUICK[1]))["index"].to_numpy()
    assert (one[later] != other[later]).mean() > 0.9


def test_every_row_of_the_period_is_answered_and_none_outside_it(replayed):
    inside = rows_between(day(45), day(67))["index"].to_numpy()
    for run_id in replayed.runs.values():
        answered = np.flatnonzero(~np.isnan(shown(replayed.record, run_id)))
        assert np.array_equal(answered, inside)


def test_policies_are_compared_on_the_same_rows_with_intervals(replayed):
    table = replayed.result.table
    known = rows_between(day(45), day(67)).filter(
        pl.col("late").is_not_null(), pl.col("arrived_at") <= day(67)
    )
    assert table["rows"].to_list() == [known.height] * 3
    for row in table.iter_rows(named=True):
        p = shown(replayed.record, replayed.runs[row["policy"]])[known["index"]].astype(float)
        label = known["late"].cast(float).to_numpy()
        assert row["logloss"] == pytest.approx(log_losses(label, p).mean())
        assert row["low"] < row["normalized_entropy"] < row["high"]
    kept = replayed.record.artifact("shop-policies")
    assert json.loads(kept.read("table.json")) == table.to_dicts()
    assert kept.metadata["said"] == replayed.result.conclusion


def test_after_a_concept_change_the_policy_that_relearns_is_better_with_evidence(replayed):
    table = {row["policy"]: row for row in replayed.result.table.to_dicts()}
    assert replayed.result.table["policy"][0] == "every 3 days"
    assert table["never"]["from_best_low"] > 0
    assert table["never"]["retrains"] == 0
    assert table["every 3 days"]["retrains"] >= 6
    assert "`every 3 days`" in replayed.result.conclusion
    after = rows_between(day(MOVES + 4), day(67)).drop_nulls("late")
    label = after["late"].cast(float)
    lost = {
        name: log_losses(label, shown(replayed.record, run_id)[after["index"]].astype(float)).mean()
        for name, run_id in replayed.runs.items()
    }
    assert lost["every 3 days"] < 0.6 * lost["never"]


def test_a_concept_change_is_paged_soon_and_nothing_before_it(replayed):
    for run_id in replayed.runs.values():
        _, first, told = happened(replayed.record, run_id, "alarm")[0]
        assert told["check"] == "shift.concept"
        assert day(MOVES) <= first <= day(MOVES + 3)


def test_a_harmful_update_is_rejected_in_shadow_and_answers_nobody(replayed):
    told = happened(replayed.record, replayed.runs["misled"])
    before = [event for event in told if event[1] <= day(MOVES)]
    made = [one["version"] for kind, _, one in before if kind == "retrain"]
    rejected = [one for kind, _, one in before if kind == "reject"]
    assert len(made) >= 4
    assert [one["version"] for one in rejected] == made[: len(rejected)]
    assert len(made) - len(rejected) <= 1, "one may still be in shadow"
    assert all("is worse in logloss than v0" in one["summary"] for one in rejected)
    assert not [one for kind, _, one in before if kind == "canary" and one["version"] in made]
    refusals = replayed.record.found(replayed.runs["misled"], "rollout.*", "fail")
    assert len(refusals) >= len(rejected)
    mine, theirs = (shown(replayed.record, replayed.runs[name]) for name in ("misled", "never"))
    peaceful = rows_between(day(45), day(MOVES))["index"].to_numpy()
    assert np.array_equal(mine[peaceful], theirs[peaceful])


def test_a_version_that_passed_shadow_but_is_worse_after_release_is_rolled_back(record):
    policy = Retrain(model=Logistic, name="never", when=[], release=rollout(soak="8d", canary=()))
    days = (MOVES - 5, MOVES + 8)
    run_id = replay_quickly(record, shop(), policy, days)
    told = happened(record, run_id, "promote", "rollback")
    [(_, promoted, release), (_, back, rollback)] = told
    assert promoted < day(MOVES) < back
    assert (release["version"], rollback["version"]) == ("v0", "v0")
    assert rollback["restored"] == "baseline"
    assert "v0 is worse in logloss than baseline" in rollback["summary"]
    assert record.found(run_id, "rollout.*", "fail")
    after = rows_between(back, day(days[1]))["index"].to_numpy()
    assert np.unique(shown(record, run_id)[after]).size == 1, "the majority answers again"


def test_a_canary_answers_its_share_of_the_keys_and_no_other(replayed):
    told = happened(replayed.record, replayed.runs["never"])
    [(_, begun, canary)] = [event for event in told if event[0] == "canary"]
    [(_, ended, _)] = [event for event in told if event[0] == "promote"]
    assert canary["share"] == 0.25
    trial = rows_between(begun, ended)["index"].to_numpy()
    answers = shown(replayed.record, replayed.runs["never"])
    majority = answers[rows_between(day(45), begun)["index"].to_numpy()]
    assert np.unique(majority).size == 1
    by_challenger = answers[trial] != majority[0]
    assert 0.1 < by_challenger.mean() < 0.4


def test_each_day_has_its_metrics_and_the_record_the_shift_of_each_feature(replayed):
    record, run_id = replayed.record, replayed.runs["never"]
    metrics = record.metrics(run_id)
    assert {"logloss", "normalized_entropy", "auc", "rows", "labelled"} <= set(metrics["name"])
    losses = metrics.filter(pl.col("name") == "logloss").sort("step")
    assert losses["step"].to_list() == list(range(21)), "the last day's outcomes have not come"
    assert record.run(run_id).config["start"] == iso(45)
    assert losses["value"][14:].mean() > 2 * losses["value"][3:12].mean()
    for scale in ("day", "week", "month"):
        shift = json.loads(record.artifact(f"shop-shift-{scale}").read("shift.json"))
        assert shift["scale"] == scale
        assert len(shift["effect"]) == len(shift["features"])
        assert {len(row) for row in shift["effect"]} == {len(shift["windows"])}


def test_a_policy_that_was_replayed_is_taken_from_the_record(quick):
    again = []
    for _ in range(2):
        told = []
        result = replay(
            shop(), quick, iso(QUICK[0]), iso(QUICK[1]), policies=[never(), often()],
            on_policy=lambda *one: told.append(one),  # noqa: B023 - called within the round
        )  # fmt: skip
        again.append((result, dict(told)))
    (first, _), (second, told) = again
    assert told == {"never": "cached", "every 3 days": "cached"}
    assert set(second.cached) == set(told)
    assert second.runs == first.runs
    assert second.table.equals(first.table)


@pytest.mark.parametrize(
    "change",
    [{"release": rollout(margin=0.06)}, {"seed": 3}, {"features": ("depot", "distance")}],
    ids=["rollout", "seed", "features"],
)
def test_what_changes_a_replay_has_it_replayed_again(quick, change):
    short = (QUICK[0], QUICK[0] + 2)
    first = replay_quickly(quick, shop(), never(), short)
    assert replay_quickly(quick, shop(), never(), short) == first
    assert replay_quickly(quick, shop(**change), never(), short) != first


def test_a_stateful_policy_updates_the_champion_it_has(record):
    policy = often("by steps", how="partial_fit", rebuild_every="5d")
    run_id = replay_quickly(record, shop(), policy, (45, 58))
    how = [told["how"] for _, _, told in happened(record, run_id, "retrain")]
    assert how[0] == "partial_fit"
    assert Counter(how)["scratch"] >= 1, "its trunk was rebuilt when it was due"


def test_a_champion_of_another_family_is_learned_anew(record):
    rule = often("rule", model=lambda: RuleOfThumb(("depot",)), how="partial_fit")
    run_id = replay_quickly(record, shop(), rule, (45, 50))
    assert [told["how"] for _, _, told in happened(record, run_id, "retrain")] == ["scratch"]


@pytest.mark.slow
def test_worker_processes_replay_as_the_caller_does(record, replayed):
    engine = LocalEngine(1, kind="processes")
    result = replay(shop(), record, iso(45), iso(48), policies=[often()], engine=engine)
    apart = shown(record, result.runs["every 3 days"])
    first = rows_between(day(45), day(48))["index"].to_numpy()
    here = shown(replayed.record, replayed.runs["every 3 days"])
    assert np.array_equal(apart[first], here[first])


def test_a_replay_begins_with_what_was_known_on_its_first_day(record):
    replay_quickly(record, shop(), never(), (45, 47))
    [of_replay] = record.runs(kind="run")["id"]
    assert run(shop(), record, clock=SimulatedClock(day(45))).cached
    assert record.run(of_replay).config["now"] == day(45).isoformat()


def test_what_age_alone_costs_is_studied_once_and_kept(record):
    settings = {"ages_days": (0, 7), "window_days": 14}
    said = freshness(shop(), record, day(MOVES + 10), **settings)
    study = json.loads(record.artifact("shop-freshness").read("freshness.json"))
    assert study["ages_days"] == [0, 7]
    assert study["loss"][1] > study["loss"][0]
    assert freshness(shop(), record, day(MOVES + 10), **settings) == said == study["conclusion"]
    assert record.runs(kind="freshness").height == 1
