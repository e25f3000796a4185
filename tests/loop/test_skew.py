import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from shop import FEATURES, SCHEMA, day, never, orders, shop

from homeostat.core import InputError, SimulatedClock
from homeostat.data import Profile
from homeostat.loop import Outcome, Skew, live
from homeostat.loop._skew import TrainedOn

TRAIN = orders().filter(pl.col("at") < day(40), pl.col("late").is_not_null())
TODAY = orders().filter(pl.col("at").is_between(day(50), day(51)))


def trained(skew, label=None):
    features = TRAIN.select(FEATURES)
    return TrainedOn.of(
        skew, features, SCHEMA.select(FEATURES), TRAIN["late"] if label is None else label
    )


def judged(skew, **changed):
    return trained(skew).judge(Profile.of(TODAY.select(FEATURES).with_columns(**changed)))


def named(found):
    return {(one.check, one.subject) for one in found}


def test_a_window_like_training_shows_no_skew():
    seen = judged(Skew())
    assert (named(seen.gating), named(seen.warning)) == (set(), set())


def test_a_column_of_another_type_gates_and_a_moved_one_warns_unless_declared_otherwise():
    changed = {"weight": pl.lit("heavy"), "distance": pl.col("distance") * 40}
    seen = judged(Skew(), **changed)
    assert named(seen.gating) == {("skew.type", "weight")}
    assert ("skew.distribution", "distance") in named(seen.warning)
    assert {one.verdict.value for one in seen.warning} == {"warn"}
    strict = judged(Skew(gate=["skew.distribution on distance"]), **changed)
    assert named(strict.gating) == {("skew.distribution", "distance")}
    assert strict.gating[0].verdict == "fail"
    assert ("skew.type", "weight") in named(strict.warning)
    lax = judged(Skew(gate=[]), **changed)
    assert lax.gating == ()
    assert named(lax.warning) == named(seen.gating) | named(seen.warning)


def test_a_declared_threshold_is_the_features_own():
    move = {"queue": pl.col("queue") + 1}
    assert ("skew.distribution", "queue") not in named(judged(Skew(), **move).warning)
    told = judged(Skew(thresholds={"queue": 1e-6}), **move).warning
    assert ("skew.distribution", "queue") in named(told)


def test_a_class_of_the_label_that_training_lacks_gates_in_however_few_rows():
    words = pl.Series("state", ["late", "in time"])[TRAIN["late"].cast(int).to_list()]
    classes = trained(Skew(), words)
    day_ = ["late"] * 60 + ["in time"] * 80
    assert classes.judge_label(pl.Series("state", day_)).gating == ()
    [found] = classes.judge_label(pl.Series("state", [*day_, "lost"])).gating
    assert (found.check, found.subject) == ("skew.label", "state")
    assert "lost" in found.summary
    [gone] = classes.judge_label(pl.Series("state", ["late"] * 140)).gating
    assert "in time" in gone.summary
    assert classes.judge_label(pl.Series("state", [], dtype=pl.String)).gating == ()


def test_what_gates_is_named_by_its_check():
    with pytest.raises(InputError, match=r"patterns such as 'skew.type'"):
        Skew(gate=["distance"])
    with pytest.raises(InputError, match="list of patterns"):
        Skew(gate="skew.type")


def with_state(frame, from_day):
    """The label in words; from a day on some orders get lost, which is a class of its own."""
    rng = np.random.default_rng(3)
    lost = pl.Series(rng.random(frame.height) < 0.05) & (pl.col("at") >= day(from_day))
    state = pl.when(lost).then(pl.lit("lost")).when("late").then(pl.lit("late"))
    known = pl.col("late").is_not_null()
    return frame.with_columns(state=pl.when(known).then(state.otherwise(pl.lit("in time"))))


def test_a_new_class_of_the_label_halts_the_loop_and_is_a_page(record):
    frame = with_state(orders(), 55)
    unlabelled = replace(SCHEMA.column("late"), roles=frozenset())
    state = replace(SCHEMA.column("late"), name="state", type="string")
    columns = (*(unlabelled if one.name == "late" else one for one in SCHEMA.columns), state)
    schema = replace(SCHEMA, columns=columns)
    watch = replace(shop().watch, explain=False)
    system = shop(frame, schema=schema, watch=watch, leak_scan=False)
    operation = live(system, record, clock=SimulatedClock(day(52)), until=day(60))
    [run_id] = record.runs(kind="live")["id"]
    events = record.events(run=run_id)
    [gate] = events.filter(pl.col("kind") == "gate")["payload"]
    assert "lost" in json.loads(gate)["summary"]
    pages = [json.loads(one) for one in events.filter(pl.col("kind") == "alarm")["payload"]]
    assert any("lost" in json.dumps(one) for one in pages)
    begun = events.filter(pl.col("kind") == "gate")["at"].item()
    retrains = events.filter(pl.col("kind") == "retrain")["at"]
    assert (retrains < begun).all()
    found = record.findings(run_id).filter(pl.col("check") == "skew.label")
    assert found.height >= 3
    assert operation.champion is not None


def test_a_skew_that_only_warns_is_kept_once_and_changes_nothing(record):
    moved = orders().with_columns(
        weight=pl.when(pl.col("at") >= day(54)).then(pl.col("weight") * 30).otherwise("weight")
    )
    watch = replace(shop().watch, explain=False)
    system = shop(moved, watch=watch, retrain=never())
    seen = live(system, record, clock=SimulatedClock(day(52)), until=day(58))
    [run_id] = record.runs(kind="live")["id"]
    found = record.findings(run_id).filter(
        pl.col("check").str.starts_with("skew."), pl.col("subject") == "weight"
    )
    by_check = found.group_by("check").len()
    assert "skew.distribution" in by_check["check"].to_list()
    assert by_check["len"].max() == 1
    assert set(found["verdict"]) == {"warn"}
    assert (record.events(run=run_id)["kind"] != "gate").all()
    assert seen.windows == 6


def test_an_outcome_that_is_no_class_of_the_model_gates_and_is_not_learned_from(record):
    strange = orders().with_columns(
        code=pl.when(pl.col("at").is_between(day(53), day(54)) & (pl.col("queue") > 22))
        .then(2)
        .otherwise(pl.col("late").cast(int))
    )
    code = replace(SCHEMA.column("late"), name="code", type="int")
    columns = [
        replace(one, roles=frozenset()) if one.name == "late" else one for one in SCHEMA.columns
    ]
    schema = replace(SCHEMA, columns=(*columns, code))
    watch = replace(shop().watch, explain=False)
    outcome = Outcome("code", known_at="arrived_at")
    system = shop(strange, schema=schema, outcome=outcome, watch=watch, leak_scan=False)
    live(system, record, clock=SimulatedClock(day(52)), until=day(59))
    [run_id] = record.runs(kind="live")["id"]
    events = record.events(run=run_id)
    shut, opened = (json.loads(one) for one in events.filter(pl.col("kind") == "gate")["payload"])
    assert "`code`" in shut["summary"]
    assert opened["summary"] == "Goes on."
    values = record.metrics(run_id).filter(pl.col("name") == "positive_rate")["value"]
    assert (values <= 1).all()
    assert events.filter(pl.col("kind") == "retrain").height > 0
