"""Ten months of flights: the order of the ways to update, and what they cost."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from homeostat.adapt import forgetting, update
from homeostat.core import Verdict
from homeostat.demo.flights import flight_features, flights_dataset
from homeostat.stats import log_losses, normalized_entropy, paired_difference
from homeostat.train import Boosted, LeafHead

DAY = 86_400_000_000
START = round(datetime(2013, 2, 27, 9, tzinfo=UTC).timestamp() * 1e6)


@pytest.fixture(scope="module")
def flights():
    frame = flights_dataset().collect().filter(pl.col("late").is_not_null()).sort("predicted_at")
    frame = frame.filter(np.random.default_rng(0).random(frame.height) < 0.3)
    times = [frame[name].dt.epoch("us").to_numpy() for name in ("predicted_at", "landed_at")]
    label = frame["late"].cast(pl.Float64).to_numpy()
    return frame.select(flight_features().names), label, *times


def replay(flights, model, how, every_days, window_days=None):
    """Return predictions from START on, CPU seconds of learning, and the last model."""
    features, label, predicted_at, known_at = flights
    take = lambda rows: (features[rows], label[rows])  # noqa: E731
    model = update(model, *take(np.flatnonzero(known_at < START)), how="scratch").model
    answers, cpu_s = np.full(label.size, np.nan), 0.0
    for day in range(308):
        now = START + day * DAY
        if how and day and day % every_days == 0:
            since = now - (window_days or every_days) * DAY
            rows = np.flatnonzero((known_at >= since) & (known_at < now))
            report = update(model, *take(rows), how=how)
            model, cpu_s = report.model, cpu_s + report.cost.cpu_s
        today = slice(*np.searchsorted(predicted_at, [now, now + DAY]))
        answers[today] = model.predict(features[today])
    return answers, cpu_s, model


@pytest.mark.slow
def test_fresh_leaves_beat_rebuilding_at_a_fraction_of_the_cost_and_new_trees_harm(flights):
    features, label, predicted_at, known_at = flights
    found = {
        "never": replay(flights, Boosted(), None, 1),
        "scratch": replay(flights, Boosted(), "scratch", 7, 56),
        "refit": replay(flights, Boosted(), "refit", 7),
        "continue": replay(flights, Boosted(), "continue", 7),
        "leaf head": replay(flights, LeafHead(), "leaf-head", 1),
    }
    tested = ~np.isnan(found["never"][0])
    y, days = label[tested], predicted_at[tested] // DAY
    ne = {name: normalized_entropy(y, p[tested]) for name, (p, _, _) in found.items()}
    assert ne["leaf head"] < ne["scratch"] < ne["never"] < ne["continue"]
    assert ne["refit"] < ne["never"]
    assert found["leaf head"][1] < found["scratch"][1] / 3
    loss = {name: log_losses(y, p[tested]) for name, (p, _, _) in found.items()}
    assert paired_difference(loss["leaf head"], loss["never"], days).interval.high < 0
    assert paired_difference(loss["continue"], loss["never"], days).interval.low > 0.02

    first = Boosted()
    winter = known_at < START
    first.fit(features.filter(winter), label[winter])
    spring = slice(*np.searchsorted(predicted_at, [START, START + 28 * DAY]))
    old = features[spring], label[spring]
    blocks = predicted_at[spring] // DAY
    assert forgetting(first, found["continue"][2], *old, blocks=blocks).verdict is Verdict.FAIL
