"""The loop closes over the server's own log: what was served and fed back is trained on."""

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from shop import FEATURES, day, orders, shop

from homeostat.core import Column, Schema, SimulatedClock
from homeostat.data import from_frame
from homeostat.evaluate import beats
from homeostat.loop import History, Outcome, Retrain, System, run
from homeostat.record import Record
from homeostat.serve import Client, joined, read_predictions, serving
from homeostat.split import by_time
from homeostat.stats import log_losses
from homeostat.train import Logistic, Majority

START, DAYS = 58, 26  # the server answers from the day on which the depot moves
ORDERS = orders(days=START + DAYS)
OUTCOME = Outcome("outcome = 1", known_at="outcome_at")
SCHEMA = Schema(
    (
        Column("id", "string", {"key"}),
        Column("at", "datetime", {"time"}),
        Column("outcome_at", "datetime", nullable=True),
        Column("outcome", "int", {"label"}, known_at="outcome_at", nullable=True),
        Column("depot", "category", known_at="always", categories=("east", "west")),
        Column("distance", "float", known_at="at"),
        Column("weight", "float", known_at="at", nullable=True),
        Column("queue", "float", known_at="at"),
    ),
    predicted_at="at",
)


def own_log(clock, record):
    """What the servers of a record answered, with the outcomes that were told by now."""
    frame = joined(record, "shop").frame.unnest("features")
    told = pl.col("outcome_at") <= clock.now()
    frame = frame.filter(pl.col("at") <= clock.now()).with_columns(
        outcome=pl.when(told).then("outcome"), outcome_at=pl.when(told).then("outcome_at")
    )
    return from_frame(frame.select(SCHEMA.names), name="own log")


def serve_days(record, clock):
    """Answer each day's orders and hear of their outcomes; return the orders with their answers."""
    asked = []
    with serving(record, "shop", clock=clock) as server, Client(server.url) as client:
        for number in range(START, START + DAYS):
            clock.sleep_until(day(number) + timedelta(hours=12))
            today = ORDERS.filter(pl.col("at").dt.truncate("1d") == day(number))
            answers = client.predict_frame(today.select(FEATURES))
            asked.append(today.with_columns(answers["id"], answers["probability"]))
            clock.advance(timedelta(hours=8))
            known = asked[-1].filter(pl.col("late").is_not_null())
            told = client.feedback_many(dict(known.select("id", pl.col("late").cast(int)).rows()))
            assert told["accepted"] == known.height
    return pl.concat(asked)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Record(tmp_path_factory.mktemp("served"), capture=False) as record:
        run(shop(ORDERS), record, clock=SimulatedClock(day(START)))
        yield record, serve_days(record, SimulatedClock(day(START)))


def test_the_log_holds_each_answer_with_its_outcome(served):
    record, asked = served
    frame = joined(record, "shop").frame.sort("id")
    asked = asked.sort("id")
    assert frame.height == asked.height == len(read_predictions(record, "shop"))
    for name in ("id", "probability"):
        assert frame[name].equals(asked[name])
    assert frame["outcome"].equals(asked["late"].cast(pl.Int8))
    assert 0 < frame["outcome"].null_count() < 0.1 * frame.height
    assert frame.unnest("features").select(FEATURES).equals(asked.select(FEATURES))


def test_what_was_served_becomes_a_history_that_can_be_trained_on(served):
    record, asked = served
    end = SimulatedClock(day(START + DAYS))
    history = History.of(
        own_log(end, record).collect(),
        features=FEATURES,
        outcome=OUTCOME,
        predicted_at="at",
        key=["id"],
    )
    assert len(history) == asked.height
    known = history.trainable(history.at(0), end.now())
    assert known.size == asked["late"].count()
    model = Logistic()
    model.fit(history.features[known], history.label[known])
    truth = dict(asked.filter(pl.col("late").is_not_null()).select("id", "late").rows())
    label = np.array([truth[key] for key in history.keys.gather(known)], dtype=float)
    assert np.array_equal(history.label[known], label)
    noon = day(START + 3) + timedelta(hours=12)
    earlier = asked.filter(pl.col("at") < day(START + 3))
    assert history.trainable(day(START), noon).size == earlier["late"].count()


def test_a_system_over_its_servers_log_learns_what_the_served_model_missed(served):
    record, asked = served
    system = System(
        name="shop",
        source=lambda clock: own_log(clock, record),
        schema=SCHEMA,
        outcome=OUTCOME,
        features=FEATURES,
        split=by_time(validation="6d", test="8d", gap="1d"),
        models={"majority": Majority, "logistic": Logistic},
        gates=[beats("majority")],
        retrain=Retrain(model=Logistic),
    )
    first = record.artifact("shop:production")
    release = run(system, record, clock=SimulatedClock(day(START + DAYS)))
    assert release.model.reference == "shop:v1"
    assert release.model.metadata["phase"] == "logistic"
    auc = {phase["name"]: phase["auc"] for phase in release.phases}
    assert auc["logistic"] > 0.8
    told = asked.drop_nulls("late")
    missed = log_losses(told["late"].cast(float), told["probability"]).mean()
    assert release.phases[1]["logloss"] < 0.7 * missed
    assert record.artifact("shop:production").id == first.id
    dataset = record.artifact(json.loads(release.model.read("manifest.json"))["metadata"]["data"])
    assert json.loads(dataset.read("lineage.json"))["source"]["name"] == "own log"
