"""A shop in code: will an order be late? What made it late no longer does once the depot moves."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from io import BytesIO

import numpy as np
import polars as pl
from scipy.special import expit

from homeostat.adapt import every, last
from homeostat.core import Column, Schema
from homeostat.data import from_frame
from homeostat.evaluate import beats
from homeostat.loop import Outcome, Retrain, System
from homeostat.serve import Rollout, no_worse
from homeostat.split import by_time
from homeostat.train import Logistic, Majority, RuleOfThumb

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, A_DAY, MOVES = 72, 150, 58
EVENTS = ("alarm", "canary", "note", "promote", "reject", "retrain", "rollback", "shadow")
FEATURES = ("depot", "distance", "weight", "queue")
SCHEMA = Schema(
    (
        Column("order", "string", {"key"}),
        Column("at", "datetime", {"time"}),
        Column("arrived_at", "datetime", nullable=True),
        Column("depot", "category", {"slice"}, known_at="always", categories=("east", "west")),
        Column("distance", "float", known_at="at"),
        Column("weight", "float", known_at="at", nullable=True),
        Column("queue", "float", known_at="at - 1h"),
        Column("hours", "float", known_at="arrived_at", nullable=True),
        Column("late", "bool", {"label"}, known_at="arrived_at", nullable=True),
    ),
    predicted_at="at",
    name="orders",
).expect("expect_column_values_to_be_between", "distance", min_value=0, max_value=50)


def day(number):
    """The start of a day, as an instant."""
    return START + timedelta(days=number)


def iso(number):
    """The start of a day, as people write it."""
    return day(number).date().isoformat()


@cache
def orders(seed=0, moves=MOVES, days=DAYS, a_day=A_DAY):
    """All orders with all that is ever known of them; some never arrive."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    at = np.sort(rng.integers(0, days * 86_400, n)) * 1_000_000
    number = at // 86_400_000_000
    distance = rng.gamma(2.0, 3.0, n).clip(0, 50)
    queue = (20 + 8 * np.repeat(rng.normal(size=days), a_day)[:n] + 3 * rng.normal(size=n)).round()
    depot = rng.choice(["east", "west"], n)
    slow = np.where(number < moves, 1.0, -1.0) * 0.5 * (distance - 6)
    late = rng.random(n) < expit(-0.5 + slow + 0.12 * (queue - 20) + 0.6 * (depot == "west"))
    hours = np.where(late, 10.0, 3.0) + 2 * rng.random(n)
    arrived = rng.random(n) < 0.96
    start = np.datetime64(START.replace(tzinfo=None), "us")
    return (
        pl.DataFrame(
            {
                "order": [f"o{number:05d}" for number in range(n)],
                "at": start + at.astype("timedelta64[us]"),
                "depot": depot,
                "distance": distance,
                "weight": rng.lognormal(0, 1, n),
                "queue": queue,
                "hours": hours,
                "late": late,
            }
        )
        .with_columns(
            pl.col("at").dt.replace_time_zone("UTC"),
            pl.when(pl.Series(arrived)).then("hours").alias("hours"),
            pl.when(pl.Series(arrived)).then("late").alias("late"),
            weight=pl.when(pl.Series(rng.random(n) < 0.9)).then("weight"),
        )
        .with_columns(
            arrived_at=pl.col("at")
            + pl.duration(microseconds=(pl.col("hours") * 3.6e9).cast(pl.Int64))
        )
    )


def known_by(orders, *, now):
    """The orders as they stood at an instant."""
    came = pl.col("arrived_at") <= now
    late = [pl.when(came).then(name).alias(name) for name in ("hours", "late", "arrived_at")]
    return orders.filter(pl.col("at") <= now).with_columns(late)


def source(clock, frame=None):
    """The orders as the clock has them."""
    whole = orders() if frame is None else frame
    return from_frame(whole, name="orders").step("known", known_by, now=clock.now())


class Misled(Logistic):
    """Learns the opposite of what happened: an update that does harm."""

    def fit(self, features, label):
        super().fit(features, 1 - label)


def never():
    """The policy that never learns again."""
    return Retrain(model=Logistic, name="never", when=[])


def often(name="every 3 days", **changes):
    """The policy that learns every third day from the last week."""
    settings = {"model": Logistic, "when": [every("3d")], "on": last("7d")}
    return Retrain(name=name, **(settings | changes))


def shop(frame=None, **changes):
    """The declaration, with some of it changed."""
    system = System(
        name="shop",
        source=source if frame is None else partial(source, frame=frame),
        schema=SCHEMA,
        outcome=Outcome("late", known_at="arrived_at"),
        features=FEATURES,
        split=by_time(validation="10d", test="8d", gap="1d"),
        models={
            "majority": Majority,
            "by depot": partial(RuleOfThumb, ("depot",)),
            "logistic": Logistic,
        },
        gates=[beats("majority")],
        release=rollout(),
        retrain=often(),
    )
    return system.but(**changes)


def rollout(**changes):
    """How a challenger is tried, with some of it changed."""
    settings = {"shadow": "1d", "canary": (0.25,), "soak": "1d", "margin": 0.05}
    return Rollout(guard=[no_worse("logloss")], **(settings | changes))


def shown(record, run):
    """What users were shown in a replay, one number an order."""
    [made] = [one for one in record.run(run).made if "-replay-" in one]
    return np.load(BytesIO(record.artifact(made).read("shown.npy")))


def happened(record, run, *kinds):
    """The events of a run as (kind, instant, payload) without what differs from run to run."""
    told = []
    for kind, at, payload in record.events(run=run).select("kind", "at", "payload").iter_rows():
        if kind in (kinds or EVENTS):
            told.append((kind, at, {k: v for k, v in json.loads(payload).items() if k != "cpu_s"}))
    return told
