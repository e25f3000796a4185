"""Feedback joins exactly once: late, repeated, out of order, contradictory, early, skewed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeostat.core import Column, InputError, Schema, SimulatedClock
from homeostat.serve import LabelMaturity, joined, seal_predictions
from homeostat.serve._log._prediction_log import PredictionLog, Stamp, log_folder, prediction_id

START = datetime(2024, 1, 1, tzinfo=UTC)
ZERO = int(START.timestamp() * 1e6)
DAY = 86_400_000_000
SCHEMA = Schema((Column("order", "int", {"feature"}),))


class Kept:
    """A log with predictions at given times, by order number."""

    def __init__(self, folder, times, **announced):
        self.folder = folder
        self.log = PredictionLog(log_folder(folder, "m"), clock=SimulatedClock(START))
        self.log.announce("m:v0", SCHEMA, **announced)
        answer = [0.25, 0.75] if announced.get("answers") == "classes" else 0.5
        self.ids = []
        for order, time in enumerate(times):
            stamp = Stamp(ZERO + time, "m:v0", "champion", 1, f"user-{order % 2}")
            number = self.log.prediction(stamp, {"order": order}, answer)
            self.ids.append(prediction_id(self.log.epoch, number))

    def tell(self, place, outcome, at, **more):
        self.log.feedback(self.ids[place], outcome, ZERO + at, **more)

    def joined(self, **settings):
        return joined(self.folder, "m", **settings)


def test_outcomes_expire_as_natural_negatives_after_the_window(tmp_path):
    kept = Kept(tmp_path, [0, DAY, 2 * DAY, 3 * DAY])
    kept.tell(0, 1, DAY // 2)
    kept.tell(1, 1, 3 * DAY)  # two days late
    now = START + timedelta(days=3, hours=12)
    found = kept.joined(within="1d", negative=0, now=now)
    assert found.frame["state"].to_list() == ["labelled", "late", "expired", "pending"]
    assert found.frame["outcome"].to_list() == [1, 0, 0, None]
    assert found.coverage == 1 / 4
    assert found.watermark == now - timedelta(days=1)
    assert found.mature.height == 3
    assert kept.joined(within="1d", now=now).frame["outcome"].to_list() == [1, None, None, None]
    assert kept.joined().frame["outcome"].to_list() == [1, 1, None, None]
    with pytest.raises(InputError, match="within"):
        kept.joined(negative=0)
    with pytest.raises(InputError, match="first"):
        kept.joined(keep="best")


def test_contradictions_are_counted_and_a_correction_counts_where_it_is_asked_for(tmp_path):
    kept = Kept(tmp_path, [0, 0])
    kept.tell(0, 0, 5)
    kept.tell(0, 1, 6, conflict=True)
    kept.tell(1, 1, 7)
    kept.tell(1, 1, 8)
    first, last = kept.joined(), kept.joined(keep="last")
    assert first.frame["outcome"].to_list() == [0, 1]
    assert last.frame["outcome"].to_list() == [1, 1]
    assert (first.contradicted, first.repeated) == (1, 2)


def test_a_refused_contradiction_never_counts_however_the_clocks_of_servers_differ(tmp_path):
    kept = Kept(tmp_path, [0])
    kept.tell(0, 0, 5)
    kept.tell(0, 1, 2, conflict=True)
    assert kept.joined().frame["outcome"].to_list() == [0]


def test_clocks_that_differ_cost_no_outcome(tmp_path):
    kept = Kept(tmp_path, [DAY, DAY])
    kept.tell(0, 1, 0)  # told before the prediction was made, says the clock
    kept.tell(1, 0, DAY + 1, o=ZERO)  # happened before, says the client
    found = kept.joined(within="1h", now=START + timedelta(days=2))
    assert found.skewed == 2
    assert found.frame["state"].to_list() == ["labelled", "labelled"]
    assert found.frame["delay"].to_list() == [timedelta(0)] * 2


def test_early_feedback_waits_for_its_prediction(tmp_path):
    early = Kept(tmp_path, [])
    early.log.feedback("06early-0", 1, ZERO, matched=False)
    early.log.close()
    assert early.joined().unmatched == 1
    kept = Kept(tmp_path, [0])
    epoch = kept.log.epoch
    early.log.feedback(f"{epoch}-0", 1, ZERO, matched=False)
    found = kept.joined()
    assert found.frame["outcome"].to_list() == [1]
    assert found.unmatched == 1


def test_feedback_by_another_field_goes_to_the_latest_prediction_by_then(tmp_path):
    kept = Kept(tmp_path, [0, 1000, 2000, 3 * DAY])  # user-0: 0 and 2, user-1: 1 and 3
    kept.log.keyed_feedback("key", "user-0", 1, ZERO + 1500)
    kept.log.keyed_feedback("key", "user-1", 0, ZERO + DAY)
    kept.log.keyed_feedback("order", "2", 1, ZERO + 9000)
    kept.log.keyed_feedback("order", "77", 1, ZERO + 9000)
    found = kept.joined(skew="0s")
    assert found.frame["outcome"].to_list() == [1, 0, 1, None]
    assert found.unmatched == 1
    assert kept.joined(skew="0s", within="1h", now=START).unmatched == 2


def test_keyed_feedback_may_be_a_little_ahead_of_its_prediction(tmp_path):
    kept = Kept(tmp_path, [2_000_000])
    kept.log.keyed_feedback("order", "0", 1, ZERO)
    assert kept.joined(skew="1s").unmatched == 1
    assert kept.joined(skew="5s").frame["outcome"].to_list() == [1]


def test_an_event_that_is_sent_again_counts_once(tmp_path):
    kept = Kept(tmp_path, [0, 0, 5000])  # user-0 asks twice
    kept.log.keyed_feedback("key", "user-0", 1, ZERO + 10, ev="order-17")
    kept.log.keyed_feedback("key", "user-0", 1, ZERO + 9000, ev="order-17")
    assert kept.joined(skew="0s").frame["outcome"].to_list() == [1, None, None]


def test_a_field_of_the_request_joins_too(tmp_path):
    log = PredictionLog(log_folder(tmp_path, "m"), clock=SimulatedClock(START))
    log.announce("m:v0", SCHEMA)
    stamp = Stamp(ZERO, "m:v0", "champion", 1, "k")
    log.prediction(stamp, {"order": 1}, 0.5, {"cart": "c-9", "x": [1]})
    log.keyed_feedback("cart", "c-9", 1, ZERO + 1)
    assert joined(tmp_path, "m").frame["outcome"].to_list() == [1]


def test_numbers_and_labels_are_outcomes_in_their_own_type(tmp_path):
    numbers = Kept(tmp_path / "a", [0, 1], answers="value")
    numbers.tell(0, 12.5, 5)
    frame = numbers.joined().frame
    assert frame["outcome"].to_list() == [12.5, None]
    assert frame["value"].to_list() == [0.5, 0.5]
    assert frame["champion"].to_list() == [0.5, 0.5]
    labels = Kept(tmp_path / "b", [0, 1], answers="classes", labels=("cat", "dog"))
    labels.tell(1, "cat", 5)
    labels.log.mirror("m:v1", labels.ids[:1], np.array([[0.5, 0.5]]))
    labels.log.announce("m:v1", SCHEMA, answers="classes", labels=("dog", "cat"))
    frame = labels.joined().frame
    assert frame["outcome"].to_list() == [None, "cat"]
    assert frame["label"].to_list() == ["dog", "dog"]
    assert frame["challenger"].to_list() == [{"cat": 0.5, "dog": 0.5}, None]


def test_outcomes_of_other_names_stand_apart(tmp_path):
    kept = Kept(tmp_path, [0])
    kept.tell(0, 1, 5)
    kept.tell(0, 3.5, 6, m="revenue")
    assert kept.joined().frame["outcome"].to_list() == [1]
    assert kept.joined(outcome="revenue").frame["outcome"].to_list() == [3.5]


def test_each_arm_of_many_is_told_of(tmp_path):
    log = PredictionLog(log_folder(tmp_path, "m"), clock=SimulatedClock(START))
    ids = []
    for place, arm in enumerate(("A", "B", "C")):
        log.announce(f"m:v{place}", SCHEMA)
        number = log.prediction(
            Stamp(ZERO + place, f"m:v{place}", arm, 1, "k"), {"order": 1}, place / 4
        )
        ids.append(prediction_id(log.epoch, number))
    log.mirror("m:v1", ids[:1], np.array([0.9]))
    log.mirror("m:v2", ids[:1], np.array([0.8]), arm="C")
    by_arm = joined(tmp_path, "m").frame["by_arm"].to_list()
    assert by_arm[0] == {"A": 0.0, "B": 0.9, "C": 0.8, "champion": None, "challenger": None}
    assert by_arm[2]["C"] == 0.5


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_order_of_arrival_joins_as_the_sorted_truth(tmp_path_factory, data):
    """Late, repeated, reordered, contradictory and early feedback, sealed or not."""
    folder = tmp_path_factory.mktemp("log")
    kept = Kept(folder, [i * 10 for i in range(5)])
    told = data.draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 99)),
            max_size=15,
            unique_by=lambda one: one[2],
        )
    )
    keep = data.draw(st.sampled_from(["first", "last"]))
    for place, outcome, at in data.draw(st.permutations(told)):
        kept.tell(place, outcome, at)
    kept.log.close()
    truth = {}
    for place, outcome, _ in sorted(told, key=lambda one: one[2], reverse=keep == "last"):
        truth.setdefault(place, outcome)
    expected = [truth.get(place) for place in range(5)]
    assert kept.joined(keep=keep).frame["outcome"].to_list() == expected
    if data.draw(st.booleans()):
        seal_predictions(folder, "m")
        assert kept.joined(keep=keep).frame["outcome"].to_list() == expected


def test_maturity_is_not_fooled_by_young_predictions():
    """Exponential delays, half of all outcomes ever come, predictions spread over a week."""
    rng, n, now = np.random.default_rng(0), 20_000, START + timedelta(days=7)
    age = rng.uniform(0, 7, n)
    delay = np.where(rng.random(n) < 0.5, rng.exponential(2.0, n), np.inf)
    came = delay <= age
    at = pl.Series([now] * n) - pl.Series(age * DAY).cast(pl.Int64).cast(pl.Duration("us"))
    late = pl.Series(np.where(came, delay, 0) * DAY).cast(pl.Int64).cast(pl.Duration("us"))
    frame = pl.DataFrame({"at": at, "delay": late}).with_columns(
        delay=pl.when(pl.Series(came)).then("delay")
    )
    frame = frame.with_columns(outcome_at=pl.col("at") + pl.col("delay"))
    found = LabelMaturity.of(frame, now=now)
    for days in (1, 2, 4):
        assert found.within(f"{days}d") == pytest.approx((1 - np.exp(-days / 2)) / 2, abs=0.015)
    assert found.delay(0.25) == pytest.approx(timedelta(days=2 * np.log(2)), abs=timedelta(hours=5))
    assert found.delay(0.9) is None
    assert found.complete("7d") == pytest.approx(1, abs=0.02)
    naive = came[age >= 0].mean()
    assert abs(naive - found.within("7d")) > 0.1  # a plain share over all ages is far off


def test_maturity_of_nothing_says_nothing(tmp_path):
    found = LabelMaturity.of(joined(tmp_path, "m").frame)
    assert (found.rows, found.within("1d"), found.complete("1d"), found.delay(0.5)) == (
        0,
        0.0,
        None,
        None,
    )
    with pytest.raises(InputError, match="delay"):
        LabelMaturity.of(pl.DataFrame({"at": [], "outcome_at": []}))
    with pytest.raises(InputError, match="share"):
        found.delay(0)
